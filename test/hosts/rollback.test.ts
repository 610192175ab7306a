import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import { TemporaryFolder } from "../support/temporary-folder.js";

// Works with a host, and prints what of the mirror has run meanwhile: timers that it set, connections, modules loaded.
const HOST = `
import { createRequire } from "node:module";
import net from "node:net";
const ofMirror = [];
const watch = (object, name) => {
  const original = object[name];
  object[name] = function (...args) {
    // Who calls, not who has called that: a decorated method runs below its decorator.
    if (/[\\\\/]dist[\\\\/]/.test(new Error().stack.split("\\n")[2])) ofMirror.push(name);
    return original.apply(this, args);
  };
};
for (const name of ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"]) watch(globalThis, name);
watch(net.Socket.prototype, "connect");
const { activate } = await import(process.argv[1]);
const { Machine } = await import(process.argv[2]);
const machine = new Machine();
const context = machine.start();
const { contextProxy, provider } = await activate(context, { env: {}, userId: "alice", redis: { port: 1 } });
await contextProxy.setValue("customInstructions", "new");
await provider.updateTaskHistory({ id: "a", ts: 1, task: "Task a" });
await provider.ready;
await provider.providerSettingsManager?.saveConfig("work", {});
await contextProxy.resetAllState();
provider.dispose?.();
await new Promise((resolve) => setImmediate(resolve));
const cache = Object.keys(createRequire(process.cwd() + "/package.json").cache);
console.log(JSON.stringify({
  subscriptions: context.subscriptions.filter((subscription) => "flush" in subscription).length,
  ofMirror: [...new Set(ofMirror)],
  isClientLoaded: cache.some((file) => file.includes("@redis")),
}));
`;

describe("a host without the line that installs the mirror", () => {
  let folder: TemporaryFolder;
  before(() => (folder = new TemporaryFolder()));
  after(() => folder.remove());

  /** Where the compiled extension lies, with or without the line. */
  function extension(name: string, { isMirrored }: { isMirrored: boolean }): string {
    const compiled = new URL(`${name}/extension.js`, import.meta.url);
    const lines = readFileSync(compiled, "utf8").split("\n");
    const kept = isMirrored ? lines : lines.filter((line) => !line.includes("(installMirror("));
    expect(lines.length - kept.length).to.equal(isMirrored ? 0 : 1);
    const absolute = kept.map((line) =>
      line.replace(/from "(.+)"/, (_match, path: string) => {
        return `from "${path.startsWith(".") ? new URL(path, compiled).href : import.meta.resolve(path)}"`;
      }),
    );
    const copy = join(folder.path, `${name}-${isMirrored}.mjs`);
    writeFileSync(copy, absolute.join("\n"));
    return pathToFileURL(copy).href;
  }

  function run(file: string): unknown {
    const machine = new URL("machine.js", import.meta.url).href;
    const args = ["--input-type=module", "-e", HOST, file, machine];
    // Where nobody listens: of what the mirror has to say about that it may say something before the process ends.
    const env = { PATH: process.env["PATH"], REDIS_HOST: "127.0.0.1", REDIS_PORT: "1" };
    const { stdout, status } = spawnSync(process.execPath, args, { encoding: "utf8", env });
    expect(status).to.equal(0);
    return JSON.parse(stdout);
  }

  for (const name of ["roo-325", "roo-352"]) {
    it(`has nothing of the mirror run: no client, no timer, no connection (${name})`, () => {
      const nothing = { subscriptions: 0, ofMirror: [], isClientLoaded: false };
      expect(run(extension(name, { isMirrored: false }))).to.deep.equal(nothing);
      expect(run(extension(name, { isMirrored: true }))).not.to.deep.equal(nothing);
    }).timeout(20_000);
  }
});
