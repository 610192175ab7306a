import { join } from "node:path";
import { writeFiles } from "../cli/adopt/miniature-hosts.js";
import { TemporaryFolder } from "../support/temporary-folder.js";
import { KEYS, PROFILES, TASKS, UNSENT } from "./canary-bed.js";

/** A call of a command, and how it ends where Redis is well; `undefined`: as it may, on a machine that is busy. */
export interface Call {
  readonly args: readonly string[];
  readonly status: number | undefined;
  /** `never`: it ends before it asks Redis, so no trouble of Redis's is one of its. `at length`: it costs seconds of work. */
  readonly asksRedis: "never" | "briefly" | "at length";
}

const call = (status: number | undefined, ...args: string[]): Call => ({ status, args, asksRedis: "briefly" });
const aside = (status: number, ...args: string[]): Call => ({ status, args, asksRedis: "never" });

/** Files that commands read, all of them full of secrets. */
export class CommandFiles {
  readonly #folder = new TemporaryFolder();

  constructor() {
    const secret = (place: string) => UNSENT.plant(`a file, ${place}`);
    const host = "export class ContextProxy {\n  updateGlobalState(key: string, value: unknown) {}\n}\n";
    writeFiles(this.#folder.path, {
      "profiles.json": JSON.stringify(PROFILES),
      "history.json": JSON.stringify(TASKS),
      "export.json": exported(secret("an export")),
      "no-json.json": `{"apiKey": "${secret("broken")}`,
      "no-profiles.json": JSON.stringify({ [secret("a name")]: secret("a value") }),
      "host/package.json": JSON.stringify({ name: "host", publisher: secret("the host's manifest") }),
      "host/src/core/config/ContextProxy.ts": host,
      // Where a command takes it from unless it is told another place.
      "redis-mirrored/key": `${KEYS.first.text},${KEYS.older.text}\n`,
    });
  }

  get path(): string {
    return this.#folder.path;
  }

  of(name: string): string {
    return join(this.#folder.path, name);
  }

  remove(): void {
    this.#folder.remove();
  }
}

/** As `export --decrypt` writes it. */
function exported(secret: string): string {
  const record = { record: "mcpSettings", instanceId: null, version: null, value: { mcpServers: { [secret]: {} } } };
  return JSON.stringify({ format: "redis-mirrored export", formatVersion: 1, userId: "dave", records: [record] });
}

/**
 * How each command is called, in an order in which each finds something to do. A command without a line here fails the test:
 * whoever adds one says how it is to be tried.
 */
export function callsOf(files: CommandFiles, version: string): Readonly<Record<string, readonly Call[]>> {
  const toured = (profiles: string) =>
    `--plain --saves 10 --profiles ${files.of(profiles)} --history ${files.of("history.json")}`.split(" ");
  return {
    tour: [
      { args: toured("profiles.json"), status: undefined, asksRedis: "at length" },
      aside(2, ...toured("no-json.json")),
      aside(2, ...toured("no-profiles.json")),
    ],
    adopt: [aside(1, files.of("host"), "--check"), aside(1, files.of("host"), "--json")],
    inspect: [call(0), call(0, "--json")],
    status: [call(0), call(0, "--json")],
    doctor: [
      { args: [], status: undefined, asksRedis: "at length" },
      { args: ["--json"], status: undefined, asksRedis: "at length" },
    ],
    watch: [call(0, "--for", "1", "--json")],
    // To a file: what of a user's is no secret is in it, and what is one as a JWE.
    export: [call(0, "--output", files.of("alice.json"))],
    import: [
      call(0, files.of("export.json"), "--dry-run"),
      call(0, files.of("export.json"), "--yes", "--json"),
      aside(1, files.of("no-json.json")),
      aside(1, files.of("no-profiles.json")),
    ],
    history: [call(0, "provider"), call(0, "provider", "--json"), call(0, "taskHistory")],
    "support-bundle": [call(0), call(0, "--anonymous")],
    keygen: [aside(0, "--id"), aside(1, "--store")],
    rotate: [call(0, "alice", "--dry-run"), call(0, "alice", "--yes", "--json"), call(0, "alice", "--yes")],
    restore: [call(0, "provider", "--version", version), call(2, "provider", "--version", "9")],
    migrate: [call(0, "7", "--dry-run"), call(0, "7", "--yes", "--json", "--delete")],
    purge: [call(0, "alice", "--dry-run"), call(0, "alice", "--yes", "--json")],
  };
}
