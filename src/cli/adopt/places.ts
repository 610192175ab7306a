import type { DecoratorName } from "./source-file.js";

/** Where a host keeps its history of tasks. */
export type HostKind = "one-array" | "file-per-task" | "bridge";

export const HOST_KINDS: Readonly<Record<HostKind, string>> = {
  "one-array": "the history is one array in global state",
  "file-per-task": "one file per task, kept by TaskHistoryStore",
  bridge: "the history is kept by TaskHistoryBridge",
};

/** A method to decorate, and with what. */
export interface Place {
  readonly className: string;
  readonly method: string;
  readonly decorator: DecoratorName;
  /** In double quotes, at most 120 columns with the decorator's name and an indentation of four. */
  readonly args: string;
  /** In a few words, for whoever reads the plan. */
  readonly purpose: string;
  /** Members of the class that the decorator calls. */
  readonly needs?: readonly string[];
}

/** What the decorators of a host depend on, besides its kind. */
export interface HostFeatures {
  readonly kind: HostKind;
  /** Whether the file of ContextProxy knows `isPassThroughStateKey`. */
  readonly hasPassThroughTest: boolean;
  /** Whether ClineProvider hears of each change of the history, in one method. */
  readonly hasWriteThrough: boolean;
  /** Whether TaskHistoryBridge says whose history it keeps. */
  readonly hasBridgeUser: boolean;
}

/** The classes that a host is recognised by. */
export const HOST_CLASSES = [
  "ContextProxy",
  "ProviderSettingsManager",
  "CustomModesManager",
  "ClineProvider",
  "TaskHistoryStore",
  "TaskHistoryBridge",
] as const;

export const BRIDGE_USER = { className: "TaskHistoryBridge", method: "getCurrentUserId" };
export const WRITE_THROUGH = { className: "ClineProvider", method: "scheduleGlobalStateWriteThrough" };

/** The methods of a host that are to be decorated, in the order in which a reader meets them. */
export function placesOf(features: HostFeatures): Place[] {
  const history: Record<HostKind, () => readonly Place[]> = {
    "one-array": () => [],
    "file-per-task": () => [...(features.hasWriteThrough ? [WRITE_THROUGH_PLACE] : STORE_PLACES), STORE_INITIALIZE],
    bridge: () => BRIDGE_PLACES,
  };
  // A bridge's custom modes are kept in Redis by the fork itself.
  const modes = features.kind === "bridge" ? [] : MODES_PLACES;
  return [...contextProxyPlaces(features), ...PROFILES_PLACES, ...modes, ...history[features.kind]()];
}

/** Every place of every kind of host: what `--undo` looks at, whatever the host has become in the meantime. */
export function allPlaces(): Place[] {
  const features = { kind: "one-array", hasPassThroughTest: true } as const;
  return [
    ...contextProxyPlaces(features),
    ...PROFILES_PLACES,
    ...MODES_PLACES,
    WRITE_THROUGH_PLACE,
    ...STORE_PLACES,
    STORE_INITIALIZE,
    ...BRIDGE_PLACES,
  ];
}

function contextProxyPlaces({ kind, hasPassThroughTest }: Pick<HostFeatures, "kind" | "hasPassThroughTest">): Place[] {
  const isArray = kind === "one-array";
  const className = "ContextProxy";
  const records = isArray ? `"taskHistory", "customInstructions", "pinnedApiConfigs"` : SETTINGS;
  // Elsewhere `taskHistory` is a copy in global state, for older versions: written late and, on exit, sometimes empty.
  const copy = hasPassThroughTest ? "isPassThroughStateKey(record)" : `record === "taskHistory"`;
  return [
    {
      className,
      method: "initialize",
      decorator: "RedisRestored",
      // The history is read past the cache, once more, where `getValue` is asked for it.
      args: `([${records}], { read: "${isArray ? "stateCache" : "getValue"}", adopt: "setValue" })`,
      purpose: isArray ? "fills an empty history, and settings, from Redis" : "fills empty settings from Redis",
      needs: [isArray ? "stateCache" : "getValue", "setValue"],
    },
    {
      className,
      method: "updateGlobalState",
      decorator: "RedisMirrored",
      args: isArray
        ? "((record, value) => ({ record, value }))"
        : `((record, value) => (${copy} ? undefined : { record, value }))`,
      purpose: isArray ? "mirrors the history and settings" : "mirrors settings",
    },
    {
      className,
      method: "resetAllState",
      decorator: "RedisMirrored",
      args: isArray
        ? `(["taskHistory", ${SETTINGS}, "customModes", "provider"], { value() {} })`
        : `([${SETTINGS}, "customModes", "provider"], { value: () => undefined })`,
      purpose: "a reset empties the mirror too",
    },
  ];
}

const SETTINGS = `"customInstructions", "pinnedApiConfigs"`;

const PROFILES_PLACES: readonly Place[] = [
  {
    className: "ProviderSettingsManager",
    method: "load",
    decorator: "RedisRestored",
    args: `("provider", { adopt: "store", isEmpty: (value, self) => value === self.defaultProviderProfiles })`,
    purpose: "fills empty provider profiles from Redis",
    needs: ["store", "defaultProviderProfiles"],
  },
  {
    className: "ProviderSettingsManager",
    method: "store",
    decorator: "RedisMirrored",
    args: `("provider")`,
    purpose: "mirrors the profiles, encrypted",
  },
];

const MODES_PLACES: readonly Place[] = [
  {
    className: "CustomModesManager",
    method: "getCustomModes",
    decorator: "RedisRestored",
    args: `("customModes", { adopt: (me, v) => Promise.all(v.map((m: any) => me.updateCustomMode(m.slug, m))) })`,
    purpose: "fills empty custom modes from Redis",
    needs: ["updateCustomMode"],
  },
  {
    className: "CustomModesManager",
    method: "refreshMergedState",
    decorator: "RedisMirrored",
    args: `("customModes", { result: (self) => self.context.globalState.get("customModes") })`,
    purpose: "mirrors custom modes",
    needs: ["context"],
  },
];

const WRITE_THROUGH_PLACE: Place = {
  ...WRITE_THROUGH,
  decorator: "RedisMirrored",
  args: `("taskHistory", { result: (self) => self.taskHistoryStore.getAll() })`,
  purpose: "mirrors the history, as tasks change",
  needs: ["taskHistoryStore"],
};

const STORE_PLACES = ["upsert", "delete", "deleteMany"].map((method): Place => ({
  className: "TaskHistoryStore",
  method,
  decorator: "RedisMirrored",
  args: `("taskHistory", { result: (self) => self.getAll() })`,
  purpose: "mirrors the history",
  needs: ["getAll"],
}));

const STORE_INITIALIZE: Place = {
  className: "TaskHistoryStore",
  method: "initialize",
  decorator: "RedisRestored",
  args: `("taskHistory", { read: "getAll", adopt: (me, v) => Promise.all(v.map((i: any) => me.upsert(i))) })`,
  purpose: "fills an empty history from Redis",
  needs: ["getAll", "upsert"],
};

const BRIDGE_PLACES: readonly Place[] = [
  {
    className: "TaskHistoryBridge",
    method: "updateTaskHistory",
    decorator: "RedisMirrored",
    // A call without a history saves nothing; as the value of a save, `undefined` would delete the record.
    args: `((_context, history) => history && { record: "taskHistory", value: history })`,
    purpose: "mirrors the history",
  },
  {
    className: "TaskHistoryBridge",
    method: "getTaskHistory",
    decorator: "RedisRestored",
    // Its first argument may be a flag in place of a context: then it is to find one itself.
    args: `("taskHistory", { adopt: (self, all, ctx) => self.updateTaskHistory(ctx?.globalState && ctx, all) })`,
    purpose: "fills an empty history from Redis",
    needs: ["updateTaskHistory"],
  },
];
