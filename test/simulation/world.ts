import { RedisMirrored, RedisRestored, RedisSyncInterceptor } from "redis-mirrored";
import { installInterceptorSource } from "#dist/aspect/installed-interceptor.js";
import { NoopSyncInterceptor, type SyncInterceptor } from "#dist/aspect/join-point.js";
import { KeySpace } from "#dist/sync/keys.js";
import { MemoryMemento } from "#dist/sync/memento.js";
import { Catalogue } from "#dist/sync/records.js";
import { RedisSyncService } from "#dist/sync/redis-sync-service.js";
import { describeRecord, type Fault, SimulatedGateway, SimulatedRedis } from "./simulated-gateway.js";
import { PLAIN_CODEC, textIn } from "./plain-codec.js";
import { settle, VirtualTime } from "./virtual-time.js";

export const RECORDS = ["customModes", "customInstructions", "provider"] as const;
export type SimulatedRecord = (typeof RECORDS)[number];

/** One thing that happens. `machine` and `user` are numbers of those. */
export type Step =
  | {
      readonly do: "save";
      readonly machine: number;
      readonly record: SimulatedRecord;
      readonly what: "value" | "empty" | "nothing";
    }
  | { readonly do: "read" | "crash" | "restart" | "disable" | "enable" | "wipe"; readonly machine: number }
  | { readonly do: "switch user"; readonly machine: number; readonly user: number }
  | { readonly do: "jump clock"; readonly machine: number; readonly byMs: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "jump the server's clock"; readonly byMs: number }
  | { readonly do: "fault"; readonly fault: Fault }
  | { readonly do: "restart empty" | "lose all" | "back up" | "fail over" | "cut" }
  | { readonly do: "evict"; readonly record: SimulatedRecord; readonly part: "value" | "version" };

export interface History {
  readonly seed: number;
  readonly machines: number;
  readonly steps: readonly Step[];
}

const KEY_SPACE = new KeySpace();

/** Asked by the decorators; the machine whose call it is sets it first. */
let current: SyncInterceptor = new NoopSyncInterceptor();

/** The host: its local store outlives it. */
class Host {
  readonly store: Map<string, unknown>;
  readonly #interceptor: SyncInterceptor;

  constructor(store: Map<string, unknown>, interceptor: SyncInterceptor) {
    this.store = store;
    this.#interceptor = interceptor;
  }

  /** Several processes share this one: each call is of the mirror of its own. */
  save(record: string, value: unknown): Promise<void> {
    current = this.#interceptor;
    return this.write(record, value);
  }

  load(): void {
    current = this.#interceptor;
    void this.initialize();
  }

  @RedisMirrored((record: string, value: unknown) => ({ record, value }))
  async write(record: string, value: unknown): Promise<void> {
    if (value === undefined) this.store.delete(record);
    else this.store.set(record, value);
  }

  @RedisRestored(RECORDS, {
    read: (self: Host, record) => self.store.get(record),
    adopt: (self: Host, record, value) => self.save(record, value),
  })
  async initialize(): Promise<void> {}
}

/** A machine with a local store, and a process of the host on it. */
class Machine {
  readonly name: string;
  /** What the host keeps of each user; the mirror sees that of the one who is signed in. */
  readonly stores = new Map<string, Map<string, unknown>>();
  memento = new MemoryMemento();
  skewMs = 0;
  user = "user0";
  isEnabled = true;
  #process: object = {};
  #gateway: SimulatedGateway | undefined;
  #service: RedisSyncService | undefined;
  #interceptor: SyncInterceptor = new NoopSyncInterceptor();
  #host!: Host;
  readonly #redis: SimulatedRedis;
  /** Whose records were read in this process. */
  readonly #readers = new Set<string>();
  /** Which of whose records were not empty when they were last saved, or read. */
  readonly #full = new Set<string>();
  #ids = 0;

  constructor(redis: SimulatedRedis, name: string) {
    this.#redis = redis;
    this.name = name;
    this.start();
  }

  get store(): Map<string, unknown> {
    const store = this.stores.get(this.user) ?? new Map<string, unknown>();
    this.stores.set(this.user, store);
    return store;
  }

  /** Whether a loader of this process has shown it empty, and it is so still: an empty value then says nothing new. */
  hasFoundEmpty(record: string): boolean {
    const local = this.store.get(record);
    const isFull = this.#full.has(`${this.user} ${record}`);
    return this.#readers.has(this.user) && !isFull && isEmpty(local === undefined ? undefined : JSON.stringify(local));
  }

  /** What this process has had to do with a record that was not empty, or not any more. */
  noteFull(record: string, isFull: boolean): void {
    if (isFull) this.#full.add(`${this.user} ${record}`);
    else this.#full.delete(`${this.user} ${record}`);
  }

  noteWhatIsFull(): void {
    for (const [record, local] of this.store) if (!isEmpty(JSON.stringify(local))) this.noteFull(record, true);
  }

  start(): void {
    this.#readers.clear();
    this.#full.clear();
    this.#process = {};
    this.#interceptor = new NoopSyncInterceptor();
    this.#host = new Host(this.store, this.#interceptor);
    if (!this.isEnabled) return;
    this.#gateway = new SimulatedGateway(this.#redis);
    this.#service = new RedisSyncService({
      gateway: this.#gateway,
      catalogue: new Catalogue(),
      keySpace: KEY_SPACE,
      codec: PLAIN_CODEC,
      clock: this.#redis.time.clockOf(this.#process, () => this.skewMs),
      memento: this.memento,
      randomId: () => `${this.name}${(this.#ids++).toString(36)}`,
    });
    const user = () => this.user;
    this.#interceptor = new RedisSyncInterceptor(this.#service, {
      get current() {
        return user();
      },
    });
    this.#host = new Host(this.store, this.#interceptor);
  }

  save(record: string, value: unknown): Promise<void> {
    return this.#host.save(record, value);
  }

  /** Does not wait: the answer may need time to pass. */
  initialize(): void {
    this.#readers.add(this.user);
    this.#host.load();
  }

  signIn(user: string): void {
    this.user = user;
    this.#host = new Host(this.store, this.#interceptor);
  }

  crash(): void {
    this.#redis.time.kill(this.#process);
    this.#gateway?.die();
    this.#service = undefined;
  }

  close(): void {
    void this.#service?.close();
    this.#service = undefined;
    this.#interceptor = new NoopSyncInterceptor();
    this.#host = new Host(this.store, this.#interceptor);
  }

  get pending(): number {
    return this.#service?.status.pending ?? 0;
  }

  dispose(): void {
    this.#redis.time.kill(this.#process);
  }
}

/** What must be so in the end, kept beside what happens. */
interface Expectation {
  /** Each machine's last save of it, as JSON; `undefined` deletes. Without an entry: none since it was wiped. */
  readonly lastSaves: Map<Machine, string | undefined>;
  /** Where only a further read or save under this user can put it right. */
  readonly needingRead: Set<Machine>;
}

/** Plays a history and says what is wrong in the end; `undefined` if nothing is. */
export async function play({ seed, machines: count, steps }: History): Promise<string | undefined> {
  const time = new VirtualTime();
  const redis = new SimulatedRedis(time, seed);
  const machines = Array.from({ length: count }, (_machine, index) => new Machine(redis, `m${index}x`));
  const expectations = new Map<string, Expectation>();
  const everSaved = new Map<string, Set<string>>();
  const uninstall = installInterceptorSource(() => current);
  let values = 0;
  let problem: string | undefined;

  const expectationOf = (user: string, record: string): Expectation => {
    const redisKey = KEY_SPACE.keyOf({ userId: user, record });
    const expectation = expectations.get(redisKey) ?? { lastSaves: new Map(), needingRead: new Set() };
    expectations.set(redisKey, expectation);
    return expectation;
  };
  const distrust = (affected: readonly Machine[]) => {
    for (const { needingRead } of expectations.values()) for (const each of affected) needingRead.add(each);
  };
  const save = async (machine: Machine, record: string, value: unknown) => {
    const expectation = expectationOf(machine.user, record);
    const text = value === undefined ? undefined : JSON.stringify(value);
    // Of a store that the mirror never saw it cannot know whether it is newer than what is there.
    const saysNothing = text !== undefined && isEmpty(text) && machine.hasFoundEmpty(record);
    if (!saysNothing && (machine.isEnabled || expectation.lastSaves.has(machine)))
      expectation.lastSaves.set(machine, text);
    if (machine.isEnabled) expectation.needingRead.delete(machine);
    else expectation.needingRead.add(machine);
    if (text !== undefined) {
      const redisKey = KEY_SPACE.keyOf({ userId: machine.user, record });
      everSaved.set(redisKey, (everSaved.get(redisKey) ?? new Set()).add(text));
    }
    if (machine.isEnabled && !saysNothing) machine.noteFull(record, !isEmpty(text));
    await machine.save(record, value);
    await settle();
  };
  /** Of one machine: what it emptied on purpose stays empty. */
  const expectNothingResurrected = (machine: Machine) => {
    if (count > 1) return;
    for (const record of RECORDS) {
      const { lastSaves } = expectationOf(machine.user, record);
      const local = machine.store.get(record);
      const shown = local === undefined ? undefined : JSON.stringify(local);
      if (lastSaves.has(machine) && isEmpty(lastSaves.get(machine)) && !isEmpty(shown))
        problem ??= `${record} of ${machine.user} was emptied and is ${shown} again`;
    }
  };

  const perform = async (step: Step): Promise<void> => {
    const machine = "machine" in step ? machines[step.machine % count]! : machines[0]!;
    switch (step.do) {
      case "save": {
        if (!machine.isEnabled && step.what !== "value") return;
        const text = `value ${values++}`;
        const value = step.record === "customModes" ? [{ id: text, ts: values }] : { text };
        const empty = step.record === "customModes" ? [] : {};
        return save(machine, step.record, step.what === "value" ? value : step.what === "empty" ? empty : undefined);
      }
      case "read":
        machine.noteWhatIsFull();
        machine.initialize();
        await time.advance(600);
        machine.noteWhatIsFull();
        return expectNothingResurrected(machine);
      case "switch user": {
        const user = `user${step.user}`;
        // A switch while the mirror is off leaves it nothing to know whose the local store is.
        if (user === machine.user || !machine.isEnabled) return;
        machine.signIn(user);
        // As the host does: what it has of that user, or nothing.
        for (const record of RECORDS) await save(machine, record, machine.store.get(record) ?? []);
        return;
      }
      case "crash":
        machine.crash();
        machine.start();
        distrust([machine]);
        return;
      case "restart":
        machine.close();
        await time.advance(1_000);
        machine.crash();
        machine.start();
        distrust([machine]);
        return;
      case "disable":
        machine.isEnabled = false;
        machine.close();
        return;
      case "enable":
        if (machine.isEnabled) return;
        // As `mirror.enable` does: first what `disable` began is over.
        await time.advance(1_000);
        machine.isEnabled = true;
        machine.start();
        distrust([machine]);
        return;
      case "wipe":
        machine.crash();
        machine.stores.clear();
        machine.memento = new MemoryMemento();
        for (const { lastSaves } of expectations.values()) lastSaves.delete(machine);
        machine.start();
        distrust([machine]);
        return;
      case "jump clock":
        machine.skewMs += step.byMs;
        return;
      case "wait":
        return time.advance(step.ms);
      case "jump the server's clock":
        distrust(machines);
        return redis.jumpClock(step.byMs);
      case "fault":
        redis.fault = step.fault;
        if (step.fault === "refuses connections") redis.cutConnections();
        return;
      case "restart empty":
        distrust(machines);
        return redis.restartEmpty();
      case "lose all":
        distrust(machines);
        return redis.model.flushAll();
      case "back up":
        return redis.backUp();
      case "fail over":
        distrust(machines);
        return redis.failOver();
      case "cut":
        return redis.cutConnections();
      case "evict":
        distrust(machines);
        return redis.evict(KEY_SPACE.keyOf({ userId: machines[0]!.user, record: step.record }), step.part);
    }
  };

  try {
    for (const step of steps) {
      await perform(step);
      await settle();
      if (problem !== undefined) return problem;
    }
    // The faults end. Every host runs, and reads what it would read at its start.
    redis.fault = "healthy";
    for (const machine of machines) {
      await perform({ do: "enable", machine: machines.indexOf(machine) });
      machine.initialize();
    }
    await time.advance(15 * 60_000);
    for (const machine of machines) machine.initialize();
    await time.advance(6 * 60_000);
    for (const machine of machines) {
      expectNothingResurrected(machine);
      if (machine.pending > 0) problem ??= `${machine.name} has ${machine.pending} saves pending`;
    }
    for (const [redisKey, { lastSaves, needingRead }] of expectations) {
      const user = redisKey.split(":")[1]!;
      const isUnread = [...lastSaves.keys()].some((machine) => needingRead.has(machine) && machine.user !== user);
      if (lastSaves.size === 0 || isUnread) continue;
      const stored = redis.model.read(redisKey).value;
      const plain = stored === undefined ? undefined : (textIn(stored) ?? stored);
      const isOneOfThem = [...lastSaves.values()].some((text) => text === plain || (isEmpty(text) && isEmpty(plain)));
      const isOfWiped = lastSaves.size < count && (isEmpty(plain) || everSaved.get(redisKey)?.has(plain!) === true);
      if (!isOneOfThem && !isOfWiped)
        problem ??= `${redisKey} is ${describeRecord(redis.model, redisKey)}, not ${[...lastSaves.values()].join(" or ")}`;
    }
    return problem;
  } finally {
    uninstall();
    for (const machine of machines) machine.dispose();
  }
}

function isEmpty(text: string | undefined): boolean {
  return text === undefined || text === "[]" || text === "{}";
}
