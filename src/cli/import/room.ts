import { MAX_KEPT } from "../../sync/script-parts.js";
import type { LeftOutVersion, PlannedWrite } from "./plan.js";

const NO_ROOM = `Redis keeps ${MAX_KEPT} versions of a record beside the current one, and those that are there stay`;

/** What there is room for of the file's versions. */
export interface Fitting {
  readonly writes: readonly PlannedWrite[];
  readonly leftOut: readonly LeftOutVersion[];
  /** How many kept versions that are in Redis give way: to the current one, which is kept when it is overwritten. */
  readonly pushedOut: number;
}

/** What Redis has of a record beside what is to be put back. */
export interface Occupied {
  /** How many versions it keeps of it, and goes on keeping. */
  readonly kept: number;
  /** How many it keeps until the record's value is another. */
  readonly open?: number;
  /** How many of what is to be written come before that, and take the place of none of these. */
  readonly earlier?: number;
  /** Whether there is a value that would be kept in turn. */
  readonly keepsCurrent: boolean;
}

/**
 * What lies in Redis already has precedence over what the file would have kept beside it; of that the oldest is left out first.
 * @param writes Oldest first.
 * @param becomesCurrent Whether the last of them is to be the record's value.
 */
export function fit(
  writes: readonly PlannedWrite[],
  becomesCurrent: boolean,
  { kept, open = 0, earlier = 0, keepsCurrent }: Occupied,
): Fitting {
  const taken = kept + (becomesCurrent && keepsCurrent ? 1 : 0);
  const beside = writes.length - (becomesCurrent ? 1 : 0);
  const tooMany = beside - Math.max(0, MAX_KEPT - taken);
  const tooManyBefore = earlier - Math.max(0, MAX_KEPT - kept - open);
  const excess = Math.max(0, tooMany, tooManyBefore);
  return {
    writes: writes.slice(excess),
    leftOut: writes.slice(0, excess).map(({ version }) => ({ version, reason: NO_ROOM })),
    pushedOut: becomesCurrent ? Math.max(0, taken - Math.max(kept, MAX_KEPT)) : 0,
  };
}
