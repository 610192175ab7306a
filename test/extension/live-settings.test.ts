import { expect } from "chai";
import { TOKENS } from "redis-mirrored";
import {
  type ExtensionWindow,
  type ExtensionWindowOptions,
  openExtensionWindow,
  taskOf,
} from "../support/extension-window.js";
import { FakeSecrets } from "../support/fake-secrets.js";
import { FakeWindow } from "../support/fake-window.js";
import { KEY, saveBriefly, untilEvent } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { until } from "../support/until.js";

const PASSWORD = "hunter2-canary";

describe("the settings of the window", () => {
  let first: RedisServer;
  let second: RedisServer;
  const opened: ExtensionWindow[] = [];
  before(async () => void ([first, second] = await Promise.all([RedisServer.start(), RedisServer.start()])));
  after(() => Promise.all([first.kill(), second.kill()]));
  beforeEach(async () => {
    for (const server of [first, second]) await (await server.client()).flushAll();
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) {
      await each.close();
      // Whatever a test was about: nobody sees the password.
      const seen = JSON.stringify([
        each.window.shown,
        each.window.lines,
        each.mirror.status,
        each.window.statusItem.views,
      ]);
      expect(seen).not.to.contain(PASSWORD);
    }
  });

  async function open(options: ExtensionWindowOptions = {}): Promise<ExtensionWindow> {
    const window = await openExtensionWindow({
      env: { ROO_USER_ID: "alice", ROO_MIRROR_KEY: KEY },
      set: { host: "127.0.0.1", port: first.port },
      ...options,
    });
    opened.push(window);
    return window;
  }

  it("do not bring back a secret from before one that is saved while they apply", async () => {
    const { contextProxy } = (await open()).stores;
    await contextProxy.storeSecret("apiKey", "before");
    const loading = contextProxy.initialize();
    await Promise.all([contextProxy.storeSecret("apiKey", "now"), loading]);
    expect(contextProxy.getSecret("apiKey")).to.equal("now");
  });

  it("offer every command that the window takes, whichever it refuses", async () => {
    const window = new FakeWindow();
    const register = window.register.bind(window);
    const refused = ["redisMirrored.showMenu", "redisMirrored.showKey"];
    window.register = (command, run) => {
      if (refused.includes(command)) throw new Error(`command '${command}' already exists`);
      return register(command, run);
    };
    await open({ window });
    expect([...window.commands.keys()]).to.include.members([
      "redisMirrored.openWalkthrough",
      "redisMirrored.rotateKey",
    ]);
  });

  it("go before the environment, which counts where nothing is set", async () => {
    const env = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(second.port), ROO_USER_ID: "alice", REDIS_DB: "3" };
    const extension = await open({ env, set: { port: first.port, database: 5 } });
    const { address } = extension.mirror.container.get(TOKENS.Settings);
    expect(address).to.include({ host: "127.0.0.1", port: first.port, database: 5 });
    extension.window.settings.set({ port: undefined, database: "" });
    await until("the environment counts", async () => {
      const { address: now } = extension.mirror.container.get(TOKENS.Settings);
      return now.port === second.port && now.database === 3;
    });
  });

  it("bring all that is kept here to another server, at once", async () => {
    const extension = await open();
    const { contextProxy, providerSettings, taskHistory } = extension.stores;
    await contextProxy.update("customInstructions", "Answer briefly.");
    await contextProxy.update("customModes", [{ slug: "a", name: "A", roleDefinition: "", groups: [] }]);
    await providerSettings.saveProfile("work", { apiKey: "sk-1" });
    await taskHistory.upsertTask(extension.context, taskOf("a", 1));
    await extension.mirror.flush({ timeoutMs: 5_000 });
    await taskHistory.upsertTask(extension.context, taskOf("b", 2));
    extension.window.settings.set({ port: second.port });
    await until("all of it is there", async () => {
      const client = await second.client();
      const names = ["customInstructions", "customModes", "provider", "taskHistory"].map((name) => `roo:alice:${name}`);
      const values = await client.mGet(names);
      return values.every((value) => value !== null) && (JSON.parse(values[3]!) as unknown[]).length === 2;
    });
    expect(await first.get("roo:alice:taskHistory")).not.to.equal(null);
  });

  it("bring from another server what is empty here", async () => {
    await saveBriefly(second.port, {}, { customInstructions: "From there.", taskHistory: [taskOf("x", 1)] });
    const extension = await open();
    expect(extension.stores.contextProxy.get("customInstructions")).to.equal(undefined);
    extension.window.settings.set({ port: second.port });
    await until("it is restored", async () => {
      const history = await extension.stores.taskHistory.getTaskHistory(extension.context);
      return extension.stores.contextProxy.get("customInstructions") === "From there." && history.length === 1;
    });
  });

  it("do not bring back what was emptied here", async () => {
    await saveBriefly(second.port, {}, { customInstructions: "From there." });
    const extension = await open();
    await extension.stores.contextProxy.update("customInstructions", "Mine.");
    await extension.stores.contextProxy.update("customInstructions", undefined);
    extension.window.settings.set({ port: second.port });
    await untilEvent(extension.mirror, "status", ({ state }) => state === "connected");
    await extension.mirror.sync({ timeoutMs: 5_000 });
    expect(extension.stores.contextProxy.get("customInstructions")).to.equal(undefined);
  });

  it("name whose state it is, and which instance's, from the next save on", async () => {
    const extension = await open();
    extension.window.settings.set({ userId: "bob", instanceId: "laptop" });
    await until("it is another's", async () => extension.mirror.container.get(TOKENS.Settings).instanceId === "laptop");
    await extension.stores.contextProxy.update("customInstructions", "of bob");
    await extension.mirror.flush({ timeoutMs: 5_000 });
    expect(await first.get("roo:bob:laptop:customInstructions")).to.equal('"of bob"');
  });

  it("are refused under their own names, and a correction counts at once", async () => {
    const extension = await open({ set: { host: "127.0.0.1", port: "many", userId: 5, share: "always" } });
    expect(extension.mirror.status.state).to.equal("misconfigured");
    expect(extension.mirror.status.reason)
      .to.contain("`redisMirrored.port` to be an integer from 1 to 65535, got `many` (string)")
      .and.to.contain("`redisMirrored.userId` to be a string, got `5` (number)")
      .and.to.contain("`redisMirrored.share` to be `off` or `live`");
    extension.window.settings.set({ port: first.port, userId: undefined, share: undefined });
    await untilEvent(extension.mirror, "status", ({ state }) => state === "connected");
  });

  it("turn the mirror off and on, by the commands too", async () => {
    const extension = await open();
    await extension.window.run("redisMirrored.disable");
    expect(extension.mirror.status.state).to.equal("disabled");
    expect(extension.window.settings.values.get("enabled")).to.equal(false);
    await extension.stores.contextProxy.update("customInstructions", "not mirrored yet");
    await extension.window.run("redisMirrored.enable");
    expect(extension.window.settings.values.get("enabled")).to.equal(true);
    expect(extension.window.shown.at(-1)).to.equal("i Redis Mirror is enabled.");
    await until(
      "what was saved meanwhile is there",
      async () => (await first.get("roo:alice:customInstructions")) === '"not mirrored yet"',
    );
  });

  it("are not needed for what a host turns on: what was saved meanwhile arrives too", async () => {
    const extension = await open();
    await extension.mirror.disable();
    await extension.stores.contextProxy.update("customInstructions", "meanwhile");
    await extension.mirror.enable();
    await until("it is there", async () => (await first.get("roo:alice:customInstructions")) === '"meanwhile"');
  });

  it("enable also what the environment has switched off", async () => {
    const extension = await open({ env: { REDIS_ENABLED: "false", ROO_USER_ID: "alice" } });
    expect(extension.mirror.status.state).to.equal("disabled");
    await extension.window.run("redisMirrored.enable");
    await extension.stores.contextProxy.update("customInstructions", "value");
    expect(await extension.mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
  });

  it("say how much the log tells, line by line", async () => {
    const extension = await open();
    await extension.mirror.flush({ timeoutMs: 5_000 });
    await until("it says that it is connected", async () => extension.window.lines.includes("info connected."));
    extension.window.settings.set({ logLevel: "error" });
    const { length } = extension.window.lines;
    await extension.mirror.disable();
    await extension.mirror.enable();
    await extension.stores.contextProxy.update("customInstructions", "value");
    await extension.mirror.flush({ timeoutMs: 5_000 });
    expect(extension.window.lines.slice(length)).to.deep.equal([]);
    extension.window.settings.set({ logLevel: "loud" });
    await extension.mirror.disable();
    await extension.mirror.enable();
    await extension.stores.contextProxy.update("customInstructions", "value 2");
    await extension.mirror.flush({ timeoutMs: 5_000 });
    await until("no word for a level is the default", async () => extension.window.lines.length > length);
  });

  describe("and the password", () => {
    let guarded: RedisServer;
    before(async () => void (guarded = await RedisServer.start("--requirepass", PASSWORD)));
    after(() => guarded.kill());

    it("is taken by the command alone, and counts at once, in the other windows too", async () => {
      const secrets = new FakeSecrets();
      const set = { host: "127.0.0.1", port: guarded.port };
      const extension = await open({ set, secrets });
      const other = await open({ set, secrets });
      await other.stores.contextProxy.update("customInstructions", "value");
      await until("both are refused", async () =>
        [extension, other].every(({ mirror }) => mirror.status.state === "degraded"),
      );
      extension.window.typed = PASSWORD;
      await extension.window.run("redisMirrored.setPassword");
      expect(secrets.values.get("redisMirrored.password")).to.equal(PASSWORD);
      await until("both are let in", async () => {
        const results = await Promise.all([extension, other].map(({ mirror }) => mirror.sync({ timeoutMs: 1_000 })));
        return results.every(({ flushed }) => flushed);
      });
      expect([...extension.window.settings.values.values()]).not.to.include(PASSWORD);
    });

    it("counts also where the host has settings of its own, behind the one that these keep", async () => {
      const secrets = new FakeSecrets();
      const port = guarded.port;
      const given = (name: string) => new Map<string, unknown>(Object.entries({ host: "127.0.0.1", port })).get(name);
      const kept = await open({ set: {}, secrets, settings: { given } });
      const own = await open({ set: {}, secrets, settings: { given, askPassword: async () => "another" } });
      kept.window.typed = PASSWORD;
      await kept.window.run("redisMirrored.setPassword");
      expect((await kept.mirror.sync({ timeoutMs: 5_000 })).flushed).to.equal(true);
      expect((await own.mirror.sync({ timeoutMs: 5_000 })).flushed).to.equal(false);
    });

    it("counts at once also where it is taken away from a mirror that is connected", async () => {
      const secrets = new FakeSecrets();
      secrets.values.set("redisMirrored.password", PASSWORD);
      const extension = await open({ set: { host: "127.0.0.1", port: guarded.port }, secrets });
      await until("it is let in", async () => extension.mirror.status.state === "connected");
      await secrets.delete("redisMirrored.password");
      await until("it is refused", async () => extension.mirror.status.reason === "Redis refused: NOAUTH.");
    });

    it("leaves the server that the host has named last, and lets in there", async () => {
      const extension = await open({ redis: { host: "127.0.0.1", port: first.port }, set: {} });
      await extension.mirror.configure({ redis: { host: "127.0.0.1", port: guarded.port } });
      await extension.stores.contextProxy.update("customInstructions", "value");
      await until("it is refused", async () => extension.mirror.status.reason === "Redis refused: NOAUTH.");
      extension.window.typed = PASSWORD;
      await extension.window.run("redisMirrored.setPassword");
      await until("it is let in", async () => (await extension.mirror.sync({ timeoutMs: 1_000 })).flushed);
      const addressNow = () => extension.mirror.container.get(TOKENS.Settings).address;
      expect(addressNow().port).to.equal(guarded.port);
      extension.window.settings.set({ database: 3 });
      await until("a setting applies as well", async () => addressNow().database === 3);
      expect(addressNow().port).to.equal(guarded.port);
    });

    it("changes nothing where the host has said another one itself", async () => {
      const redis = { host: "127.0.0.1", port: guarded.port, password: PASSWORD };
      const extension = await open({ redis, set: {} });
      await extension.stores.contextProxy.update("customInstructions", "of the host");
      expect(await extension.mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
      const engine = extension.mirror.container.get(TOKENS.RedisSyncService);
      await extension.secrets.store("redisMirrored.password", "another");
      await extension.mirror.configure();
      expect(extension.mirror.container.get(TOKENS.RedisSyncService)).to.equal(engine);
    });

    it("is removed after a question, and kept where it is not agreed to", async () => {
      const extension = await open();
      extension.secrets.values.set("redisMirrored.password", PASSWORD);
      extension.window.typed = "";
      extension.window.isAgreeing = false;
      await extension.window.run("redisMirrored.setPassword");
      expect(extension.secrets.values.get("redisMirrored.password")).to.equal(PASSWORD);
      extension.window.isAgreeing = true;
      await extension.window.run("redisMirrored.setPassword");
      expect(extension.secrets.values.has("redisMirrored.password")).to.equal(false);
      extension.window.typed = undefined;
      await extension.window.run("redisMirrored.setPassword");
      expect(extension.secrets.values.has("redisMirrored.password")).to.equal(false);
    });

    it("is not waited for by the start, and a store of secrets that hangs holds up nothing", async () => {
      const secrets = new FakeSecrets();
      secrets.onGet = (key) => (key === "redisMirrored.password" ? new Promise(() => {}) : undefined);
      const extension = await open({ secrets, set: { host: "127.0.0.1", port: first.port } });
      await extension.stores.contextProxy.update("customInstructions", "value");
      expect(await extension.mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    });

    it("is not told of where the store of secrets refuses it", async () => {
      const extension = await open();
      extension.secrets.onStore = (_key, value) => {
        throw new Error(`cannot keep ${value}`);
      };
      extension.window.typed = PASSWORD;
      await extension.window.run("redisMirrored.setPassword");
      expect(extension.window.shown.at(-1)).to.equal(
        "! It could not be finished: VS Code did not do what it was asked for.",
      );
    });
  });
});
