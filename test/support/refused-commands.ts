import { RedisServer } from "./redis-server.js";

/** Mocha's: what the mirror asked for and docs/access.md does not give it fails the tests, also where nobody noticed. */
export const mochaHooks = {
  afterAll(): void {
    if (RedisServer.refused.size === 0) return;
    throw new Error(
      `Expected docs/access.md to give the mirror what it asks for, got refused:\n${[...RedisServer.refused].join("\n")}`,
    );
  },
};
