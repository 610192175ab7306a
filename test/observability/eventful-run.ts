import { createMirror, type Mirror, type MirrorOptions, RedisMirrored, RedisRestored } from "redis-mirrored";
import { ACCOUNT, hurriedMirror, SHORT_TIMINGS, SILENT, untilEvent } from "../support/mirrors.js";
import type { TestBed } from "../support/test-bed.js";

/** A host with two records of its own. */
class Host {
  notes: unknown;
  refuses = false;

  @RedisMirrored("customInstructions")
  async save(notes: unknown): Promise<void> {
    this.notes = notes;
  }

  @RedisRestored("customInstructions", { adopt: "adopt" })
  async load(): Promise<unknown> {
    return this.notes;
  }

  adopt(notes: unknown): void {
    if (this.refuses) throw new Error("no room");
    this.notes = notes;
  }

  @RedisMirrored("customInstructions", {
    value: () => {
      throw new Error("a selector's own mistake");
    },
  })
  async saveByBrokenSelector(): Promise<void> {}
}

/** All that metrics, spans and channels have words for, on a real server. The answer closes the mirrors. */
export async function runEventfully(bed: TestBed, options: MirrorOptions = {}): Promise<() => Promise<void>> {
  const opened: Mirror[] = [];
  const open = (more: MirrorOptions = {}) => {
    const made = hurriedMirror(bed.proxy.port, {
      ...bed.mirrorOptions,
      timings: { ...SHORT_TIMINGS, failureThreshold: 2, pauseMs: 200 },
      ...options,
      ...more,
      redis: { ...bed.mirrorOptions.redis!, port: bed.proxy.port },
    });
    opened.push(made.mirror);
    return made;
  };
  const id = (record: string) => ({ userId: "alice", record });
  const { mirror, service } = open();
  mirror.install();

  // Healthy.
  const host = new Host();
  await host.save("one");
  service.set(id("provider"), { apiConfigs: {} });
  service.set(id("taskHistory"), [{ id: "a", ts: 1, task: "first" }]);
  await mirror.flush({ timeoutMs: 10_000 });
  await untilState(mirror, "connected");

  // Dropped, before Redis sees any of it.
  service.set(id("customModes"), new Map());
  await host.saveByBrokenSelector();

  // Restored into an empty store, refused by it, and absent from the mirror.
  await new Host().load();
  const refusing = new Host();
  refusing.refuses = true;
  await refusing.load();
  await service.findToRestore(id("pinnedApiConfigs"));

  // Unreadable.
  await bed.order("SET", "roo:alice:customModes", "no JSON");
  await service.findToRestore(id("customModes"));

  // Two instances meet: what the other has not seen is kept, and what this one saved before that is superseded.
  const other = open().service;
  other.set(id("customInstructions"), "two");
  await other.flush({ timeoutMs: 10_000 });

  // Refused alone.
  await bed.order("ACL", "SETUSER", ACCOUNT, "resetkeys", "~roo:alice:*custom*");
  const held = untilEvent(mirror, "held");
  service.set(id("provider"), { apiConfigs: {}, turn: 2 });
  service.set(id("customInstructions"), "three");
  await held;
  await bed.order("ACL", "SETUSER", ACCOUNT, "~*");

  // Refused as a whole.
  await bed.order("CONFIG", "SET", "maxmemory", "1");
  const failed = untilEvent(mirror, "failed");
  service.set(id("customInstructions"), "too much");
  await failed;
  await bed.order("CONFIG", "SET", "maxmemory", "0");
  await untilState(mirror, "connected");

  // A fault, during which writing pauses, and what comes of it.
  bed.proxy.mode = "refuses";
  const paused = untilEvent(mirror, "breaker", ({ to }) => to === "open");
  bed.proxy.cutAll();
  service.set(id("customInstructions"), "four");
  await paused;
  bed.proxy.mode = "passes";
  await untilState(mirror, "connected");

  opened.push(createMirror({ env: { REDIS_PORT: "many" }, logger: SILENT }));
  return async () => {
    await Promise.all(opened.map((each) => each.close({ timeoutMs: 1_000 })));
  };
}

async function untilState(mirror: Mirror, state: Mirror["status"]["state"]): Promise<void> {
  if (mirror.status.state !== state) await untilEvent(mirror, "status", (status) => status.state === state);
}
