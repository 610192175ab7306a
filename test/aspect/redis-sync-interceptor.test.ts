import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect } from "chai";
import sinon from "sinon";
import {
  type MirrorEvents,
  type MirrorJoinPoint,
  type Mutation,
  RedisMirrored,
  RedisRestored,
  type RestoredOptions,
  type RestoreJoinPoint,
  type SyncInterceptor,
  TOKENS,
} from "redis-mirrored";
import { systemClock } from "#dist/sync/clock.js";
import { FakeRedis } from "../support/containers.js";
import { decorate } from "../support/decorate.js";
import { untilSoon } from "../support/turns.js";

const RECORD = "customInstructions";
const HISTORY = "taskHistory";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Saves what it is told to, and within that calls another such method. */
const saveAround = decorate(
  RedisMirrored((mutation: Mutation | undefined) => mutation),
  function save(_mutation: Mutation | undefined, ...inner: (Mutation | undefined)[]): void {
    if (inner.length > 0) saveAround(inner[0], ...inner.slice(1));
  },
);

describe("the interceptor of the mirror", () => {
  let redis: FakeRedis;
  let user: string | undefined;
  let dropped: MirrorEvents["dropped"][0][];
  let unreadable: MirrorEvents["unreadable"][0][];
  beforeEach(() => begin());
  afterEach(() => redis[Symbol.dispose]());

  function begin(options?: ConstructorParameters<typeof FakeRedis>[0]): void {
    user = "alice";
    redis = new FakeRedis(options);
    dropped = [];
    unreadable = [];
    redis.service.on("dropped", (drop) => void dropped.push(drop));
    redis.service.on("unreadable", (value) => void unreadable.push(value));
  }

  const saves = () => redis.service.status.saves;
  const interceptor = (): SyncInterceptor => redis.container.get(TOKENS.SyncInterceptor);
  const mirrored = (record: string, value: unknown, ofUser = "alice") =>
    redis.gateway.store.set(`roo:${ofUser}:${record}`, JSON.stringify(value));
  const restoring = (options: Partial<RestoredOptions>, load: (this: any, ...args: any[]) => unknown) =>
    decorate(RedisRestored(RECORD, { adopt: () => {}, ...options }), load);

  describe("of a save within a save", () => {
    const value = { text: "value" };
    const outer: Mutation = { record: RECORD, value };

    it("takes what both save once", () => {
      saveAround(outer, outer);
      expect(saves()).to.equal(1);
    });

    for (const [title, inner] of [
      ["another value", { ...outer, value: { text: "value" } }],
      ["another record", { ...outer, record: HISTORY, value: [] }],
      ["another user's record", { ...outer, userId: "bob" }],
      ["nothing", undefined],
    ] as const) {
      it(`takes what the outer one saves although the inner one saves ${title}`, async () => {
        saveAround(outer, inner);
        expect(saves()).to.equal(inner === undefined ? 1 : 2);
        expect(await redis.stored(RECORD)).to.deep.equal(value);
      });
    }

    it("takes the same value for another record", () => {
      const list = [{ id: "a", ts: 1 }];
      saveAround({ record: RECORD, value: list }, { record: HISTORY, value: list });
      expect(saves()).to.equal(2);
    });

    it("knows what a save further within has saved, after others", () => {
      saveAround(outer, { record: HISTORY, value: [] }, outer);
      expect(saves()).to.equal(2);
    });

    it("takes it again when it is saved again", () => {
      saveAround(undefined, outer, outer);
      saveAround(outer, outer);
      expect(saves()).to.equal(2);
    });

    it("keeps nothing of what was saved", async () => {
      const saved = (() => {
        const object = { text: "garbage" };
        const mutation: Mutation = { record: "not in the catalogue", value: object };
        saveAround(undefined, mutation, mutation);
        saveAround(mutation, mutation);
        return new WeakRef(object);
      })();
      await setImmediate();
      collectGarbage();
      expect(saved.deref()).to.equal(undefined);
    });
  });

  describe("of a save of several records", () => {
    it("gives each of them the value, for the user that is named", async () => {
      const save = decorate(RedisMirrored([RECORD, "customModes"], { userId: () => "bob" }), (_value: unknown) => {});
      save("value");
      expect([await redis.stored(RECORD, "bob"), await redis.stored("customModes", "bob")]).to.deep.equal(
        Array(2).fill("value"),
      );
    });

    it("takes each of them from the selector", async () => {
      const setValues = decorate(
        RedisMirrored((values: object) => Object.entries(values).map(([record, value]) => ({ record, value }))),
        (_values: object) => {},
      );
      setValues({ [RECORD]: "text", openAiApiKey: "sk-canary", customModes: ["a"] });
      expect(saves()).to.equal(2);
      expect([await redis.stored(RECORD), await redis.stored("customModes")]).to.deep.equal(["text", ["a"]]);
      setValues({});
      expect(saves()).to.equal(2);
    });

    it("reads a value or a result by a method that is named, with what the function would get", async () => {
      const self = { text: "text", all: (...args: unknown[]) => [self.text, ...args] };
      const save = decorate(RedisMirrored(RECORD, { value: "all" }), (_a: number, _b: number) => "result");
      Reflect.apply(save, self, [1, 2]);
      expect(await redis.stored(RECORD)).to.deep.equal(["text", 1, 2]);
      const upsert = decorate(RedisMirrored(RECORD, { result: "all" }), async (_item: number) => "result");
      await Reflect.apply(upsert, self, [1]);
      expect(await redis.stored(RECORD)).to.deep.equal(["text", "result"]);
    });
  });

  describe("of a save that is none", () => {
    it("says nothing where the selector says that there is nothing to mirror", () => {
      saveAround(undefined);
      expect([saves(), dropped]).to.deep.equal([0, []]);
    });

    it("counts nothing where the result is of nobody or of a record that is not mirrored", () => {
      const byResult = (record: string, userId?: () => undefined) =>
        decorate(RedisMirrored(record, { result: () => "value", ...(userId && { userId }) }), () => "done")();
      byResult("openAiApiKey");
      byResult(RECORD, () => undefined);
      expect([saves(), dropped]).to.deep.equal([0, []]);
      byResult(RECORD);
      expect(saves()).to.equal(1);
    });

    it("is refused where a value is a promise, whose rejection is nobody's", async () => {
      const self = { text: () => Promise.reject(new Error("sk-canary")) };
      const save = decorate(RedisMirrored(RECORD, { value: "text" }), function saveSettings() {});
      Reflect.apply(save, self, []);
      expect(dropped.map(({ record, reason }) => [record, reason])).to.deep.equal([["saveSettings", "selector"]]);
      await setImmediate();
    });

    it("names the method whose selector threw", () => {
      const failing = decorate(
        RedisMirrored(() => {
          throw new Error("sk-canary");
        }),
        function saveSettings() {},
      );
      failing();
      expect(dropped).to.deep.equal([
        {
          userId: undefined,
          record: "saveSettings",
          reason: "selector",
          detail: "a selector of `saveSettings` threw",
        },
      ]);
    });

    it("does not throw, whatever the call says that it writes, also while a restore waits", async () => {
      redis.gateway.alwaysSilent();
      void restoring({}, async () => undefined)();
      await untilSoon(() => redis.gateway.connectAttempts > 0);
      for (const mutation of [undefined, { record: "openAiApiKey", value: 1 }, { record: RECORD, value: undefined }]) {
        const call: Partial<MirrorJoinPoint> = {
          kind: "mirror",
          method: "save",
          isFromResult: false,
          proceed: () => "done",
          mutations: () => (mutation === undefined ? [] : [mutation]),
          onSucceeded: () => {},
          onFailed: () => {},
        };
        expect(interceptor().around(call as MirrorJoinPoint)).to.equal("done");
      }
    });

    it("asks once for each save who is signed in", () => {
      const userId = sinon.stub().returns("alice");
      redis[Symbol.dispose]();
      begin({ userId });
      saveAround({ record: RECORD, value: 1 });
      saveAround({ record: RECORD, value: 2 });
      expect(userId.callCount).to.equal(2);
    });
  });

  describe("of a restore", () => {
    it("says nothing where the mirror has nothing either, and the loader answers as it would", async () => {
      expect(await restoring({}, async () => undefined)()).to.equal(undefined);
      expect(unreadable).to.deep.equal([]);
    });

    it("answers by itself with what the loader found, and with what was adopted in its stead", async () => {
      const around = (local: unknown) => {
        const call: Partial<RestoreJoinPoint> = {
          kind: "restore",
          target: {},
          args: [],
          proceed: () => Promise.resolve(local),
          advice: {
            records: [RECORD],
            form: "loader",
            isEmpty: (value) => value === undefined,
            read: () => undefined,
            adopt: () => {},
            userId: undefined,
          },
        };
        return interceptor().around(call as RestoreJoinPoint);
      };
      expect(await around("local")).to.equal("local");
      mirrored(RECORD, "mirrored");
      expect(await around(undefined)).to.equal("mirrored");
    });

    it("does not ask again for 30 s where the mirror had nothing", async () => {
      const clock = sinon.useFakeTimers({ toFake: ["performance"] });
      try {
        const load = restoring({}, async () => undefined);
        await load();
        mirrored(RECORD, "mirrored");
        mirrored(HISTORY, [{ id: "a", ts: 1 }]);
        clock.tick(29_999);
        expect([await load(), redis.gateway.reads]).to.deep.equal([undefined, 1]);
        const another = decorate(RedisRestored(HISTORY, { adopt: () => {} }), async () => undefined);
        expect(await another()).to.deep.equal([{ id: "a", ts: 1 }]);
        clock.tick(1);
        expect(await load()).to.equal("mirrored");
      } finally {
        clock.restore();
      }
    });

    it("leaves alone what a call around it is just saving, and after that what is deleted", async () => {
      mirrored(RECORD, "mirrored");
      const adopt = sinon.spy();
      const initialize = restoring({ adopt }, async () => undefined);
      const reset = decorate(RedisMirrored([RECORD, HISTORY], { value: () => undefined }), async () => {
        await setImmediate();
        await initialize();
      });
      await reset();
      await initialize();
      expect([adopt.callCount, redis.gateway.reads]).to.deep.equal([0, 0]);
    });

    it("goes on where the call that was saving it has failed", async () => {
      mirrored(RECORD, "mirrored");
      const load = restoring({}, async () => undefined);
      const disk = new Error("the disk is full");
      for (const failed of [
        Promise.reject(disk),
        { then: (_ok: unknown, fail: (error: Error) => void) => fail(disk) },
      ]) {
        const save = decorate(RedisMirrored(RECORD), (_value: unknown) => failed);
        const saving = save("value") as PromiseLike<unknown>;
        await saving.then(undefined, () => {});
        expect(await load()).to.equal("mirrored");
      }
    });

    it("asks the host's `isEmpty` with the object", async () => {
      mirrored(RECORD, "mirrored");
      const self = { defaults: { name: "default" } };
      const isEmpty = (value: unknown, host: typeof self) => value === host.defaults;
      const load = restoring({ isEmpty }, async function (this: typeof self) {
        return this.defaults;
      });
      expect(await Reflect.apply(load, self, [])).to.equal("mirrored");
    });

    it("fills what was found empty, and not what the same object has shown before: that was emptied", async () => {
      mirrored(RECORD, "mirrored");
      const local = { value: "local" as unknown };
      const load = restoring({}, async () => local.value);
      const [first, second] = [{}, {}];
      expect(await Reflect.apply(load, first, [])).to.equal("local");
      local.value = undefined;
      expect(await Reflect.apply(load, first, [])).to.equal(undefined);
      expect(await Reflect.apply(load, second, [])).to.equal("mirrored");
      expect(await Reflect.apply(load, second, [])).to.equal(undefined);
    });

    for (const [who, meanwhile] of [
      ["nobody", undefined],
      ["another one", "bob"],
    ] as const) {
      it(`fills it again for somebody who signs in once more, after ${who}`, async () => {
        redis[Symbol.dispose]();
        begin({ userId: () => user });
        mirrored(RECORD, "mirrored");
        const self = { local: undefined as unknown };
        const adopt = (host: typeof self, value: unknown) => (host.local = value);
        const load = restoring({ adopt }, async function (this: typeof self) {
          return this.local;
        });
        expect(await Reflect.apply(load, self, [])).to.equal("mirrored");
        self.local = undefined;
        user = meanwhile;
        expect(await Reflect.apply(load, self, [])).to.equal(undefined);
        user = "alice";
        await Reflect.apply(load, self, []);
        expect(self.local).to.equal("mirrored");
      });
    }

    it("remembers of each user what was full where the call says whose it is", async () => {
      mirrored(RECORD, "of alice");
      mirrored(RECORD, "of bob", "bob");
      const load = restoring({ userId: (_self, owner: string) => owner }, async () => undefined);
      const self = {};
      expect(await Reflect.apply(load, self, ["alice"])).to.equal("of alice");
      expect(await Reflect.apply(load, self, ["bob"])).to.equal("of bob");
      expect(await Reflect.apply(load, self, ["alice"])).to.equal(undefined);
    });

    it("asks again as soon as Redis has answered, where it was silent before", async () => {
      mirrored(RECORD, "mirrored");
      const load = restoring({}, async () => undefined);
      redis.gateway.alwaysSilent();
      expect(await load()).to.equal(undefined);
      redis.gateway.heal();
      await redis.service.get({ userId: "alice", record: "customModes" });
      expect(await load()).to.equal("mirrored");
    });

    it("leaves a loader its own answer where it does not come to an end when it is asked once more", async () => {
      const clock = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
      try {
        const ofProject = { slug: "a", source: "project" };
        mirrored("customModes", [{ slug: "b" }]);
        let runs = 0;
        const load = decorate(RedisRestored("customModes", { adopt: () => {} }), async () =>
          runs++ === 0 ? [ofProject] : new Promise(() => {}),
        );
        const loaded = load();
        await clock.tickAsync(2_000);
        expect(await loaded).to.deep.equal([ofProject]);
      } finally {
        clock.restore();
      }
    });

    it("does not take what the user has no part in for the user's own", async () => {
      const ofProject = { slug: "a", source: "project" };
      mirrored("customModes", [{ slug: "b" }]);
      const local: unknown[] = [ofProject];
      const options = { adopt: (_self: unknown, modes: unknown[]) => local.push(...modes) };
      const load = decorate(RedisRestored("customModes", options), async () => [...local]);
      expect(await load()).to.deep.equal([ofProject, { slug: "b" }]);
    });

    it("reads and adopts by methods that are named", async () => {
      mirrored(RECORD, "mirrored");
      mirrored(HISTORY, [{ id: "a", ts: 1 }]);
      class Store extends Map<string, unknown> {}
      const store = new Store();
      const initialize = decorate(RedisRestored([RECORD, HISTORY], { read: "get", adopt: "set" }), async () => "done");
      expect(await Reflect.apply(initialize, store, [])).to.equal("done");
      expect(Object.fromEntries(store)).to.deep.equal({ [RECORD]: "mirrored", [HISTORY]: [{ id: "a", ts: 1 }] });
    });

    it("reads from a property that holds the values by record", async () => {
      mirrored(RECORD, "mirrored");
      mirrored(HISTORY, [{ id: "a", ts: 1 }]);
      const self = { cache: { [HISTORY]: [{ id: "b", ts: 2 }] } as Record<string, unknown>, set: sinon.spy() };
      const initialize = decorate(RedisRestored([RECORD, HISTORY], { read: "cache", adopt: "set" }), async () => {});
      await Reflect.apply(initialize, self, []);
      expect(self.set.args).to.deep.equal([[RECORD, "mirrored"]]);
    });

    it("counts a value as absent where the object has no method of the name", async () => {
      mirrored(RECORD, "mirrored");
      expect(
        await Reflect.apply(
          restoring({ adopt: "store" }, async () => undefined),
          {},
          [],
        ),
      ).to.equal(undefined);
      expect(unreadable).to.deep.equal([{ userId: "alice", record: RECORD, detail: "It could not be adopted." }]);
    });

    it("is of the user that the decorator names, whoever is signed in", async () => {
      mirrored(RECORD, "of alice");
      mirrored(RECORD, "of bob", "bob");
      const userId = (self: { owner: string }, suffix: string) => self.owner + suffix;
      const load = restoring({ userId }, async () => undefined);
      expect(await Reflect.apply(load, { owner: "bo" }, ["b"])).to.equal("of bob");
    });

    it("of one record may read it beside the method, whose answer is then its own", async () => {
      mirrored(RECORD, "mirrored");
      const self = { local: undefined as unknown };
      const initialize = restoring(
        {
          read: (host: typeof self, suffix: string) => host.local && `${String(host.local)}${suffix}`,
          adopt: (host: typeof self, value) => (host.local = value),
        },
        async () => "initialized",
      );
      expect(await Reflect.apply(initialize, self, ["!"])).to.equal("initialized");
      expect(self.local).to.equal("mirrored");

      Object.assign(self, { local: "changed here" });
      expect(await Reflect.apply(initialize, self, ["!"])).to.equal("initialized");
      expect([self.local, redis.gateway.reads]).to.deep.equal(["changed here", 1]);
    });

    it("leaves empty what was emptied here, although the mirror has not heard of it", async () => {
      mirrored(RECORD, "mirrored");
      sinon.stub(redis.service, "isCleared").returns(true);
      const adopt = sinon.spy();
      expect(await restoring({ adopt }, async () => undefined)()).to.equal(undefined);
      expect([redis.gateway.reads, adopt.callCount]).to.deep.equal([1, 0]);
    });

    it("of several records leaves the answer to the method also where the first was adopted", async () => {
      mirrored(RECORD, "mirrored");
      const local = new Map<string, unknown>();
      const options = {
        read: (_self: unknown, record: string) => local.get(record),
        adopt: (_self: unknown, record: string, value: unknown) => local.set(record, value),
      };
      const initialize = decorate(RedisRestored([RECORD, HISTORY], options), async () => "initialized");
      expect(await initialize()).to.equal("initialized");
      expect([...local]).to.deep.equal([[RECORD, "mirrored"]]);
    });

    it("is not overtaken by a save of another record", async () => {
      mirrored(RECORD, "mirrored");
      const loaded = restoring({}, async () => undefined)();
      await untilSoon(() => redis.gateway.reads > 0);
      saveAround({ record: HISTORY, value: [] });
      expect(await loaded).to.equal("mirrored");
    });

    it("lets the process live for as long as the host adopts", async () => {
      const unref = sinon.spy();
      const setTimeout = sinon.stub(systemClock, "setTimeout").returns({ unref });
      try {
        mirrored(RECORD, "mirrored");
        let unrefsBefore = -1;
        const adopt = () => void (unrefsBefore = unref.callCount);
        await restoring({ adopt }, async () => undefined)();
        const ofAdopting = setTimeout.args.findIndex(([, delayMs]) => delayMs === 2_000);
        expect([ofAdopting >= 0, unref.callCount]).to.deep.equal([true, unrefsBefore]);
      } finally {
        setTimeout.restore();
      }
    });
  });

  describe("of a restore that finds nobody signed in", () => {
    /** Where each restored value went. */
    let adopted: [self: unknown, value: unknown][];
    beforeEach(() => {
      adopted = [];
      redis[Symbol.dispose]();
      begin({ userId: () => user });
      user = undefined;
      mirrored(RECORD, "mirrored");
    });

    const adopt = (self: unknown, value: unknown) => void adopted.push([self, value]);

    async function signIn(): Promise<void> {
      user = "alice";
      saveAround(undefined);
      // A read is a few turns, and nothing tells that there is none.
      for (let turn = 0; turn < 10; turn++) await setImmediate();
    }

    it("makes up for it at the sign-in, however many calls there were before", async () => {
      const self = {};
      await Reflect.apply(
        restoring({ adopt }, async () => undefined),
        self,
        [],
      );
      for (let call = 0; call < 3; call++) saveAround(undefined);
      await setImmediate();
      await signIn();
      expect(adopted).to.deep.equal([[self, "mirrored"]]);
    });

    it("makes up for each object and each of its methods once", async () => {
      const [one, other] = [{ name: "one" }, { name: "other" }];
      const [load, reload] = [restoring({ adopt }, async () => undefined), restoring({ adopt }, async () => undefined)];
      for (const self of [one, other, one, other])
        for (const method of [load, reload]) await Reflect.apply(method, self, []);
      await signIn();
      const names = adopted.map(([self]) => (self as { name: string }).name);
      expect(names.sort()).to.deep.equal(["one", "one", "other", "other"]);
      await signIn();
      expect(adopted).to.have.lengthOf(4);
    });

    it("makes up for a static method, too", async () => {
      class Host {}
      await Reflect.apply(
        restoring({ adopt }, async () => undefined),
        Host,
        [],
      );
      await signIn();
      expect(adopted).to.deep.equal([[Host, "mirrored"]]);
    });

    for (const self of [undefined, null, 5, "text"]) {
      it(`leaves alone a method that is called on ${JSON.stringify(self)}`, async () => {
        const call: Partial<RestoreJoinPoint> = {
          kind: "restore",
          target: self,
          args: [],
          proceed: () => Promise.resolve("local"),
          advice: {
            records: [RECORD],
            form: "loader",
            isEmpty: () => true,
            read: () => undefined,
            adopt: () => {},
            userId: undefined,
          },
        };
        expect(await interceptor().around(call as RestoreJoinPoint)).to.equal("local");
      });
    }

    it("asks Redis for nothing where the decorator still names nobody", async () => {
      await Reflect.apply(
        restoring({ adopt, userId: () => undefined }, async () => undefined),
        {},
        [],
      );
      await signIn();
      expect([redis.gateway.reads, adopted]).to.deep.equal([0, []]);
    });

    it("does not keep the object alive, nor run its method without it", async () => {
      const selves: unknown[] = [];
      const load = restoring({ adopt }, async function (this: unknown) {
        selves.push(typeof this);
        return undefined;
      });
      const [target, argument] = await (async () => {
        const [self, arg] = [{}, {}];
        await Reflect.apply(load, self, [arg]);
        return [new WeakRef(self), new WeakRef(arg)];
      })();
      await setImmediate();
      collectGarbage();
      expect(target.deref()).to.equal(undefined);
      // What is known of it goes with the next one that waits.
      const living = {};
      await Reflect.apply(load, living, []);
      await setImmediate();
      collectGarbage();
      expect(argument.deref()).to.equal(undefined);
      await signIn();
      expect(adopted).to.deep.equal([[living, "mirrored"]]);
      expect(selves).to.deep.equal(["object", "object", "object"]);
    });

    it("does not run its method without it at the sign-in either", async () => {
      const selves: unknown[] = [];
      const load = restoring({ adopt }, async function (this: unknown) {
        selves.push(typeof this);
        return undefined;
      });
      await (async () => void (await Reflect.apply(load, {}, [])))();
      await setImmediate();
      collectGarbage();
      await signIn();
      expect(selves).to.deep.equal(["object"]);
    });
  });

  it("leaves a rejection to the caller although the host's user function throws, and doubles it not", async () => {
    let isThrowing = false;
    const throwing = () => {
      if (isThrowing) throw new Error("who?");
      return undefined;
    };
    using awaiting = new FakeRedis({ userId: throwing });
    expect(awaiting.service.status.state).to.equal("connecting");
    const load = decorate(RedisRestored(RECORD, { adopt: () => {} }), async () => undefined);
    const fail = decorate(RedisRestored(RECORD, { adopt: () => {} }), () => Promise.reject(new Error("disk")));
    const host = {};
    await load.call(host);
    isThrowing = true;
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    const message = await Promise.resolve(fail.call(host)).catch((error: Error) => error.message);
    await setImmediate();
    process.off("unhandledRejection", note);
    expect([message, unhandled]).to.deep.equal(["disk", []]);
  });
});
