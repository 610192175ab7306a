import { spawnSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { parseKeys } from "redis-mirrored";
import { ROOT } from "../support/document.js";
import { hurriedMirror, KEY, saveBriefly } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";

const DIST = dirname(fileURLToPath(import.meta.resolve("#dist/index.js")));

// What VS Code does with `main`: require it, and call activate and deactivate. Prints what was loaded, and when.
const HOST = `
const { activate, deactivate } = require(process.argv[1]);
const isClientLoaded = () => Object.keys(require.cache).some((file) => file.includes("redis-client"));
(async () => {
  const { openFileContext } = await import(process.argv[2]);
  const context = await openFileContext(process.argv[3]);
  const { contextProxy } = await activate(context, { userId: "bundled", env: process.env, logger: { info() {}, warn() {} } });
  await contextProxy.update("customInstructions", "from the bundle");
  await deactivate();
  console.log(JSON.stringify({ isLoadedAfterSave: isClientLoaded() }));
})();
`;

// The same with VS Code's own module, which only whoever asks for it by `require` gets. Prints what came to it.
const VS_CODE = `
const Module = require("node:module");
const GIVEN = { host: process.env.REDIS_HOST, port: Number(process.env.REDIS_PORT) };
const [commands, seen] = [new Map(), []];
const see = (name, answer) => (...args) => (seen.push([name, ...args]), Promise.resolve(answer(...args)));
class Shown { constructor(...given) { this.given = given; } appendText() { return this; } appendMarkdown() { return this; } }
const told = () => ({ dispose: () => {} });
const item = { show: () => seen.push(["statusItem", item.text]), dispose: () => {} };
const vscode = Object.freeze({
  ProgressLocation: Object.freeze({ Notification: 15 }),
  StatusBarAlignment: Object.freeze({ Right: 2 }),
  TreeItemCollapsibleState: Object.freeze({ None: 0, Collapsed: 1 }),
  LogLevel: Object.freeze({ Debug: 2 }),
  ConfigurationTarget: Object.freeze({ Global: 1 }),
  ...Object.fromEntries(["ThemeColor", "ThemeIcon", "MarkdownString", "TreeItem"].map((name) => [name, Shown])),
  EventEmitter: class { event = told; fire() {} dispose() {} },
  l10n: Object.freeze({ t: (text, values) => text.replace(/\\{(\\w+)\\}/g, (all, name) => values[name] ?? all) }),
  commands: Object.freeze({
    registerCommand: (name, run) => (commands.set(name, run), { dispose: () => commands.delete(name) }),
    executeCommand: see("executeCommand", () => {}),
  }),
  env: Object.freeze({ clipboard: { writeText: see("writeText", () => {}) } }),
  workspace: Object.freeze({
    getConfiguration: () => ({ inspect: (name) => ({ defaultValue: 1, globalValue: GIVEN[name], workspaceValue: "workspace" }) }),
    onDidChangeConfiguration: told,
  }),
  window: Object.freeze({
    createOutputChannel: (name) => ({
      logLevel: 3,
      ...Object.fromEntries(["debug", "info", "warn", "error"].map((level) => [level, (line) => seen.push(["log", level, line])])),
      dispose: () => {},
    }),
    createStatusBarItem: () => item,
    createTreeView: (id) => (seen.push(["tree", id]), { dispose: () => {} }),
    showWarningMessage: see("showWarningMessage", (_text, _options, action) => action),
    showInformationMessage: (...args) => (seen.push(["showInformationMessage", ...args]), new Promise(() => {})),
    showInputBox: ({ validateInput, ...options }) => (
      seen.push(["showInputBox", options, [validateInput("short") !== undefined, validateInput(process.env.TYPED) ?? null]]),
      Promise.resolve(process.env.TYPED)
    ),
    withProgress: (options, work) => (
      seen.push(["withProgress", options]), work({ report: (step) => seen.push(["report", step]) })
    ),
  }),
});
const load = Module._load;
Module._load = (request, ...rest) => (request === "vscode" ? vscode : load(request, ...rest));
const { activate, deactivate } = require(process.argv[1]);
(async () => {
  const { openFileContext } = await import(process.argv[2]);
  const context = await openFileContext(process.argv[3]);
  const api = await activate(context, { userId: "bundled", env: { REDIS_HOST: "nowhere.invalid" } });
  const registered = [...commands.keys()];
  const isMirrorLoaded = Object.keys(require.cache).some((file) => file.endsWith("mirror.cjs"));
  await api.ready;
  await new Promise(setImmediate);
  const { providerSettings, mirror } = api;
  await providerSettings.saveProfile("work", { apiProvider: "anthropic" });
  await mirror.flush();
  for (const name of ["importKey", "rotateKey", "rotateKey", "showKey"]) await commands.get("redisMirrored." + name)();
  const kept = await context.secrets.get("redisMirrored.key");
  await deactivate();
  await context.dispose();
  console.log(JSON.stringify({ registered, isMirrorLoaded, left: commands.size, seen, kept }));
})();
`;

const WINDOW = VS_CODE.slice(0, VS_CODE.indexOf("const { activate, deactivate }"));

// The same on a fresh machine, whose host saves a profile as soon as it may, or as it should.
const FRESH = `${WINDOW}
const { activate, deactivate } = require(process.argv[1]);
(async () => {
  const { openFileContext } = await import(process.argv[2]);
  const context = await openFileContext(process.argv[3]);
  const api = await activate(context, { userId: "fresh" });
  if (process.env.IS_WAITING === "true") await api.ready;
  await api.providerSettings.saveProfile("default", {});
  await api.ready;
  await api.mirror.sync({ timeoutMs: 5_000 });
  const profiles = await api.providerSettings.listProfiles();
  await deactivate();
  await context.dispose();
  console.log(profiles.map(({ name }) => name).join(" "));
})();
`;

// The same, where somebody else has a command of that name, and the profiles never come.
const HANGING = `${WINDOW.replace(
  "registerCommand: (name, run) => (",
  "registerCommand: (name, run) => { if (name.endsWith('showStatus')) throw new Error('it exists'); return (",
).replace("commands.delete(name) }),", "commands.delete(name) }); },")}
const { activate, deactivate } = require(process.argv[1]);
(async () => {
  const { openFileContext } = await import(process.argv[2]);
  const context = await openFileContext(process.argv[3]);
  const get = context.secrets.get.bind(context.secrets);
  context.secrets.get = (key) => (key === "roo_cline_config_api_config" ? new Promise(() => {}) : get(key));
  const api = await activate(context, { userId: "hanging" });
  while (api.mirror === undefined) await new Promise(setImmediate);
  await api.contextProxy.update("customInstructions", "the last");
  await deactivate();
  console.log("deactivated", commands.size);
})();
`;

interface Seen {
  registered: string[];
  /** When it is activated. */
  isMirrorLoaded: boolean;
  /** How many commands there are at the end. */
  left: number;
  seen: [name: string, ...args: unknown[]][];
  kept: string;
}

describe("the bundled extension", () => {
  let server: RedisServer;
  let folder: string;
  before(async () => {
    server = await RedisServer.start();
    folder = await mkdtemp(join(tmpdir(), "redis-mirrored-"));
  });
  after(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });

  it("runs as VS Code runs it, and loads the Redis client from the file that was split off", async () => {
    const files = [join(DIST, "bundle/extension.cjs"), join(DIST, "extension/file-context.js"), folder];
    const env = { ...process.env, REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port) };
    const { stdout, stderr } = spawnSync(process.execPath, ["-e", HOST, ...files], { env, encoding: "utf8" });
    expect(stderr).to.equal("");
    expect(JSON.parse(stdout)).to.deep.equal({ isLoadedAfterSave: true });
    expect(await server.get("roo:bundled:customInstructions")).to.equal('"from the bundle"');
  });

  it("runs where it finds nothing but itself, no OpenTelemetry either", async () => {
    // As it is installed: in a folder of its own, with no `node_modules` above it.
    const installed = join(folder, "installed");
    await cp(join(DIST, "bundle"), installed, { recursive: true });
    const files = [join(installed, "extension.cjs"), join(DIST, "extension/file-context.js"), folder];
    const env = { ...process.env, REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port), ROO_USER_ID: "installed" };
    const { stdout, stderr } = spawnSync(process.execPath, ["-e", HOST, ...files], { env, encoding: "utf8" });
    expect(stderr).to.equal("");
    expect(JSON.parse(stdout)).to.deep.equal({ isLoadedAfterSave: true });
  });

  it("does not load the Redis client before it is needed", () => {
    const script = `require(process.argv[1]); console.log(Object.keys(require.cache).filter((file) => file.includes("redis-client")).length)`;
    const { stdout } = spawnSync(process.execPath, ["-e", script, join(DIST, "bundle/extension.cjs")], {
      encoding: "utf8",
    });
    expect(stdout.trim()).to.equal("0");
  });

  it("is deactivated while something is still loaded that never comes, and does without a command that is taken", async () => {
    const files = [
      join(DIST, "bundle/extension.cjs"),
      join(DIST, "extension/file-context.js"),
      join(folder, "hanging"),
    ];
    const env = { ...process.env, REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port) };
    const options = { env, encoding: "utf8", timeout: 10_000 } as const;
    const { stdout, stderr } = spawnSync(process.execPath, ["-e", HANGING, ...files], options);
    expect([stdout, stderr]).to.deep.equal(["deactivated 14\n", ""]);
    expect(await server.get("roo:hanging:customInstructions")).to.equal('"the last"');
  });

  for (const [title, isWaiting, profiles] of [
    ["restores to a fresh machine whose host waits for `ready` before it saves defaults", true, "work default"],
    ["leaves to the local store what a host saves before, and to Redis what that has", false, "default"],
  ] as const) {
    it(title, async () => {
      const work = { currentApiConfigName: "work", apiConfigs: { work: { id: "1" } } };
      await saveBriefly(server.port, { userId: "fresh" }, { provider: work });
      const machine = join(folder, `fresh-${isWaiting}`);
      const files = [join(DIST, "bundle/extension.cjs"), join(DIST, "extension/file-context.js"), machine];
      const redis = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port), ROO_MIRROR_KEY: KEY };
      const env = { ...process.env, ...redis, IS_WAITING: String(isWaiting) };
      const { stdout, stderr } = spawnSync(process.execPath, ["-e", FRESH, ...files], { env, encoding: "utf8" });
      expect([stdout, stderr]).to.deep.equal([`${profiles}\n`, ""]);
      const { mirror, service } = hurriedMirror(server.port);
      const stored = (await service.get({ userId: "fresh", record: "provider" })) as typeof work;
      await mirror.close();
      expect(stored.apiConfigs.work).to.deep.equal({ id: "1" });
    });
  }

  it("offers its commands in VS Code's window by the time it is activated, which waits for no mirror", async () => {
    const own = join(folder, "in-vscode");
    const files = [join(DIST, "bundle/extension.cjs"), join(DIST, "extension/file-context.js"), own];
    const env = { ...process.env, REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port), TYPED: KEY };
    const { stdout, stderr } = spawnSync(process.execPath, ["-e", VS_CODE, ...files], { env, encoding: "utf8" });
    expect(stderr).to.equal("");
    const printed = stdout.trim();
    const { registered, isMirrorLoaded, left, seen, kept } = JSON.parse(printed) as Seen;
    const manifest = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as {
      contributes: { commands: { command: string }[] };
    };
    expect(registered).to.have.members(manifest.contributes.commands.map(({ command }) => command));
    expect(isMirrorLoaded).to.equal(false);
    expect(left).to.equal(0);

    const [fresh, imported, made, ...others] = kept.split(",");
    expect([imported, others]).to.deep.equal([KEY, []]);
    const [freshId, importedId, madeId] = [fresh, imported, made].map((key) => parseKeys(key!)[0]!.id);
    const said = seen.filter(([name]) => name === "showInformationMessage").map(([, text]) => String(text));
    expect(said[0]).to.match(new RegExp(`^The key ${importedId} encrypts from now on\\.`));
    expect(said[1]).to.match(new RegExp(`^\\d+ encrypted anew, with the key ${importedId}\\.$`));
    expect(said[2]).to.match(new RegExp(`^\\d+ encrypted anew, with the key ${freshId}\\.$`));
    expect(said[3]).to.match(new RegExp(`^The key ${freshId} is in the clipboard\\.`));
    const those = (wanted: string) => seen.filter(([name]) => name === wanted);
    expect(those("showInputBox")).to.have.lengthOf(1);
    expect(those("showInputBox")[0]!.slice(1)).to.deep.include([true, null]);
    expect(those("showInputBox")[0]![1]).to.include({ password: true });
    const questions = those("showWarningMessage");
    expect(questions.map(([, , options]) => (options as { modal: boolean }).modal)).to.deep.equal([true, true, true]);
    expect(those("report")).not.to.have.lengthOf(0);
    expect(those("writeText")).to.deep.equal([["writeText", fresh]]);
    expect(those("tree")).to.deep.equal([["tree", "redisMirrored.records"]]);
    expect(those("statusItem")[0]![1]).to.match(/^\$\([a-z~-]+\) Redis Mirror$/);
    expect(those("log").map(([, level]) => level)).to.include("info");
    const shown = JSON.stringify(seen.filter(([name]) => name !== "writeText"));
    for (const key of [fresh!, imported!, made!]) expect(shown).not.to.contain(key);
    expect(madeId).not.to.be.oneOf([freshId, importedId]);
  });
});
