import { parseArgs } from "node:util";
import { Identity } from "../settings/identity.js";
import { resolveSettings } from "../settings/resolve-settings.js";
import { describeProblem } from "../settings/settings.js";
import { MirrorError } from "../sync/errors.js";
import { KeySpace } from "../sync/keys.js";
import type { MirrorKey } from "../sync/key-ring.js";
import type { CiphertextSurvey } from "../sync/reencryption.js";
import { UserKeys } from "../sync/user-keys.js";
import { type KeysAtHand, keysAtHand } from "./keys/keys-at-hand.js";
import { forget } from "./rotate/forget.js";
import { noticePlaintext } from "./plaintext-notice.js";
import { addKey, type Ciphertexts, reencrypt, type RotateFlags, survey } from "./rotate/rotation.js";
import { countOf, describeByKey, describeLeft, toEntries } from "./rotate/rotation-report.js";
import { Screen } from "./screen.js";
import { printable } from "./table.js";
import { fail, isAgreed, say } from "./terminal.js";
import { UsageError } from "./usage-error.js";

const HELP = `redis-mirrored rotate [USER | --all-users] [--forget] [--dry-run] [--yes] [--json]

Takes a new key, and encrypts with it what lies in Redis under the old one: values and kept versions, of all of the user's
instances. The key file gets the new key first, and keeps the old one behind it. Where ROO_MIRROR_KEY is set, its first
key is the new one, and none is made. Each value is replaced for itself, if it is still what was read; so it may be
stopped at any time, and goes on where it was when it is called again.

  USER         whose. Default: ROO_USER_ID, else the id of this machine and user
  --all-users  everybody's on this server
  --forget     takes no new key: removes the old ones from the key file, once nothing in Redis is under them any more,
               whoever's it is
  --dry-run    shows what would be done, and changes nothing
  --yes        does not ask
  --json       the same as JSON

What is under a key that is not at hand is left alone, and listed by its id. No key is ever shown, and no value. Whoever
else reads these records needs the new key too: docs/keys.md says in which order.

Which Redis: from the environment, as for the mirror itself (REDIS_URL, or REDIS_HOST and REDIS_PORT, …).
Exit status: 1 if something is not under the first key at the end.`;

/** The answer is the exit status. @throws UsageError */
export async function rotate(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      "all-users": { type: "boolean", default: false },
      forget: { type: "boolean", default: false },
      "dry-run": { type: "boolean", default: false },
      yes: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return say(HELP);
  const isOfAll = values["all-users"] || values.forget;
  if (positionals.length > (isOfAll ? 0 : 1))
    throw new UsageError(
      `Expected ${isOfAll ? "no user" : "one user at most"}, got ${positionals.map(printable).join(" ")}`,
    );
  const userId = positionals[0] ?? new Identity({}).current;
  if (!userId) throw new UsageError("Expected a user id, got an empty one");
  const result = resolveSettings({});
  if ("problems" in result) return fail(result.problems.map(describeProblem).join("\n"));
  noticePlaintext(result.settings.address);
  let servers: UserKeys[] = [];
  try {
    const atHand = await keysAtHand();
    if (atHand.keys.length === 0) return fail(`There is no key to rotate: ${atHand.store!.path} is not there.`);
    for (const warning of atHand.store?.file.warnings ?? []) console.error(warning);
    servers = await UserKeys.openAll(result.settings.address, userId);
    const isCluster = result.settings.address.cluster !== undefined;
    const pattern = isOfAll ? "roo:*" : new KeySpace({ isCluster }).keyOf({ userId, record: "*" });
    const where = { servers, pattern };
    return values.forget ? await forget(where, atHand, values) : await run(where, atHand, values);
  } catch (error) {
    const isOfFile = typeof (error as NodeJS.ErrnoException).path === "string";
    if (!(error instanceof MirrorError || isOfFile)) throw error;
    return fail((error as Error).message);
  } finally {
    for (const server of servers) server.close();
  }
}

async function run(where: Ciphertexts, atHand: KeysAtHand, flags: RotateFlags): Promise<number> {
  const found = await survey(where, atHand.keys);
  // One that was begun is finished before another is.
  const takesNewKey = atHand.store !== undefined && found.older.length === 0;
  const hasWork = takesNewKey || found.older.length > 0;
  if (!flags.json) say(describe(found, atHand.keys[0]!, takesNewKey).join("\n"));
  const isDone = hasWork && !flags["dry-run"];
  if (isDone && !(flags.yes || (await isAgreed(takesNewKey ? "Take a new key?" : "Encrypt them anew?"))))
    return say("Nothing was changed.");
  if (!isDone) {
    const left = [...found.foreign.map((each) => ({ ...each, reason: "unknown-key" })), ...found.unseen];
    const work = takesNewKey ? found.current : found.older;
    if (flags.json) say(toReport({ isDone, keyId: atHand.keys[0]!.id, takesNewKey, reencrypted: work.length, left }));
    return left.length > 0 ? 1 : 0;
  }
  const keys = takesNewKey ? await addKey(atHand) : atHand.keys;
  if (keys === undefined) return fail(`${atHand.store!.path} was changed meanwhile: run it again.`);
  const [{ id: keyId }] = keys as [MirrorKey];
  if (takesNewKey && !flags.json) say(`${atHand.store.path} has a new key, ${keyId}. The old one stays behind it.`);
  const { reencrypted, left } = await reencrypt(where, keys, progressOf(flags));
  if (flags.json) say(toReport({ isDone, keyId, takesNewKey, reencrypted, left }));
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

/** On the error output, where somebody watches it. */
function progressOf(flags: RotateFlags): (done: number, total: number) => void {
  const isShown = process.stderr.isTTY && !flags.json;
  const screen = new Screen(!isShown, (text) => void process.stderr.write(text));
  return (done, total) => screen.progress(done, total, `${done} of ${total}`);
}

interface Report {
  readonly isDone: boolean;
  readonly keyId: string;
  readonly takesNewKey: boolean;
  readonly reencrypted: number;
  readonly left: Parameters<typeof toEntries>[0];
}

/** With `isDone: false`, what would be done. */
function toReport({ left, ...report }: Report): string {
  return JSON.stringify({ ...report, left: toEntries(left) }, null, 2);
}
