import type { UserKeys } from "../../sync/user-keys.js";
import { settingsInForce, withAllServers } from "../in-force.js";
import { printable } from "../printable.js";
import { withProgress } from "../progress.js";
import { shorten } from "../table.js";
import { isAgreed, say, sayJson } from "../terminal.js";
import { UsageError } from "../usage-error.js";
import { describeFootprint, goingOf, type PurgeReport, toReport } from "./purge-report.js";
import { findFootprint, measure, remove } from "./user-footprint.js";

export interface PurgeOptions {
  readonly instance: string | undefined;
  readonly ambiguous: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

/** The answer is the exit status. @throws UsageError */
export async function purge(options: PurgeOptions, userId = ""): Promise<number> {
  // Not the user of this machine: what cannot be taken back is not done by default.
  if (userId === "") throw new UsageError("Expected the id of one user, got an empty one");
  return withAllServers(settingsInForce(), userId, (servers) => run(servers, userId, options));
}

async function run(servers: readonly UserKeys[], userId: string, flags: PurgeOptions): Promise<number> {
  const footprint = await findFootprint(servers, userId, flags.instance);
  const sizes = await measure(footprint.certain);
  const report: PurgeReport = { ...footprint, userId, sizes, isThorough: flags.ambiguous };
  const going = goingOf(report);
  const isAsked = going.length > 0 && !flags.dryRun;
  const isAmbiguousLeft = footprint.ambiguous.length > 0 && !flags.ambiguous && !flags.dryRun;
  if (!flags.json) say(describeFootprint(report).join("\n"));
  const name = printable(shorten(userId, 100));
  const keys = going.length === 1 ? "this key" : `these ${going.length} keys`;
  if (isAsked && !(flags.yes || (await isAgreed(`Remove ${keys} of \`${name}\`?`, flags.json))))
    return say("Nothing was changed.");
  if (!isAsked) {
    if (flags.json) sayJson(toReport(report, undefined));
    return isAmbiguousLeft ? 1 : 0;
  }
  const howToGoOn = "What is removed is removed; call it again for the rest.";
  const removed = await withProgress({ noun: "keys", howToGoOn, isJson: flags.json }, (step) => remove(going, step));
  const left = goingOf({ ...report, ...(await findFootprint(servers, userId, flags.instance)) });
  if (flags.json) sayJson(toReport(report, { removed, remaining: left.length }));
  else say(describeEnd(name, removed, left.length));
  return left.length > 0 || isAmbiguousLeft ? 1 : 0;
}

function describeEnd(name: string, removed: number, left: number): string {
  const gone = `Removed ${removed === 1 ? "1 key" : `${removed} keys`} of \`${name}\`.`;
  if (left > 0)
    return `${gone} ${left === 1 ? "1 is" : `${left} are`} there again: something still mirrors this user. Stop it, or set REDIS_ENABLED=false there.`;
  return `${gone} What still mirrors this user writes them again within minutes: stop it, or set REDIS_ENABLED=false there.`;
}
