import { createMirror, type KeyRing, type Mirror, type Settings, TOKENS } from "../../index.js";
import { resolveSettings } from "../../settings/resolve-settings.js";
import { describeProblem } from "../../settings/settings.js";
import { Codec } from "../../sync/codec.js";
import { KeySpace } from "../../sync/keys.js";
import { Catalogue } from "../../sync/records.js";
import type { RedisAddress } from "../../sync/redis-address.js";
import type { RedisGateway } from "../../sync/redis-gateway.js";
import { UserKeys } from "../../sync/user-keys.js";
import { Failure } from "../failure.js";
import { settingsInForce, userInForce } from "../in-force.js";
import { noticeLearnt, noticePlaintext } from "../plaintext-notice.js";
import { withProgress } from "../progress.js";
import { isAgreed, say, sayJson } from "../terminal.js";
import { carryOut } from "./carry-out.js";
import { findLegacy, type LegacyEntry } from "./legacy-keys.js";
import { describeKept, describePlans, toReport } from "./migration-report.js";
import { Migration, type RecordPlan } from "./migration.js";

const HOW_TO_GO_ON = "Each record is taken over for itself; call it again for the rest.";

export interface MigrateOptions {
  readonly instance: string | undefined;
  readonly delete: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

/** The answer is the exit status: 1 if something could not be taken over. */
export async function migrate(flags: MigrateOptions, user: string | undefined): Promise<number> {
  const userId = userInForce(user);
  const options = flags.instance === undefined ? {} : { instanceId: flags.instance };
  const settings = settingsInForce(options);
  const legacyAddress = addressOfLegacy(settings);
  const warn = noticePlaintext(settings.address, legacyAddress);
  // Nothing else does: the sockets of the mirror do not hold a process.
  const holding = setInterval(() => {}, 60_000);
  const mirror = createMirror({ ...options, enabled: true, userId, logger: { info: () => {}, warn } });
  let keys: UserKeys | undefined;
  try {
    keys = await UserKeys.open(legacyAddress, userId);
    noticeLearnt([keys], warn);
    return await run({ keys, mirror, settings, isSameServer: legacyAddress === settings.address }, userId, flags);
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

async function run(
  { keys, mirror, settings, isSameServer }: Places,
  userId: string,
  flags: MigrateOptions,
): Promise<number> {
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
  const isAsked = shown.length > 0 && !flags.dryRun;
  if (!flags.json) say(describePlans(found).join("\n"));
  if (isAsked && !(flags.yes || (await isAgreed("Take it over?", flags.json)))) return say("Nothing was changed.");
  const done = isAsked
    ? await withProgress({ noun: "records", howToGoOn: HOW_TO_GO_ON, isJson: flags.json }, (step) =>
        carryOut(shown, migration, keys, flags.delete, step),
      )
    : { plans: shown, deleted: [], kept: [] };
  if (flags.json) sayJson(toReport({ ...found, ...done, isDone: isAsked }));
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

/** The old code knew neither clusters nor names that a cluster keeps together. @throws Failure */
function addressOfLegacy({ address }: Settings): RedisAddress {
  const url = process.env["LEGACY_REDIS_URL"];
  if (url) {
    const result = resolveSettings({ redis: { url }, env: {} });
    if ("settings" in result) return result.settings.address;
    const problems = result.problems.map((problem) => ({ ...problem, setting: "LEGACY_REDIS_URL" }));
    throw new Failure("MISCONFIGURED", problems.map(describeProblem).join("\n"));
  }
  if (address.cluster === undefined) return address;
  throw new Failure(
    "MISCONFIGURED",
    "Expected `LEGACY_REDIS_URL` to say on which server the old keys are, since a cluster is where they were not",
  );
}
