import { expect } from "chai";
import fc from "fast-check";
import { Importer } from "#dist/cli/import/importer.js";
import { JweReader } from "#dist/cli/import/jwe-reader.js";
import { parseDocument } from "#dist/cli/import/read-document.js";
import { Failure } from "#dist/cli/failure.js";
import { Codec } from "#dist/sync/codec.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { Catalogue } from "#dist/sync/records.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { expectNoCanaryIn, fuzz } from "./fuzz.js";
import { anyJson, anyText, anyVersion, spoilt } from "./hostile.js";

const KEYS = parseKeys("q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA");
const FORM = { format: "redis-mirrored export", formatVersion: 1 };

const anyRecord = fc.record(
  {
    record: fc.oneof(fc.constantFrom("taskHistory", "provider", "customModes", "customInstructions"), anyJson),
    instanceId: fc.oneof(fc.constant(null), anyJson),
    version: fc.oneof(fc.constant(null), anyVersion, anyJson),
    isDeleted: fc.boolean(),
    isEncrypted: fc.boolean(),
    value: anyJson,
    jwe: anyText,
    items: fc.oneof(
      anyJson,
      fc.array(fc.record({ id: fc.string(), version: anyVersion, recency: fc.double(), value: anyJson }), {
        maxLength: 3,
      }),
    ),
    kept: fc.oneof(anyJson, fc.array(fc.record({ version: anyVersion, value: anyJson }), { maxLength: 3 })),
  },
  { requiredKeys: ["record"] },
);
const anyDocument = fc
  .record({
    userId: fc.oneof(fc.constant("alice"), anyJson),
    records: fc.oneof(fc.array(anyRecord, { maxLength: 3 }), anyJson),
  })
  .map((document) => JSON.stringify({ ...FORM, ...document }));

/** With keys, and a Redis in which nothing is. */
async function putBack(text: string, gateway: FakeGateway): Promise<void> {
  const { records } = parseDocument("hostile.json", text);
  const keyRing = new FixedKeyRing(KEYS);
  const importer = new Importer({
    gateway,
    codec: new Codec(keyRing),
    jwes: new JweReader(keyRing),
    catalogue: new Catalogue(),
    userId: "alice",
    isEncryptingAll: false,
    isCluster: false,
    keyIds: KEYS.map(({ id }) => id),
    ttlSeconds: 100,
  });
  for (const entry of records) {
    const plan = await importer.plan(entry);
    expectNoCanaryIn(plan.reason ?? "");
    if (plan.writes !== undefined || plan.items !== undefined) await importer.apply(plan);
  }
}

describe("a file to import, whatever is in it", () => {
  it("is refused without a word of it, or put back under the user's own names and versions of the past", () =>
    fuzz("export-document", fc.oneof(anyDocument, spoilt(anyDocument), anyText), async (text) => {
      const gateway = new FakeGateway();
      try {
        await putBack(text, gateway);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        expectNoCanaryIn(error);
        expect(error.message).to.match(/^Expected hostile\.json to /);
      }
      for (const { redisKey, version, isSecret, value } of gateway.batches.flat()) {
        expect(redisKey).to.match(/^roo:alice:(?:[A-Za-z0-9._@%-]+:)?[A-Za-z][A-Za-z0-9._-]*$/);
        expect(Number(version.slice(0, 13))).to.be.below(Date.now() + 2 * 86_400_000);
        if (/:(?:provider|mcpSettings)$/.test(redisKey)) {
          expect(isSecret).to.equal(true);
          expect(String(value)).to.match(/^\{"protected":"/);
        }
      }
      for (const { redisKey, items } of gateway.merges.flat()) {
        expect(redisKey).to.match(/^roo:alice:/);
        for (const { id, body, recency } of items) {
          expect(id).to.match(/^[A-Za-z0-9._@%-]+$/);
          expect(Number.isFinite(recency)).to.equal(true);
          JSON.parse(String(body));
        }
      }
    }));
});
