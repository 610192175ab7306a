import { expect } from "chai";
import { hurriedMirror } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";

const PLAIN = '{"apiKey":"sk-open"}';
const USER = { userId: "alice" };
const task = (id: string, ts: number) => ({ id, ts });

/** What the mirror makes of plain JSON that other code left under the names of its records, if nobody migrates it. */
describe("a value that was written without the mirror's notes", () => {
  let server: RedisServer;
  before(async () => (server = await RedisServer.start()));
  after(() => server.kill());
  beforeEach(async () => void (await (await server.client()).flushAll()));

  async function saved(record: string, value: unknown): Promise<void> {
    const { mirror, service } = hurriedMirror(server.port);
    service.set({ ...USER, record }, value);
    expect(await mirror.close({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
  }

  it("is read where it is not encrypted", async () => {
    await (await server.client()).set("roo:alice:taskHistory", JSON.stringify([task("a", 1)]));
    await (await server.client()).set("roo:alice:customInstructions", '"Be brief."');
    const { mirror, service } = hurriedMirror(server.port);
    expect(await service.get({ ...USER, record: "taskHistory" })).to.deep.equal([task("a", 1)]);
    expect(await service.get({ ...USER, record: "customInstructions" })).to.equal("Be brief.");
    await mirror.close();
  });

  it("is merged with the first save where it is a list, and kept where it is a document", async () => {
    await (await server.client()).set("roo:alice:taskHistory", JSON.stringify([task("a", 1), task("b", 3)]));
    await (await server.client()).set("roo:alice:customInstructions", '"Be brief."');
    await saved("taskHistory", [task("c", 2)]);
    await saved("customInstructions", "Be long.");
    expect(JSON.parse((await server.get("roo:alice:taskHistory"))!)).to.deep.equal([
      task("b", 3),
      task("c", 2),
      task("a", 1),
    ]);
    expect(await (await server.client()).hVals("roo:alice:~kept:customInstructions")).to.deep.equal(['"Be brief."']);
  });

  it("counts as absent where it should be encrypted, and is gone with the first save, or the first deletion", async () => {
    for (const value of [{ apiKey: "sk-sealed" }, undefined]) {
      await (await server.client()).set("roo:alice:provider", PLAIN);
      const { mirror, service } = hurriedMirror(server.port);
      expect(await service.get({ ...USER, record: "provider" })).to.equal(undefined);
      await mirror.close();
      await saved("provider", value);
      expect(await server.get("roo:alice:provider")).not.to.equal(PLAIN);
      expect(await (await server.client()).exists("roo:alice:~kept:provider")).to.equal(0);
      await (await server.client()).flushAll();
    }
  });
});
