import type { UserKeys } from "../../sync/user-keys.js";
import type { Step } from "../progress.js";
import { deleteLegacy, isUnchanged, type LegacyEntry } from "./legacy-keys.js";
import type { Migration, RecordPlan } from "./migration.js";

export interface CarriedOut {
  /** What became of each plan: one whose sources have changed meanwhile is refused. */
  readonly plans: readonly RecordPlan[];
  readonly deleted: readonly LegacyEntry[];
  /** What was to be deleted and holds items that the mirror has no room for, or that are none. */
  readonly kept: readonly KeptEntry[];
}

export interface KeptEntry {
  readonly source: LegacyEntry;
  /** How many items only it holds. */
  readonly items: number;
}

/** Does what was planned. @throws MirrorError where Redis, or the key, does not allow it; and what `step` throws. */
export async function carryOut(
  planned: readonly RecordPlan[],
  migration: Migration,
  keys: UserKeys,
  isDeleting: boolean,
  step: Step = () => {},
): Promise<CarriedOut> {
  const plans: RecordPlan[] = [];
  const deleted: LegacyEntry[] = [];
  const kept: KeptEntry[] = [];
  for (const [index, each] of planned.entries()) {
    step(index, planned.length);
    // The question may have stood for minutes, in which the old code saved something newer.
    const plan = (await isStillSo(keys, each)) ? each : refused(each);
    plans.push(plan);
    if (plan.kind === "refuse") continue;
    await migration.apply(plan);
    if (!isDeleting) continue;
    for (const source of plan.sources.filter(({ isInPlace }) => !isInPlace)) {
      const items = await migration.countLeft(plan, source);
      if (items > 0) kept.push({ source, items });
      else if (await deleteLegacy(keys, source)) deleted.push(source);
    }
  }
  return { plans, deleted, kept };
}

async function isStillSo(keys: UserKeys, { kind, sources }: RecordPlan): Promise<boolean> {
  if (kind === "refuse") return true;
  for (const source of sources) if (!(await isUnchanged(keys, source))) return false;
  return true;
}

function refused({ record, redisKey, sources }: RecordPlan): RecordPlan {
  return { record, redisKey, sources, kind: "refuse", reason: "changed meanwhile, run it again" };
}
