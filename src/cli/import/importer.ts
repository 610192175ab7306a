import { Author } from "../../sync/author.js";
import type { Codec } from "../../sync/codec.js";
import { KeySpace } from "../../sync/keys.js";
import { type Catalogue, defineRecord, type RecordDefinition } from "../../sync/records.js";
import type { RedisGateway } from "../../sync/redis-gateway.js";
import type { ExportedRecord } from "../export/document.js";
import { DocumentImporter } from "./document-importer.js";
import type { JweReader } from "./jwe-reader.js";
import { ListImporter } from "./list-importer.js";
import type { ImportPlan } from "./plan.js";
import { RefusedContentError } from "./refused-content-error.js";

/** Who saves what nothing in the file says the version of. */
const WRITER = "imported";

export interface ImporterOptions {
  readonly gateway: RedisGateway;
  readonly codec: Codec;
  readonly jwes: JweReader;
  readonly catalogue: Catalogue;
  /** Whether records that are not in the catalogue are encrypted too. */
  readonly isEncryptingAll: boolean;
  /** Whose it becomes. */
  readonly userId: string;
  readonly isCluster: boolean;
  /** With which keys what is encrypted can be read here; the first encrypts. */
  readonly keyIds: readonly string[];
  /** Seconds. */
  readonly ttlSeconds: number;
}

/** Puts back what was exported, by the scripts of the mirror: nothing newer is overwritten, and what is overwritten is kept. */
export class Importer {
  readonly #options: ImporterOptions;
  readonly #lists: ListImporter;
  readonly #documents: DocumentImporter;

  constructor(options: ImporterOptions) {
    const author = new Author(WRITER, "", () => Date.now());
    this.#options = options;
    this.#lists = new ListImporter(options, author);
    this.#documents = new DocumentImporter(options, author);
  }

  /** @throws KeyRingError and what the gateway's reading does. */
  async plan(entry: ExportedRecord): Promise<ImportPlan> {
    const { userId, isCluster } = this.#options;
    const keySpace = new KeySpace({ instanceId: entry.instanceId ?? "", isCluster });
    const redisKey = keySpace.keyOf({ userId, record: entry.record });
    const base = { entry, redisKey, record: this.#definitionOf(entry) };
    if (entry.isDeleted) return { ...base, kind: "nothing", reason: "it was deleted" };
    try {
      const items = this.#lists.itemsOf(base);
      if (items !== undefined) return await this.#lists.plan(base, items);
      return await this.#documents.plan(await this.#lists.asOneValue(base));
    } catch (error) {
      if (!(error instanceof RefusedContentError)) throw error;
      return { ...base, kind: "refuse", reason: error.message };
    }
  }

  /** The answer is what became of it. @throws ConnectionLostError @throws KeyRingError */
  async apply(plan: ImportPlan): Promise<ImportPlan> {
    const { items } = plan;
    const error = await (items === undefined ? this.#documents.apply(plan) : this.#lists.apply(plan, items));
    return error === undefined ? plan : { ...plan, kind: "refuse", reason: error.message };
  }

  /** A record of the host's own is what it is in the file, and encrypted where everything is. */
  #definitionOf({ record: name, items, isEncrypted, jwe }: ExportedRecord): RecordDefinition {
    const known = this.#options.catalogue.find(name);
    if (known !== undefined) return known;
    const kind = items === undefined ? "document" : "collection";
    const encrypted = this.#options.isEncryptingAll || isEncrypted || jwe !== undefined;
    return defineRecord({ name, kind, encrypted });
  }
}
