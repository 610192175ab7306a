import { expect } from "chai";
import type { Mirror, MirrorOptions } from "redis-mirrored";
import { hurriedMirror } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";

const CANARY = "sk-canary-7f3a9e";
const HISTORY = [
  { id: "b", ts: 2, task: CANARY },
  { id: "a", ts: 1, task: CANARY },
];
const VALUES = { taskHistory: HISTORY, customInstructions: CANARY, customModes: [{ slug: CANARY }] };

describe("a mirror that encrypts everything", () => {
  let server: RedisServer;
  const mirrors: Mirror[] = [];
  before(async () => (server = await RedisServer.start()));
  afterEach(async () => void (await Promise.all(mirrors.splice(0).map((mirror) => mirror.close()))));
  after(() => server.kill());
  beforeEach(async () => void (await (await server.client()).flushAll()));

  async function save(options: MirrorOptions, values: Record<string, unknown>) {
    const { mirror, service } = hurriedMirror(server.port, options);
    mirrors.push(mirror);
    for (const [record, value] of Object.entries(values)) service.set({ userId: "alice", record }, value);
    expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    return service;
  }

  /** Everything that is there, as text. */
  async function dump(): Promise<string> {
    const client = await server.client();
    const parts = await Promise.all(
      (await client.keys("*")).map(async (key) =>
        (await client.type(key)) === "hash" ? JSON.stringify(await client.hGetAll(key)) : await client.get(key),
      ),
    );
    return parts.join("\n");
  }

  it("leaves nothing in Redis that can be read without the key, also of what lay open before", async () => {
    await save({}, VALUES);
    await save({}, { customInstructions: [] });
    expect(await dump()).to.contain(CANARY);
    await save({ encrypt: "all" }, VALUES);
    expect(await dump()).not.to.contain(CANARY);
    const keys = await (await server.client()).keys("roo:alice:~items:*");
    expect(keys).to.deep.equal([]);
  });

  it("restores it to another instance with the same key", async () => {
    await save({ encrypt: "all" }, VALUES);
    const { mirror, service } = hurriedMirror(server.port, { env: { ROO_MIRROR_ENCRYPT: "all" } });
    mirrors.push(mirror);
    for (const [record, value] of Object.entries(VALUES))
      expect(await service.get({ userId: "alice", record }), record).to.deep.equal(value);
  });
});
