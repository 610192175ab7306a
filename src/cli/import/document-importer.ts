import { isDeepStrictEqual } from "node:util";
import type { Author } from "../../sync/author.js";
import { MAX_VALUE_BYTES } from "../../sync/codec.js";
import { inflate, type StoredBody } from "../../sync/compression.js";
import { headerOf, isSealed } from "../../sync/encryption.js";
import { MirrorError } from "../../sync/errors.js";
import type { RecordDefinition } from "../../sync/records.js";
import type { KeptValue } from "../../sync/redis-gateway.js";
import { takeJson } from "../../sync/snapshot.js";
import { parseStoredJson } from "../../sync/stored-json.js";
import { formatVersion, parseVersion, type Version, writerOf } from "../../sync/version.js";
import type { Content } from "../export/document.js";
import { shownKey } from "../table.js";
import type { ImporterOptions } from "./importer.js";
import type { ImportPlan, LeftOutVersion, PlannedWrite } from "./plan.js";
import { expectBelieved, RefusedContentError } from "./refused-content-error.js";
import { fit } from "./room.js";

/** Puts back records of one value, and the versions that were kept of it, oldest first: as they followed one another. */
export class DocumentImporter {
  readonly #options: ImporterOptions;
  readonly #author: Author;

  constructor(options: ImporterOptions, author: Author) {
    this.#options = options;
    this.#author = author;
  }

  /** @throws RefusedContentError @throws KeyRingError and what the gateway's reading does. */
  async plan(base: Omit<ImportPlan, "kind">): Promise<ImportPlan> {
    const { entry, redisKey, record } = base;
    const keyIds = new Set(this.#options.keyIds);
    // Whatever was kept was overwritten by it: where nothing says how old it is, it is later than that.
    const keptMs = entry.kept.map(({ version }) => parseVersion(version)!.ms);
    const unsignedMs =
      Math.max(-1, ...keptMs.filter((ms) => this.#author.believes(formatVersion({ ms, counter: 0 }, "0")))) + 1;
    const current = await this.#contentOf(entry, entry.version, base, keyIds, unsignedMs);
    if (current === undefined && entry.kept.length === 0)
      return { ...base, kind: "nothing", reason: "it has no value" };
    const stored = await this.#options.gateway.read(redisKey);
    if (stored.version === undefined && stored.value !== undefined) {
      if (await isHeldAs(stored.value, current)) return { ...base, kind: "nothing" };
      throw new RefusedContentError(`${shownKey(redisKey)} is there, and nothing beside it says how old it is`);
    }
    const kept = await this.#options.gateway.listKept(redisKey);
    const there = new Set(kept.map(({ version }) => version));
    if (stored.version !== undefined && (stored.value !== undefined || stored.isDeleted)) there.add(stored.version);
    const { versions, leftOut: unusable } = await this.#keptOf(base, current?.version ?? entry.version, keyIds);
    if (current !== undefined) versions.push(current);
    // What the one who saved the later version saw is not kept beside it.
    const isHeld = ({ version }: PlannedWrite) =>
      there.has(version) ||
      (stored.version !== undefined && version < stored.version && writerOf(version) === writerOf(stored.version));
    const lackingOf = () =>
      versions.filter((write) => !isHeld(write)).toSorted((a, b) => (a.version < b.version ? -1 : 1));
    const latest = lackingOf().at(-1)?.version;
    if (latest === undefined) return { ...base, kind: "nothing", leftOut: unusable };
    const kind = stored.version === undefined ? "save" : latest > stored.version ? "replace" : "keep";
    // What lies open is not kept beside what is encrypted, neither the current value nor those that were kept.
    const text = stored.value?.toString();
    const isOpen = record.encrypted && text !== undefined && !isSealed(text);
    const clears = record.encrypted && kind !== "keep" && (text === undefined || headerOf(text)?.ver === undefined);
    const open = clears ? await this.#openAmong(redisKey, kept) : [];
    for (const version of open) there.delete(version);
    const lacking = lackingOf();
    const lost = open.filter((version) => lacking.every((write) => write.version !== version));
    const fitting = fit(lacking, kind !== "keep", {
      kept: kept.length - open.length,
      open: lost.length,
      earlier: open.length === 0 ? 0 : lacking.filter(({ version }) => version < (stored.version ?? "")).length,
      keepsCurrent: text !== undefined && !isOpen,
    });
    const leftOut = [...unusable, ...fitting.leftOut];
    const { writes, pushedOut } = fitting;
    if (writes.length === 0) return { ...base, kind: "nothing", reason: "a later one is there, and stays", leftOut };
    return { ...base, record, kind, writes, leftOut, pushedOut, isOpen, keptOpen: lost.length, keyIds: [...keyIds] };
  }

  /** Which of what is kept is not encrypted: it goes with the first save that is. */
  async #openAmong(redisKey: string, kept: readonly KeptValue[]): Promise<Version[]> {
    const open: Version[] = [];
    for (const { version } of kept) {
      const body = await this.#options.gateway.readKept(redisKey, version);
      if (body === undefined || !isSealed(body.toString())) open.push(version);
    }
    return open;
  }

  /** One that cannot be put back does not keep the others from it. @param own The version that overwrote all of them. */
  async #keptOf(
    base: Omit<ImportPlan, "kind">,
    own: Version | null,
    keyIds: Set<string>,
  ): Promise<{ versions: PlannedWrite[]; leftOut: LeftOutVersion[] }> {
    const versions: PlannedWrite[] = [];
    const leftOut: LeftOutVersion[] = [];
    for (const kept of base.entry.kept)
      try {
        // By a clock that was wrong: it was overwritten all the same, and would overwrite here.
        if (own !== null && kept.version > own)
          throw new RefusedContentError("it says that it is later than the record");
        versions.push((await this.#contentOf(kept, kept.version, base, keyIds, 0))!);
      } catch (error) {
        if (!(error instanceof RefusedContentError)) throw error;
        leftOut.push({ version: kept.version, reason: error.message });
      }
    return { versions, leftOut };
  }

  /** The answer is why it could not be done. @throws ConnectionLostError @throws KeyRingError */
  async apply({ redisKey, record, writes = [], keyIds = [] }: ImportPlan): Promise<MirrorError | undefined> {
    const ttlSeconds = record.ttlSeconds ?? this.#options.ttlSeconds;
    const secret = record.encrypted && { isSecret: true, keyIds };
    const batch = await Promise.all(
      writes.map(async ({ version, body }) => {
        const value = await this.#encode(record, redisKey, version, body);
        // Also what the same one has saved before: nobody says here that it has seen it.
        return { redisKey, value, ttlSeconds, version, seen: undefined, keepsPrevious: true, ...secret };
      }),
    );
    const outcomes = await this.#options.gateway.write(batch);
    const failed = outcomes.find((outcome) => outcome.kind === "failed");
    return failed?.kind === "failed" ? failed.error : undefined;
  }

  async #contentOf(
    content: Partial<Content>,
    given: string | null,
    { redisKey, record }: Pick<ImportPlan, "redisKey" | "record">,
    keyIds: Set<string>,
    unsignedMs: number,
  ): Promise<PlannedWrite | undefined> {
    if ("jwe" in content && content.jwe !== undefined) {
      const { body, version, keyId } = await this.#options.jwes.read(content.jwe, given ?? undefined, redisKey, record);
      keyIds.add(keyId);
      return { body, version: expectBelieved(this.#author, version ?? this.#author.signAt(unsignedMs)) };
    }
    if (!("value" in content) || content.value === undefined) return undefined;
    if (record.encrypted && this.#options.keyIds.length === 0)
      throw new RefusedContentError("no key is at hand to encrypt it: see `redis-mirrored keygen`");
    const taken = takeJson(content.value);
    if ("refusal" in taken) throw new RefusedContentError(taken.refusal);
    return { body: taken, version: expectBelieved(this.#author, given ?? this.#author.signAt(unsignedMs)) };
  }

  async #encode(
    record: RecordDefinition,
    redisKey: string,
    version: Version,
    body: PlannedWrite["body"],
  ): Promise<StoredBody> {
    return "jwe" in body ? body.jwe : this.#options.codec.encode(record, redisKey, body.text, version);
  }
}

/** Whether it lies there already, although nothing says that it is the same. */
async function isHeldAs(stored: StoredBody, current: PlannedWrite | undefined): Promise<boolean> {
  if (current === undefined) return false;
  if ("jwe" in current.body) return stored.toString() === current.body.jwe;
  try {
    return isDeepStrictEqual(parseStoredJson(await inflate(stored, MAX_VALUE_BYTES)), JSON.parse(current.body.text));
  } catch (error) {
    if (error instanceof MirrorError) return false;
    throw error;
  }
}
