import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { expect } from "chai";
import { systemClock } from "#dist/sync/clock.js";
import { makeAuthority, makeCertificate } from "../support/certificate.js";
import { RedisServer } from "../support/redis-server.js";
import { ScriptedServer } from "../support/scripted-server.js";
import { freePorts } from "../support/server-process.js";
import { AUTHORITY, startTlsServer, tlsOptions, toArguments, withoutPlainPort } from "../support/tls-servers.js";
import { until } from "../support/until.js";
import { expectOne, findingsAt, findingsOf, of, troubles } from "./diagnosis.js";
import { IMPATIENT } from "./impatient-clock.js";

const PARTS = { clock: IMPATIENT };
const UNENCRYPTED = { redis: { tls: false } };

describe("the doctor, on the way to Redis", () => {
  let server: RedisServer;
  const running: { kill?(): Promise<void>; stop?(): Promise<void>; close?(): unknown }[] = [];
  before(async () => (server = await RedisServer.start()));
  after(() => server.kill());
  afterEach(async () => {
    for (const each of running.splice(0)) {
      if (each.kill !== undefined) await each.kill();
      else if (each.stop !== undefined) await each.stop();
      else each.close!();
    }
  });

  function run<Running extends (typeof running)[number]>(started: Running): Running {
    running.push(started);
    return started;
  }

  /** A server that is none of Redis's. */
  async function listening(other: Server): Promise<number> {
    run(other).listen(0, "127.0.0.1");
    await once(other, "listening");
    return (other.address() as AddressInfo).port;
  }

  const speaking = (greeting: string) => createServer((socket) => void socket.on("error", () => {}).write(greeting));

  const failingLookUp = (code: string) => ({
    lookUp: () => Promise.reject(Object.assign(new Error("no"), { code })),
  });

  it("finds nothing to complain of where all is well", async () => {
    const findings = await findingsAt(server.port);
    expect(troubles(findings)).to.deep.equal([]);
    expectOne(findings, "resolve", "ok", "127.0.0.1 is an address");
    expectOne(findings, "reach", "ok", `127.0.0.1:${server.port}`);
    expectOne(findings, "tls", "ok", "on this machine alone");
    expectOne(findings, "protocol", "ok", "speaks as Redis does");
    expect(of(findings, "skipped")).to.deep.equal([]);
  });

  it("looks a name up, and says to which addresses it leads", async () => {
    const lookUp = async () => ["127.0.0.1", "::1", "\u001b[31m"];
    const findings = await findingsAt(server.port, { redis: { host: "localhost" } }, { lookUp });
    expectOne(findings, "resolve", "ok", "localhost is 127.0.0.1, ::1 and \\u{1b}[31m.");
    expectOne(
      await findingsAt(server.port, { redis: { host: "localhost" } }),
      "resolve",
      "ok",
      /^localhost is .*127\.0\.0\.1/,
    );
  });

  it("says of a name that is not known, or not told, what to do, and goes no further", async () => {
    const redis = { host: "redis.example" };
    const unknown = await findingsOf({ redis }, failingLookUp("ENOTFOUND"));
    expectOne(unknown, "resolve", "error", "No address is known for redis.example.", "Correct redis.host");
    expectOne(unknown, "skipped", "note", "since no server could be asked: reach, tls, protocol, authentication");
    const env = { REDIS_HOST: "redis.example" };
    expectOne(await findingsOf({ env }, failingLookUp("ENOTFOUND")), "resolve", "error", "", "Correct REDIS_HOST");
    expectOne(await findingsOf({ redis }, { lookUp: async () => [] }), "resolve", "error", "No address is known");
    const failing = await findingsOf({ redis }, failingLookUp("EAI_AGAIN"));
    expectOne(failing, "resolve", "error", "did not tell the address of redis.example: EAI_AGAIN.", "to an address");
    const silent = await findingsOf({ redis }, { ...PARTS, lookUp: () => new Promise(() => {}) });
    expectOne(silent, "resolve", "error", "did not answer within 2 s", "name service");
    const local = await findingsOf({ redis: { host: "localhost" } }, failingLookUp("ENOTFOUND"));
    expectOne(local, "resolve", "error", "localhost", "Set redis.host to 127.0.0.1.");
  });

  it("tells who refuses connections from who cannot be reached", async () => {
    const { port } = await RedisServer.absent();
    const refused = await findingsAt(port);
    expectOne(refused, "reach", "error", `127.0.0.1:${port} refuses connections`, `redis-server --port ${port}`);
    expectOne(
      await findingsAt(port, { redis: { host: "0.0.0.0" } }),
      "reach",
      "error",
      "refuses",
      "`bind` in redis.conf",
    );
    const env = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(port) };
    expectOne(await findingsOf({ env }), "reach", "error", "", "correct REDIS_HOST and REDIS_PORT");
    const url = { REDIS_URL: `redis://127.0.0.1:${port}` };
    expectOne(await findingsOf({ env: url }), "reach", "error", "", "correct REDIS_URL.");
    // Which no way leads to, and nothing is sent to.
    const unreachable = await findingsAt(port, { redis: { host: "255.255.255.255" } });
    expectOne(unreachable, "reach", "error", "No way leads to 255.255.255.255", "network or VPN");
  });

  it("says where nothing comes back, within the time of one step", async () => {
    const frozen = run(await RedisServer.start("--tcp-backlog", "1"));
    frozen.freeze();
    // As many as wait there to be accepted; of the next one the system drops what it says.
    const waiting: Socket[] = [];
    const isFull = async () => {
      const socket = connect(frozen.port, "127.0.0.1").on("error", () => {});
      waiting.push(socket);
      const isAccepted = await Promise.race([
        once(socket, "connect").then(() => true),
        new Promise<boolean>((resolve) => setTimeout(resolve, 200, false)),
      ]);
      return !isAccepted;
    };
    await until("no more are taken", isFull);
    const findings = await findingsAt(frozen.port, {}, PARTS);
    for (const socket of waiting) socket.destroy();
    frozen.thaw();
    expectOne(
      findings,
      "reach",
      "error",
      "did not answer within 2 s",
      `firewall or security group lets port ${frozen.port}`,
    );
    expectOne(findings, "skipped", "note", "since no server could be asked: tls");
  });

  it("says where connections are accepted, and nothing is answered", async () => {
    const frozen = run(await RedisServer.start());
    frozen.freeze();
    expectOne(await findingsAt(frozen.port, {}, PARTS), "protocol", "error", "does not answer within 2 s", "redis-cli");
    const encrypted = await findingsAt(frozen.port, { redis: { tls: true } }, PARTS);
    expectOne(encrypted, "tls", "error", "does not answer in TLS within 2 s", "tls-port");
    frozen.thaw();
  });

  it("recognises what is not Redis", async () => {
    const web = await listening(createHttpServer());
    expectOne(
      await findingsAt(web),
      "protocol",
      "error",
      `127.0.0.1:${web} is a web server, not Redis.`,
      "Correct redis.port",
    );
    for (const greeting of [
      "SSH-2.0-OpenSSH_9.2\r\n",
      "220 mail.example ESMTP\r\n",
      "\u0000\u0001binary",
      "+hello there\r\n",
    ]) {
      const port = await listening(speaking(greeting));
      expectOne(await findingsAt(port), "protocol", "error", "in another protocol", "6379");
    }
    const hangingUp = await listening(createServer((socket) => void socket.on("error", () => {}).end()));
    expectOne(await findingsAt(hangingUp, {}, PARTS), "protocol", "error", "ends them without an answer", "proxy");
  });

  for (const [line, severity, message, remedy] of [
    ["-LOADING Redis is loading the dataset in memory", "warning", "still loading", "Wait"],
    ["-DENIED Redis is running in protected mode", "error", "protected mode", "requirepass"],
    ["-ERR max number of clients reached", "error", "as many clients as it may have", "maxclients"],
    ["-MASTERDOWN Link with MASTER is down", "error", "lost its primary", "REDIS_SENTINELS"],
  ] as const)
    it(`understands ${line.split(" ").slice(0, 4).join(" ")}`, async () => {
      const scripted = run(await ScriptedServer.start());
      scripted.replies.set("PING", line);
      expectOne(await findingsAt(scripted.port), "protocol", severity, message, remedy);
    });

  it("recognises TLS where none is expected, and none where it is", async () => {
    const { server: encrypting, tlsPort } = await startTlsServer();
    run(encrypting);
    const unexpected = await findingsAt(tlsPort, UNENCRYPTED);
    expectOne(unexpected, "protocol", "error", "expects to be spoken to in TLS", "Set redis.tls to true.");
    const byUrl = await findingsOf({ env: { REDIS_URL: `redis://127.0.0.1:${tlsPort}` } });
    expectOne(byUrl, "protocol", "error", "in TLS", "Have REDIS_URL begin with rediss:// instead of redis://.");
    const missing = await findingsAt(server.port, { redis: { tls: true } }, PARTS);
    expectOne(missing, "tls", "error", "does not encrypt, and the settings say that it does", "set redis.tls to false");
    const missingByUrl = await findingsOf({ env: { REDIS_URL: `rediss://127.0.0.1:${server.port}` } }, PARTS);
    expectOne(missingByUrl, "tls", "error", "does not encrypt", "have REDIS_URL begin with redis://");
  });

  it("warns where what is sent to another machine is not encrypted", async () => {
    const findings = await findingsAt(server.port, { redis: { host: "0.0.0.0" } });
    expectOne(findings, "tls", "warning", "What goes to 0.0.0.0 is not encrypted", "set REDIS_TLS to true");
    expectOne(findings, "authentication", "warning", "asks for no password", "ACL SETUSER default off");
  });

  describe("by TLS", () => {
    const tls = { ca: AUTHORITY.cert };

    it("says which protocol, and how long the certificate will do", async () => {
      const { server: encrypting, tlsPort } = await startTlsServer();
      run(encrypting);
      const findings = await findingsAt(tlsPort, { redis: { tls } });
      expectOne(
        findings,
        "tls",
        "ok",
        /^127\.0\.0\.1:\d+: TLSv1\.3, with a certificate that is accepted for \d+ more days\.$/,
      );
      expectOne(findings, "protocol", "ok", "speaks as Redis does");
      expectOne(findings, "authentication", "ok", "no password");
      expect(troubles(findings)).to.deep.equal([]);
      // The last of them.
      const nearEnd = { ...systemClock, wallNow: () => Date.UTC(2049, 11, 24) };
      const ending = of(await findingsAt(tlsPort, { redis: { tls } }, { clock: nearEnd }), "tls");
      expect(ending).to.have.length(1);
      expect(ending[0]).to.include({ severity: "warning" });
      expect(ending[0]!.message).to.contain("its certificate ends in 7 days");
      expect(ending[0]!.remedy).to.contain("Renew it");
    });

    for (const [title, certificate, message, remedy] of [
      ["has expired", { authority: AUTHORITY, lastDay: "200101" }, "it has expired", "Renew the certificate"],
      ["vouches for itself", {}, "nobody who is trusted vouches for it", "Set redis.tls.ca"],
      ["is of a stranger", { authority: makeAuthority("another") }, "nobody who is trusted", "Set redis.tls.ca"],
      [
        "is for another",
        { authority: AUTHORITY, hosts: ["a.example"] },
        "it is for another name",
        "it is for DNS:a.example",
      ],
    ] as const)
      it(`says of a certificate that it ${title}, and sends nothing`, async () => {
        const { server: encrypting, tlsPort } = await startTlsServer(makeCertificate(certificate));
        run(encrypting);
        const findings = await findingsAt(tlsPort, { redis: { tls } });
        expectOne(findings, "tls", "error", message, remedy);
        expectOne(findings, "skipped", "note", "since no server could be asked: protocol");
        expect(await encrypting.mirrorConnections()).to.equal(0);
      });

    it("says nothing at all to whom it cannot trust", async () => {
      const scripted = run(await ScriptedServer.start({ tls: makeCertificate({}) }));
      expectOne(await findingsAt(scripted.port, { redis: { tls, password: "secret" } }), "tls", "error", "is refused");
      expect(scripted.received).to.deep.equal([]);
    });

    it("trusts nobody for having been trusted before", async () => {
      const [good, bad] = [makeCertificate({ authority: AUTHORITY }), makeCertificate({})];
      let heard = "";
      const changing = createTlsServer(good, (socket) => {
        socket.on("error", () => {}).on("data", (chunk) => (heard += String(chunk)));
      });
      let connections = 0;
      // To see whether somebody is there, to look at the certificate, and to speak.
      changing.prependListener("connection", () => ++connections === 3 && changing.setSecureContext(bad));
      const port = await listening(changing);
      const found = await findingsAt(port, { redis: { tls } }, PARTS);
      expectOne(found, "tls", "ok", "accepted");
      expectOne(found, "protocol", "error", "ends them without an answer");
      expect(heard).to.equal("");
    });

    it("says where the server wants a certificate of its clients", async () => {
      for (const protocols of ["TLSv1.3", "TLSv1.2"]) {
        const [port] = await freePorts(1);
        const options = withoutPlainPort(tlsOptions(port!)).filter(([name]) => name !== "tls-auth-clients");
        run(await RedisServer.start(...toArguments(options), "--tls-protocols", protocols));
        const findings = await findingsAt(port!, { redis: { tls } });
        const [finding] = troubles(findings);
        expect(finding!.message, protocols).to.contain("it may want a certificate of its clients");
        expect(finding!.remedy).to.contain("tls-auth-clients no");
      }
    });

    it("says where the server's TLS is too old", async () => {
      const [port] = await freePorts(1);
      run(await RedisServer.start(...toArguments(withoutPlainPort(tlsOptions(port!))), "--tls-protocols", "TLSv1.1"));
      expectOne(
        await findingsAt(port!, { redis: { tls } }),
        "tls",
        "error",
        "no TLS that is new enough",
        "tls-protocols",
      );
    });
  });
});
