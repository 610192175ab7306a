import { type Browser, chromium } from "playwright-core";
import { findChromium } from "../../support/chromium.js";
import { Workbench } from "./workbench.js";

/** As wide as the pictures in the documentation. */
const VIEWPORT = { width: 1200, height: 750 };

let closed = 0;

/** One for all tests; each has profiles of its own in it. */
let launched: Promise<Browser> | undefined;

/** A browser without a past: what VS Code keeps in it is gone when it is closed. */
export class BrowserProfile {
  readonly workbench: Workbench;
  /** What the page, and by way of it the extension host, has reported as an error. */
  readonly errors: readonly string[];
  /** Where the page wanted to go beside the server. */
  readonly outsideRequests: readonly string[];
  readonly #close: () => Promise<void>;

  private constructor(workbench: Workbench, close: () => Promise<void>, errors: string[], outsideRequests: string[]) {
    this.workbench = workbench;
    this.#close = close;
    this.errors = errors;
    this.outsideRequests = outsideRequests;
  }

  static async open(): Promise<BrowserProfile> {
    const browser = await (launched ??= launch());
    const context = await browser.newContext({
      viewport: VIEWPORT,
      permissions: ["clipboard-read", "clipboard-write"],
      reducedMotion: "reduce",
      colorScheme: "dark",
    });
    const [errors, outside]: [string[], string[]] = [[], []];
    await context.route(
      ({ hostname }) => hostname !== "127.0.0.1",
      async (route) => {
        outside.push(route.request().url());
        await route.abort();
      },
    );
    const page = await context.newPage();
    page.on("console", (message) => void (message.type() === "error" && errors.push(message.text())));
    page.on("pageerror", ({ message }) => errors.push(message));
    return new BrowserProfile(new Workbench(page), () => context.close(), errors, outside);
  }

  /** Leaves a picture of what was seen last, in `build/e2e`, for whoever looks into a failure. */
  async close(): Promise<void> {
    closed++;
    await this.workbench.page.screenshot({ path: `build/e2e/last-seen-${closed}.png` }).catch(() => {});
    await this.#close();
  }
}

/** For the end of all tests. */
export async function closeBrowser(): Promise<void> {
  const browser = await launched;
  launched = undefined;
  await browser?.close();
}

async function launch(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("Expected Chromium on the PATH");
  // As root there is no sandbox, and the page is our own.
  return chromium.launch({ executablePath, chromiumSandbox: process.getuid?.() !== 0 });
}
