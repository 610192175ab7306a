import { setImmediate } from "node:timers/promises";
import { expect } from "chai";
import sinon from "sinon";
import {
  type JoinPoint,
  type MirrorJoinPoint,
  NoopSyncInterceptor,
  RedisMirrored,
  RedisRestored,
  type RestoreJoinPoint,
} from "redis-mirrored";
import { FakeRedis, installInterceptor } from "../support/containers.js";
import { decorate } from "../support/decorate.js";

const RECORD = "customInstructions";
const saving = (returned: unknown) => decorate(RedisMirrored(RECORD), (_value: unknown) => returned);
const loading = (load: () => unknown) => decorate(RedisRestored(RECORD, { adopt: () => {} }), load);

/** What nobody handles while this runs. Node ends a process for it, and so do these tests for all others. */
async function unhandledDuring(work: () => unknown): Promise<unknown[]> {
  const unhandled: unknown[] = [];
  const listeners = process.rawListeners("unhandledRejection") as NodeJS.UnhandledRejectionListener[];
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason) => void unhandled.push(reason));
  try {
    work();
    await setImmediate();
  } finally {
    process.removeAllListeners("unhandledRejection");
    for (const listener of listeners) process.on("unhandledRejection", listener);
  }
  return unhandled;
}

describe("the outcome of a mirrored method", () => {
  let redis: FakeRedis;
  beforeEach(() => (redis = new FakeRedis()));
  afterEach(() => redis[Symbol.dispose]());

  const saves = () => redis.service.status.saves;

  it("surfaces once if it is a rejection that the caller ignores, and not at all if the caller does not", async () => {
    const error = new Error("the disk is full");
    expect(await unhandledDuring(() => void saving(Promise.reject(error))("value"))).to.deep.equal([error]);
    const handled = () => void (saving(Promise.reject(error))("value") as Promise<unknown>).catch(() => {});
    expect(await unhandledDuring(handled)).to.deep.equal([]);
  });

  for (const [kind, wrap] of [
    ["an object", (then: unknown) => ({ then })],
    ["a function", (then: unknown) => Object.assign(() => {}, { then })],
  ] as const) {
    it(`is a success once a foreign thenable says so, and not before: ${kind}`, () => {
      const then = sinon.stub();
      const thenable = wrap(then);
      expect(saving(thenable)("value")).to.equal(thenable);
      expect([then.callCount, saves()]).to.deep.equal([1, 0]);
      then.firstCall.args[0]("done");
      expect(saves()).to.equal(1);
    });

    it(`is none where a foreign thenable fails: ${kind}`, () => {
      const then = sinon.stub();
      saving(wrap(then))("value");
      then.firstCall.args[1](new Error("the disk is full"));
      expect(saves()).to.equal(0);
    });
  }

  it("is not known where a foreign thenable throws instead of telling, and the caller sees nothing of that", () => {
    const thenable = { then: sinon.stub().throws() };
    expect(saving(thenable)("value")).to.equal(thenable);
    expect(saves()).to.equal(0);
  });

  const throwing = Object.defineProperty({}, "then", {
    get: () => {
      throw new Error("a getter");
    },
  });
  for (const [title, value] of [
    ["null", null],
    ["a text", "text"],
    ["an object", {}],
    ["a function", () => {}],
    ["an object with a `then` that is no function", { then: "later" }],
    ["an object with a `then` that throws", throwing],
  ] as const) {
    it(`is a success at once if it is ${title}`, () => {
      expect(saving(value)("value")).to.equal(value);
      expect(saves()).to.equal(1);
    });
  }

  it("is the method's very own where no mirror is installed", () => {
    redis[Symbol.dispose]();
    const promise = Promise.resolve("done");
    expect(saving(promise)("value")).to.equal(promise);
    expect(loading(() => promise)()).to.equal(promise);
  });
});

describe("an interceptor of the host's own, around one method", () => {
  const seen = (call: () => unknown) => {
    const around = sinon.stub().callsFake((joinPoint: JoinPoint) => joinPoint.proceed());
    using _installed = installInterceptor({ around });
    call();
    return around.firstCall.args[0] as JoinPoint;
  };

  it("sees which kind of call it is", () => {
    expect(seen(() => saving("saved")("value")).kind).to.equal("mirror");
    expect(seen(() => loading(() => "local")()).kind).to.equal("restore");
  });

  it("sees whether the result says what was written, and what it says", () => {
    const byResult = decorate(RedisMirrored(RECORD, { result: (_self, result) => `${result}!` }), () => "saved");
    const joinPoint = seen(() => byResult()) as MirrorJoinPoint;
    expect(joinPoint.isFromResult).to.equal(true);
    expect(joinPoint.mutationsFromResult("saved")).to.deep.equal([{ record: RECORD, value: "saved!" }]);

    const byArgument = seen(() => saving("saved")("value")) as MirrorJoinPoint;
    expect([byArgument.isFromResult, byArgument.mutationsFromResult("saved")]).to.deep.equal([false, []]);
    expect(byArgument.mutations()).to.deep.equal([{ record: RECORD, value: "value" }]);
  });

  it("hears of the success by all its listeners, although one throws", () => {
    const heard: unknown[] = [];
    const around = (joinPoint: JoinPoint) => {
      if (joinPoint.kind !== "mirror") return;
      joinPoint.onSucceeded(() => {
        throw new Error("a listener's own mistake");
      });
      joinPoint.onSucceeded((result) => heard.push(result));
    };
    using _installed = installInterceptor({ around });
    expect(saving("saved")("value")).to.equal("saved");
    expect(heard).to.deep.equal(["saved"]);
  });

  it("may answer a synchronous loader that it has not let run, and not one that it has", () => {
    const load = sinon.stub().returns("local");
    {
      using _installed = installInterceptor({ around: () => "answer" });
      expect([loading(load)(), load.callCount]).to.deep.equal(["answer", 0]);
    }
    using _installed = installInterceptor({
      around: (joinPoint) => {
        joinPoint.proceed();
        return "answer";
      },
    });
    expect([loading(load)(), load.callCount]).to.deep.equal(["local", 1]);
  });

  it("may have a synchronous loader answered later only in vain", async () => {
    const around = async (joinPoint: JoinPoint) => {
      joinPoint.proceed();
      throw new Error("later");
    };
    using _installed = installInterceptor({ around });
    expect(await unhandledDuring(() => expect(loading(() => "local")()).to.equal("local"))).to.deep.equal([]);
  });

  it("may look again at what the local store holds, of another object too", () => {
    const load = sinon.stub().returnsThis();
    const { reload } = seen(() => Reflect.apply(loading(load), "one", [])) as RestoreJoinPoint;
    expect([reload("other"), load.callCount]).to.deep.equal(["other", 2]);
  });

  it("sees of a loader that it reads nothing by itself", () => {
    const { advice } = seen(() => loading(() => "local")()) as RestoreJoinPoint;
    expect([advice.form, advice.read(undefined, RECORD, [])]).to.deep.equal(["loader", undefined]);
  });
});

describe("the no-op interceptor", () => {
  it("answers with what the method answers", () => {
    const joinPoint = { proceed: () => "answer" } as unknown as JoinPoint;
    expect(new NoopSyncInterceptor().around(joinPoint)).to.equal("answer");
  });
});
