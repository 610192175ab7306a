import { type Mirror, type RedisGateway, TOKENS } from "redis-mirrored";
import type { LoopDelayProbe } from "./loop-delay.js";

/** Stands between an engine and its gateway, changes nothing, and tells a probe what is asked and what is answered. */
export class GatewayWatch {
  readonly #probe: LoopDelayProbe;
  #outstanding = 0;
  #renewed = 0;

  /** @param gateway Default: the mirror's own. Before the engine is made, which then gets the watched one. */
  constructor(mirror: Mirror, probe: LoopDelayProbe, gateway = mirror.container.get(TOKENS.RedisGateway)) {
    this.#probe = probe;
    mirror.container.rebind(TOKENS.RedisGateway).toConstantValue(this.#watched(gateway));
  }

  /** How many records were compared with what is there. */
  get renewed(): number {
    return this.#renewed;
  }

  get isIdle(): boolean {
    return this.#outstanding === 0;
  }

  #watched(gateway: RedisGateway): RedisGateway {
    return new Proxy(gateway, {
      get: (target, property) => {
        const member: unknown = Reflect.get(target, property, target);
        if (typeof member !== "function") return member;
        return (...args: unknown[]) => this.#ask(String(property), args, () => Reflect.apply(member, target, args));
      },
      // As if nothing were in between: the engine sets what it wants to be told.
      set: (target, property, value) => Reflect.set(target, property, value, target),
    });
  }

  #ask(name: string, [first]: unknown[], ask: () => unknown): unknown {
    const size = Array.isArray(first) ? first.length : undefined;
    const label = size === undefined ? name : `${name} of ${size}`;
    this.#probe.mark(`${label} asked`);
    const answer = ask();
    if (!(answer instanceof Promise)) return answer;
    this.#outstanding++;
    const settle = () => {
      this.#outstanding--;
      if (name === "renew") this.#renewed += size!;
      this.#probe.mark(`${label} answered`);
    };
    answer.then(settle, settle);
    return answer;
  }
}
