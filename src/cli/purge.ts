import { parseArgs } from "node:util";
import { resolveSettings } from "../settings/resolve-settings.js";
import { describeProblem } from "../settings/settings.js";
import { MirrorError } from "../sync/errors.js";
import { UserKeys } from "../sync/user-keys.js";
import { noticePlaintext } from "./plaintext-notice.js";
import { describeFootprint, goingOf, type PurgeReport, toReport } from "./purge/purge-report.js";
import { findFootprint, measure, remove } from "./purge/user-footprint.js";
import { printable, shorten } from "./table.js";
import { fail, isAgreed, say } from "./terminal.js";
import { UsageError } from "./usage-error.js";

const HELP = `redis-mirrored purge USER [--instance ID] [--ambiguous] [--dry-run] [--yes] [--json]

Removes every key of one user from Redis, and nothing else: all records of all instances, the mirror's notes on them,
what was overwritten and kept, and what else lies under the user's name. Shows what that is, and asks. No value is ever
shown. Call it as often as you like.

  USER           whose
  --instance ID  only what this instance has; '' is what the user's instances share
  --ambiguous    also what may be another user's: a fork's own code wrote user \`7\`, terminal 5 and user \`7:5\` to the
                 same key roo:7:5:tasks. Left alone otherwise, and named
  --dry-run      shows what would be removed, and changes nothing
  --yes          does not ask
  --json         the same as JSON

First stop what still mirrors this user, or set REDIS_ENABLED=false there: it would write all of it again within minutes.
Local stores, and the server's backups and append-only file, are not touched.

Which Redis: from the environment, as for the mirror itself (REDIS_URL, or REDIS_HOST and REDIS_PORT, …).
Exit status: 1 if something may be left: what is ambiguous, or what was written meanwhile.`;

interface Flags {
  readonly instance: string | undefined;
  readonly ambiguous: boolean;
  readonly "dry-run": boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

/** The answer is the exit status. @throws UsageError */
export async function purge(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      instance: { type: "string" },
      ambiguous: { type: "boolean", default: false },
      "dry-run": { type: "boolean", default: false },
      yes: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return say(HELP);
  const [userId = ""] = positionals;
  // Not the user of this machine: what cannot be taken back is not done by default.
  if (positionals.length > 1 || userId === "")
    throw new UsageError(`Expected the id of one user, got ${positionals.map(printable).join(" ") || "none"}`);
  const result = resolveSettings({});
  if ("problems" in result) return fail(result.problems.map(describeProblem).join("\n"));
  noticePlaintext(result.settings.address);
  let servers: UserKeys[] = [];
  try {
    servers = await UserKeys.openAll(result.settings.address, userId);
    return await run(servers, userId, { ...values, instance: values.instance });
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
    return fail(error.message);
  } finally {
    for (const server of servers) server.close();
  }
}

async function run(servers: readonly UserKeys[], userId: string, flags: Flags): Promise<number> {
  const footprint = await findFootprint(servers, userId, flags.instance);
  const sizes = await measure(footprint.certain);
  const report: PurgeReport = { ...footprint, userId, sizes, isThorough: flags.ambiguous };
  const going = goingOf(report);
  const isAsked = going.length > 0 && !flags["dry-run"];
  const isAmbiguousLeft = footprint.ambiguous.length > 0 && !flags.ambiguous && !flags["dry-run"];
  if (!flags.json) say(describeFootprint(report).join("\n"));
  const name = printable(shorten(userId, 100));
  const keys = going.length === 1 ? "this key" : `these ${going.length} keys`;
  if (isAsked && !(flags.yes || (await isAgreed(`Remove ${keys} of \`${name}\`?`)))) return say("Nothing was changed.");
  if (!isAsked) {
    if (flags.json) say(toReport(report, undefined));
    return isAmbiguousLeft ? 1 : 0;
  }
  const removed = await remove(going);
  const left = goingOf({ ...report, ...(await findFootprint(servers, userId, flags.instance)) });
  if (flags.json) say(toReport(report, { removed, remaining: left.length }));
  else say(describeEnd(name, removed, left.length));
  return left.length > 0 || isAmbiguousLeft ? 1 : 0;
}

function describeEnd(name: string, removed: number, left: number): string {
  const gone = `Removed ${removed === 1 ? "1 key" : `${removed} keys`} of \`${name}\`.`;
  if (left > 0)
    return `${gone} ${left === 1 ? "1 is" : `${left} are`} there again: something still mirrors this user. Stop it, or set REDIS_ENABLED=false there.`;
  return `${gone} What still mirrors this user writes them again within minutes: stop it, or set REDIS_ENABLED=false there.`;
}
