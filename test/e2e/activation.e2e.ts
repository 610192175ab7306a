import { expect } from "chai";
import { RedisServer } from "../support/redis-server.js";
import { BrowserProfile } from "./support/browser.js";
import { CodeServer, installExtensions } from "./support/code-server.js";
import { prepared } from "./support/environment.js";

const ROUNDS = 4;

/** What is promised is 5 ms; on a machine that does other things meanwhile no one figure is worth that. */
const TOLERATED_MS = 20;

describe("what the mirror adds to activation", () => {
  let redis: RedisServer;
  const servers: CodeServer[] = [];
  const profiles: BrowserProfile[] = [];
  before(async () => {
    redis = await RedisServer.start();
  });
  after(async () => {
    await Promise.all(profiles.map((profile) => profile.close()));
    await Promise.all(servers.map((server) => server.stop()));
    await redis?.kill();
  });

  it("is at most 5 ms, beside the same extension without it", async function () {
    this.timeout(120_000);
    const mirrored = await open("vsix");
    const plain = await open("plainVsix");
    const [withMirror, without]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      withMirror.push(await activate(mirrored));
      without.push(await activate(plain));
    }
    const added = median(withMirror) - median(without);
    console.log(
      `      activation: ${median(withMirror)} ms, without the mirror ${median(without)} ms, ` +
        `added ${added} ms (medians of ${ROUNDS}, loading included)`,
    );
    expect(added).to.be.below(TOLERATED_MS);
  });

  async function open(vsix: "vsix" | "plainVsix"): Promise<BrowserProfile> {
    const env = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(redis.port), ROO_USER_ID: "alice" };
    const extensions = installExtensions(prepared(vsix));
    const server = await CodeServer.start(extensions, {}, env);
    servers.push(server);
    const profile = await BrowserProfile.open();
    profiles.push(profile);
    await profile.workbench.open(server.url);
    return profile;
  }
});

/**
 * Opens the window anew, with an extension host that has loaded nothing. The answer is VS Code's own figure, in ms: loading the
 * code and the call of `activate`. What that waits for beside depends on how busy the window is; that it does not wait for the
 * mirror is for `test/extension/bundle.test.ts` to say.
 */
async function activate({ workbench }: BrowserProfile): Promise<number> {
  await workbench.reload();
  await workbench.runCommand("Developer: Show Running Extensions");
  const figure = workbench.page
    .locator(".runtime-extensions-editor .monaco-list-row, .monaco-list-row")
    .filter({ hasText: "Redis Mirrored" })
    .getByText(/Activation: \d+ms/);
  return Number(/(\d+)ms/.exec(await figure.first().innerText())![1]);
}

function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)]!;
}
