import type { Author } from "./author.js";
import type { CollectionId, Collections } from "./collections.js";
import { digestOf } from "./digest.js";
import { ConnectionLostError } from "./errors.js";
import type { RecordId } from "./keys.js";
import type { Ledger } from "./ledger.js";
import type { RecordReader } from "./record-reader.js";
import type { Reconciler } from "./reconciler.js";
import { type Catalogue, isMerged, type RecordDefinition } from "./records.js";
import type { RedisGateway } from "./redis-gateway.js";
import { isRemote, type RemoteNews } from "./remote-changes.js";
import type { UnsentWrites } from "./unsent-writes.js";

export interface NewsSourceOptions {
  gateway: RedisGateway;
  catalogue: Catalogue;
  ledger: Ledger;
  author: Author;
  collections: Collections;
  reconciler: Reconciler;
  unsent: UnsentWrites;
  reader: RecordReader;
  /** How long a record lives in Redis, seconds. */
  ttlSecondsOf(record: RecordDefinition): number;
}

/** Looks what there is in Redis of a record that is later than what this process knows. */
export class NewsSource {
  readonly #options: NewsSourceOptions;

  constructor(options: NewsSourceOptions) {
    this.#options = options;
  }

  /** @throws ConnectionLostError and what the gateway's reading does. */
  async look(redisKey: string, { userId, record: name }: RecordId): Promise<RemoteNews> {
    const { gateway, catalogue, ledger, author, reader, ttlSecondsOf } = this.#options;
    const record = catalogue.find(name)!;
    const nothing = { token: undefined, fingerprint: undefined };
    if (this.#isSettling(redisKey, record)) return { ...nothing, isUnsettled: true };
    if (!(await reader.connect())) throw new ConnectionLostError("Nobody is there to ask.");
    if (isMerged(record)) return this.#lookForItems({ redisKey, userId, record });
    const [state] = await gateway.renew([{ redisKey, ttlSeconds: ttlSecondsOf(record) }]);
    author.observe(state?.version);
    const isUnsettled = this.#isSettling(redisKey, record);
    const isNews = !isUnsettled && isRemote(author, state?.version, ledger.get(redisKey)?.version);
    return { ...nothing, token: isNews ? state!.version : undefined, isUnsettled };
  }

  async #lookForItems(id: CollectionId): Promise<RemoteNews> {
    const { collections, unsent } = this.#options;
    const { stored, items } = await collections.findRemote(id);
    const unsentIds = new Set(unsent.changesOf(id.redisKey).flatMap((change) => [...change.items.keys()]));
    const news = [...items].filter(([item]) => !unsentIds.has(item)).map(([item, { version }]) => `${item} ${version}`);
    return {
      token: news.length === 0 ? undefined : digestOf(news.toSorted().join("\n")),
      fingerprint: stored.fingerprint,
      isUnsettled: news.length < items.size,
    };
  }

  /** Whether what this process has itself to say about a record decides what is news of it. */
  #isSettling(redisKey: string, record: RecordDefinition): boolean {
    const { reconciler, unsent } = this.#options;
    if (reconciler.isUncompared(redisKey)) return true;
    if (!isMerged(record)) return unsent.of(redisKey) !== undefined;
    return unsent.changesOf(redisKey).some(({ wholeSince }) => wholeSince !== undefined);
  }
}
