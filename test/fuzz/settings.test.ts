import { expect } from "chai";
import fc from "fast-check";
import { resolveSettings } from "#dist/settings/resolve-settings.js";
import { describeProblem } from "#dist/settings/settings.js";
import type { MirrorOptions } from "#dist/index.js";
import { CANARY, expectNoCanaryIn, fuzz } from "./fuzz.js";
import { anyJson, spoilt } from "./hostile.js";

const KEY = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA";

/** What JSON cannot carry stands for itself by a name. */
const ODDITIES: Readonly<Record<string, unknown>> = {
  undefined,
  symbol: Symbol("odd"),
  bigint: 1n,
  NaN,
  function: () => "text",
  bare: Object.create(null) as unknown,
  unprintable: {
    toString: () => {
      throw new Error("not to be shown");
    },
  },
  circular: (() => {
    const circular: unknown[] = [];
    circular.push(circular);
    return circular;
  })(),
  proxy: new Proxy({}, { get: () => CANARY }),
};

const ODDITY = "odd:";

function revive(value: unknown): unknown {
  return typeof value === "string" && value.startsWith(ODDITY) ? ODDITIES[value.slice(ODDITY.length)] : value;
}

function reviveAll(values: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, revive(value)]));
}

const anyOdd = fc.oneof(
  anyJson.map((value) => (JSON.stringify(value)?.includes(CANARY) ? null : value)),
  fc.constantFrom(...Object.keys(ODDITIES).filter((name) => name !== "proxy")).map((name) => ODDITY + name),
  fc.constantFrom("true", "no", "6379", "live", "all", "localhost", "a:1,b:2", KEY),
);

/** Texts in which a secret lies, in the form that is asked for, in another one, or spoilt. */
const forms = [
  CANARY,
  `redis://u:${CANARY}@h:1/2`,
  `rediss://${CANARY}@[::1]/x`,
  `redis://:${CANARY}/@h`,
  `http://${CANARY}`,
  `redis://h/${CANARY}`,
  `redis://h:${CANARY}`,
  `redis://h:1/${CANARY}?a#b`,
  `//${CANARY}@h`,
  `${CANARY}:h:1`,
  `${KEY},${CANARY}`,
  `-----BEGIN CERTIFICATE-----\n${CANARY}\n-----END CERTIFICATE-----`,
];
const anySecret: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(...forms, [CANARY], { ca: CANARY }, { ca: [CANARY] }),
  spoilt(fc.constantFrom(...forms)),
  anyOdd,
);

const SECRETS = ["url", "password", "sentinelPassword", "username", "sentinelUsername"];
const OTHERS = ["host", "port", "database", "sentinels", "masterName", "cluster"];
const OPTIONS = ["instanceId", "encrypt", "overwriteUnreadable", "records", "compression", "share", "enabled", "redis"];
const TIMINGS = ["connectMs", "ttlSeconds", "readTimeoutMs", "__proto__"];
const SECRET_VARIABLES = ["REDIS_URL", "REDIS_PASSWORD", "REDIS_SENTINEL_PASSWORD", "REDIS_USERNAME", "ROO_MIRROR_KEY"];
const VARIABLES =
  "REDIS_ENABLED REDIS_HOST REDIS_PORT REDIS_DB REDIS_TLS REDIS_TLS_CA REDIS_SENTINELS REDIS_MASTER_NAME REDIS_CLUSTER ROO_INSTANCE_ID ROO_MIRROR_SHARE ROO_MIRROR_COMPRESSION ROO_MIRROR_ENCRYPT ROO_MIRROR_OVERWRITE_UNREADABLE".split(
    " ",
  );

const some = (names: readonly string[], value: fc.Arbitrary<unknown>) =>
  fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 5, noNullPrototype: true });
const asText = (value: fc.Arbitrary<unknown>) => value.map((each) => (typeof each === "string" ? each : "1"));

const anyOptions = fc.record({
  options: some(OPTIONS, anyOdd),
  keys: fc.option(anySecret),
  redis: some(OTHERS, anyOdd),
  login: some(SECRETS, anySecret),
  tls: fc.oneof(
    anySecret.map((ca) => ({ ca })),
    anyOdd,
  ),
  timings: some(TIMINGS, anyOdd),
  env: some(VARIABLES, asText(anyOdd)),
  secretEnv: some(SECRET_VARIABLES, asText(anySecret)),
});

describe("settings, whatever they are", () => {
  it("are resolved or refused with what is wrong, and no secret among it", () =>
    fuzz(
      "settings",
      anyOptions,
      ({ options, keys, redis, login, tls, timings, env, secretEnv }) => {
        const given = {
          redis: {
            ...reviveAll(redis),
            ...reviveAll(login),
            tls: typeof tls === "object" && tls !== null ? reviveAll(tls) : revive(tls),
          },
          ...(keys !== null && { keys: revive(keys) }),
          timings: reviveAll(timings),
          ...reviveAll(options),
          env: { ...env, ...secretEnv },
        } as unknown as MirrorOptions;
        const result = resolveSettings(given);
        expectNoCanaryIn(result);
        if (!("problems" in result)) return;
        expect(result.problems).not.to.deep.equal([]);
        for (const problem of result.problems) {
          expectNoCanaryIn(describeProblem(problem));
          expect(describeProblem(problem)).to.have.length.below(400);
        }
      },
      { runs: 200 },
    ));
});
