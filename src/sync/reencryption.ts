import { createHash } from "node:crypto";
import { type Ciphertext, findCiphertexts, readCiphertext, type UnseenCiphertext } from "./ciphertexts.js";
import { decrypt, encrypt, headerOf } from "./encryption.js";
import { UnreadableValueError } from "./errors.js";
import { FixedKeyRing, type MirrorKey } from "./key-ring.js";
import { bookkeepingKey } from "./keys.js";
import type { UserKey, UserKeys } from "./user-keys.js";

/** Who goes on saving under an older key, since it has not heard of the first yet, is not run after for ever. */
const MAX_PASSES = 3;

/** Puts a value in the place of what was read, if that is still there. Its life goes on as it was. */
const REPLACE_SCRIPT = `
local there = redis.pcall('GET', KEYS[1])
if type(there) ~= 'string' or redis.sha1hex(there) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
`.trim();

/** The same with a kept version. */
const REPLACE_KEPT_SCRIPT = `
local there = redis.pcall('HGET', KEYS[1], ARGV[3])
if type(there) ~= 'string' or redis.sha1hex(there) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[2])
return 1
`.trim();

/** Ciphertexts by what is to be done with them. */
export interface CiphertextSurvey {
  /** Under the first key already. */
  readonly current: readonly Ciphertext[];
  /** Under another of the keys: to be encrypted anew. */
  readonly older: readonly Ciphertext[];
  /** Under a key that is not at hand: to be left alone. */
  readonly foreign: readonly Ciphertext[];
  /** May be under any key: they were not read. */
  readonly unseen: readonly UnseenCiphertext[];
}

/** One that is not under the first key, and why. */
export interface LeftCiphertext extends Ciphertext {
  /** `unreadable`: its key is at hand, and it does not decrypt. `changed`: whoever saves it has another key first. */
  readonly reason: "unknown-key" | "unreadable" | "changed" | UnseenCiphertext["reason"];
}

export interface ReencryptionReport {
  /** How many were encrypted anew. */
  readonly reencrypted: number;
  /** How many are under the first key now, those included. */
  readonly current: number;
  readonly left: readonly LeftCiphertext[];
}

/**
 * Encrypts what lies in Redis anew, under the first of some keys: each value for itself, if it is still what was read. So
 * whoever has all the keys can read everything at every moment, and what was done stays done, whenever it ends.
 */
export class Reencryption {
  readonly #source: UserKeys;
  readonly #list: () => Promise<readonly UserKey[]>;
  readonly #keys: readonly MirrorKey[];
  readonly #keyRing: FixedKeyRing;

  /**
   * @param list Which keys of Redis it is about.
   * @param keys The first encrypts, all decrypt.
   */
  constructor(source: UserKeys, list: () => Promise<readonly UserKey[]>, keys: readonly MirrorKey[]) {
    this.#source = source;
    this.#list = list;
    this.#keys = keys;
    this.#keyRing = new FixedKeyRing(keys);
  }

  /** @throws ConnectionLostError @throws RefusedError @throws NotServedError */
  async survey(): Promise<CiphertextSurvey> {
    const [current, older, foreign]: Ciphertext[][] = [[], [], []];
    const { seen, unseen } = await findCiphertexts(this.#source, await this.#list());
    for (const ciphertext of seen) {
      const place = this.#keys.findIndex(({ id }) => id === ciphertext.keyId);
      (place === 0 ? current : place > 0 ? older : foreign)!.push(ciphertext);
    }
    return { current: current!, older: older!, foreign: foreign!, unseen };
  }

  /**
   * Those under another than the first of the keys that can be read with it, or were changed meanwhile; and those that
   * nobody can read, whatever keys there are. @throws ConnectionLostError @throws RefusedError @throws NotServedError
   */
  async sift(
    older: readonly Ciphertext[],
  ): Promise<{ readonly held: readonly Ciphertext[]; readonly unreadable: readonly LeftCiphertext[] }> {
    const [held, unreadable]: [Ciphertext[], LeftCiphertext[]] = [[], []];
    for (const ciphertext of older) {
      const stored = await readCiphertext(this.#source, ciphertext);
      if (stored === undefined || (await this.#isReadable(stored.toString(), ciphertext.redisKey)))
        held.push(ciphertext);
      else unreadable.push({ ...ciphertext, reason: "unreadable" });
    }
    return { held, unreadable };
  }

  /**
   * @param onProgress Told before each how many are done, of how many.
   * @throws ConnectionLostError @throws RefusedError @throws NotServedError Then it can be run again.
   */
  async run(onProgress: (done: number, total: number) => void = () => {}): Promise<ReencryptionReport> {
    const unreadable = new Set<string>();
    let reencrypted = 0;
    for (let pass = 0; ; pass++) {
      const { current, older, foreign, unseen } = await this.survey();
      const open = older.filter((ciphertext) => !unreadable.has(placeOf(ciphertext)));
      if (open.length === 0 || pass === MAX_PASSES) {
        const reasonOf = (ciphertext: Ciphertext) => (unreadable.has(placeOf(ciphertext)) ? "unreadable" : "changed");
        const left = [
          ...foreign.map((ciphertext): LeftCiphertext => ({ ...ciphertext, reason: "unknown-key" })),
          ...older.map((ciphertext): LeftCiphertext => ({ ...ciphertext, reason: reasonOf(ciphertext) })),
          ...unseen,
        ];
        return { reencrypted, current: current.length, left };
      }
      for (const [index, ciphertext] of open.entries()) {
        onProgress(reencrypted, reencrypted + open.length - index);
        const isDone = await this.#reencrypt(ciphertext, unreadable);
        if (isDone) reencrypted++;
      }
    }
  }

  async #isReadable(text: string, redisKey: string): Promise<boolean> {
    try {
      await decrypt(text, redisKey, this.#keyRing, undefined);
      return true;
    } catch (error) {
      if (error instanceof UnreadableValueError) return false;
      throw error;
    }
  }

  /** Only its key changes, and what follows from that: neither its version nor how long it lives. Whether it was done. */
  async #reencrypt(ciphertext: Ciphertext, unreadable: Set<string>): Promise<boolean> {
    const { redisKey, keptVersion } = ciphertext;
    const stored = await readCiphertext(this.#source, ciphertext);
    if (stored === undefined) return false;
    let anew: string;
    try {
      const text = stored.toString();
      // Under whatever version it lies: that is for who reads it. It goes on saying what it said.
      const plaintext = await decrypt(text, redisKey, this.#keyRing, undefined);
      anew = await encrypt(plaintext, redisKey, this.#keyRing, headerOf(text)?.ver);
    } catch (error) {
      if (!(error instanceof UnreadableValueError)) throw error;
      unreadable.add(placeOf(ciphertext));
      return false;
    }
    const sha1 = createHash("sha1").update(stored).digest("hex");
    const replace =
      keptVersion === undefined
        ? ["EVAL", REPLACE_SCRIPT, "1", redisKey, sha1, anew]
        : ["EVAL", REPLACE_KEPT_SCRIPT, "1", bookkeepingKey(redisKey, "kept"), sha1, anew, keptVersion];
    const [replaced] = await this.#source.ask([replace], anew.length);
    return Number(replaced) === 1;
  }
}

function placeOf({ redisKey, keptVersion = "" }: Ciphertext): string {
  return `${redisKey} ${keptVersion}`;
}
