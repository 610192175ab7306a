import { generateKey, type MirrorKey, parseKeys } from "../../sync/key-ring.js";
import type { Ciphertext, UnseenCiphertext } from "../../sync/ciphertexts.js";
import {
  type CiphertextSurvey,
  type LeftCiphertext,
  Reencryption,
  type ReencryptionReport,
} from "../../sync/reencryption.js";
import { parseKey, type UserKey, type UserKeys } from "../../sync/user-keys.js";
import type { KeysAtHand } from "../keys/keys-at-hand.js";
import { sumOf, sumOfReports } from "./rotation-report.js";

/** The keys of Redis that a rotation is about, on the servers that have them. */
export interface Ciphertexts {
  readonly servers: readonly UserKeys[];
  /** Of one user, or of all; as `SCAN` takes it. */
  readonly pattern: string;
}

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

/** What has to be read with the keys behind the first, or may have to be; and what nobody can read with them. @throws as `survey`. */
export async function surveyOlder(
  where: Ciphertexts,
  keys: readonly MirrorKey[],
): Promise<{
  readonly older: readonly Ciphertext[];
  readonly unseen: readonly UnseenCiphertext[];
  readonly unreadable: readonly LeftCiphertext[];
}> {
  const [older, unseen, unreadable]: [Ciphertext[], UnseenCiphertext[], LeftCiphertext[]] = [[], [], []];
  for (const reencryption of reencryptionsOf(where, keys)) {
    const found = await reencryption.survey();
    const sifted = await reencryption.sift(found.older);
    older.push(...sifted.held);
    unseen.push(...found.unseen);
    unreadable.push(...sifted.unreadable);
  }
  return { older, unseen, unreadable };
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

function reencryptionsOf({ servers, pattern }: Ciphertexts, keys: readonly MirrorKey[]): Reencryption[] {
  return servers.map((server) => new Reencryption(server, () => keysOf(server, pattern), keys));
}

async function keysOf(server: UserKeys, pattern: string): Promise<readonly UserKey[]> {
  return (await server.names(pattern)).map(parseKey).filter((key) => key !== undefined);
}
