import { connect } from "node:net";
import { once } from "node:events";
import { expect } from "chai";
import { measureHeapGrowth } from "../../bench/heap.js";
import { countHoldings } from "../../bench/resources/holdings.js";
import { type ManyUsersLoad, measureManyUsers } from "../../bench/resources/many-users.js";
import { leftBehind } from "../../bench/resources/print-reconnects.js";
import { brokenBySize } from "../../bench/resources/print-sizes.js";
import { MAX_ADDED_MS } from "../../bench/resources/print-stalls.js";
import { brokenByUsers } from "../../bench/resources/print-users.js";
import { measureReconnects } from "../../bench/resources/reconnects.js";
import { measureSize, SIZE_CASES } from "../../bench/resources/sizes.js";
import { measureStalls, STALL_LOADS } from "../../bench/resources/stalls.js";
import { exposeGc } from "../support/expose-gc.js";
import { RedisServer } from "../support/redis-server.js";

// A share of what `npm run bench:resources` measures in full.
describe("what the mirror takes of a process", () => {
  before(() => exposeGc());

  describe("reconnects", () => {
    for (const name of ["mirror", "gateway alone"] as const) {
      it(`leave nothing behind: 300 of the ${name}`, async function () {
        this.timeout(60_000);
        const result = await measureReconnects(name, 300);
        expect(result.connections).to.be.at.least(300);
        expect(result.before.connectionsOnServer).to.equal(1);
        expect(leftBehind(result)).to.deep.equal([]);
      });
    }

    it("would be noticed if they left sockets, timers, listeners or promises behind", async function () {
      this.timeout(30_000);
      const server = await RedisServer.start();
      // Ten of each: what earlier tests have let go of may be collected meanwhile.
      const ten = <T>(make: () => T) => Array.from({ length: 10 }, make);
      const before = await countHoldings();
      const sockets = ten(() => connect(server.port, "127.0.0.1").unref());
      const timers = ten(() => setTimeout(() => {}, 60_000).unref());
      const listeners = ten(() => () => {});
      const promises = ten(() => new Promise(() => {}));
      try {
        await Promise.all(sockets.map((socket) => once(socket, "connect")));
        for (const listener of listeners) process.on("worker", listener);
        const after = await countHoldings();
        for (const name of ["sockets", "emitters", "timers", "processListeners", "functions", "promises"] as const)
          expect(after[name] - before[name], name).to.be.above(5);
        expect(promises).to.have.lengthOf(10);
      } finally {
        for (const listener of listeners) process.off("worker", listener);
        for (const timer of timers) clearTimeout(timer);
        for (const socket of sockets) socket.destroy();
        await server.kill();
      }
    });
  });

  it("grows the heap by less than 5 MB over 100,000 saves of 50 users into a black hole", async function () {
    this.timeout(60_000);
    const growth = await measureHeapGrowth({ saves: 100_000, users: 50, records: ["customInstructions"] });
    expect(growth).to.be.below(5_000_000);
  });

  describe("a value", () => {
    for (const sizeCase of SIZE_CASES.filter(({ name }) => name !== "history of 50 × 5 MB")) {
      it(`of ${sizeCase.name} ${sizeCase.promised === "arrives" ? "arrives" : "is refused, with a report a save and one log line"}, and the others go on`, async function () {
        this.timeout(30_000);
        expect(brokenBySize(sizeCase, await measureSize(sizeCase))).to.deep.equal([]);
      });
    }
  });

  describe("20,000 users of one process, a save each", () => {
    const cases: readonly (ManyUsersLoad & { readonly title: string })[] = [
      {
        title: "in one go: the newest 10,000 arrive, the others are reported, in one log line",
        users: 20_000,
        redis: "up",
      },
      { title: "in one go while Redis is down: the same, within the same memory", users: 20_000, redis: "down" },
      {
        title: "spread in time: all of them arrive",
        users: 20_000,
        redis: "up",
        usersPerWindow: 500,
        timings: { batchWindowMs: 50 },
      },
    ];
    for (const { title, ...load } of cases) {
      it(title, async function () {
        this.timeout(60_000);
        expect(brokenByUsers(load, await measureManyUsers(load))).to.deep.equal([]);
      });
    }

    it("cost each of them but a few times what a save costs where users are few", async function () {
      this.timeout(60_000);
      const costOf = async (users: number) => (await measureManyUsers({ users, redis: "up" })).saveMicroseconds;
      // The first of them compile what they run.
      const few: number[] = [];
      for (let run = 0; run < 6; run++) few.push(await costOf(100));
      expect((await costOf(10_000)) / Math.min(...few)).to.be.below(20);
    });
  });

  describe("the event loop", () => {
    it("is kept but a few milliseconds longer by an encrypted record of 400 KB", async function () {
      this.timeout(60_000);
      const load = STALL_LOADS.find(({ record }) => record === "provider")!;
      const stalls = await measureStalls(load, { seconds: 2, intervalMs: 100 });
      expect(stalls.arrived).to.be.above(0);
      expect(stalls.mirrored.busyDelays.p99 - stalls.noop.busyDelays.p99).to.be.below(2 * MAX_ADDED_MS);
    });

    for (const load of STALL_LOADS.filter(({ record }) => record === "taskHistory").slice(0, 2)) {
      it(`is kept but a few milliseconds longer than without the mirror: ${load.name}`, async function () {
        this.timeout(60_000);
        const stalls = await measureStalls(load, { seconds: 2, intervalMs: 100 });
        expect(load.fault === undefined ? stalls.arrived : stalls.failed).to.be.above(0);
        // Ten saves a second are more than one in a hundred of the samples, so each of them shows at p99, and a machine
        // that is busy with something else does not.
        expect(stalls.mirrored.busyDelays.p99 - stalls.noop.busyDelays.p99).to.be.below(MAX_ADDED_MS);
      });
    }
  });
});
