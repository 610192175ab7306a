import { KeySpace } from "../../sync/keys.js";
import type { MirrorKey } from "../../sync/key-ring.js";
import { type Ciphertexts, EVERYBODYS } from "../../sync/older-ciphertexts.js";
import type { CiphertextSurvey } from "../../sync/reencryption.js";
import { Failure } from "../failure.js";
import { settingsInForce, userInForce, withAllServers } from "../in-force.js";
import { type KeysAtHand, keysAtHand } from "../keys/keys-at-hand.js";
import { withProgress } from "../progress.js";
import { isAgreed, say, sayJson } from "../terminal.js";
import { UsageError } from "../usage-error.js";
import { forget } from "./forget.js";
import { countOf, describeByKey, describeLeft, toEntries } from "./rotation-report.js";
import { addKey, reencrypt, type RotateFlags, survey } from "./rotation.js";

export interface RotateOptions extends RotateFlags {
  readonly allUsers: boolean;
  readonly forget: boolean;
}

/** The answer is the exit status. @throws UsageError */
export async function rotate(options: RotateOptions, user: string | undefined): Promise<number> {
  const isOfAll = options.allUsers || options.forget;
  if (isOfAll && user !== undefined)
    throw new UsageError(`Expected no user with --${options.forget ? "forget" : "all-users"}, got one`);
  const userId = userInForce(user);
  const settings = settingsInForce();
  const atHand = await keysAtHand();
  if (atHand.keys.length === 0)
    throw new Failure("NO_KEY", `There is no key to rotate: ${atHand.store!.path} is not there.`);
  for (const warning of atHand.store?.file.warnings ?? []) console.error(warning);
  const isCluster = settings.address.cluster !== undefined;
  const pattern = isOfAll ? EVERYBODYS : new KeySpace({ isCluster }).keyOf({ userId, record: "*" });
  return withAllServers(settings, userId, (servers) => {
    const where = { servers, pattern };
    return options.forget ? forget(where, atHand, options) : run(where, atHand, options);
  });
}

async function run(where: Ciphertexts, atHand: KeysAtHand, flags: RotateFlags): Promise<number> {
  const found = await survey(where, atHand.keys);
  // One that was begun is finished before another is.
  const takesNewKey = atHand.store !== undefined && found.older.length === 0;
  const hasWork = takesNewKey || found.older.length > 0;
  if (!flags.json) say(describe(found, atHand.keys[0]!, takesNewKey).join("\n"));
  const isDone = hasWork && !flags.dryRun;
  if (isDone && !(flags.yes || (await isAgreed(takesNewKey ? "Take a new key?" : "Encrypt them anew?", flags.json))))
    return say("Nothing was changed.");
  if (!isDone) {
    const left = [...found.foreign.map((each) => ({ ...each, reason: "unknown-key" })), ...found.unseen];
    const work = takesNewKey ? found.current : found.older;
    if (flags.json)
      sayJson(toReport({ isDone, keyId: atHand.keys[0]!.id, takesNewKey, reencrypted: work.length, left }));
    return left.length > 0 ? 1 : 0;
  }
  const keys = takesNewKey ? await addKey(atHand) : atHand.keys;
  if (keys === undefined)
    throw new Failure("KEYS_CHANGED", `${atHand.store!.path} was changed meanwhile: run it again.`);
  const [{ id: keyId }] = keys as [MirrorKey];
  if (takesNewKey && !flags.json) say(`${atHand.store.path} has a new key, ${keyId}. The old one stays behind it.`);
  const howToGoOn = "What is under the new key stays so; call it again, and it goes on with the rest.";
  const { reencrypted, left } = await withProgress({ noun: "values", howToGoOn, isJson: flags.json }, (step) =>
    reencrypt(where, keys, step),
  );
  if (flags.json) sayJson(toReport({ isDone, keyId, takesNewKey, reencrypted, left }));
  else {
    say(`${reencrypted} encrypted anew, with ${keyId}.`);
    if (left.length > 0) say(["Left as they were:", ...describeLeft(left)].join("\n"));
    if (left.every(({ reason }) => reason === "unknown-key"))
      say("Once nobody needs the old key any more: redis-mirrored rotate --forget");
  }
  return left.length > 0 ? 1 : 0;
}

function describe(found: CiphertextSurvey, { id }: MirrorKey, takesNewKey: boolean): string[] {
  const { current, older, foreign, unseen } = found;
  const lines: string[] = [];
  if (takesNewKey) lines.push(`To be encrypted with a new key: ${countOf(current)}, now under ${id}.`);
  else if (older.length > 0) lines.push(`To be encrypted with ${id}, now under an older key:`, ...describeByKey(older));
  else lines.push(`All that can be read is under ${id} already: ${countOf(current)}.`);
  if (foreign.length > 0) lines.push("To be left alone, under a key that is not at hand:", ...describeByKey(foreign));
  if (unseen.length > 0) lines.push("Not looked at, whatever they are under:", ...describeLeft(unseen));
  return lines;
}

interface Report {
  readonly isDone: boolean;
  readonly keyId: string;
  readonly takesNewKey: boolean;
  readonly reencrypted: number;
  readonly left: Parameters<typeof toEntries>[0];
}

/** With `isDone: false`, what would be done. */
function toReport({ left, ...report }: Report): object {
  return { ...report, left: toEntries(left) };
}
