import type { Ciphertext, UnseenCiphertext } from "./ciphertexts.js";
import type { MirrorKey } from "./key-ring.js";
import { type LeftCiphertext, Reencryption } from "./reencryption.js";
import { parseKey, type UserKey, type UserKeys } from "./user-keys.js";

/** The keys of Redis that a rotation is about, on the servers that have them. */
export interface Ciphertexts {
  readonly servers: readonly UserKeys[];
  /** Of one user, or of all; as `SCAN` takes it. */
  readonly pattern: string;
}

/** Whoever's they are. A key is forgotten only where nobody's are under it. */
export const EVERYBODYS = "roo:*";

/** What may stand in the way of forgetting the keys behind the first. */
export interface OlderCiphertexts {
  /** Those that have to be read with one of these keys, or may have to be. */
  readonly older: readonly Ciphertext[];
  /** May be under any key: they were not read. */
  readonly unseen: readonly UnseenCiphertext[];
  /** Name one of these keys, and nobody can read them with it: they hold nothing back. */
  readonly unreadable: readonly LeftCiphertext[];
}

/** @throws ConnectionLostError @throws RefusedError @throws NotServedError */
export async function surveyOlder(where: Ciphertexts, keys: readonly MirrorKey[]): Promise<OlderCiphertexts> {
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

/** One for each server. */
export function reencryptionsOf({ servers, pattern }: Ciphertexts, keys: readonly MirrorKey[]): Reencryption[] {
  return servers.map((server) => new Reencryption(server, () => keysOf(server, pattern), keys));
}

async function keysOf(server: UserKeys, pattern: string): Promise<readonly UserKey[]> {
  return (await server.names(pattern)).map(parseKey).filter((key) => key !== undefined);
}
