import type { Mirror, RecordVersion } from "../index.js";
import type { RecordDefinition } from "../sync/records.js";
import { sortNewestFirst } from "../sync/snapshot.js";
import type { HostContext } from "./roo-types.js";
import { catalogueOf, type LocalStores } from "./stores.js";

/** A version of a record that Redis holds. */
export interface KeptRecord {
  readonly record: string;
  readonly version: RecordVersion;
}

interface Host {
  readonly context: HostContext;
  readonly stores: LocalStores;
  readonly mirror: Mirror | undefined;
}

/** How a record is read and replaced here, by whoever saves it. */
interface LocalRecord {
  read(host: Host): unknown;
  /** What is here becomes this, with what is not mirrored of it. Default: the value. */
  merge?(local: unknown, value: unknown, record: RecordDefinition | undefined): unknown;
  /** @param merge As above. */
  replace(host: Host, merge: (local: unknown) => unknown): PromiseLike<unknown>;
}

const inState = (record: string): LocalRecord => ({
  read: ({ stores }) => stores.contextProxy.get(record),
  replace: ({ stores: { contextProxy } }, merge) => contextProxy.update(record, merge(contextProxy.get(record))),
});

const RECORDS: Readonly<Record<string, LocalRecord>> = {
  taskHistory: {
    read: ({ context, stores }) => stores.taskHistory.getTaskHistory(context),
    merge: withOlderItems,
    replace: ({ context, stores }, merge) => stores.taskHistory.takeOver(context, (local) => ({ value: merge(local) })),
  },
  provider: {
    read: ({ stores }) => stores.providerSettings.export(),
    replace: ({ stores }, merge) => stores.providerSettings.takeOver((local) => ({ value: merge(local) })),
  },
  customInstructions: inState("customInstructions"),
  customModes: { ...inState("customModes"), merge: withProjectModes },
  pinnedApiConfigs: inState("pinnedApiConfigs"),
};

/** Whether there is somebody here who saves it. */
export function isAdoptable(record: string): boolean {
  return Object.hasOwn(RECORDS, record);
}

export async function localValueOf(host: Host, record: string): Promise<unknown> {
  return RECORDS[record]!.read(host);
}

/** What a local value becomes where a version takes its place. */
export function replacedBy(host: Host, record: string, local: unknown, value: unknown): unknown {
  const definition = catalogueOf(host.mirror).find(record);
  return RECORDS[record]!.merge?.(local, value, definition) ?? value;
}

/** Saves it locally in place of what is there. @throws TypeError where it is no value of the record. */
export async function adoptVersion(host: Host, record: string, value: unknown): Promise<void> {
  await RECORDS[record]!.replace(host, (local) => replacedBy(host, record, local, value));
}

/** The mirror holds the newest alone: of the others there is nothing in it, and they stay. */
function withOlderItems(local: unknown, value: unknown, record: RecordDefinition | undefined): unknown {
  if (!Array.isArray(local) || !Array.isArray(value) || record === undefined) return value;
  const older = sortNewestFirst(local, record).items.slice(record.limit);
  const ids = new Set(value.map((item) => record.id(item)));
  return [...(value as unknown[]), ...older.filter((item) => !ids.has(record.id(item)))];
}

/** Those of a project are not mirrored, and stay. */
function withProjectModes(local: unknown, value: unknown): unknown {
  if (!Array.isArray(local) || !Array.isArray(value)) return value;
  return [
    ...(value as unknown[]),
    ...local.filter((mode) => (mode as { source?: unknown } | null)?.source === "project"),
  ];
}
