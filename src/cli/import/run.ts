import { Codec } from "../../sync/codec.js";
import { KeyRingError } from "../../sync/errors.js";
import { FixedKeyRing, type KeyRing } from "../../sync/key-ring.js";
import { openGateway } from "../../sync/open-gateway.js";
import { Catalogue } from "../../sync/records.js";
import { MAX_KEPT } from "../../sync/script-parts.js";
import type { ExportDocument } from "../export/document.js";
import { settingsInForce } from "../in-force.js";
import { keysAtHand } from "../keys/keys-at-hand.js";
import { noticePlaintext, noticeWarnings } from "../plaintext-notice.js";
import { printable } from "../printable.js";
import { type Step, withProgress } from "../progress.js";
import { align, nameOfInstance, nameSome, shownId, shownKey } from "../table.js";
import { isAgreed, say, sayJson } from "../terminal.js";
import { Importer } from "./importer.js";
import { JweReader } from "./jwe-reader.js";
import type { ImportPlan } from "./plan.js";
import { readDocument } from "./read-document.js";

export interface ImportOptions {
  readonly user?: string;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

const HOW_TO_GO_ON = "Each record is put back for itself; call it again for the rest.";

/** What is not encrypted, or goes as it is, can be put back without one. */
const NO_KEYS: KeyRing = {
  encryptionKey: () => Promise.reject(new KeyRingError("Expected a key at hand, got none")),
  decryptionKey: () => Promise.resolve(undefined),
  decryptionKeyIds: () => Promise.resolve([]),
};

/** The answer is the exit status: 1 where something could not be put back. */
export async function importUser(options: ImportOptions, file: string): Promise<number> {
  const document = await readDocument(file);
  const settings = settingsInForce();
  const userId = options.user ?? document.userId;
  const { keys } = await keysAtHand();
  noticePlaintext(settings.address);
  const keyRing = keys.length > 0 ? new FixedKeyRing(keys) : NO_KEYS;
  const gateway = openGateway(settings.address);
  // Nothing else does: the sockets of a gateway do not hold a process.
  const holding = setInterval(() => {}, 60_000);
  try {
    await gateway.connect();
    noticeWarnings(gateway.warnings ?? []);
    const importer = new Importer({
      gateway,
      codec: new Codec(keyRing, { isCompressing: settings.isCompressing }),
      jwes: new JweReader(keyRing),
      catalogue: new Catalogue([], settings),
      isEncryptingAll: settings.isEncryptingAll,
      userId,
      isCluster: settings.address.cluster !== undefined,
      keyIds: keys.map(({ id }) => id),
      ttlSeconds: settings.timings.ttlSeconds,
    });
    return await run(importer, document, userId, options);
  } finally {
    gateway.close();
    clearInterval(holding);
  }
}

async function run(
  importer: Importer,
  { records }: ExportDocument,
  userId: string,
  { json, dryRun, yes }: ImportOptions,
): Promise<number> {
  const plans: ImportPlan[] = [];
  for (const entry of records) plans.push(await importer.plan(entry));
  const hasWork = plans.some(isWork);
  if (!json) say(describe(userId, plans).join("\n"));
  const isDone = hasWork && !dryRun;
  if (isDone && !(yes || (await isAgreed(`Put it back as \`${shownId(userId)}\`'s?`, json))))
    return say("Nothing was changed.");
  const done = isDone
    ? await withProgress({ noun: "records", howToGoOn: HOW_TO_GO_ON, isJson: json }, (step) =>
        carryOut(importer, plans, step),
      )
    : plans;
  if (json) sayJson({ userId, isDone, records: done.map(toEntry) });
  else if (isDone) {
    const failed = done.filter((plan, index) => plan !== plans[index]);
    for (const { redisKey, reason } of failed) say(`${shownKey(redisKey)}: not put back: ${printable(reason!)}`);
    say(failed.length === 0 ? "Done." : done.some(isWork) ? "Done, but for that." : "Nothing was put back.");
  }
  return done.some(({ kind, leftOut = [] }) => kind === "refuse" || leftOut.length > 0) ? 1 : 0;
}

function isWork({ kind }: ImportPlan): boolean {
  return kind !== "nothing" && kind !== "refuse";
}

async function carryOut(importer: Importer, plans: readonly ImportPlan[], step: Step): Promise<ImportPlan[]> {
  const done: ImportPlan[] = [];
  for (const [index, plan] of plans.entries()) {
    step(index, plans.length);
    done.push(isWork(plan) ? await importer.apply(plan) : plan);
  }
  step(plans.length, plans.length);
  return done;
}

function describe(userId: string, plans: readonly ImportPlan[]): string[] {
  if (plans.length === 0) return ["The file holds no records."];
  const rows = plans.map((plan) => [
    plan.entry.record,
    nameOfInstance(plan.entry.instanceId ?? undefined),
    describePlan(plan),
  ]);
  const left = plans.flatMap(describeLeftOut);
  return [`As \`${shownId(userId)}\`'s:`, ...align([["RECORD", "INSTANCE", "BECOMES"], ...rows]), ...left];
}

/** A line a reason. */
function describeLeftOut({ redisKey, entry, leftOut = [] }: ImportPlan): string[] {
  return [...new Set(leftOut.map(({ reason }) => reason))].map((reason) => {
    const versions = leftOut.filter((each) => each.reason === reason).map(({ version }) => version);
    const isOne = versions.length === 1;
    const which = versions.includes(entry.version ?? "") ? "file's" : "kept";
    return `${shownKey(redisKey)}: the ${which} version${isOne ? "" : "s"} ${nameSome(versions)} ${isOne ? "is" : "are"} not put back: ${printable(reason)}`;
  });
}

function describePlan({
  kind,
  reason,
  items = [],
  writes = [],
  pushedOut = 0,
  isOpen,
  keptOpen = 0,
}: ImportPlan): string {
  const pushed = pushedOut > 0 ? `, and pushes out ${pushedOut} of the ${MAX_KEPT} that were kept` : "";
  const those = keptOpen === 1 ? "1 kept version is" : `${keptOpen} kept versions are`;
  const cleared = keptOpen > 0 ? `; ${those} not encrypted, and not kept on` : "";
  const versions = writes.length > 1 ? `, with ${writes.length - 1} kept before it` : "";
  switch (kind) {
    case "save":
      return `saved${versions}${cleared}`;
    case "replace":
      return `saved over an older one, which ${isOpen === true ? "is not encrypted, and so not kept" : "is kept"}${versions}${pushed}${cleared}`;
    case "merge":
      return `${items.length === 1 ? "1 item" : `${items.length} items`} added, or brought up to date`;
    case "keep":
      return "stays as it is, since it is later; what the file has is kept beside it";
    case "nothing":
      return `nothing to do: ${reason ?? "it is there already, or a later one"}`;
    default:
      return `not put back: ${printable(reason!)}`;
  }
}

function toEntry({
  entry,
  redisKey,
  kind,
  reason,
  items,
  writes,
  leftOut = [],
  pushedOut = 0,
  keptOpen = 0,
}: ImportPlan): object {
  const { record, instanceId } = entry;
  const counts = { items: items?.length, versions: writes?.length };
  return { record, instanceId, redisKey, kind, reason, ...counts, leftOut, pushedOut: pushedOut + keptOpen };
}
