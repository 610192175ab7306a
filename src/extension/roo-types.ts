import type { ExtensionContext } from "vscode";

/** What the extension uses of VS Code's `ExtensionContext`; outside VS Code a file-backed one stands in. */
export type HostContext = Pick<ExtensionContext, "globalState" | "secrets" | "subscriptions">;

/** A task as Roo-Code lists it. */
export interface HistoryItem {
  id: string;
  number: number;
  /** When it was last worked on, milliseconds since 1970. */
  ts: number;
  task: string;
  tokensIn: number;
  tokensOut: number;
  /** US dollars. */
  totalCost: number;
  cacheWrites?: number;
  cacheReads?: number;
  /** Bytes on disk. */
  size?: number;
  workspace?: string;
  mode?: string;
  apiConfigName?: string;
  rootTaskId?: string;
  parentTaskId?: string;
  status?: "active" | "completed" | "delegated";
  childIds?: string[];
}

/** How to reach one model; which of the other properties there are depends on the provider. Holds API keys. */
export interface ProviderSettings {
  id?: string;
  apiProvider?: string;
  [property: string]: unknown;
}

/** All profiles of a user, as they lie in one secret. */
export interface ProviderProfiles {
  currentApiConfigName: string;
  apiConfigs: Record<string, ProviderSettings>;
  /** Mode → id of the profile to use there. */
  modeApiConfigs?: Record<string, string>;
  cloudProfileIds?: string[];
  migrations?: Record<string, boolean>;
}
