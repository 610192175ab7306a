import { expect } from "chai";
import fc from "fast-check";
import { Container } from "inversify";
import { type JoinPoint, NoopSyncInterceptor, useContainer } from "redis-mirrored";
import { FakeRedis, installInterceptor } from "../support/containers.js";
import type { Script } from "./decorated.js";
import { DIALECTS } from "./dialects.js";
import { METHODS, observe } from "./observation.js";

const late = async (joinPoint: JoinPoint) => {
  await Promise.resolve();
  return joinPoint.proceed();
};

/** Each makes decorators find a mirror in some state, until it is disposed of. */
const MIRRORS: Record<string, () => Disposable> = {
  none: () => ({ [Symbol.dispose]: () => {} }),
  "no-op": () => installInterceptor(new NoopSyncInterceptor()),
  healthy: () => new FakeRedis(),
  down: () => withGateway((redis) => redis.gateway.alwaysDown()),
  "black hole": () => withGateway((redis) => redis.gateway.alwaysSilent()),
  refusing: () => withGateway((redis) => redis.gateway.alwaysRefuse("OOM")),
  "an interceptor that throws": () => installInterceptor({ around: () => raise("interceptor") }),
  "an interceptor that throws after the call": () =>
    installInterceptor({ around: (joinPoint) => raise(String(joinPoint.proceed())) }),
  "an interceptor that rejects": () => installInterceptor({ around: () => Promise.reject(new Error("interceptor")) }),
  "an interceptor that never proceeds": () => installInterceptor({ around: () => undefined }),
  "an interceptor that proceeds twice": () =>
    installInterceptor({ around: (joinPoint) => [joinPoint.proceed(), joinPoint.proceed()] }),
  "an interceptor that proceeds late": () => installInterceptor({ around: late }),
  "an interceptor that returns something else": () =>
    installInterceptor({
      around: (joinPoint) => {
        joinPoint.proceed();
        return "something else";
      },
    }),
  "a container without an interceptor": () => useContainer(new Container()),
};

function withGateway(prepare: (redis: FakeRedis) => unknown): FakeRedis {
  const redis = new FakeRedis();
  prepare(redis);
  return redis;
}

function raise(message: string): never {
  throw new Error(message);
}

for (const [dialect, { Bare, Decorated }] of DIALECTS) {
  describe(`a decorated method, ${dialect}`, () => {
    for (const [mirror, install] of Object.entries(MIRRORS)) {
      it(`is indistinguishable from the bare one with ${mirror}`, async () => {
        const installed = install();
        try {
          await fc.assert(
            fc.asyncProperty(
              fc.constantFrom(...METHODS),
              fc.constantFrom("return" as const, "throw" as const),
              fc.oneof(fc.jsonValue(), fc.anything(), fc.constant(new Error("the host's own"))),
              fc.array(fc.oneof(fc.jsonValue(), fc.anything()), { maxLength: 3 }),
              async (method, outcome, value, args) => {
                const script = (): Script => ({ outcome, value, seen: [] });
                const isStatic = method === "static";
                const bare = await observe(isStatic ? Bare : new Bare(), method, script(), args);
                const decorated = await observe(isStatic ? Decorated : new Decorated(), method, script(), args);
                expect(decorated).to.deep.equal(bare);
                expect(decorated.seen).to.have.lengthOf(1);
              },
            ),
            { numRuns: 150 },
          );
        } finally {
          installed[Symbol.dispose]();
        }
      });
    }

    it("keeps its name, its length and its attributes, and cannot be constructed", () => {
      for (const method of METHODS) {
        const [bareOwner, decoratedOwner] =
          method === "static" ? [Bare, Decorated] : [Bare.prototype, Decorated.prototype];
        const { value: bare, ...bareAttributes } = Object.getOwnPropertyDescriptor(bareOwner, method)!;
        const { value: decorated, ...attributes } = Object.getOwnPropertyDescriptor(decoratedOwner, method)!;
        expect({ name: decorated.name, length: decorated.length, ...attributes }).to.deep.equal({
          name: bare.name,
          length: bare.length,
          ...bareAttributes,
        });
        expect(() => Reflect.construct(decorated, [])).to.throw(TypeError);
      }
    });

    it("gives back a foreign thenable as the same object", () => {
      const redis = new FakeRedis();
      const foreign = { then: () => {} };
      expect(new Decorated().sync({ outcome: "return", value: foreign, seen: [] })).to.equal(foreign);
      redis[Symbol.dispose]();
    });
  });
}
