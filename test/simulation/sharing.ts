import fc from "fast-check";
import { RedisSyncInterceptor } from "redis-mirrored";
import { KeySpace } from "#dist/sync/keys.js";
import { MemoryMemento } from "#dist/sync/memento.js";
import { Catalogue } from "#dist/sync/records.js";
import { RedisSyncService } from "#dist/sync/redis-sync-service.js";
import {
  Changes,
  Disk,
  installSharedStores,
  type Item,
  newestOf,
  problemOf,
  SHARED_RECORD,
  SharedStore,
} from "./shared-history.js";
import { FAULTS, type Fault, SimulatedGateway, SimulatedRedis } from "./simulated-gateway.js";
import { settle, VirtualTime } from "./virtual-time.js";
import { PLAIN_CODEC } from "./plain-codec.js";

const USER = "alice";
const REDIS_KEY = new KeySpace().keyOf({ userId: USER, record: "taskHistory" });

/** One thing that happens. `machine` and `item` are numbers of those, modulo how many there are. */
export type SharingStep =
  | {
      readonly do: "add" | "clear" | "delete the record" | "save again" | "read" | "refresh" | "crash" | "restart";
      readonly machine: number;
      /** In which of the window's stores, where it has two. */
      readonly isInTab?: boolean;
    }
  | {
      readonly do: "edit" | "touch" | "delete";
      readonly machine: number;
      readonly isInTab?: boolean;
      readonly item: number;
    }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "fault"; readonly fault: Fault }
  | { readonly do: "partition"; readonly machine: number; readonly isCut: boolean }
  | { readonly do: "restart empty" | "lose all" | "back up" | "fail over" | "cut" }
  | { readonly do: "evict"; readonly part: "value" | "items" };

export interface SharingHistory {
  readonly seed: number;
  readonly machines: number;
  /** Whether each window has two stores, each with a list of its own. */
  readonly hasTabs?: boolean;
  readonly steps: readonly SharingStep[];
}

/** One window of the host, with one store or two of what it keeps. */
class Machine {
  readonly disk = new Disk();
  store!: SharedStore;
  /** The same as `store` where there is but one. */
  tab!: SharedStore;
  readonly memento = new MemoryMemento();
  readonly name: string;
  readonly #redis: SimulatedRedis;
  readonly #hasTabs: boolean;
  #process: object = {};
  #gateway!: SimulatedGateway;
  #service!: RedisSyncService;
  #ids = 0;
  #isCut = false;

  constructor(redis: SimulatedRedis, name: string, hasTabs: boolean) {
    this.#redis = redis;
    this.#hasTabs = hasTabs;
    this.name = name;
    this.start();
  }

  start(): void {
    this.#process = {};
    this.#gateway = new SimulatedGateway(this.#redis);
    this.#gateway.isPartitioned = this.#isCut;
    this.#service = new RedisSyncService({
      gateway: this.#gateway,
      catalogue: new Catalogue([SHARED_RECORD]),
      keySpace: new KeySpace(),
      codec: PLAIN_CODEC,
      clock: this.#redis.time.clockOf(this.#process, () => 0),
      memento: this.memento,
      randomId: () => `${this.name}${(this.#ids++).toString(36)}`,
    });
    this.store = new SharedStore(this.disk);
    this.tab = this.#hasTabs ? new SharedStore(this.disk) : this.store;
    const interceptor = new RedisSyncInterceptor(this.#service, { current: USER });
    for (const store of [this.store, this.tab]) {
      store.interceptor = interceptor;
      store.refresh();
      store.shown = store.list;
    }
    // A store beside another one is read before it is saved: else its first save deletes nothing.
    if (this.#hasTabs) for (const store of [this.store, this.tab]) void store.read();
  }

  crash(): void {
    this.#redis.time.kill(this.#process);
    this.#gateway.die();
  }

  close(): void {
    void this.#service.close();
  }

  partition(isCut: boolean): void {
    this.#isCut = isCut;
    this.#gateway.isPartitioned = isCut;
    if (isCut) this.#gateway.cut();
  }

  get pending(): number {
    return this.#service.status.pending;
  }

  /**
   * What it holds and has shown among the newest of a list. What only moves up among them because one store has deleted
   * one task and the other another, none has shown: it is in the mirror once one of them saves again.
   */
  get shown(): readonly Item[] {
    const shown = new Set([this.store, this.tab].flatMap((store) => newestOf(store.shown)).map(({ id }) => id));
    return newestOf(this.disk.list).filter(({ id }) => shown.has(id));
  }

  dispose(): void {
    this.#redis.time.kill(this.#process);
  }
}

/** Plays a history and says what is wrong in the end; `undefined` if nothing is. */
export async function playSharing({
  seed,
  machines: count,
  hasTabs = false,
  steps,
}: SharingHistory): Promise<string | undefined> {
  const time = new VirtualTime();
  const redis = new SimulatedRedis(time, seed);
  const uninstall = installSharedStores();
  const machines = Array.from({ length: count }, (_machine, index) => new Machine(redis, `m${index}x`, hasTabs));
  const changes = new Changes();
  let made = 0;

  const save = async (machine: Machine, store: SharedStore, list: readonly Item[]) => {
    await time.advance(1);
    // What another store of the window has deleted already, this one cannot.
    const there = new Set([...machine.disk.list, ...list].map(({ id }) => id));
    changes.saved(
      machine,
      store.list.filter(({ id }) => there.has(id)),
      list,
    );
    await store.save(list);
    await settle();
  };
  /** What a store deletes it has shown before: else it looks as if it had never known of it. */
  const showAll = async (machine: Machine, store: SharedStore) => {
    if (store.shown !== store.list) await save(machine, store, store.list);
  };
  const nowMs = () => 1_700_000_000_000 + time.nowMs;

  const perform = async (step: SharingStep): Promise<void> => {
    const machine = "machine" in step ? machines[step.machine % count]! : machines[0]!;
    const store = "isInTab" in step && step.isInTab ? machine.tab : machine.store;
    const { list } = store;
    switch (step.do) {
      case "add":
        return save(machine, store, [...list, { id: `${machine.name}-${made++}`, ts: nowMs(), text: "new" }]);
      case "edit":
      case "touch": {
        if (list.length === 0) return;
        const at = step.item % list.length;
        const ts = step.do === "touch" ? nowMs() : list[at]!.ts;
        return save(machine, store, list.with(at, { ...list[at]!, ts, text: `edit ${made++}` }));
      }
      case "delete":
        if (list.length === 0) return;
        await showAll(machine, store);
        return save(machine, store, list.toSpliced(step.item % list.length, 1));
      case "clear":
        await showAll(machine, store);
        return save(machine, store, []);
      case "delete the record":
        await time.advance(1);
        changes.cleared(machine, nowMs());
        await store.save(undefined);
        await settle();
        // What is made from here on says so itself.
        return time.advance(1);
      case "save again":
        return save(machine, store, [...list]);
      case "read":
        void store.read();
        return time.advance(600);
      case "refresh":
        return store.refresh();
      case "crash":
        changes.doubt(machine);
        machine.crash();
        machine.start();
        return;
      case "restart":
        changes.doubt(machine);
        machine.close();
        await time.advance(1_000);
        machine.crash();
        machine.start();
        return;
      case "wait":
        return time.advance(step.ms);
      case "fault":
        redis.fault = step.fault;
        if (step.fault === "refuses connections") redis.cutConnections();
        return;
      case "partition":
        return machine.partition(step.isCut);
      case "restart empty":
        return redis.restartEmpty();
      case "lose all":
        return redis.model.flushAll();
      case "back up":
        return redis.backUp();
      case "fail over":
        return redis.failOver();
      case "cut":
        return redis.cutConnections();
      case "evict":
        return redis.evict(REDIS_KEY, step.part);
    }
  };

  try {
    for (const step of steps) {
      await perform(step);
      await settle();
    }
    redis.fault = "healthy";
    for (const machine of machines) {
      machine.partition(false);
      void machine.store.read();
    }
    await time.advance(15 * 60_000);
    for (const machine of machines) void machine.store.read();
    await time.advance(6 * 60_000);
    const pending = machines.find((machine) => machine.pending > 0);
    if (pending !== undefined) return `${pending.name} has ${pending.pending} saves pending`;
    const { value } = redis.model.readCollection(REDIS_KEY);
    return problemOf(
      value,
      machines.map(({ shown }) => shown),
      changes,
    );
  } finally {
    uninstall();
    for (const machine of machines) machine.dispose();
  }
}

const machine = fc.nat(4);
const item = fc.nat(9);

/** What the host does, in which of a window's stores. */
function hostSteps(where: {
  isInTab?: fc.Arbitrary<boolean>;
}): { arbitrary: fc.Arbitrary<SharingStep>; weight: number }[] {
  return [
    { arbitrary: fc.record({ do: fc.constant("add" as const), machine, ...where }), weight: 8 },
    {
      arbitrary: fc.record({ do: fc.constantFrom("edit" as const, "touch" as const), machine, item, ...where }),
      weight: 6,
    },
    { arbitrary: fc.record({ do: fc.constant("delete" as const), machine, item, ...where }), weight: 4 },
    {
      arbitrary: fc.record({
        do: fc.constantFrom("clear" as const, "delete the record" as const, "save again" as const),
        machine,
        ...where,
      }),
      weight: 2,
    },
    {
      arbitrary: fc.record({
        do: fc.constantFrom("read" as const, "crash" as const, "restart" as const),
        machine,
        ...where,
      }),
      weight: 4,
    },
  ];
}

const surroundings: { arbitrary: fc.Arbitrary<SharingStep>; weight: number }[] = [
  {
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.constantFrom(1, 40, 100, 500, 2_500, 8_000, 70_000, 400_000),
    }),
    weight: 8,
  },
  { arbitrary: fc.record({ do: fc.constant("fault" as const), fault: fc.constantFrom(...FAULTS) }), weight: 4 },
  { arbitrary: fc.record({ do: fc.constant("partition" as const), machine, isCut: fc.boolean() }), weight: 3 },
  {
    arbitrary: fc.record({
      do: fc.constantFrom(
        "restart empty" as const,
        "lose all" as const,
        "back up" as const,
        "fail over" as const,
        "cut" as const,
      ),
    }),
    weight: 2,
  },
  {
    arbitrary: fc.record({
      do: fc.constant("evict" as const),
      part: fc.constantFrom("value" as const, "items" as const),
    }),
    weight: 1,
  },
];

/** Two to five windows of one user. */
export const sharingHistories: fc.Arbitrary<SharingHistory> = fc.record({
  seed: fc.nat(),
  machines: fc.integer({ min: 2, max: 5 }),
  steps: fc.array(fc.oneof(...hostSteps({}), ...surroundings), { minLength: 1, maxLength: 40, size: "max" }),
});

const isInTab = fc.boolean();
const refreshes: fc.Arbitrary<SharingStep> = fc.record({ do: fc.constant("refresh" as const), machine, isInTab });

/** The same of windows with two stores each, one of them out of date most of the time. */
export const tabHistories: fc.Arbitrary<SharingHistory> = fc.record({
  seed: fc.nat(),
  machines: fc.integer({ min: 1, max: 3 }),
  hasTabs: fc.constant(true),
  steps: fc.array(fc.oneof(...hostSteps({ isInTab }), { arbitrary: refreshes, weight: 3 }, ...surroundings), {
    minLength: 1,
    maxLength: 40,
    size: "max",
  }),
});
