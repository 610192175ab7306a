import { closeBrowser } from "./browser.js";

/** mocha's `--require` looks for it under this name. */
export const mochaHooks = {
  afterAll: closeBrowser,
};
