import { expect } from "chai";
import fc from "fast-check";
import { Author } from "#dist/sync/author.js";
import { systemClock } from "#dist/sync/clock.js";
import { Codec } from "#dist/sync/codec.js";
import { MirrorError } from "#dist/sync/errors.js";
import { IndexReader } from "#dist/sync/index-reader.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { NodeRedisGateway } from "#dist/sync/node-redis-gateway.js";
import { RecordHistory } from "#dist/sync/record-history.js";
import { Catalogue } from "#dist/sync/records.js";
import { parseVersion } from "#dist/sync/version.js";
import { addressOf } from "../support/redis-address.js";
import { ScriptedServer } from "../support/scripted-server.js";
import { expectNoCanaryIn, fuzz, mergeInto } from "./fuzz.js";
import { anyText, anyVersion } from "./hostile.js";

const [DOCUMENT, COLLECTION] = ["roo:alice:provider", "roo:alice:taskHistory"];
const VERSION = "1700000000000-0000-me";
const TTL = { ttlSeconds: 100 };
const COMMANDS =
  "STRLEN MGET HSTRLEN HMGET HGET EXISTS HLEN HKEYS GETRANGE EXPIRE EVALSHA EVAL PING CLUSTER HELLO CLIENT".split(" ");

/** A line that means something to a reader of the mirror's own notes. */
const anyNote = fc
  .array(fc.oneof(anyVersion, fc.constantFrom("deleted", "id", "__proto__", "1e999", "-1", "0123456789abcdef", "\n")))
  .map((words) => words.join(" "));

const bulk = (text: string) => `$${Buffer.byteLength(text)}\r\n${text}`;

/** In the protocol: of each type that there is, also of those that nobody asks for, and none at all. */
const anyReply: fc.Arbitrary<string> = fc.letrec<{ reply: string }>((tie) => ({
  reply: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom("+OK", "$-1", "*-1", "_", "#t", ",1.5", ",inf", "(12345678901234567890", ":-1", "*0", "%0"),
    fc.oneof(fc.nat(300), fc.integer(), fc.maxSafeInteger()).map((integer) => `:${integer}`),
    fc.oneof(anyText, anyNote).map(bulk),
    fc.constantFrom("-ERR no", "-WRONGTYPE a", "-NOSCRIPT", "-MOVED 1 h:1", "-OOM", "-sk-canary-7q", "-", "+"),
    fc.array(tie("reply"), { maxLength: 4 }).map((parts) => [`*${parts.length}`, ...parts].join("\r\n")),
    fc
      .array(tie("reply"), { maxLength: 2 })
      .map((parts) => `%${parts.length}${parts.map((each) => `\r\n${each}\r\n${each}`).join("")}`),
  ),
})).reply;

/** Whether it is what a reader may answer, or how it may fail. */
async function settle<Answer>(work: Promise<Answer>): Promise<Answer | undefined> {
  try {
    const answer = await work;
    expectTrueVersions(answer);
    return answer;
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
    expectNoCanaryIn(error);
    return undefined;
  }
}

function expectTrueVersions(answer: unknown): void {
  if (Array.isArray(answer)) return answer.forEach(expectTrueVersions);
  if (typeof answer !== "object" || answer === null) return;
  const { version, bytes, recency, items } = answer as Record<string, unknown>;
  if (version !== undefined) expect(parseVersion(String(version)), String(version)).not.to.equal(undefined);
  for (const number of [bytes, recency])
    if (number !== undefined) expect(Number.isFinite(number), String(number)).to.equal(true);
  if (items instanceof Map) for (const item of items.values()) expectTrueVersions(item);
}

describe("what a server answers, whatever it is", () => {
  let scripted: ScriptedServer;
  beforeEach(async () => (scripted = await ScriptedServer.start()));
  afterEach(() => scripted.stop());

  const codec = new Codec(new FixedKeyRing(parseKeys("q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA")));
  const catalogue = new Catalogue();

  it("is an answer that can be worked with, or a failure that has a name, and comes in time", () =>
    fuzz(
      "replies",
      fc.dictionary(fc.constantFrom(...COMMANDS), anyReply, { minKeys: 1, maxKeys: 6, noNullPrototype: true }),
      async (replies) => {
        scripted.replies.clear();
        for (const [command, reply] of Object.entries(replies)) scripted.replies.set(command, reply);
        const deadlines = { connectMs: 500, commandMs: 50, perMebibyteMs: 100 };
        const gateway = new NodeRedisGateway(addressOf(scripted.port), deadlines);
        try {
          const author = new Author("a", "p", Date.now);
          const [reader, history] = [new IndexReader(gateway, author), new RecordHistory(gateway, codec, systemClock)];
          const common = { version: VERSION, seen: undefined, keepsPrevious: false, ...TTL };
          const items = [{ id: "x", version: VERSION, seen: undefined, recency: 1, body: "{}" }];
          const outcomes = await settle(
            gateway.write([{ ...common, redisKey: DOCUMENT, value: "{}", isSecret: true }]),
          );
          for (const outcome of outcomes ?? []) if (outcome.kind === "superseded") author.observe(outcome.by);
          await settle(gateway.merge([{ ...common, redisKey: COLLECTION, items, limit: 50, isClear: false }]));
          await settle(gateway.read(DOCUMENT));
          await settle(gateway.renew([{ redisKey: DOCUMENT, ...TTL }]));
          await settle(gateway.renewCollections([{ redisKey: COLLECTION, ...TTL }]));
          const stored = await settle(reader.read(COLLECTION));
          if (stored !== undefined) await settle(reader.readTombstones(COLLECTION, ["x", "__proto__"], stored));
          await settle(reader.readWithItems(COLLECTION));
          await settle(reader.readArray(COLLECTION, catalogue.find("taskHistory")!));
          for (const name of ["provider", "taskHistory"] as const) {
            const record = catalogue.find(name)!;
            await settle(history.list(record, `roo:alice:${name}`));
            mergeInto({}, await settle(history.read(record, `roo:alice:${name}`, VERSION)));
          }
          await settle(gateway.slotRanges());
          await settle(gateway.ping());
          expect(parseVersion(author.next())).not.to.equal(undefined);
        } finally {
          gateway.close();
        }
      },
      { runs: 20 },
    ));
});
