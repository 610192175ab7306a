import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { expect } from "chai";
import { systemClock } from "#dist/sync/clock.js";
import { MirrorError } from "#dist/sync/errors.js";
import { NodeRedisGateway } from "#dist/sync/node-redis-gateway.js";
import type { RedisAddress } from "#dist/sync/redis-address.js";
import { locatePrimary } from "#dist/sync/sentinels.js";
import { UserKeys } from "#dist/sync/user-keys.js";
import { addressOf } from "../support/redis-address.js";
import { ScriptedServer } from "../support/scripted-server.js";
import { until } from "../support/until.js";

const MEBIBYTE = 2 ** 20;
const HURRIED = { connectMs: 5_000, commandMs: 5_000, perMebibyteMs: 8_000 };
const VERSION = "1700000000000-0000-me";
const FLOODED = "Redis answered with more than may be read.";
const KEY = { redisKey: "roo:a:x", ttlSeconds: 100 };
const WRITE = { ...KEY, value: "{}", version: VERSION, seen: undefined, keepsPrevious: false };
const MERGE = {
  ...KEY,
  version: VERSION,
  items: [{ id: "x", version: VERSION, seen: undefined, recency: 1, body: "{}" }],
  limit: 50,
  isClear: false,
  keepsPrevious: false,
};

/** Everything the mirror asks a server, each on a connection of its own. */
const QUESTIONS: Record<string, (address: RedisAddress) => Promise<unknown>> = {
  ...questions({
    connect: (gateway) => gateway.connect(),
    ping: (gateway) => gateway.ping(),
    write: (gateway) => gateway.write([WRITE, WRITE]),
    merge: (gateway) => gateway.merge([MERGE, MERGE]),
    read: (gateway) => gateway.read("a"),
    renew: (gateway) => gateway.renew([KEY, KEY]),
    readCollection: (gateway) => gateway.readCollection("roo:a:x"),
    readIndex: (gateway) => gateway.readIndex("roo:a:x"),
    readTombstones: (gateway) => gateway.readTombstones("roo:a:x", ["a", "b"]),
    renewCollections: (gateway) => gateway.renewCollections([KEY, KEY]),
    listKept: (gateway) => gateway.listKept("roo:a:x"),
    readKept: (gateway) => gateway.readKept("roo:a:x", VERSION),
    slotRanges: (gateway) => gateway.slotRanges(),
    watch: async (gateway) => (await gateway.watch({ onHint: () => {}, onLost: () => {} })).add("roo:a:"),
  }),
  "asking a sentinel": ({ port }) =>
    locatePrimary(
      { endpoints: [{ host: "127.0.0.1", port }], masterName: "m", username: undefined, password: undefined },
      undefined,
      HURRIED.connectMs,
      systemClock,
    ),
  "listing a user's keys": async (address) => {
    const keys = await UserKeys.open(address, "a", HURRIED);
    try {
      return await keys.list();
    } finally {
      keys.close();
    }
  },
};

function questions(asking: Record<string, (gateway: NodeRedisGateway) => Promise<unknown>>) {
  const entries = Object.entries(asking).map(([name, ask]) => {
    const askOnce = async (address: RedisAddress) => {
      const gateway = new NodeRedisGateway(address, HURRIED);
      try {
        return await ask(gateway);
      } finally {
        gateway.close();
      }
    };
    return [name, askOnce] as const;
  });
  return Object.fromEntries(entries);
}

/** Answers each command as the test says, or says so without end. */
class Liar {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  sentBytes = 0;

  private constructor(answer: string, isEndless: boolean) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      const say = () => {
        this.sentBytes += answer.length;
        return !socket.destroyed && socket.write(answer, "latin1");
      };
      const sayForEver = () => {
        while (say()) continue;
      };
      const answerEach = (commands: Buffer) => {
        for (const _command of commands.toString("latin1").matchAll(/^\*\d+\r$/gm)) say();
      };
      socket.on("error", () => {}).on("data", isEndless ? sayForEver : answerEach);
      if (isEndless) socket.on("drain", sayForEver);
    });
  }

  static async start(answer: string, { isEndless = false } = {}): Promise<Liar> {
    const liar = new Liar(answer, isEndless);
    liar.#server.listen(0, "127.0.0.1");
    await once(liar.#server, "listening");
    return liar;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

describe("a server that answers anything", () => {
  for (const [title, answer] of [
    ["arrays for which there is no memory", "*30000000\r\n".repeat(8)],
    ["arrays within arrays", "*1\r\n".repeat(100_000)],
    ["an array that is longer than any", "*99999999999999999999\r\n"],
    ["an array of less than nothing", "*-7\r\n"],
    ["a set, of another version of the protocol", "~30000000\r\n"],
    ["sizes that are none", "$:\r\n$9999\r\n*30000000\r\n"],
    ["another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n"],
    ["bytes", "\u0000\u00ff\u0007".repeat(100)],
    ["replies that nobody has asked for", "+OK\r\n".repeat(50)],
    ["nulls", "$-1\r\n"],
    ["an empty array", "*0\r\n"],
    ["arrays of what nobody expects", "*3\r\n*2\r\n:1\r\n$-1\r\n:-5\r\n$1\r\n\u00ff\r\n"],
    ["an error in the place of each part", "*2\r\n-WRONGTYPE x\r\n-NOPERM y\r\n"],
    ["numbers", ":9007199254740993\r\n"],
  ] as const) {
    it(`costs neither memory nor the process, and is no answer for ever: ${title}`, async () => {
      const liar = await Liar.start(answer);
      const before = process.memoryUsage().rss;
      try {
        for (const [name, ask] of Object.entries(QUESTIONS)) {
          // Whether that is an answer, some of these are; what is none is said in one way.
          const outcome = await ask(addressOf(liar.port)).catch((error: unknown) => error);
          if (outcome instanceof Error) expect(outcome, name).to.be.instanceOf(MirrorError);
        }
      } finally {
        await liar.stop();
      }
      expect(process.memoryUsage().rss - before).to.be.below(200 * MEBIBYTE);
    }).timeout(60_000);
  }

  for (const [name, ask] of Object.entries(QUESTIONS)) {
    it(`is not listened to without end: ${name}`, async () => {
      const liar = await Liar.start("a".repeat(MEBIBYTE), { isEndless: true });
      const beginning = await Liar.start(`$${512 * MEBIBYTE}\r\n`);
      try {
        for (const { port } of [liar, beginning]) {
          const failure = await ask(addressOf(port)).catch((error: unknown) => error);
          expect(failure).to.be.instanceOf(MirrorError);
          // A question to several, as to sentinels, says only that none of them has answered.
          if (name !== "asking a sentinel") expect(failure).to.have.property("message", FLOODED);
        }
        expect(liar.sentBytes).to.be.below(40 * MEBIBYTE);
      } finally {
        await liar.stop();
        await beginning.stop();
      }
    });
  }
});

describe("what a server says of others", () => {
  let scripted: ScriptedServer;
  beforeEach(async () => (scripted = await ScriptedServer.start()));
  afterEach(() => scripted.stop());

  const slots = (...ranges: string[]) => `*${ranges.length}\r\n${ranges.join("\r\n")}`;
  const range = (from: number, to: number, host: string, port: number) =>
    `*3\r\n:${from}\r\n:${to}\r\n*2\r\n$${host.length}\r\n${host}\r\n:${port}`;

  it("counts for a cluster's nodes where that can be true, and for nothing else", async () => {
    const good = range(0, 1, "10.0.0.1", 7_000);
    scripted.replies.set(
      "CLUSTER",
      slots(
        good,
        range(-1, 5, "10.0.0.1", 7_000),
        range(0, 16_384, "10.0.0.1", 7_000),
        range(0, 5, "10.0.0.1", 0),
        range(0, 5, "10.0.0.1", 65_536),
        range(0, 5, "a host\u001b[2J", 7_000),
        range(0, 5, "a".repeat(254), 7_000),
      ),
    );
    const gateway = new NodeRedisGateway(addressOf(scripted.port), HURRIED);
    try {
      expect(await gateway.slotRanges()).to.deep.equal([
        { from: 0, to: 1, primary: { host: "10.0.0.1", port: 7_000 } },
      ]);
      scripted.replies.set(
        "CLUSTER",
        slots(...Array.from({ length: 1_001 }, (_none, port) => range(0, 1, "a", port + 1))),
      );
      const failure = await gateway.slotRanges().catch((error: unknown) => error);
      expect(failure).to.include({ code: "NOT_SERVED", reply: "CLUSTERDOWN" });
    } finally {
      gateway.close();
    }
  });

  it("counts for a primary where that can be one", async () => {
    const sentinels = {
      endpoints: [{ host: "127.0.0.1", port: scripted.port }],
      masterName: "m",
      username: undefined,
      password: undefined,
    };
    const ask = () => locatePrimary(sentinels, undefined, HURRIED.connectMs, systemClock);
    scripted.replies.set("SENTINEL", "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n7001");
    expect(await ask()).to.deep.equal({ host: "127.0.0.1", port: 7_001 });
    for (const reply of [
      "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n70010",
      "*2\r\n$1\r\n \r\n$4\r\n7001",
      "*2\r\n:1\r\n:7001",
      "*1\r\n$1\r\na",
    ]) {
      scripted.replies.set("SENTINEL", reply.replace("70010", "99999"));
      expect(await ask().catch((error: unknown) => error), reply).to.have.property("code", "CONNECTION_LOST");
    }
  });

  it("ends a search whose place does not change, and one that finds too much", async () => {
    scripted.replies.set("SCAN", "*2\r\n$1\r\n7\r\n*1\r\n$7\r\nroo:a:x");
    const keys = await UserKeys.open(addressOf(scripted.port), "a", HURRIED);
    try {
      expect((await keys.list()).keys).to.have.length(1);
      expect(scripted.received.filter((name) => name === "SCAN")).to.have.length(2);
    } finally {
      keys.close();
    }
  });

  it("is heard as long as it hints, and not when it floods", async () => {
    scripted.replies.set("PSUBSCRIBE", "*3\r\n$10\r\npsubscribe\r\n$7\r\nroo:a:*\r\n:1");
    const hints: string[] = [];
    let losses = 0;
    const gateway = new NodeRedisGateway(addressOf(scripted.port), HURRIED);
    const watch = await gateway.watch({ onHint: (redisKey) => hints.push(redisKey), onLost: () => losses++ });
    try {
      await watch.add("roo:a:");
      const message = (payload: string) =>
        `*4\r\n$8\r\npmessage\r\n$7\r\nroo:a:*\r\n$7\r\nroo:a:x\r\n$${payload.length}\r\n${payload}`;
      // Each for itself is small: they may go on for ever.
      for (let times = 0; times < 80; times++) scripted.say(message("w".repeat(MEBIBYTE)));
      await until("they are heard", async () => hints.length === 80);
      expect(losses).to.equal(0);
      scripted.say(`*4\r\n$8\r\npmessage\r\n$7\r\nroo:a:*\r\n$7\r\nroo:a:x\r\n$${512 * MEBIBYTE}\r\n`);
      await until("it is given up", async () => losses === 1);
    } finally {
      watch.close();
      gateway.close();
    }
  });
});
