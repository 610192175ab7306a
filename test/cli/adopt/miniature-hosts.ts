import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { HostKind } from "#dist/cli/adopt/places.js";

/** The contents of a checkout by path. */
export type Files = Readonly<Record<string, string>>;

/** How an author writes. */
export interface Style {
  readonly eol: "\n" | "\r\n";
  readonly quote: '"' | "'";
  readonly hasSemicolons: boolean;
  readonly indent: string;
  readonly hasByteOrderMark: boolean;
}

export const HOST_KINDS: readonly HostKind[] = ["one-array", "file-per-task", "bridge"];

const CONTEXT_PROXY = `import * as vscode from "vscode";
import { z } from "zod";

import { log } from "../../log";

const COPIES = ["taskHistory"];
export const isPassThroughStateKey = (key: string) => COPIES.includes(key);

export class ContextProxy {
	private stateCache: Record<string, unknown> = {};

	constructor(private readonly context: vscode.ExtensionContext) {}

	/**
	 * Loads what was saved.
	 */
	public async initialize() {
		for (const key of ["customInstructions", "taskHistory"]) {
			this.stateCache[key] = this.context.globalState.get(key);
		}
	}

	getValue(key: string): unknown {
		return this.stateCache[key];
	}

	setValue(key: string, value: unknown) {
		return this.updateGlobalState(key, value);
	}

	updateGlobalState<T>(key: string, value: T): Thenable<void>;
	updateGlobalState<T>(key: string, value: T, isQuiet?: boolean): Thenable<void> {
		if (!isQuiet) log(key);
		this.stateCache[key] = value;
		return this.context.globalState.update(key, value);
	}

	// Everything goes.
	public async resetAllState() {
		this.stateCache = {};
		await this.initialize();
	}
}
`;

const PROVIDER_SETTINGS = `import { ExtensionContext } from "vscode";

export interface Profiles {
	current: string;
}

export class ProviderSettingsManager {
	private readonly defaultProviderProfiles: Profiles = { current: "default" };

	constructor(private readonly context: ExtensionContext) {}

	private async load(): Promise<Profiles> {
		const text = await this.context.secrets.get("profiles");
		return text ? JSON.parse(text) : this.defaultProviderProfiles;
	}

	private async store(profiles: Profiles) {
		await this.context.secrets.store("profiles", JSON.stringify(profiles));
	}
}
`;

const CUSTOM_MODES = `import * as fs from "fs/promises";
import { once } from "../../decorators";

export class CustomModesManager {
	/** All of them. */
	@once
	public async getCustomModes(): Promise<{ slug: string }[]> {
		return JSON.parse(await fs.readFile("modes.json", "utf8"));
	}

	constructor(private readonly context: { globalState: Map<string, object> }) {}

	public async updateCustomMode(slug: string, mode: object): Promise<void> {
		await fs.writeFile(slug, JSON.stringify(mode));
		await this.refreshMergedState();
	}

	private async refreshMergedState(): Promise<void> {
		this.context.globalState.set("customModes", await this.getCustomModes());
	}
}
`;

const CLINE_PROVIDER = `import * as vscode from "vscode";
import { TaskHistoryStore } from "../history/TaskHistoryStore";

export class ClineProvider implements vscode.Disposable {
	public readonly taskHistoryStore: TaskHistoryStore;

	constructor() {
		this.taskHistoryStore = new TaskHistoryStore({ onWrite: async () => this.scheduleGlobalStateWriteThrough() });
	}

	/** Later. */
	private scheduleGlobalStateWriteThrough(): void {
		setTimeout(() => this.taskHistoryStore.getAll(), 100);
	}

	dispose() {}
}
`;

const TASK_HISTORY_STORE = `import type { HistoryItem } from "@host/types";

export class TaskHistoryStore {
	private readonly cache = new Map<string, HistoryItem>();

	constructor(private readonly options: { onWrite?: () => Promise<void> }) {}

	async initialize(): Promise<void> {
		await this.options.onWrite?.();
	}

	getAll(): HistoryItem[] {
		return [...this.cache.values()];
	}

	async upsert(item: HistoryItem): Promise<HistoryItem[]> {
		this.cache.set(item.id, item);
		await this.options.onWrite?.();
		return this.getAll();
	}

	async delete(id: string): Promise<void> {
		this.cache.delete(id);
		await this.options.onWrite?.();
	}

	async deleteMany(ids: string[]): Promise<void> {
		for (const id of ids) await this.delete(id);
	}
}
`;

const TASK_HISTORY_BRIDGE = `import * as vscode from "vscode";

export class TaskHistoryBridge {
	private static userId: string | undefined;

	static getCurrentUserId(): string | undefined {
		return TaskHistoryBridge.userId;
	}

	static async getTaskHistory(context?: vscode.ExtensionContext | boolean): Promise<object[]> {
		return typeof context === "object" ? (context.globalState.get("taskHistory") ?? []) : [];
	}

	static async updateTaskHistory(context?: vscode.ExtensionContext, history?: object[]): Promise<void> {
		await context?.globalState.update("taskHistory", history);
	}
}
`;

const EXTENSION = `import * as vscode from "vscode";

import "./path"; // Has to be first.
import { ContextProxy } from "./core/config/ContextProxy";
import { TaskHistoryBridge } from "./api/bridge";

let extensionContext: vscode.ExtensionContext;

// Called once.
export async function activate(context: vscode.ExtensionContext) {
	extensionContext = context; // kept for deactivate
	const proxy = new ContextProxy(context);
	await proxy.initialize();
	void TaskHistoryBridge;
}

export async function deactivate() {
	void extensionContext;
}
`;

const MANIFEST = `{
	"name": "miniature",
	"version": "3.2.1",
	"scripts": {
		"bundle": "node esbuild.mjs"
	},
	"dependencies": {
		"axios": "^1.0.0",
		"zod": "^3.0.0"
	},
	"devDependencies": {
		"typescript": "^5.8.0"
	}
}
`;

const TSCONFIG = `{
	// As the host has it.
	"compilerOptions": { "experimentalDecorators": true, },
}
`;

/** What the sources above import, so that a compiler takes them. */
const SURROUNDINGS = {
  "src/path.ts": "export {};\n",
  "src/log.ts": "export const log = (text: string) => void text;\n",
  "src/decorators.ts": "export const once = (...args: any[]): any => args[2];\n",
  "src/modules.d.ts": `declare module "zod" {
	export const z: unknown;
}
declare module "@host/types" {
	export interface HistoryItem {
		id: string;
		ts: number;
	}
}
`,
};

/** A checkout with the shapes of a host and nothing else of it. */
export function miniatureHost(kind: HostKind): Files {
  const all = {
    "pnpm-lock.yaml": "",
    "package.json": `{ "name": "workspace", "scripts": { "bundle": "turbo bundle" } }\n`,
    "src/package.json": MANIFEST,
    "src/tsconfig.json": TSCONFIG,
    "src/extension.ts": kind === "bridge" ? EXTENSION : EXTENSION.replace(/.*TaskHistoryBridge.*\n/g, ""),
    "src/core/config/ContextProxy.ts": CONTEXT_PROXY,
    "src/core/config/ProviderSettingsManager.ts": PROVIDER_SETTINGS,
    "src/core/config/CustomModesManager.ts": CUSTOM_MODES,
  };
  const history: Record<HostKind, Files> = {
    "one-array": {},
    "file-per-task": {
      "src/core/webview/ClineProvider.ts": CLINE_PROVIDER,
      "src/core/history/TaskHistoryStore.ts": TASK_HISTORY_STORE,
    },
    bridge: { "src/api/bridge.ts": TASK_HISTORY_BRIDGE },
  };
  return { ...SURROUNDINGS, ...all, ...history[kind] };
}

/** The same files as somebody else would have written them. */
export function restyle(files: Files, { eol, quote, hasSemicolons, indent, hasByteOrderMark }: Style): Files {
  return Object.fromEntries(
    Object.entries(files).map(([path, text]) => {
      const indented = text.replace(/^\t+/gm, (tabs) => indent.repeat(tabs.length));
      const isSource = path.endsWith(".ts");
      const ended = isSource && !hasSemicolons ? indented.replace(/;(?=$| \/\/)/gm, "") : indented;
      const quoted = isSource ? ended.replaceAll('"', quote) : ended;
      return [path, (hasByteOrderMark ? "\uFEFF" : "") + quoted.replaceAll("\n", eol)];
    }),
  );
}

export function writeFiles(folder: string, files: Files): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Everything below a folder. */
export function readFiles(folder: string): Files {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    entries.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(folder.length + 1).replaceAll("\\", "/"), readFileSync(path, "utf8")];
    }),
  );
}
