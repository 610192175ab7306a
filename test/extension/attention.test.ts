import { expect } from "chai";
import { TOKENS } from "redis-mirrored";
import { type ExtensionWindow, type ExtensionWindowOptions, ExtensionWindows } from "../support/extension-window.js";
import { FakeWindow } from "../support/fake-window.js";
import { saveBriefly } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { until } from "../support/until.js";

const OTHER_KEY = Buffer.alloc(32, 7).toString("base64url");

describe("the messages that ask for somebody", () => {
  let server: RedisServer;
  const windows = new ExtensionWindows();
  before(async () => void (server = await RedisServer.start()));
  after(() => server.kill());
  beforeEach(async () => void (await (await server.client()).flushAll()));
  afterEach(() => windows.closeAll());

  const open = (options: ExtensionWindowOptions = {}) => windows.open(options);
  const at = (port: number) => ({ redis: { host: "127.0.0.1", port } });
  const told = ({ window }: ExtensionWindow, count: number) =>
    until(`${count} messages`, async () => window.shown.length === count);

  it("tell of a wrong setting once", async () => {
    const extension = await open({ set: { port: "many" } });
    await told(extension, 1);
    expect(extension.window.shown[0]).to.equal(
      "error Redis Mirror: redisMirrored.port must be an integer from 1 to 65535, and is `many` (string). Correct it in the settings: it applies at once. Your work is saved on this machine as ever. [Open Settings, Show Log, Don't Show Again]",
    );
    extension.window.settings.set({ port: 0 });
    extension.window.settings.set({ port: server.port, host: "127.0.0.1" });
    await until("it is connected", async () => extension.mirror.status.state === "connected");
    expect(extension.window.shown).to.have.lengthOf(1);
  });

  it("tell of a password that is refused once, however often that fails", async () => {
    const guarded = await RedisServer.start("--requirepass", "right");
    const extension = await open(at(guarded.port));
    await told(extension, 1);
    expect(extension.window.shown[0]).to.match(
      /^warning Redis Mirror: Redis wants another name or password \(NOAUTH\)\./,
    );
    let failures = 0;
    extension.mirror.on("failed", () => void failures++);
    await extension.stores.contextProxy.update("customInstructions", "value");
    await until("it has failed more often", async () => failures >= 2);
    expect(extension.window.shown).to.have.lengthOf(1);
    await guarded.kill();
  });

  it("lead to the password", async () => {
    const guarded = await RedisServer.start("--requirepass", "right");
    const window = choosing("Set Password");
    window.typed = "right";
    const extension = await open({ set: { host: "127.0.0.1", port: guarded.port }, window });
    await until("it is connected", async () => extension.mirror.status.state === "connected");
    await guarded.kill();
  });

  it("say nothing of a server that is away: the status bar shows it", async () => {
    const extension = await open(at(1));
    await extension.stores.contextProxy.update("customInstructions", "value");
    await until("it is degraded", async () => extension.mirror.status.state === "degraded");
    await until("it is shown", async () => extension.window.statusItem.view.label.includes("degraded"));
    expect(extension.window.shown).to.deep.equal([]);
  });

  it("tell of what waits because its key is not here, and lead to the import", async () => {
    await saveBriefly(
      server.port,
      { userId: "alice", keys: [OTHER_KEY] },
      { provider: { apiConfigs: {}, currentApiConfigName: "a" } },
    );
    const extension = await open(at(server.port));
    extension.window.chosen = "Import Key";
    extension.window.typed = OTHER_KEY;
    await extension.stores.providerSettings.saveProfile("work", { apiKey: "sk" });
    await until("the key is here", async () => {
      const ids = await extension.mirror.container.get(TOKENS.KeyRing).decryptionKeyIds();
      return ids.length === 2;
    });
    expect(extension.window.shown[0]).to.match(/^warning Redis Mirror: What lies in Redis is encrypted with the key /);
  });

  /** A window in which somebody chooses an action of each message. */
  function choosing(action: string): FakeWindow {
    const window = new FakeWindow();
    window.chosen = action;
    return window;
  }

  it("are not shown again where nobody wants to see them", async () => {
    const state = new Map<string, unknown>();
    await open({ set: { port: "many" }, state, window: choosing("Don't Show Again") });
    await until("that is kept", async () => state.has("redisMirrored.silenced"));
    const second = await open({ set: { port: "many" }, state });
    expect(second.window.statusItem.view.severity).to.equal("error");
    expect(second.window.shown).to.deep.equal([]);
    await told(await open({ set: { port: "many" }, state: new Map([["redisMirrored.silenced", "garbage"]]) }), 1);
  });

  it("lead to the settings, and to the log", async () => {
    const first = await open({ set: { port: "many" }, window: choosing("Open Settings") });
    await until("they are open", async () => first.window.settings.opened.length === 1);
    const second = await open({ set: { port: "many" }, window: choosing("Show Log") });
    await until("it is shown", async () => second.window.isLogShown);
    expect([...first.window.shown, ...second.window.shown]).to.have.lengthOf(2);
  });
});
