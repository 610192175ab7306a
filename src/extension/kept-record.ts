import type { RecordVersion } from "../index.js";
import type { HostContext } from "./roo-types.js";
import type { LocalStores } from "./stores.js";

/** A version of a record that Redis holds. */
export interface KeptRecord {
  readonly record: string;
  readonly version: RecordVersion;
}

interface Host {
  readonly context: HostContext;
  readonly stores: LocalStores;
}

/** How a record is read and replaced here, by whoever saves it. */
interface LocalRecord {
  read(host: Host): unknown;
  replace(host: Host, value: unknown): PromiseLike<unknown>;
}

const inState = (record: string, merge = (_local: unknown, value: unknown) => value): LocalRecord => ({
  read: ({ stores }) => stores.contextProxy.get(record),
  replace: ({ stores: { contextProxy } }, value) => contextProxy.update(record, merge(contextProxy.get(record), value)),
});

const RECORDS: Readonly<Record<string, LocalRecord>> = {
  taskHistory: {
    read: ({ context, stores }) => stores.taskHistory.getTaskHistory(context),
    replace: ({ context, stores }, value) => stores.taskHistory.replace(context, value),
  },
  provider: {
    read: ({ stores }) => stores.providerSettings.export(),
    replace: ({ stores }, value) => stores.providerSettings.replace(value),
  },
  customInstructions: inState("customInstructions"),
  customModes: inState("customModes", withProjectModes),
  pinnedApiConfigs: inState("pinnedApiConfigs"),
};

/** Whether there is somebody here who saves it. */
export function isAdoptable(record: string): boolean {
  return Object.hasOwn(RECORDS, record);
}

export async function localValueOf(host: Host, record: string): Promise<unknown> {
  return RECORDS[record]!.read(host);
}

/** Saves it locally in place of what is there. @throws TypeError where it is no value of the record. */
export async function adoptVersion(host: Host, record: string, value: unknown): Promise<void> {
  await RECORDS[record]!.replace(host, value);
}

/** Those of a project are not mirrored, and stay. */
function withProjectModes(local: unknown, value: unknown): unknown {
  if (!Array.isArray(local) || !Array.isArray(value)) return value;
  return [
    ...(value as unknown[]),
    ...local.filter((mode) => (mode as { source?: unknown } | null)?.source === "project"),
  ];
}
