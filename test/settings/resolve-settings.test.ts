import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { makeCertificate } from "../support/certificate.js";
import type { MirrorOptions } from "redis-mirrored";
import { resolveSettings } from "#dist/settings/resolve-settings.js";
import { describeProblem } from "#dist/settings/settings.js";
import { KEY } from "../support/mirrors.js";

function settingsOf(options: MirrorOptions) {
  const result = resolveSettings({ env: {}, ...options });
  if (!("settings" in result)) throw new Error(result.problems.map(describeProblem).join("; "));
  return result.settings;
}

function problemsOf(options: MirrorOptions): string[] {
  const result = resolveSettings({ env: {}, ...options });
  return "problems" in result ? result.problems.map(describeProblem) : [];
}

describe("the settings", () => {
  it("need not be given at all", () => {
    expect(settingsOf({})).to.deep.equal({
      isEnabled: true,
      address: { host: "localhost", port: 6379, username: undefined, password: undefined, database: 0, tls: undefined },
      instanceId: "",
      keys: [],
      isSharedLive: false,
      records: [],
      isCompressing: false,
      isEncryptingAll: false,
      overwritesUnreadable: false,
      timings: {
        batchWindowMs: 100,
        readTimeoutMs: 500,
        failureThreshold: 5,
        pauseMs: 60_000,
        healthCheckMs: 5_000,
        reconcileMs: 300_000,
        ttlSeconds: 604_800,
        closeTimeoutMs: 800,
      },
    });
  });

  it("are read from the environment", () => {
    const env = {
      REDIS_HOST: "redis.example",
      REDIS_PORT: "6380",
      REDIS_USERNAME: "app",
      REDIS_PASSWORD: "secret",
      REDIS_DB: "3",
      REDIS_TLS: "true",
      ROO_INSTANCE_ID: "laptop",
      ROO_MIRROR_KEY: `${KEY},${KEY}`,
      ROO_MIRROR_COMPRESSION: "true",
      ROO_MIRROR_ENCRYPT: "all",
      ROO_MIRROR_OVERWRITE_UNREADABLE: "true",
    };
    const { address, instanceId, keys, ...flags } = settingsOf({ env });
    expect(flags).to.include({ isCompressing: true, isEncryptingAll: true, overwritesUnreadable: true });
    expect(address).to.deep.equal({
      host: "redis.example",
      port: 6380,
      username: "app",
      password: "secret",
      database: 3,
      tls: { ca: undefined },
    });
    expect(instanceId).to.equal("laptop");
    expect(keys).to.have.lengthOf(2);
  });

  it("are taken from the options before the environment, and an empty variable counts as none", () => {
    const env = {
      REDIS_HOST: "environment",
      REDIS_PORT: "1",
      REDIS_DB: "",
      ROO_INSTANCE_ID: "environment",
      REDIS_ENABLED: "false",
      ROO_MIRROR_COMPRESSION: "true",
      ROO_MIRROR_ENCRYPT: "all",
      ROO_MIRROR_OVERWRITE_UNREADABLE: "true",
    };
    const { address, instanceId, isEnabled, ...flags } = settingsOf({
      env,
      enabled: true,
      compression: false,
      encrypt: "secrets",
      overwriteUnreadable: false,
      instanceId: "option",
      redis: { host: "option", port: 2 },
    });
    expect({ host: address.host, port: address.port, database: address.database, instanceId, isEnabled }).to.deep.equal(
      { host: "option", port: 2, database: 0, instanceId: "option", isEnabled: true },
    );
    expect(flags).to.include({ isCompressing: false, isEncryptingAll: false, overwritesUnreadable: false });
  });

  for (const [url, expected] of [
    ["redis://other", { host: "other", port: 6380 }],
    ["redis://app:p%40ss@other:7000/2", { host: "other", port: 7000, username: "app", password: "p@ss", database: 2 }],
    ["redis://:only-password@other", { password: "only-password", username: undefined }],
    ["redis://[::1]:7000", { host: "::1", port: 7000 }],
  ] as const) {
    it(`are overridden in part by a URL: ${url}`, () => {
      expect(settingsOf({ env: { REDIS_URL: url, REDIS_HOST: "host", REDIS_PORT: "6380" } }).address).to.deep.include(
        expected,
      );
    });
  }

  it("switch TLS on by a rediss:// URL", () => {
    expect(settingsOf({ env: { REDIS_URL: "rediss://other" } }).address.tls).to.deep.equal({ ca: undefined });
    expect(settingsOf({ env: { REDIS_URL: "redis://other" } }).address.tls).to.equal(undefined);
  });

  it("name the sentinels and what they watch, from the environment or as options", () => {
    const env = {
      REDIS_SENTINELS: "one, two:5000,[::1]:5001",
      REDIS_MASTER_NAME: "primary",
      REDIS_SENTINEL_USERNAME: "watcher",
      REDIS_SENTINEL_PASSWORD: "canary",
      REDIS_PASSWORD: "secret",
    };
    const { address } = settingsOf({ env });
    expect(address.sentinels).to.deep.equal({
      endpoints: [
        { host: "one", port: 26_379 },
        { host: "two", port: 5000 },
        { host: "::1", port: 5001 },
      ],
      masterName: "primary",
      username: "watcher",
      password: "canary",
    });
    expect(address.password).to.equal("secret");
    expect(settingsOf({ redis: { sentinels: ["one:1"] } }).address.sentinels).to.deep.equal({
      endpoints: [{ host: "one", port: 1 }],
      masterName: "mymaster",
      username: undefined,
      password: undefined,
    });
  });

  it("name some nodes of a cluster, from the environment or as an option", () => {
    const expected = [
      { host: "one", port: 6379 },
      { host: "two", port: 7001 },
    ];
    expect(settingsOf({ env: { REDIS_CLUSTER: "one,two:7001" } }).address.cluster).to.deep.equal(expected);
    expect(settingsOf({ redis: { cluster: ["one", "two:7001"] } }).address.cluster).to.deep.equal(expected);
  });

  it("take the certificate authorities from a file or an option", () => {
    const folder = mkdtempSync(join(tmpdir(), "redis-mirrored-"));
    const file = join(folder, "ca.pem");
    const bundle = `one\n${makeCertificate().cert}\nanother\n${makeCertificate().cert}`;
    writeFileSync(file, bundle);
    expect(settingsOf({ env: { REDIS_TLS_CA: file } }).address.tls).to.deep.equal({ ca: bundle });
    rmSync(folder, { recursive: true });
    expect(problemsOf({ env: { REDIS_TLS_CA: file } })).to.deep.equal([
      `Expected \`REDIS_TLS_CA\` to be a file that can be read, got \`${file}\` (ENOENT)`,
    ]);
    expect(settingsOf({ redis: { tls: { ca: bundle } } }).address.tls).to.deep.equal({ ca: bundle });
  });

  it("are wrong where what is to be trusted holds no certificate: the system's authorities are not meant then", () => {
    const broken = makeCertificate().cert.replace(/\n.{8}/, "\n########");
    for (const [ca, got] of [
      ["", "text without one"],
      ["PEM", "text without one"],
      [broken, "one that is none"],
      [makeCertificate().cert + broken, "one that is none"],
    ] as const)
      expect(problemsOf({ redis: { tls: { ca } } })).to.deep.equal([
        `Expected \`redis.tls.ca\` to be certificates in PEM, got ${got}`,
      ]);
  });

  for (const [word, isEnabled] of [
    ["false", false],
    ["0", false],
    ["OFF", false],
    ["no", false],
    ["true", true],
    ["1", true],
    [" Yes ", true],
  ] as const) {
    it(`understand REDIS_ENABLED=${word}`, () =>
      expect(settingsOf({ env: { REDIS_ENABLED: word } }).isEnabled).to.equal(isEnabled));
  }

  for (const [options, problem] of [
    [{ env: { REDIS_PORT: "many" } }, "Expected `REDIS_PORT` to be an integer from 1 to 65535, got `many` (string)"],
    [{ env: { REDIS_PORT: "0" } }, "Expected `REDIS_PORT` to be an integer from 1 to 65535, got `0` (string)"],
    [{ env: { REDIS_DB: "-1" } }, "Expected `REDIS_DB` to be an integer from 0 to 2147483647, got `-1` (string)"],
    [{ env: { REDIS_ENABLED: "maybe" } }, "Expected `REDIS_ENABLED` to be true or false, got `maybe` (string)"],
    [{ env: { REDIS_TLS: "maybe" } }, "Expected `REDIS_TLS` to be true or false, got `maybe` (string)"],
    [
      { env: { ROO_MIRROR_ENCRYPT: "everything" } },
      "Expected `ROO_MIRROR_ENCRYPT` to be `secrets` or `all`, got `everything` (string)",
    ],
    [
      { env: { ROO_MIRROR_COMPRESSION: "gzip" } },
      "Expected `ROO_MIRROR_COMPRESSION` to be true or false, got `gzip` (string)",
    ],
    [{ compression: {} as never }, "Expected `compression` to be true or false, got `[object Object]` (object)"],
    [{ redis: { port: 1.5 } }, "Expected `redis.port` to be an integer from 1 to 65535, got `1.5` (number)"],
    [{ redis: { host: 5 as never } }, "Expected `redis.host` to be a string, got `5` (number)"],
    [{ redis: { password: 5 as never } }, "Expected `redis.password` to be a string, got a number"],
    [{ instanceId: {} as never }, "Expected `instanceId` to be a string, got `[object Object]` (object)"],
    [{ timings: { pauseMs: 0 } }, "Expected `timings.pauseMs` to be an integer from 1 to 2147483647, got `0` (number)"],
    [
      { env: { REDIS_URL: "http://canary@other" } },
      "Expected `REDIS_URL` to be a redis:// or rediss:// URL with a host, got a http: URL",
    ],
    [
      { env: { REDIS_URL: "canary" } },
      "Expected `REDIS_URL` to be a redis:// or rediss:// URL with a host, got text that is no URL",
    ],
    [
      { env: { REDIS_URL: "redis://" } },
      "Expected `REDIS_URL` to be a redis:// or rediss:// URL with a host, got a URL without a host",
    ],
    [
      { env: { REDIS_URL: "redis://user:12/canary@other:6379/0" } },
      "Expected `the database of REDIS_URL` to be an integer from 0 to 2147483647, got something else",
    ],
    [
      { env: { ROO_MIRROR_KEY: "canary" } },
      "Expected `ROO_MIRROR_KEY` to be keys of 32 bytes in base64url, separated by commas, got 4 bytes; make one: npx redis-mirrored keygen",
    ],
    [
      { keys: ["can ary"] },
      "Expected `keys` to be keys of 32 bytes in base64url, separated by commas, got 7 characters that are not base64url; make one: npx redis-mirrored keygen",
    ],
    [
      { env: { REDIS_SENTINELS: "one,user:canary@two" } },
      "Expected `REDIS_SENTINELS` to be one or more of `host:port`, separated by commas, got 1 that are not",
    ],
    [
      { redis: { cluster: [] } },
      "Expected `redis.cluster` to be one or more of `host:port`, separated by commas, got none",
    ],
    [
      { env: { REDIS_CLUSTER: "one:70000" } },
      "Expected `REDIS_CLUSTER` to be one or more of `host:port`, separated by commas, got 1 that are not",
    ],
    [
      { env: { REDIS_MASTER_NAME: "primary" } },
      "Expected `REDIS_SENTINELS` to be given where there is a REDIS_MASTER_NAME, got nothing",
    ],
    [
      { env: { REDIS_CLUSTER: "one", REDIS_SENTINELS: "two" } },
      "Expected `redis.cluster` to be none where there are sentinels, got both",
    ],
    [
      { env: { REDIS_CLUSTER: "one", REDIS_DB: "1" } },
      "Expected `redis.database` to be 0, the only one of a cluster, got 1",
    ],
    [{ env: { ROO_MIRROR_SHARE: "on" } }, "Expected `ROO_MIRROR_SHARE` to be `off` or `live`, got `on` (string)"],
    [{ share: true as never }, "Expected `share` to be `off` or `live`, got `true` (boolean)"],
    [{ keys: [5 as never] }, "Expected `keys` to be an array of strings, got something else"],
  ] satisfies [MirrorOptions, string][]) {
    it(`are refused with what was expected and what was got: ${problem}`, () => {
      expect(problemsOf(options)).to.deep.equal([problem]);
      expect(problem).not.to.contain("canary");
    });
  }

  it("turn live sharing on by the option or by the environment", () => {
    expect(settingsOf({ share: "live" }).isSharedLive).to.equal(true);
    expect(settingsOf({ env: { ROO_MIRROR_SHARE: "live" } }).isSharedLive).to.equal(true);
    expect(settingsOf({ env: { ROO_MIRROR_SHARE: "" } }).isSharedLive).to.equal(false);
  });

  it("say all that is wrong at once", () => {
    expect(problemsOf({ env: { REDIS_PORT: "x", REDIS_DB: "x" }, timings: { ttlSeconds: -1 } })).to.have.lengthOf(3);
  });

  it("are not complained about by a mirror that is switched off", () => {
    expect(settingsOf({ env: { REDIS_ENABLED: "false", REDIS_PORT: "x" } }).isEnabled).to.equal(false);
  });
});
