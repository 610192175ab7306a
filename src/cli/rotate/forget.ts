import { Failure } from "../failure.js";
import { isAgreed, say, sayJson } from "../terminal.js";
import type { KeysAtHand } from "../keys/keys-at-hand.js";
import { type Ciphertexts, type OlderCiphertexts, surveyOlder } from "../../sync/older-ciphertexts.js";
import { forgetOlder, type RotateFlags } from "./rotation.js";
import { describeByKey, describeLeft, toEntries } from "./rotation-report.js";

/** Removes the keys behind the first, if nothing is under them. The answer is the exit status. */
export async function forget(where: Ciphertexts, atHand: KeysAtHand, flags: RotateFlags): Promise<number> {
  const [first, ...others] = atHand.keys.map(({ id }) => id);
  const { older, unseen, unreadable } = await surveyOlder(where, atHand.keys);
  const from = atHand.store?.path ?? "ROO_MIRROR_KEY";
  const left = [...older, ...unseen];
  const isFree = left.length === 0;
  const isAsked = isFree && others.length > 0 && atHand.store !== undefined && !flags.dryRun;
  // What a killed one left there may hold keys that were forgotten since.
  if (others.length === 0 && !flags.dryRun) await atHand.store?.file.removeDrafts();
  if (!flags.json) {
    if (others.length === 0) say(`${from} holds one key, ${first}: there is none to forget.`);
    else if (isFree)
      say(
        `Nothing in this Redis ${unreadable.length > 0 ? "that decrypts " : ""}is under the older keys of ${from}: ${others.join(", ")}.`,
      );
    else sayWhyNot({ older, unseen });
    if (unreadable.length > 0)
      say(
        [
          "Held back by none of these, which do not decrypt under the keys they name:",
          ...describeLeft(unreadable),
        ].join("\n"),
      );
    if (isFree && others.length > 0 && atHand.store === undefined) say("ROO_MIRROR_KEY is yours to shorten.");
  }
  const question = `Remove ${others.length === 1 ? "it" : "them"} from the key file? What lies elsewhere under them can then not be read.`;
  if (isAsked && !flags.yes) {
    if (!(await isAgreed(question, flags.json))) return say("Nothing was changed.");
    // A question may stay open for long.
    const since = await surveyOlder(where, atHand.keys);
    if (since.older.length + since.unseen.length > 0) return sayWhyNot(since);
  }
  if (isAsked && !(await forgetOlder(atHand)))
    throw new Failure("KEYS_CHANGED", `${from} was changed meanwhile: run it again.`);
  if (flags.json)
    sayJson({
      isDone: isAsked,
      keyId: first,
      forgotten: isAsked ? others : [],
      left: toEntries([...left, ...unreadable]),
    });
  else if (isAsked) say(`${from} holds ${first} alone.`);
  return isFree ? 0 : 1;
}

/** The answer is the exit status. */
function sayWhyNot({ older, unseen }: Pick<OlderCiphertexts, "older" | "unseen">): number {
  if (older.length > 0)
    say(["Not forgotten, since something is still under them:", ...describeByKey(older)].join("\n"));
  if (unseen.length > 0) say(["Not forgotten, since these may be under them:", ...describeLeft(unseen)].join("\n"));
  return 1;
}
