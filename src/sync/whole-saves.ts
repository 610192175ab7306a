import { asItIs, bytesOf, combineChanges, withoutWhole } from "./collection-change.js";
import type { Collections } from "./collections.js";
import { isOfOneKey, toMirrorError } from "./errors.js";
import type { RedisGateway } from "./redis-gateway.js";
import type { PendingCollection, PendingWrite, Refusal } from "./writes.js";

/** How many collections are compared in one go. */
const COMPARED_AT_ONCE = 100;

/** The saves of collections with which nothing could be compared when they were made: the mirror says what of them is to be sent. */
export class WholeSaves {
  readonly #gateway: RedisGateway;
  readonly #collections: Collections;

  constructor(gateway: RedisGateway, collections: Collections) {
    this.#gateway = gateway;
    this.#collections = collections;
  }

  /** The answer is what is to be sent in the place of which, and what may not be read. @throws ConnectionLostError */
  async compare(batch: readonly PendingWrite[]) {
    const whole = batch.filter(
      (write) => write.kind === "collection" && write.change.wholeSince !== undefined,
    ) as PendingCollection[];
    const compared = new Map<PendingWrite, PendingWrite>();
    const refused: Refusal[] = [];
    for (let from = 0; from < whole.length; from += COMPARED_AT_ONCE) {
      const comparing = whole.slice(from, from + COMPARED_AT_ONCE).map(async (write) => {
        try {
          compared.set(write, await this.#compareOne(write));
        } catch (error) {
          const failure = toMirrorError(error);
          if (!isOfOneKey(failure) || !this.#gateway.isConnected) throw error;
          refused.push({ write, error: failure });
        }
      });
      await Promise.all(comparing);
    }
    return { compared, refused };
  }

  async #compareOne(write: PendingCollection): Promise<PendingCollection> {
    const found = await this.#collections.compare(write, write.change.wholeSince);
    // Where the local store's copy had to give way, nobody can say what of it is news: all of it goes.
    const own = this.#collections.isHeld(write.redisKey) ? withoutWhole(write.change) : asItIs(write.change);
    const change = combineChanges(found.change, { ...own, wholeSince: undefined });
    return { ...write, change, bytes: bytesOf(change) };
  }
}
