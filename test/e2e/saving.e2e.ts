import { expect } from "chai";
import { until } from "../support/until.js";
import { Session } from "./support/session.js";

describe("saving in VS Code", () => {
  let session: Session;
  before(async () => {
    session = await Session.open();
  });
  after(() => session?.close());

  it("brings tasks and instructions into Redis, in the form that others read", async () => {
    await session.saveTask("t1", "Explain the build");
    await session.saveTask("t2", "Mend the build");
    await session.saveInstructions("Answer briefly.");
    const history = await until("both tasks are there", async () => {
      const found = JSON.parse((await session.redis.get("roo:alice:taskHistory")) ?? "[]") as { id: string }[];
      return found.length === 2 && found;
    });
    expect(history.map(({ id }) => id)).to.deep.equal(["t2", "t1"]);
    const instructions = await until(
      "the instructions are there",
      async () => (await session.redis.get("roo:alice:customInstructions")) ?? undefined,
    );
    expect(instructions).to.equal('"Answer briefly."');
  });

  it("brings profiles there as ciphertext, with their keys in no text of any kind", async () => {
    const canary = "sk-canary-3f1c9d";
    await session.saveProfile("work", canary);
    const stored = await until(
      "the profile is there",
      async () => (await session.redis.get("roo:alice:provider")) ?? undefined,
    );
    expect(JSON.parse(stored)).to.have.all.keys("protected", "aad", "iv", "ciphertext", "tag");
    const client = await session.redis.client();
    for (const key of await client.sendCommand<string[]>(["KEYS", "*"])) {
      const dump = await client.sendCommand<string>(["TYPE", key]);
      const content =
        dump === "hash"
          ? await client.sendCommand(["HGETALL", key])
          : await client.sendCommand(["DUMP", key]).catch(() => "");
      expect(JSON.stringify(content), key).not.to.contain(canary);
    }
  });

  it("reports no error, and asks nothing of anybody outside", () => {
    expect(session.browser.errors.filter((text) => /redis-?mirror/i.test(text))).to.deep.equal([]);
    expect(session.browser.outsideRequests).to.deep.equal([]);
  });
});
