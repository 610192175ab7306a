import { RedisMirrored } from "redis-mirrored";
import { nextTurn } from "./measure.js";

/** The local store of the measurements: as cheap as one can be, so that what is measured is what the decorator adds. */
export class BareStore {
  readonly values = new Map<string, unknown>();

  update(key: string, value: unknown): void {
    this.values.set(key, value);
  }

  /** As a file is written: the event loop turns once, and whatever else is due gets its turn. */
  async write(key: string, value: unknown): Promise<void> {
    this.values.set(key, value);
    await nextTurn();
  }
}

export class MirroredStore {
  readonly values = new Map<string, unknown>();

  @RedisMirrored((key: string, value: unknown) => ({ record: key, value }))
  update(key: string, value: unknown): void {
    this.values.set(key, value);
  }

  @RedisMirrored((key: string, value: unknown) => ({ record: key, value }))
  async write(key: string, value: unknown): Promise<void> {
    this.values.set(key, value);
    await nextTurn();
  }
}

/** 200 bytes of JSON. */
export function smallValue(seed: number): string {
  return `${seed} `.padEnd(198, "custom instructions ");
}

/** 50 items of 530 bytes of JSON, as Roo-Code keeps them. */
export function history(seed: number): Record<string, unknown>[] {
  return Array.from({ length: 50 }, (_item, index) => historyItem(index, 1_760_000_000_000 - index * 60_000 + seed));
}

function historyItem(number: number, ts: number): Record<string, unknown> {
  const item = {
    id: `019a0000-0000-7000-8000-${String(number).padStart(12, "0")}`,
    number,
    ts,
    task: "",
    tokensIn: 48_231 + number,
    tokensOut: 3_112,
    cacheWrites: 21_340,
    cacheReads: 1_204_991,
    totalCost: 0.734_21,
    size: 418_233,
    workspace: "/home/developer/projects/inventory-service",
    mode: "code",
    apiConfigName: "default",
    status: "completed",
  };
  const rest = 530 - JSON.stringify(item).length - 1;
  return {
    ...item,
    task: "Find out why the nightly import skips rows with an empty warehouse column. ".repeat(5).slice(0, rest),
  };
}
