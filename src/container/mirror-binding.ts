import { isDeepStrictEqual } from "node:util";
import type { Container, ContainerModule } from "inversify";
import type { SyncInterceptor } from "../aspect/join-point.js";
import { RedisSyncInterceptor } from "../aspect/redis-sync-interceptor.js";
import type { Identity } from "../settings/identity.js";
import type { MirrorOptions } from "../settings/options.js";
import { resolveSettings } from "../settings/resolve-settings.js";
import { describeProblem, type Settings, type SettingsResult } from "../settings/settings.js";
import { type MirrorStatus, NOTHING_DONE } from "../sync/mirror-events.js";
import { warningsOf } from "../sync/plaintext.js";
import type { RedisSyncService } from "../sync/redis-sync-service.js";
import { activeMirrorModule, noopMirrorModule } from "./modules.js";
import { TOKENS } from "./tokens.js";

const UNREADABLE_OPTIONS = "Expected options that can be read, got some that throw";

/** Whether the real binding or the no-op is in place, and if the no-op, why. */
type Bound =
  | {
      readonly kind: "active";
      readonly since: Date;
      readonly module: ContainerModule;
      readonly settings: Settings;
      readonly warnings: readonly string[];
    }
  | { readonly kind: "disabled"; readonly since: Date }
  | { readonly kind: "misconfigured"; readonly since: Date; readonly reason: string };

export interface MirrorBindingOptions {
  identity: Identity;
  /** With the first decorated call, which activation thus does not pay for. */
  onEngineMade(engine: RedisSyncService): void;
  /** A setting cannot be used; `reason` says which, what was expected and what was got. */
  onMisconfigured(reason: string): void;
}

/** What stands in a mirror's container: the engine or, where it is off or a setting cannot be used, the no-op. */
export class MirrorBinding {
  readonly #container: Container;
  readonly #options: MirrorBindingOptions;
  #bound: Bound = { kind: "disabled", since: new Date() };
  #engine: RedisSyncService | undefined;

  /** Nothing is bound yet. */
  constructor(container: Container, options: MirrorBindingOptions) {
    this.#container = container;
    this.#options = options;
  }

  get kind(): Bound["kind"] {
    return this.#bound.kind;
  }

  /** `undefined` where it is not active, and until a decorated call has asked for it. */
  get engine(): RedisSyncService | undefined {
    return this.#engine;
  }

  get interceptor(): SyncInterceptor {
    return interceptorOf(this.#container);
  }

  /** The engine's or, where there is none, that of the binding. */
  get status(): MirrorStatus {
    if (this.#engine !== undefined) return this.#engine.status;
    const bound = this.#bound;
    const nothing = { since: bound.since, ...NOTHING_DONE };
    if (bound.kind !== "active")
      return { state: bound.kind, ...(bound.kind === "misconfigured" && { reason: bound.reason }), ...nothing };
    return { state: "connecting", ...nothing, ...(bound.warnings.length > 0 && { warnings: bound.warnings }) };
  }

  /** The engine, made now if need be. Of an active binding only; throws where none can be made of the options. */
  makeEngine(): RedisSyncService {
    return this.#container.get<RedisSyncService>(TOKENS.RedisSyncService);
  }

  /** Whether these options would bind once more what is bound. */
  isInForce(options: MirrorOptions): boolean {
    const result = resolvedIfReadable(options);
    if (result === undefined || !("settings" in result)) return false;
    if (!result.settings.isEnabled) return this.#bound.kind === "disabled";
    return this.#bound.kind === "active" && isDeepStrictEqual(result.settings, this.#bound.settings);
  }

  /** Puts in place what the options want. Before that, what was bound is taken away. @param options `undefined`: they cannot be read. */
  bind(options: MirrorOptions | undefined): void {
    this.#bound = options === undefined ? misconfigured(UNREADABLE_OPTIONS) : this.#resolve(options);
    if (this.#bound.kind !== "active") this.#container.load(noopMirrorModule);
    if (this.#bound.kind === "misconfigured") this.#options.onMisconfigured(this.#bound.reason);
  }

  /** Puts the no-op in place of the engine, or of one that the host has put there. The answer is as that of `takeAway`. */
  switchOff(): RedisSyncService | undefined {
    const engine = this.takeAway();
    this.#container.load(noopMirrorModule);
    this.#bound = { kind: "disabled", since: new Date() };
    return engine;
  }

  /** Takes away what is bound. The answer is the engine, if there was one, which is not closed yet. */
  takeAway(): RedisSyncService | undefined {
    const engine = this.#engine;
    this.#engine = undefined;
    this.#container.unload(this.#bound.kind === "active" ? this.#bound.module : noopMirrorModule);
    // What the host has rebound is not the module's, and would stand beside what is bound next.
    for (const token of Object.values(TOKENS)) if (this.#container.isBound(token)) this.#container.unbind(token);
    return engine;
  }

  /**
   * Puts in place what the options want, and has the engine that thereby leaves, if there was one, hand over to the new one. It
   * is not closed yet.
   */
  exchange(options: MirrorOptions | undefined): void {
    const interceptor = this.#engine && this.interceptor;
    const leaving = this.takeAway();
    this.bind(options);
    if (leaving === undefined || this.#bound.kind !== "active") return;
    // Before the other is made, which reads it then.
    leaving.writeDownForSuccessor();
    try {
      leaving.handOver(this.makeEngine());
      if (interceptor instanceof RedisSyncInterceptor) this.#takeOverRestores(interceptor);
    } catch {
      // Options of which no engine can be made, which are not looked at before: records that are none, say.
      this.takeAway();
      this.bind(undefined);
    }
  }

  /** Makes up for the restores that found no user. */
  resumeRestores(): void {
    if (this.#engine === undefined) return;
    const { interceptor } = this;
    if (interceptor instanceof RedisSyncInterceptor) interceptor.resumeRestores();
  }

  #takeOverRestores(from: RedisSyncInterceptor): void {
    if (!from.isAwaitingUser) return;
    const { interceptor } = this;
    if (interceptor instanceof RedisSyncInterceptor) interceptor.takeOver(from);
  }

  #resolve(options: MirrorOptions): Bound {
    try {
      const result = resolveSettings(options);
      if ("problems" in result) return misconfigured(result.problems.map(describeProblem).join("; "));
      if (!result.settings.isEnabled) return { kind: "disabled", since: new Date() };
      return this.#activate(options, result.settings);
    } catch {
      // Not foreseen as a problem of one setting, and still no reason to keep a host from starting.
      return misconfigured(UNREADABLE_OPTIONS);
    }
  }

  #activate(options: MirrorOptions, settings: Settings): Bound {
    const { identity, onEngineMade } = this.#options;
    const module = activeMirrorModule(options, settings, identity, (engine) => {
      this.#engine = engine;
      onEngineMade(engine);
    });
    this.#container.load(module);
    return { kind: "active", since: new Date(), module, settings, warnings: warningsOf(settings.address) };
  }
}

function misconfigured(reason: string): Bound {
  return { kind: "misconfigured", since: new Date(), reason };
}

/** Who mistakes a setting wants it to be on: what is off is not looked at any further. */
export function isEnabledBy(options: MirrorOptions): boolean {
  const result = resolvedIfReadable(options);
  return result === undefined || !("settings" in result) || result.settings.isEnabled;
}

export function interceptorOf(container: Container): SyncInterceptor {
  return container.get<SyncInterceptor>(TOKENS.SyncInterceptor);
}

/** `undefined` if one of them throws when it is read. */
function resolvedIfReadable(options: MirrorOptions): SettingsResult | undefined {
  try {
    return resolveSettings(options);
  } catch {
    return undefined;
  }
}
