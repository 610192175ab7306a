import { expect } from "chai";
import { RecordReader } from "#dist/cli/export/record-reader.js";
import type { UserKeys } from "#dist/sync/user-keys.js";

const KEY = "roo:alice:customInstructions";

/** A record that somebody else saves before every command that `isMoment` names. */
function busyRecord(isMoment: (command: readonly string[], count: number) => boolean): UserKeys {
  let [saves, asked] = [1, 0];
  const answer = ([name, key]: readonly string[]) => {
    if (name === "STRLEN") return saves === 0 ? 0 : 9;
    if (name !== "GET") return null;
    return Buffer.from(key === KEY ? `"save ${saves}"` : `176401800012${saves}-0000-w1`);
  };
  const ask = async (commands: readonly (readonly string[])[]) =>
    commands.map((command) => {
      if (isMoment(command, asked++)) saves++;
      return answer(command);
    });
  return { ask } as unknown as UserKeys;
}

async function readFrom(keys: UserKeys, maxBytes?: number) {
  const limit = maxBytes === undefined ? {} : { maxBytes };
  const reader = new RecordReader({ keys, isSecret: () => false, keyRing: undefined, hasKept: false, ...limit });
  const { version, value } = await reader.read({
    redisKey: KEY,
    name: Buffer.from(KEY),
    record: "customInstructions",
    instanceId: undefined,
    bookkeeping: undefined,
  } as unknown as Parameters<RecordReader["read"]>[0]);
  return { version, value, leftOut: reader.leftOut };
}

describe("the reader of records to be exported", () => {
  it("takes a value and the version of one and the same save", async () => {
    for (const moment of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const { version, value, leftOut } = await readFrom(busyRecord((_command, count) => count === moment));
      expect(value, `a save before command ${moment}`).to.match(/^save [12]$/);
      expect(version).to.equal(`176401800012${String(value).at(-1)}-0000-w1`);
      expect(leftOut).to.deep.equal([]);
    }
  });

  it("leaves out what is saved at every look, and says so", async () => {
    const { value, leftOut } = await readFrom(busyRecord(([name, key]) => name === "GET" && key === KEY));
    expect(value).to.equal(undefined);
    expect(leftOut.map(({ reason }) => reason)).to.deep.equal(["it changes all the time: call it again"]);
  });

  it("ends as soon as it is more than can be put back", async () => {
    const calm = () => busyRecord(() => false);
    expect((await readFrom(calm(), '"save 1"'.length)).value).to.equal("save 1");
    const failure = await readFrom(calm(), '"save 1"'.length - 1).catch((error: unknown) => error);
    expect(failure).to.have.property("code", "TOO_LARGE");
  });
});
