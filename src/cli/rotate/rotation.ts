import { generateKey, type MirrorKey, parseKeys } from "../../sync/key-ring.js";
import { type Ciphertexts, reencryptionsOf } from "../../sync/older-ciphertexts.js";
import type { CiphertextSurvey, ReencryptionReport } from "../../sync/reencryption.js";
import type { KeysAtHand } from "../keys/keys-at-hand.js";
import { sumOf, sumOfReports } from "./rotation-report.js";

export interface RotateFlags {
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

/** What is under which of the keys. @throws ConnectionLostError @throws RefusedError @throws NotServedError */
export async function survey(where: Ciphertexts, keys: readonly MirrorKey[]): Promise<CiphertextSurvey> {
  const surveys: CiphertextSurvey[] = [];
  for (const reencryption of reencryptionsOf(where, keys)) surveys.push(await reencryption.survey());
  return sumOf(surveys);
}

/** Encrypts anew. @throws ConnectionLostError @throws RefusedError @throws NotServedError Then it can be run again. */
export async function reencrypt(
  where: Ciphertexts,
  keys: readonly MirrorKey[],
  onProgress: (done: number, total: number) => void,
): Promise<ReencryptionReport> {
  const reports: ReencryptionReport[] = [];
  for (const reencryption of reencryptionsOf(where, keys)) reports.push(await reencryption.run(onProgress));
  return sumOfReports(reports);
}

/** Puts a new key in front of those that are kept. `undefined`: somebody else has changed them meanwhile. */
export async function addKey({ store }: KeysAtHand): Promise<readonly MirrorKey[] | undefined> {
  const { file, text } = store!;
  const next = `${generateKey()},${text}`;
  return (await file.replace(text!, next)) ? parseKeys(next) : undefined;
}

/** Keeps the first key alone. The answer is whether that was done. */
export async function forgetOlder({ store }: KeysAtHand): Promise<boolean> {
  const { file, text } = store!;
  return file.replace(text!, text!.split(",")[0]!.trim());
}
