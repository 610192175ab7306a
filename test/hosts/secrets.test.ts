import { expect } from "chai";
import { Machine } from "./machine.js";
import type { ProviderSettings } from "./roo-325/provider-settings-manager.js";
import * as roo325 from "./roo-325/extension.js";
import { optionsFor } from "./running.js";
import { HostBed } from "./host-bed.js";

const CANARY = "sk-canary-5f1e";

/** One in each place of a profile, those included that no list of secret keys names. */
const PROFILE: ProviderSettings = {
  id: `${CANARY}-id`,
  apiProvider: `${CANARY}-provider`,
  apiKey: `${CANARY}-key`,
  baseUrl: `https://user:${CANARY}@example.com`,
  headers: { Authorization: `Bearer ${CANARY}`, [`X-${CANARY}`]: "name" },
  list: [{ nested: [`${CANARY}-list`] }],
};

describe("no secret of a host arrives in plain text", () => {
  const bed = new HostBed();
  let wire: string;
  let lines: string[];
  beforeEach(() => {
    wire = "";
    lines = [];
    bed.proxy.onRequest = (chunk) => (wire += chunk.toString("latin1"));
  });

  function start(where = bed.machine) {
    const log = (line: string) => void lines.push(line);
    return bed.runner.start(roo325, where, optionsFor(bed.proxy.port, { logger: { info: log, warn: log } }));
  }

  async function saveEverything({ contextProxy, provider }: Awaited<ReturnType<typeof roo325.open>>) {
    const { providerSettingsManager } = provider;
    await providerSettingsManager.saveConfig(`${CANARY}-name`, PROFILE);
    await providerSettingsManager.saveConfig("broken", { apiKey: CANARY, huge: 1n }).catch(() => {});
    await contextProxy.setValues({ apiKey: CANARY, openAiApiKey: CANARY, apiProvider: CANARY });
    await contextProxy.setValue("apiKey", CANARY);
    bed.machine.isFull = true;
    await providerSettingsManager.saveConfig("unsaved", PROFILE).catch(() => {});
    bed.machine.isFull = false;
  }

  /** All that Redis holds, keys included. */
  async function everythingInRedis(): Promise<string> {
    const client = await bed.server.client();
    const readers: Record<string, string[]> = { string: ["GET"], hash: ["HGETALL"], set: ["SMEMBERS"] };
    const parts: string[] = [];
    for (const key of await client.keys("*")) {
      const type = await client.type(key);
      const [command = "DUMP", ...args] = type in readers ? readers[type]! : ["ZRANGE", "0", "-1"];
      const [first, ...rest] = args;
      const words = first === undefined ? [command, key] : [command, key, first, ...rest];
      parts.push(key, JSON.stringify(await client.sendCommand(words)));
    }
    return parts.join("\n");
  }

  it("in Redis, on the wire, in the log or in the mirror's own notes", async () => {
    const host = await start();
    await saveEverything(host);
    expect(await host.mirror.flush()).to.deep.equal({ flushed: true });
    expect(await everythingInRedis())
      .to.contain("roo:alice:provider")
      .and.not.to.contain(CANARY);
    expect(wire).to.contain("roo:alice:provider").and.not.to.contain(CANARY);
    expect(lines.join("\n")).not.to.contain(CANARY);
    await bed.runner.stop();
    expect(JSON.stringify(bed.machine.stateOf("redisMirrored.versions")))
      .to.contain("provider")
      .and.not.to.contain(CANARY);
  });

  it("where one machine overwrites what it has not seen, and that is kept", async () => {
    await saveEverything(await start());
    await bed.runner.stop();
    const other = new Machine();
    bed.proxy.mode = "refuses";
    const host = await start(other);
    await host.provider.providerSettingsManager.saveConfig("other", PROFILE);
    bed.proxy.mode = "passes";
    await host.mirror.flush({ timeoutMs: 5_000 });
    expect(await host.mirror.history({ record: "provider" })).to.have.lengthOf.above(1);
    expect(await everythingInRedis()).not.to.contain(CANARY);
    expect(wire).not.to.contain(CANARY);
    expect(lines.join("\n")).not.to.contain(CANARY);
    other.remove();
  });

  it("where it cannot be decrypted or read", async () => {
    await saveEverything(await start());
    await bed.runner.stop();
    await (await bed.server.client()).set("roo:alice:provider", `{"apiKey":"${CANARY}"`);
    const other = new Machine();
    const { provider } = await start(other);
    expect(await provider.providerSettingsManager.listConfig()).to.deep.equal(["default"]);
    expect(lines.join("\n")).to.contain("provider").and.not.to.contain(CANARY);
    other.remove();
  });
});
