import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import type { MirrorOptions } from "redis-mirrored";
import { activate, deactivate, type ExtensionApi } from "#dist/extension/extension.js";
import { type FileContext, openFileContext } from "#dist/extension/file-context.js";
import type { HistoryItem, ProviderProfiles } from "#dist/extension/roo-types.js";
import { TaskHistoryBridge } from "#dist/extension/task-history-bridge.js";
import { hurriedMirror, KEY, SILENT } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { until } from "../support/until.js";

const CANARY = "sk-ant-canary-7f3a9e";

function task(id: string, ts: number): HistoryItem {
  return { id, number: ts, ts, task: `Task ${id}`, tokensIn: 1, tokensOut: 2, totalCost: 0.1 };
}

describe("the extension, on a real server and without VS Code", () => {
  let server: RedisServer;
  let folder: string;
  let lines: string[];
  const contexts: FileContext[] = [];

  before(async () => (server = await RedisServer.start()));
  after(() => server.kill());

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "redis-mirrored-"));
    lines = [];
    await (await server.client()).flushAll();
  });

  afterEach(async () => {
    await deactivate();
    for (const context of contexts.splice(0)) await context.dispose();
    await rm(folder, { recursive: true });
  });

  function options(more: MirrorOptions = {}): MirrorOptions {
    const logger = { info: (line: string) => void lines.push(line), warn: (line: string) => void lines.push(line) };
    return { redis: { host: "127.0.0.1", port: server.port }, userId: "alice", env: {}, logger, ...more };
  }

  /** What the host has saved, without the mirror's own note beside it. */
  async function hostState(name: string): Promise<unknown> {
    const state = JSON.parse(await readFile(join(folder, name, "state.json"), "utf8")) as Record<string, unknown>;
    delete state["redisMirrored.versions"];
    return state;
  }

  async function open(name: string): Promise<FileContext> {
    const context = await openFileContext(join(folder, name));
    contexts.push(context);
    return context;
  }

  async function fillIn(
    { contextProxy, providerSettings, taskHistory }: ExtensionApi,
    context: FileContext,
  ): Promise<void> {
    await contextProxy.update("customInstructions", "Answer briefly.");
    await taskHistory.upsertTask(context, task("a", 1));
    await taskHistory.upsertTask(context, task("b", 2));
    await taskHistory.upsertTask(context, { ...task("a", 3), task: "Task a, again" });
    await taskHistory.upsertTask(context, task("c", 0));
    await taskHistory.deleteTask(context, "c");
    await providerSettings.saveProfile("work", { apiProvider: "anthropic", apiKey: CANARY });
    await providerSettings.activateProfile("work");
    await providerSettings.deleteProfile("default");
  }

  it("mirrors what its three classes save, by the end of `deactivate`", async () => {
    const context = await open("first");
    await fillIn(await activate(context, options()), context);
    await deactivate();

    expect(JSON.parse((await server.get("roo:alice:taskHistory"))!)).to.deep.equal([
      { ...task("a", 3), task: "Task a, again" },
      task("b", 2),
    ]);
    expect(await server.get("roo:alice:customInstructions")).to.equal('"Answer briefly."');
    expect(JSON.parse((await server.get("roo:alice:provider"))!)).to.have.keys(
      "protected",
      "iv",
      "ciphertext",
      "tag",
      "aad",
    );
    const keys = await (await server.client()).keys("*");
    expect(keys.toSorted()).to.deep.equal([
      "roo:alice:customInstructions",
      "roo:alice:provider",
      "roo:alice:taskHistory",
      "roo:alice:~items:taskHistory",
      "roo:alice:~version:customInstructions",
      "roo:alice:~version:provider",
    ]);
  });

  it("lets no part of a profile out in plain text: not into Redis, not into a log line", async () => {
    const context = await open("first");
    const api = await activate(context, options());
    await fillIn(api, context);
    await api.providerSettings.saveProfile("odd", { apiKey: CANARY, broken: 1n }).catch(() => {});
    await api.contextProxy.storeSecret("apiKey", CANARY);
    await deactivate();

    const client = await server.client();
    const values = await client.mGet(await client.keys("*"));
    expect([...values, ...lines].join("\n"))
      .not.to.contain(CANARY)
      .and.not.to.contain("anthropic");
  });

  it("restores all of it to a fresh machine that has the same key", async () => {
    const first = await open("first");
    await fillIn(await activate(first, options({ keys: [KEY] })), first);
    await deactivate();

    const second = await open("second");
    const api = await activate(second, options({ keys: [KEY] }));

    expect(api.contextProxy.get("customInstructions")).to.equal("Answer briefly.");
    expect(await api.taskHistory.getTaskHistory(second)).to.deep.equal([
      { ...task("a", 3), task: "Task a, again" },
      task("b", 2),
    ]);
    expect((await api.providerSettings.listProfiles()).map(({ name }) => name)).to.deep.equal(["work"]);
    expect(await api.providerSettings.activateProfile("work")).to.include({ apiKey: CANARY });
  });

  it("mirrors custom modes and pinned profiles by their keys alone, and restores them", async () => {
    const modes = [{ slug: "reviewer", name: "Reviewer", roleDefinition: "You review.", groups: ["read"] }];
    const first = await activate(await open("first"), options());
    await first.contextProxy.update("customModes", modes);
    await first.contextProxy.update("pinnedApiConfigs", { fixed: true });
    await deactivate();
    expect(JSON.parse((await server.get("roo:alice:customModes"))!)).to.deep.equal(modes);
    expect(JSON.parse((await server.get("roo:alice:pinnedApiConfigs"))!)).to.deep.equal({ fixed: true });

    const second = await activate(await open("second"), options());
    expect(second.contextProxy.get("customModes")).to.deep.equal(modes);
    expect(second.contextProxy.get("pinnedApiConfigs")).to.deep.equal({ fixed: true });
  });

  it("lets MCP settings that are kept by that name out only encrypted", async () => {
    const { contextProxy } = await activate(await open("first"), options());
    await contextProxy.update("mcpSettings", { mcpServers: { github: { command: "npx", env: { TOKEN: CANARY } } } });
    await deactivate();
    expect(JSON.parse((await server.get("roo:alice:mcpSettings"))!)).to.include.keys("ciphertext", "tag");
    expect(await server.get("roo:alice:mcpSettings")).not.to.contain(CANARY);
  });

  it("restores all but the profiles to a machine with another key, and says so once", async () => {
    const first = await open("first");
    await fillIn(await activate(first, options()), first);
    await deactivate();

    const second = await open("second");
    const api = await activate(second, options());
    await api.providerSettings.listProfiles();
    await api.providerSettings.listProfiles();

    expect((await api.providerSettings.listProfiles()).map(({ name }) => name)).to.deep.equal(["default"]);
    expect(await api.taskHistory.getTaskHistory(second)).to.have.lengthOf(2);
    expect(lines.filter((line) => line.includes("counts as absent"))).to.have.lengthOf(1);
  });

  it("does not restore over what is there, nor what was just cleared", async () => {
    const first = await open("first");
    const api = await activate(first, options());
    await fillIn(api, first);
    await api.taskHistory.updateTaskHistory(first, []);
    await api.contextProxy.update("customInstructions", undefined);
    await api.contextProxy.initialize();

    expect(await api.taskHistory.getTaskHistory(first)).to.deep.equal([]);
    expect(api.contextProxy.get("customInstructions")).to.equal(undefined);
  });

  it("keeps the key it makes in the secrets", async () => {
    const context = await open("first");
    await fillIn(await activate(context, options()), context);
    await deactivate();
    expect(await context.secrets.get("redisMirrored.key")).to.match(/^[A-Za-z0-9_-]{43}$/);
  });

  describe("rolled back", () => {
    /** What the extension leaves in its own store, and how its calls end. */
    async function behaviour(
      start: typeof activate,
      name: string,
      more: MirrorOptions,
      afterStart: (api: ExtensionApi) => unknown = () => {},
    ) {
      const context = await open(name);
      const api = await start(context, options(more));
      await afterStart(api);
      await api.contextProxy.update("customInstructions", "Answer briefly.");
      await api.taskHistory.upsertTask(context, task("a", 1));
      await api.providerSettings.saveProfile("work", { id: "fixed", apiKey: CANARY });
      const failure = await api.providerSettings.activateProfile("nobody").catch((error: Error) => error.message);
      expect(await server.mirrorConnections()).to.equal(0);
      expect(await (await server.client()).dbSize()).to.equal(0);
      return {
        failure,
        state: await hostState(name),
        profiles: await context.secrets.get("roo_cline_config_api_config"),
      };
    }

    let expected: Awaited<ReturnType<typeof behaviour>>;
    beforeEach(async () => (expected = await behaviour(await withoutTheLine(), "without", {})));

    it("behaves without the line in `activate` as with REDIS_ENABLED=false", async () => {
      expect(await behaviour(activate, "disabled", { env: { REDIS_ENABLED: "false" } })).to.deep.equal(expected);
    });

    it("behaves without the line in `activate` as after `mirror.disable()`", async () => {
      const actual = await behaviour(activate, "switched off", {}, async ({ mirror, contextProxy }) => {
        await contextProxy.update("customInstructions", "while it was on");
        await mirror!.disable();
        await (await server.client()).flushAll();
      });
      expect(actual).to.deep.equal(expected);
    });

    /** The compiled extension, with the one line taken out. */
    async function withoutTheLine(): Promise<typeof activate> {
      const compiled = new URL(import.meta.resolve("#dist/extension/extension.js"));
      const source = await readFile(compiled, "utf8");
      const lines = source.split("\n");
      const kept = lines.filter((line) => !/^\s*starting = start\(/.test(line));
      expect(lines.length - kept.length).to.equal(1);
      const resolved = kept.map((line) =>
        line.replace(/from "(\.[^"]+)"/, (_match, path: string) => `from "${new URL(path, compiled).href}"`),
      );
      const copy = join(folder, "extension-without-the-line.mjs");
      await writeFile(copy, resolved.join("\n"));
      return ((await import(pathToFileURL(copy).href)) as { activate: typeof activate }).activate;
    }
  });

  it("activates while nobody listens, and with settings that make no sense", async () => {
    const context = await open("first");
    const api = await activate(context, { ...options({ env: { REDIS_PORT: "many" }, logger: SILENT }), redis: {} });
    await fillIn(api, context);
    expect(api.mirror!.status).to.include({
      state: "misconfigured",
      reason: "Expected `REDIS_PORT` to be an integer from 1 to 65535, got `many` (string)",
    });
    expect(await api.taskHistory.getTaskHistory(context)).to.have.lengthOf(2);
  });

  it("takes over what another instance changes, where sharing is live", async () => {
    const context = await open("first");
    const live = options({ share: "live", keys: [KEY] });
    const api = await activate(context, live);
    await fillIn(api, context);
    await api.mirror!.flush();
    const { mirror, service } = hurriedMirror(server.port);
    const save = (record: string, value: unknown) => service.set({ userId: "alice", record }, value);
    const read = async (record: string) => service.get({ userId: "alice", record });

    await until("it listens", async () => {
      const client = await server.client();
      return Number(await client.sendCommand<unknown[]>(["PUBSUB", "NUMPAT"])) === 1;
    });
    const profiles = (await read("provider")) as ProviderProfiles;
    save("provider", { ...profiles, apiConfigs: { ...profiles.apiConfigs, second: { apiKey: CANARY } } });
    save("taskHistory", [task("d", 4), task("b", 2)]);
    await read("customInstructions");
    save("customInstructions", "Answer at length.");
    await until("all of it is taken over", async () => {
      const history = await TaskHistoryBridge.getTaskHistory(context);
      const names = (await api.providerSettings.listProfiles()).map(({ name }) => name);
      const instructions = api.contextProxy.get("customInstructions");
      return history.length === 3 && names.includes("second") && instructions === "Answer at length.";
    });
    expect((await TaskHistoryBridge.getTaskHistory(context)).map(({ id }) => id).toSorted()).to.deep.equal([
      "a",
      "b",
      "d",
    ]);
    await mirror.close();
  });
});
