import { SecretKeyStore } from "../container/key-stores.js";
import { type Mirror, TOKENS } from "../index.js";
import type { Settings } from "../settings/settings.js";
import { KeyRingError } from "../sync/errors.js";
import { generateKey, type MirrorKey, parseKeys, StoredKeyRing } from "../sync/key-ring.js";
import type { RedisAddress } from "../sync/redis-address.js";
import type { HostContext } from "./roo-types.js";

/** How often keys are put into a store that somebody else changes at the same time. */
const MAX_ATTEMPTS = 3;

/** Whose records there are, and on which server. */
export interface MirroredUser {
  readonly address: RedisAddress;
  readonly userId: string;
}

/** The keys of a mirror in VS Code: in its SecretStorage, unless the settings name them. */
export class MirrorKeys {
  readonly #store: SecretKeyStore;
  readonly #mirror: Mirror | undefined;

  constructor(secrets: HostContext["secrets"], mirror: Mirror | undefined) {
    this.#store = new SecretKeyStore(secrets);
    this.#mirror = mirror;
  }

  /** Those that the settings name; they go before what is kept. None where the mirror is off. */
  get named(): readonly MirrorKey[] {
    return this.#settings?.keys ?? [];
  }

  /** `undefined`: nobody is signed in, or the mirror is off. */
  get user(): MirroredUser | undefined {
    const settings = this.#settings;
    const userId = settings && this.#mirror!.container.get(TOKENS.Identity).current;
    return userId === undefined ? undefined : { address: settings!.address, userId };
  }

  /** Those that are kept, the encrypting one first. @throws KeyRingError */
  async kept(): Promise<MirrorKey[]> {
    const text = await ofStore(this.#store.load());
    return text === undefined ? [] : parseKeys(text);
  }

  /** The one that encrypts; made, where there is none yet. @throws KeyRingError */
  async first(): Promise<MirrorKey> {
    const [key = (await this.kept())[0]] = this.named;
    return key ?? parseKeys(await ofStore(this.#store.storeIfAbsent(generateKey())))[0]!;
  }

  /**
   * From now on this one encrypts, and those that are kept stay behind it. The answer is what is kept then.
   * @throws KeyRingError where that is not kept, or something else.
   */
  async putFirst(key: MirrorKey): Promise<MirrorKey[]> {
    return this.#change((kept) => [key, ...kept.filter(({ id }) => id !== key.id)]);
  }

  /**
   * Sees to it that something was not encrypted with a key that is nowhere: another window may have stored its own at
   * the same moment, and then this one goes behind that.
   * @throws KeyRingError
   */
  async keep(key: MirrorKey): Promise<void> {
    await this.#change((kept) => (kept.some(({ id }) => id === key.id) ? kept : [...kept, key]));
  }

  /**
   * Keeps the first alone of those that somebody knows to be kept. `false`: others are kept by now, and go on being.
   * @throws KeyRingError
   */
  async forgetOlder(known: readonly MirrorKey[]): Promise<boolean> {
    const text = await ofStore(this.#store.load());
    const idsOf = (keys: readonly MirrorKey[]) => keys.map(({ id }) => id).join(",");
    if (text === undefined || idsOf(parseKeys(text)) !== idsOf(known)) return false;
    if (!(await ofStore(this.#store.replace(text, keyText(known[0]!))))) return false;
    await this.reload();
    return true;
  }

  /** The mirror reads what is kept now. Does not reject. */
  async reload(): Promise<void> {
    const container = this.#mirror?.container;
    if (container?.isBound(TOKENS.KeyRing) !== true) return;
    const ring = container.get(TOKENS.KeyRing);
    if (!(ring instanceof StoredKeyRing)) return;
    await ring.reload();
    // It may have been switched off meanwhile.
    if (container.isBound(TOKENS.RedisSyncService)) container.get(TOKENS.RedisSyncService).lookAgain();
  }

  get #settings(): Settings | undefined {
    const container = this.#mirror?.container;
    return container?.isBound(TOKENS.Settings) === true ? container.get(TOKENS.Settings) : undefined;
  }

  async #change(changed: (kept: MirrorKey[]) => MirrorKey[]): Promise<MirrorKey[]> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const text = await ofStore(this.#store.load());
      const kept = text === undefined ? [] : parseKeys(text);
      const next = changed(kept);
      if (next === kept) return kept;
      const nextText = next.map(keyText).join(",");
      const isDone =
        text === undefined
          ? (await ofStore(this.#store.storeIfAbsent(nextText))) === nextText
          : await ofStore(this.#store.replace(text, nextText));
      if (!isDone) continue;
      await this.reload();
      return next;
    }
    throw new KeyRingError("Another window changes the keys at the same time. Try again.");
  }
}

/** As it is given to another machine. */
export function keyText({ bytes }: MirrorKey): string {
  return Buffer.from(bytes).toString("base64url");
}

/** What a store says when it fails may quote what it was given. @throws KeyRingError */
async function ofStore<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch {
    throw new KeyRingError("VS Code's SecretStorage could not be read or written.");
  }
}
