import { createHash, randomBytes } from "node:crypto";
import { systemClock, withDeadline } from "./clock.js";
import { concealing } from "./concealment.js";
import { KeyRingError } from "./errors.js";

/** AES-256: exactly this many bytes, no passphrases. */
export const KEY_BYTES = 32;

/** The command that makes one, for whoever has given something else. */
export const MAKES_A_KEY = "npx redis-mirrored keygen";

/** One symmetric key, and the id by which a ciphertext says that it was made with it. */
export interface MirrorKey {
  /** 11 characters, derived from the key: the `kid` of a JWE. */
  readonly id: string;
  /** 32 of them. */
  readonly bytes: Uint8Array;
}

/** The keys of the encrypted records: the first encrypts, all decrypt. */
export interface KeyRing {
  /** @throws KeyRingError where there is none and none could be made. */
  encryptionKey(): Promise<MirrorKey>;
  /** `undefined`: it is not on the ring. */
  decryptionKey(id: string): Promise<MirrorKey | undefined>;
  /** Of all that are on the ring: what is under another one cannot be read here. */
  decryptionKeyIds(): Promise<readonly string[]>;
}

/** Where a key that was made here is kept: VS Code's SecretStorage, a file that only its owner may read. */
export interface KeyStore {
  /** Several keys are separated by commas. */
  load(): Promise<string | undefined>;
  /** Keeps `key` unless another process was faster. The answer is what is kept now. */
  storeIfAbsent(key: string): Promise<string>;
}

/** Reads `a,b,c`: each 32 bytes in base64url. @throws KeyRingError that says how long the odd one is, never what it is. */
export function parseKeys(text: string): MirrorKey[] {
  const parts = text.split(",").map((part) => part.trim());
  return parts.map((part, index) =>
    parseKey(part, parts.length === 1 ? "the key" : `key ${index + 1} of ${parts.length}`),
  );
}

function parseKey(text: string, which: string): MirrorKey {
  const got = describeIfNoKey(text);
  if (got !== undefined) {
    const expected = `Expected ${which} to be ${KEY_BYTES} bytes in base64url (43 characters)`;
    throw new KeyRingError(`${expected}, got ${got}; make one: ${MAKES_A_KEY}`);
  }
  const bytes = Buffer.from(text, "base64url");
  return concealing({ id: keyId(bytes), bytes }, ({ id }) => ({ id }));
}

/** What is wrong with a text that should be a key, without quoting it; `undefined`: nothing. */
function describeIfNoKey(text: string): string | undefined {
  if (!/^[A-Za-z0-9_-]+=?$/.test(text)) return `${text.length} characters that are not base64url`;
  const bytes = Buffer.from(text, "base64url");
  if (bytes.length !== KEY_BYTES) return `${bytes.length} bytes`;
  // The last of 43 characters says four bits alone, and in three of four passphrases of that length it would say six.
  const isWhole = bytes.toString("base64url") === text.replace("=", "");
  return isWhole ? undefined : `${text.length} characters that no ${KEY_BYTES} bytes are written as`;
}

/** Derived from the key, so that two machines with the same key agree on it; too short to say anything of the key. */
function keyId(bytes: Uint8Array): string {
  return createHash("sha256").update("redis-mirrored key id\0").update(bytes).digest("base64url").slice(0, 11);
}

/** A new key: 32 random bytes in base64url, 43 characters, as `ROO_MIRROR_KEY` and the option `keys` take it. */
export function generateKey(): string {
  return randomBytes(KEY_BYTES).toString("base64url");
}

/** Keys that the settings name. */
export class FixedKeyRing implements KeyRing {
  readonly #keys: readonly MirrorKey[];

  constructor(keys: readonly MirrorKey[]) {
    if (keys.length === 0) throw new KeyRingError("Expected at least one key, got none");
    this.#keys = keys;
  }

  encryptionKey(): Promise<MirrorKey> {
    return Promise.resolve(this.#keys[0]!);
  }

  decryptionKey(id: string): Promise<MirrorKey | undefined> {
    return Promise.resolve(this.#keys.find((key) => key.id === id));
  }

  decryptionKeyIds(): Promise<readonly string[]> {
    return Promise.resolve(this.#keys.map((key) => key.id));
  }
}

/** How often a store is read once more at most: somebody may write what no key opens all the time. */
const RELOAD_INTERVAL_MS = 10_000;

/** So long whoever encrypts waits for a store that was read before: less than what its save is given up after. */
const REFRESH_DEADLINE_MS = 1_000;

/**
 * The keys of a store, read when first needed; where it has none, one is made and kept. Another process may rotate them
 * meanwhile, so the store is read again before encrypting, and for a key that is not on the ring: at most once in 10 s.
 * While it does not answer, the keys that were read last are used.
 */
export class StoredKeyRing implements KeyRing {
  readonly #store: KeyStore;
  readonly #now: () => number;
  #opening: Promise<KeyRing> | undefined;
  #reloading: Promise<void> | undefined;
  #refreshing: Promise<void> | undefined;
  #readAtMs = -Infinity;

  /** @param now Milliseconds, from any moment on. */
  constructor(store: KeyStore, now: () => number = () => performance.now()) {
    this.#store = store;
    this.#now = now;
  }

  async encryptionKey(): Promise<MirrorKey> {
    await this.#refresh();
    return (await this.#open()).encryptionKey();
  }

  async decryptionKey(id: string): Promise<MirrorKey | undefined> {
    const key = await (await this.#open()).decryptionKey(id);
    const isJustRead = this.#reloading === undefined && this.#now() - this.#readAtMs < RELOAD_INTERVAL_MS;
    if (key !== undefined || isJustRead) return key;
    await this.reload();
    return (await this.#open()).decryptionKey(id);
  }

  async decryptionKeyIds(): Promise<readonly string[]> {
    await this.#refresh();
    return (await this.#open()).decryptionKeyIds();
  }

  /** Reads the store again where that was a while ago, and waits for it, but not for long. Does not reject. */
  async #refresh(): Promise<void> {
    if (this.#opening !== undefined && this.#now() - this.#readAtMs >= RELOAD_INTERVAL_MS) {
      this.#readAtMs = this.#now();
      this.#refreshing ??= withDeadline(this.reload(), {
        deadlineMs: REFRESH_DEADLINE_MS,
        onExpired: () => new KeyRingError(`The key store did not answer within ${REFRESH_DEADLINE_MS} ms`),
        clock: systemClock,
      })
        .catch(() => {})
        .finally(() => (this.#refreshing = undefined));
    }
    await this.#refreshing;
  }

  /** Reads the store again: its keys have changed. While it cannot be read, or has none, those that are here stay. */
  reload(): Promise<void> {
    this.#reloading ??= this.#readAgain().finally(() => (this.#reloading = undefined));
    return this.#reloading;
  }

  async #readAgain(): Promise<void> {
    // Whoever needs a key reads the store anyway.
    if (this.#opening === undefined) return;
    this.#readAtMs = this.#now();
    try {
      const kept = await this.#store.load();
      if (kept !== undefined) this.#opening = Promise.resolve(new FixedKeyRing(parseKeys(kept)));
    } catch {
      // The next one that asks in vain tries again.
    }
  }

  #open(): Promise<KeyRing> {
    // Forgotten when it fails: a store that could not be read now may be readable at the next attempt.
    this.#opening ??= this.#load().catch((error: unknown) => {
      this.#opening = undefined;
      throw error instanceof KeyRingError
        ? error
        : new KeyRingError("The key store could not be read or written", { cause: error });
    });
    return this.#opening;
  }

  async #load(): Promise<KeyRing> {
    this.#readAtMs = this.#now();
    const kept = (await this.#store.load()) ?? (await this.#store.storeIfAbsent(generateKey()));
    return new FixedKeyRing(parseKeys(kept));
  }
}
