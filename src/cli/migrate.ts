import { parseArgs } from "node:util";
import { createMirror, type KeyRing, type Mirror, MirrorError, type Settings, TOKENS } from "../index.js";
import { Identity } from "../settings/identity.js";
import { resolveSettings } from "../settings/resolve-settings.js";
import { describeProblem } from "../settings/settings.js";
import { Codec } from "../sync/codec.js";
import { KeySpace } from "../sync/keys.js";
import { Catalogue } from "../sync/records.js";
import type { RedisAddress } from "../sync/redis-address.js";
import type { RedisGateway } from "../sync/redis-gateway.js";
import { UserKeys } from "../sync/user-keys.js";
import { carryOut } from "./migrate/carry-out.js";
import { findLegacy, type LegacyEntry } from "./migrate/legacy-keys.js";
import { describeKept, describePlans, toReport } from "./migrate/migration-report.js";
import { Migration, type RecordPlan } from "./migrate/migration.js";
import { noticePlaintext } from "./plaintext-notice.js";
import { fail, isAgreed, say } from "./terminal.js";
import { UsageError } from "./usage-error.js";

const HELP = `redis-mirrored migrate [USER] [--instance ID] [--delete] [--dry-run] [--yes] [--json]

Takes over what a fork's own RedisSyncService left in Redis: plain JSON under roo:USER:tasks, roo:USER:TERMINAL:tasks,
roo:USER:taskHistory, roo:USER:TERMINAL:taskHistory, roo:USER:customInstructions, roo:USER:pinnedApiConfigs,
roo:USER:modes and roo:USER:provider. The histories of all terminals become one, provider profiles are encrypted.
Nothing that the mirror has already is overwritten. No value is ever shown. Call it as often as you like.

  USER           whose, as the fork wrote it in its keys. Default: ROO_USER_ID, else the id of this machine and user
  --instance ID  under which instance it is to lie. Default: ROO_INSTANCE_ID, else the one that the user's instances share
  --delete       deletes the old keys, each once all of it is known to be there. What has been written since stays
  --dry-run      shows what would be done, and changes nothing
  --yes          does not ask
  --json         the same as JSON

Which Redis, and which key encrypts: from the environment, as for the mirror itself (REDIS_URL, or REDIS_HOST and
REDIS_PORT, …; ROO_MIRROR_KEY). LEGACY_REDIS_URL: where the old keys are, if that is another server.`;

/** The answer is the exit status: 1 if something could not be taken over. @throws UsageError */
export async function migrate(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      instance: { type: "string" },
      delete: { type: "boolean", default: false },
      "dry-run": { type: "boolean", default: false },
      yes: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return say(HELP);
  if (positionals.length > 1) throw new UsageError(`Expected one user at most, got ${positionals.join(" ")}`);
  const userId = positionals[0] ?? new Identity({}).current;
  if (!userId) throw new UsageError("Expected a user id, got an empty one");
  const options = values.instance === undefined ? {} : { instanceId: values.instance };
  const result = resolveSettings(options);
  if ("problems" in result) return fail(result.problems.map(describeProblem).join("\n"));
  const legacyAddress = addressOfLegacy(result.settings);
  if (typeof legacyAddress === "string") return fail(legacyAddress);
  const warn = noticePlaintext(result.settings.address, legacyAddress);
  // Nothing else does: the sockets of the mirror do not hold a process.
  const holding = setInterval(() => {}, 60_000);
  const mirror = createMirror({ ...options, enabled: true, userId, logger: { info: () => {}, warn } });
  let keys: UserKeys | undefined;
  try {
    keys = await UserKeys.open(legacyAddress, userId);
    return await run(
      { keys, mirror, settings: result.settings, isSameServer: legacyAddress === result.settings.address },
      userId,
      values,
    );
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
    return fail(error.message);
  } finally {
    keys?.close();
    await mirror.close();
    clearInterval(holding);
  }
}

interface Places {
  readonly keys: UserKeys;
  readonly mirror: Mirror;
  readonly settings: Settings;
  readonly isSameServer: boolean;
}

interface Flags {
  readonly delete: boolean;
  readonly "dry-run": boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

async function run({ keys, mirror, settings, isSameServer }: Places, userId: string, flags: Flags): Promise<number> {
  const catalogue = new Catalogue([], settings);
  const keySpace = new KeySpace({ instanceId: settings.instanceId, isCluster: settings.address.cluster !== undefined });
  const keyOf = (record: string) => keySpace.keyOf({ userId, record });
  const records = ["taskHistory", "provider", "customInstructions", "customModes", "pinnedApiConfigs"];
  const ownKeys = new Set(isSameServer ? records.map(keyOf) : []);
  const isEncrypted = (record: string) => catalogue.find(record)!.encrypted;
  const { entries, agentKeys } = await findLegacy(keys, userId, isEncrypted, ownKeys);
  const migration = new Migration({
    gateway: mirror.container.get<RedisGateway>(TOKENS.RedisGateway),
    codec: new Codec(mirror.container.get<KeyRing>(TOKENS.KeyRing), { isCompressing: settings.isCompressing }),
    hasKey: settings.keys.length > 0,
    ttlSeconds: settings.timings.ttlSeconds,
  });
  const plans: RecordPlan[] = [];
  for (const name of records) {
    const sources = entries.filter(({ record }) => record === name);
    plans.push(...(await migration.planAll(catalogue.find(name)!, keyOf(name), sources)));
  }
  const shown = plans.filter(({ kind, sources }) => kind !== "nothing" || sources.some(({ isInPlace }) => !isInPlace));
  const found = { userId, plans: shown, agentKeys };
  const isAsked = shown.length > 0 && !flags["dry-run"];
  if (!flags.json) say(describePlans(found).join("\n"));
  if (isAsked && !(flags.yes || (await isAgreed("Take it over?")))) return say("Nothing was changed.");
  const done = isAsked ? await carryOut(shown, migration, keys, flags.delete) : { plans: shown, deleted: [], kept: [] };
  if (flags.json) say(toReport({ ...found, ...done, isDone: isAsked }));
  else if (isAsked) {
    const changed = done.plans.filter((plan) => !shown.includes(plan));
    for (const { record, reason } of changed) say(`${record.name}: not taken over: ${reason}.`);
    for (const each of done.kept) say(describeKept(each));
    say(describeEnd(done.plans, done.deleted, flags.delete));
  }
  return done.plans.some(({ kind }) => kind === "refuse") ? 1 : 0;
}

function describeEnd(plans: readonly RecordPlan[], deleted: readonly LegacyEntry[], isDeleting: boolean): string {
  const old = plans.flatMap(({ sources }) => sources).filter(({ isInPlace }) => !isInPlace).length;
  const rest = old - deleted.length;
  const staying =
    rest === 0 ? "" : ` ${rest} of the old keys stay${isDeleting ? "" : " until they expire; --delete deletes them"}.`;
  return `Done.${isDeleting ? ` Deleted ${deleted.length} of the old keys.` : ""}${staying}`;
}

/** The old code knew neither clusters nor names that a cluster keeps together. The answer may be what is wrong. */
function addressOfLegacy({ address }: Settings): RedisAddress | string {
  const url = process.env["LEGACY_REDIS_URL"];
  if (url) {
    const result = resolveSettings({ redis: { url }, env: {} });
    if ("settings" in result) return result.settings.address;
    return result.problems.map((problem) => describeProblem({ ...problem, setting: "LEGACY_REDIS_URL" })).join("\n");
  }
  if (address.cluster === undefined) return address;
  return "Expected `LEGACY_REDIS_URL` to say on which server the old keys are, since a cluster is where they were not";
}
