import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { createMirror, TOKENS } from "redis-mirrored";
import { describeExposure } from "#dist/container/exposure.js";
import { defaultKeyFile } from "#dist/container/key-stores.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY, untilEvent } from "../support/mirrors.js";
import { TemporaryFolder } from "../support/temporary-folder.js";

const PROFILES = { userId: "alice", record: "provider" };

describe("a key file that others may read", () => {
  let folder: TemporaryFolder;
  let file: string;
  let lines: string[];
  beforeEach(() => {
    folder = new TemporaryFolder();
    file = defaultKeyFile({ XDG_CONFIG_HOME: folder.path });
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${KEY}\n`);
    lines = [];
  });
  afterEach(() => folder.remove());

  function mirrorOfFile(warn = (line: string) => void lines.push(line)) {
    const mirror = createMirror({
      redis: { host: "127.0.0.1" },
      env: { XDG_CONFIG_HOME: folder.path },
      timings: { batchWindowMs: 1 },
      logger: { info: () => {}, warn },
    });
    const gateway = new FakeGateway();
    mirror.container.rebind(TOKENS.RedisGateway).toConstantValue(gateway);
    const service = mirror.container.get(TOKENS.RedisSyncService);
    const save = async (value: string, record = "provider") => {
      service.set({ userId: "alice", record }, { value });
      expect(await mirror.flush()).to.deep.equal({ flushed: true });
    };
    return { mirror, gateway, save };
  }

  it("is one warning when it is first read, with the remedy, and is in the status from then on", async () => {
    chmodSync(file, 0o644);
    const warning = `${file} can be read by others than its owner (mode 644): chmod 600 ${file}, and rotate the key if they may have.`;
    const { mirror, gateway, save } = mirrorOfFile();
    await save("no secret", "pinnedApiConfigs");
    expect([mirror.status.state, mirror.status.warnings, lines]).to.deep.equal(["connected", undefined, []]);
    await save("one");
    expect(lines).to.deep.equal([`redis-mirrored: ${warning}`]);
    expect(mirror.status.warnings).to.deep.equal([warning]);
    gateway.alwaysDown();
    const degraded = untilEvent(mirror, "status", ({ state }) => state === "degraded");
    mirror.container.get(TOKENS.RedisSyncService).set(PROFILES, { value: "meanwhile" });
    await degraded;
    gateway.heal();
    await save("two");
    await mirror.close();
    expect(lines.filter((line) => !line.includes("Redis cannot be used"))).to.deep.equal([
      `redis-mirrored: ${warning}`,
    ]);
  });

  it("is no warning where only its owner may read it, nor where the mirror has made it", async () => {
    chmodSync(file, 0o600);
    const { mirror, save } = mirrorOfFile();
    await save("one");
    expect(mirror.status).not.to.have.property("warnings");
    await mirror.close();

    folder.remove();
    mkdirSync(folder.path);
    const made = mirrorOfFile();
    await made.save("one");
    expect(made.mirror.status).not.to.have.property("warnings");
    await made.mirror.close();
    expect(lines).to.deep.equal([]);
  });

  it("is used although it is, also where the logger throws", async () => {
    chmodSync(file, 0o604);
    const { mirror, gateway, save } = mirrorOfFile(() => {
      throw new Error("no space for a log");
    });
    await save("one");
    expect(gateway.store.get("roo:alice:provider")).to.contain('"ciphertext"');
    await mirror.close();
  });

  it("is none on Windows, where the mode says nothing of it", () => {
    expect(describeExposure(join("folder", "key"), 0o100666, "win32")).to.deep.equal([]);
    expect(describeExposure(join("folder", "key"), 0o100666, "linux")).to.have.length(1);
  });
});
