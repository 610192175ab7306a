import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { createMirror, type Mirror, type MirrorOptions, TOKENS } from "redis-mirrored";
import { makeAuthority, makeCertificate } from "../support/certificate.js";
import { limitedSentinelLines } from "../support/limited-account.js";
import { KEY, SHORT_TIMINGS, SILENT, untilEvent } from "../support/mirrors.js";
import { RedisCluster } from "../support/redis-cluster.js";
import { RedisServer } from "../support/redis-server.js";
import { freePorts } from "../support/server-process.js";
import {
  AUTHORITY,
  AUTHORITY_FILE,
  fileOf,
  startTlsServer,
  tlsOptions,
  toArguments,
  withoutPlainPort,
} from "../support/tls-servers.js";
import { until } from "../support/until.js";
import { documentedAdditions } from "./documented-access.js";

const MAIN = fileURLToPath(import.meta.resolve("#dist/cli/main.js"));
const UNKNOWN = "nobody who is trusted vouches for it; REDIS_TLS_CA names a file of authorities to trust";

describe("TLS, with a server that encrypts", function () {
  this.timeout(30_000);
  let mirrors: Mirror[];
  let servers: RedisServer[];
  beforeEach(() => ([mirrors, servers] = [[], []]));
  afterEach(async () => {
    await Promise.all(mirrors.map((mirror) => mirror.close()));
    await Promise.all(servers.map((server) => server.kill()));
  });

  async function start(...args: Parameters<typeof startTlsServer>) {
    const started = await startTlsServer(...args);
    servers.push(started.server);
    return started;
  }

  function mirrorOf(env: Record<string, string>, options: MirrorOptions = {}): Mirror {
    const mirror = createMirror({
      userId: "alice",
      keys: [KEY],
      logger: SILENT,
      timings: SHORT_TIMINGS,
      env,
      ...options,
    });
    mirrors.push(mirror);
    return mirror;
  }

  const save = (mirror: Mirror) =>
    mirror.container.get(TOKENS.RedisSyncService).set({ userId: "alice", record: "customInstructions" }, "Be brief.");

  /** Why it is degraded. */
  async function reasonOf(mirror: Mirror): Promise<string | undefined> {
    const degraded = untilEvent(mirror, "status", ({ state }) => state === "degraded");
    save(mirror);
    return (await degraded)[0].reason;
  }

  async function expectSaved(mirror: Mirror, server: RedisServer): Promise<void> {
    save(mirror);
    expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    expect(await server.get("roo:alice:customInstructions")).to.equal('"Be brief."');
  }

  it("mirrors by a rediss:// URL, where somebody vouches for the server who is trusted", async () => {
    const { server, tlsPort } = await start();
    const mirror = mirrorOf({ REDIS_URL: `rediss://127.0.0.1:${tlsPort}`, REDIS_TLS_CA: AUTHORITY_FILE });
    await expectSaved(mirror, server);
  });

  it("mirrors by a name that the certificate has, live sharing too", async () => {
    const { server, tlsPort } = await start(makeCertificate({ authority: AUTHORITY, hosts: ["localhost"] }));
    const redis = { url: `rediss://localhost:${tlsPort}`, tls: { ca: AUTHORITY.cert } };
    await expectSaved(mirrorOf({}, { redis, share: "live" }), server);
    const client = await server.client();
    await until("somebody listens", async () =>
      String(await client.sendCommand(["CLIENT", "LIST", "TYPE", "pubsub"])).includes("name=redis-mirrored"),
    );
  });

  for (const [title, certificate, reason, host = "127.0.0.1"] of [
    [
      "nobody vouches for that is trusted",
      { authority: makeAuthority("another") },
      `UNABLE_TO_VERIFY_LEAF_SIGNATURE: ${UNKNOWN}`,
    ],
    [
      "is of somebody who only has the name of who is trusted",
      { authority: makeAuthority() },
      "CERT_SIGNATURE_FAILURE: it cannot be verified",
    ],
    ["vouches for itself", {}, `DEPTH_ZERO_SELF_SIGNED_CERT: ${UNKNOWN}`],
    ["has expired", { authority: AUTHORITY, lastDay: "200101" }, "CERT_HAS_EXPIRED: it has expired"],
    [
      "is for another host",
      { authority: AUTHORITY, hosts: ["a.example"] },
      "ERR_TLS_CERT_ALTNAME_INVALID: it is for another name",
      "localhost",
    ],
    [
      "is for another address",
      { authority: AUTHORITY, ipAddresses: ["127.0.0.2"] },
      "ERR_TLS_CERT_ALTNAME_INVALID: it is for another name",
    ],
    [
      "has the address for a name",
      { authority: AUTHORITY, hosts: ["127.0.0.1"] },
      "ERR_TLS_CERT_ALTNAME_INVALID: it is for another name",
    ],
  ] as const) {
    it(`is degraded, and says why, where the server's certificate ${title}`, async () => {
      const { server, tlsPort } = await start(makeCertificate(certificate));
      const mirror = mirrorOf({ REDIS_URL: `rediss://:canary@${host}:${tlsPort}`, REDIS_TLS_CA: AUTHORITY_FILE });
      expect(await reasonOf(mirror)).to.equal(`The server's certificate is refused, ${reason}.`);
      expect(await (await server.client()).dbSize()).to.equal(0);
    });
  }

  it("does not fall back to plain text where the server does not encrypt", async () => {
    const server = await RedisServer.start();
    servers.push(server);
    expect(await reasonOf(mirrorOf({ REDIS_URL: `rediss://127.0.0.1:${server.port}` }))).to.match(
      /^(The connection failed|No connection within)/,
    );
    expect(await (await server.client()).dbSize()).to.equal(0);
  });

  it("verifies although NODE_TLS_REJECT_UNAUTHORIZED=0 says not to", async () => {
    const { tlsPort } = await start();
    const inspect = async (env: Record<string, string>) => {
      const all = { ...env, PATH: process.env["PATH"], NODE_TLS_REJECT_UNAUTHORIZED: "0", REDIS_PORT: String(tlsPort) };
      const command = spawn(process.execPath, [MAIN, "inspect", "alice"], { env: { ...all, REDIS_HOST: "127.0.0.1" } });
      let said = "";
      for (const stream of [command.stdout, command.stderr]) stream.on("data", (chunk) => (said += String(chunk)));
      await once(command, "close");
      return said;
    };
    for (const env of [{ REDIS_TLS: "true" }, { REDIS_TLS_CA: fileOf(makeAuthority("another").cert) }])
      expect(await inspect(env)).to.contain("The server's certificate is refused, ");
    expect(await inspect({ REDIS_TLS_CA: AUTHORITY_FILE })).to.contain("Redis holds nothing of `alice`.");
  });

  it("encrypts to all nodes of a cluster, and verifies them", async () => {
    const tlsPorts = await freePorts(3);
    const certificate = makeCertificate({ authority: AUTHORITY });
    // Nodes tell each other of the ports on which they encrypt only where they encrypt among themselves.
    const args = (index: number) => [
      ...toArguments(withoutPlainPort(tlsOptions(tlsPorts[index]!, certificate))),
      "--tls-cluster",
      "yes",
    ];
    const cluster = await RedisCluster.start({ args });
    try {
      const redis = { cluster: [`127.0.0.1:${tlsPorts[0]}`], tls: { ca: AUTHORITY.cert } };
      // Each on another node.
      for (const userId of ["alice", "bob", "carol", "dave"]) {
        const mirror = mirrorOf({}, { redis, userId });
        mirror.container.get(TOKENS.RedisSyncService).set({ userId, record: "customInstructions" }, "Be brief.");
        expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
        expect(await cluster.get(`roo:{${userId}}:customInstructions`)).to.equal('"Be brief."');
      }
      const strict = mirrorOf({}, { redis: { ...redis, tls: true } });
      expect(await reasonOf(strict)).to.contain("The server's certificate is refused");
    } finally {
      await cluster.stop();
    }
  });

  it("encrypts to the sentinels and to the primary that they name, and verifies both", async () => {
    const { server, tlsPort } = await start();
    await (await server.client()).sendCommand(["ACL", "SETUSER", "default", ...documentedAdditions("sentinels")]);
    const [sentinelPort] = await freePorts(1);
    const lines = [
      ...tlsOptions(sentinelPort!).map(([name, value]) => `${name} ${value}`),
      "bind 127.0.0.1",
      `sentinel monitor mymaster 127.0.0.1 ${tlsPort} 1`,
      ...limitedSentinelLines("mymaster"),
    ];
    const sentinel = RedisServer.sentinelAt(sentinelPort!, fileOf(`${lines.join("\n")}\n`));
    servers.push(sentinel);
    await sentinel.restart();
    const sentinels = [`127.0.0.1:${sentinelPort}`];
    await expectSaved(mirrorOf({}, { redis: { sentinels, tls: { ca: AUTHORITY.cert } } }), server);
    expect(await reasonOf(mirrorOf({}, { redis: { sentinels, tls: true } }))).to.equal(
      "None of the 1 sentinels answered.",
    );
  });
});
