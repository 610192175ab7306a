import { expect } from "chai";
import { type ClientModule, loadClient } from "#dist/sync/client-loader.js";
import { systemClock } from "#dist/sync/clock.js";
import { type Client, type ConnectionOptions, destroy, openConnection, type Opening } from "#dist/sync/connection.js";
import { makeCertificate } from "../support/certificate.js";
import { ScriptedServer } from "../support/scripted-server.js";
import { StoppedClock } from "../support/stopped-clock.js";
import { until } from "../support/until.js";

const PLAIN = { username: undefined, password: undefined, database: 0, tls: undefined };
const NAMING = ["CLIENT", "SETNAME", "redis-mirrored"];

async function failureOf(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => new Error("expected a failure"),
    (error: Error) => error,
  );
}

const isConnecting = () => process.getActiveResourcesInfo().includes("ConnectWrap");

/** Lets happen what needs no news from outside; fails where that does not come to pass. */
async function untilTicked(isMet: () => boolean): Promise<void> {
  for (let tick = 0; !isMet(); tick++) {
    if (tick === 1_000) throw new Error("expected it to happen soon");
    await new Promise<void>((resolve) => process.nextTick(resolve));
  }
}

describe("a connection", () => {
  let server: ScriptedServer;
  let openings: Opening[];
  beforeEach(async () => {
    openings = [];
    server = await ScriptedServer.start();
  });
  afterEach(async () => {
    for (const opening of openings) {
      opening.abandon();
      await opening.promise.then(destroy, () => {});
    }
    await server.stop();
  });

  function open(
    options: Partial<ConnectionOptions> = {},
    endpoint = async () => ({ host: "127.0.0.1", port: server.port }),
  ) {
    const opening = openConnection(endpoint, {
      address: PLAIN,
      deadlineMs: 60_000,
      clock: systemClock,
      onLost: destroy,
      ...options,
    });
    openings.push(opening);
    return opening;
  }

  const untilGone = () =>
    until("it has come and is gone", async () => server.accepted === 1 && server.connections === 0);

  it("begins with its name, and says nothing else that it was not told to", async () => {
    await open().promise;
    expect(server.commands).to.deep.equal([NAMING]);
  });

  it("begins with a password, also a user's, and a database where it was told to", async () => {
    await open({ address: { ...PLAIN, password: "secret" } }).promise;
    expect(server.commands).to.have.deep.members([["AUTH", "secret"], NAMING]);
    server.commands.length = 0;
    await open({ address: { ...PLAIN, username: "app", password: "secret", database: 2 } }).promise;
    expect(server.commands).to.have.deep.members([["AUTH", "app", "secret"], ["SELECT", "2"], NAMING]);
  });

  it("is over for good when its loss is told: who wants another one asks for it", async () => {
    const lost = new Promise<boolean>(
      (resolve) => void open({ onLost: ({ isOpen }) => resolve(isOpen) }).promise.then(() => server.cut()),
    );
    expect(await lost).to.equal(false);
  });

  describe("whose client is still being loaded", () => {
    /** Loads when the test says so. */
    function slowLoader() {
      let finish!: (module: Promise<ClientModule>) => void;
      const loading = new Promise<ClientModule>((resolve) => (finish = resolve));
      return { load: () => loading, finish };
    }

    it("has its whole deadline yet", async () => {
      server.replies.set("CLIENT", "");
      const { load, finish } = slowLoader();
      const clock = new StoppedClock();
      const opening = open({ clock, deadlineMs: 300, load });
      await new Promise((resolve) => setImmediate(resolve));
      expect(clock.delaysMs).to.deep.equal([]);
      finish(loadClient());
      await until("its name is told", async () => server.received.includes("CLIENT"));
      expect(clock.delaysMs).to.deep.equal([300]);
      const failure = failureOf(opening.promise);
      clock.expire();
      expect(await failure).to.have.property("message", "No connection within 300 ms.");
    });

    it("can be given up at once, and is not made when the client is there", async () => {
      const { load, finish } = slowLoader();
      let questions = 0;
      const opening = open({ load }, async () => {
        questions++;
        return { host: "127.0.0.1", port: server.port };
      });
      const failure = failureOf(opening.promise);
      opening.abandon();
      expect(await failure).to.include({
        code: "CONNECTION_LOST",
        message: "The connection was closed while it was being made.",
      });
      finish(loadClient());
      await loadClient();
      await new Promise((resolve) => setImmediate(resolve));
      expect([questions, isConnecting()]).to.deep.equal([0, false]);
    });

    it("is lost where that fails, and says why", async () => {
      const missing = Object.assign(new Error("Cannot find module"), { code: "ERR_MODULE_NOT_FOUND" });
      expect(await failureOf(open({ load: () => Promise.reject(missing) }).promise)).to.include({
        code: "CONNECTION_LOST",
        message: "The connection failed: ERR_MODULE_NOT_FOUND.",
      });
    });
  });

  describe("that is given up", () => {
    const GIVEN_UP = "The connection was closed while it was being made.";

    it("before it is known where to is not made", async () => {
      // Loaded before, so that nothing is waited for but the endpoint.
      await open().promise;
      let tell: ((endpoint: { host: string; port: number }) => void) | undefined;
      const opening = open({}, () => new Promise((resolve) => (tell = resolve)));
      const failure = failureOf(opening.promise);
      await untilTicked(() => tell !== undefined);
      opening.abandon();
      tell?.({ host: "127.0.0.1", port: server.port });
      expect(await failure).to.include({ code: "CONNECTION_LOST", message: GIVEN_UP });
      for (let tick = 0; tick < 1_000; tick++) {
        await new Promise<void>((resolve) => process.nextTick(resolve));
        expect(isConnecting()).to.equal(false);
      }
    });

    it("while its socket is being made leaves none", async () => {
      await open().promise.then(destroy);
      await until("the first is gone", async () => server.connections === 0);
      const opening = open();
      const failure = failureOf(opening.promise);
      await untilTicked(isConnecting);
      opening.abandon();
      expect(await failure).to.have.property("message", GIVEN_UP);
      await until("the second is gone too", async () => server.accepted === 2 && server.connections === 0);
    });

    it("during its handshake leaves no socket", async () => {
      server.replies.set("CLIENT", "");
      const opening = open();
      const failure = failureOf(opening.promise);
      await until("its name is told", async () => server.received.includes("CLIENT"));
      opening.abandon();
      expect(await failure).to.have.property("message", GIVEN_UP);
      await untilGone();
    });

    it("while it is looked who has answered leaves no socket", async () => {
      const opening = open({ verify: () => new Promise(() => {}) });
      const failure = failureOf(opening.promise);
      await until("it is made", async () => server.connections === 1 && server.received.includes("CLIENT"));
      opening.abandon();
      expect(await failure).to.have.property("message", GIVEN_UP);
      await untilGone();
    });

    it("at its deadline leaves no socket", async () => {
      server.replies.set("CLIENT", "");
      const clock = new StoppedClock();
      const failure = failureOf(open({ clock, deadlineMs: 300 }).promise);
      await until("its name is told", async () => server.received.includes("CLIENT"));
      clock.expire();
      expect(await failure).to.include({ code: "CONNECTION_LOST", message: "No connection within 300 ms." });
      await untilGone();
    });
  });

  it("to one who was not meant is closed, and says why", async () => {
    const verify = () => Promise.reject(new Error("another one"));
    expect(await failureOf(open({ verify }).promise)).to.have.property("code", "CONNECTION_LOST");
    await untilGone();
  });

  describe("that is to be encrypted", () => {
    const certificate = makeCertificate();
    const encrypted = (ca: string | undefined) => ({ address: { ...PLAIN, tls: { ca } } });
    let guarded: ScriptedServer;
    beforeEach(async () => (guarded = await ScriptedServer.start({ tls: certificate })));
    afterEach(() => guarded.stop());
    const toGuarded = async () => ({ host: "127.0.0.1", port: guarded.port });

    it("is so, to a server that somebody vouches for who is trusted", async () => {
      const client: Client = await open(encrypted(certificate.cert), toGuarded).promise;
      expect(await client.sendCommand(["PING"])).to.equal("OK");
    });

    it("is not made to a server that nobody vouches for", async () => {
      for (const ca of [undefined, makeCertificate().cert])
        expect(await failureOf(open(encrypted(ca), toGuarded).promise)).to.include({
          code: "CONNECTION_LOST",
          message:
            "The server's certificate is refused, DEPTH_ZERO_SELF_SIGNED_CERT: nobody who is trusted vouches for it; REDIS_TLS_CA names a file of authorities to trust.",
        });
      expect(guarded.received).to.deep.equal([]);
    });

    it("is verified and no older than TLS 1.2, whatever the process's own defaults are", async () => {
      const module = await loadClient();
      let options: unknown;
      const RedisClient = new Proxy(module.RedisClient, {
        construct(target, args: [{ socket: unknown }]) {
          options = args[0].socket;
          return Reflect.construct(target, args) as object;
        },
      });
      const load = async () => ({ ...module, RedisClient });
      await open({ ...encrypted(certificate.cert), load }, toGuarded).promise;
      expect(options).to.include({ tls: true, rejectUnauthorized: true, minVersion: "TLSv1.2", ca: certificate.cert });
    });

    it("is not made to a server that does not encrypt, which gets to know nothing", async () => {
      const opening = open({ address: { ...PLAIN, password: "secret", tls: { ca: undefined } } });
      const failure = failureOf(opening.promise);
      await until("it is there", async () => server.connections === 1);
      server.cut();
      expect(await failure).to.have.property("code", "CONNECTION_LOST");
      expect(server.received).to.deep.equal([]);
    });
  });
});
