import { expect } from "chai";
import fc from "fast-check";
import { bookkeepingKey, encodeId, KeySpace } from "#dist/sync/keys.js";
import { decodeId, parseKey } from "#dist/sync/user-keys.js";

const anyId = fc
  .oneof(fc.string({ unit: "binary" }), fc.constantFrom("~", "{a}", ":", "\ud800", "\udc00\ud800", "é", "%3A", "💥"))
  .filter((id) => id !== "");

describe("a key taken apart", () => {
  it("has the user, the instance and the record that it was made of, whatever the ids", () => {
    const anyInstance = fc.option(anyId, { nil: undefined });
    fc.assert(
      fc.property(anyId, anyInstance, fc.boolean(), (userId, instanceId, isCluster) => {
        const keySpace = new KeySpace({ isCluster, ...(instanceId !== undefined && { instanceId }) });
        const redisKey = keySpace.keyOf({ userId, record: "taskHistory" });
        const parts = { userId, instanceId, record: "taskHistory" };
        expect(parseKey(redisKey)).to.deep.equal({ redisKey, bookkeeping: undefined, ...parts });
        const note = bookkeepingKey(redisKey, "kept");
        expect(parseKey(note)).to.deep.equal({ redisKey: note, bookkeeping: "kept", ...parts });
      }),
    );
  });

  it("is none of the mirror's where it could not have written it", () => {
    for (const key of [
      "roo:alice",
      "roo:alice:",
      "roo::taskHistory",
      "roo:alice:9",
      "roo:alice:a:b:taskHistory",
      "roo:alice:~kept:a:taskHistory",
      "roo:{alice:taskHistory",
      "roo:%ZZ:taskHistory",
      "roo:alice:%FF:taskHistory",
      // The same ids, but not as they are written.
      "roo:%41:taskHistory",
      "roo:alice:%3a:taskHistory",
      "roo:%ED%A0%BD%ED%B2%A5:taskHistory",
      "xroo:alice:taskHistory",
    ])
      expect(parseKey(key), key).to.equal(undefined);
  });

  it("has ids that decode to what was encoded", () => {
    fc.assert(fc.property(anyId, (id) => decodeId(encodeId(id)) === id));
  });
});
