import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "#dist/cli/redis-server.js";
import { TemporaryFolder } from "../../support/temporary-folder.js";
import { until } from "../../support/until.js";
import { prepared } from "./environment.js";

/** Nothing from outside, and nothing that a test, or who looks at a picture, does not ask for. */
const SETTINGS = {
  "chat.disableAIFeatures": true,
  "extensions.autoCheckUpdates": false,
  "extensions.autoUpdate": false,
  "extensions.ignoreRecommendations": true,
  "security.workspace.trust.enabled": false,
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "workbench.colorTheme": "Dark Modern",
  "workbench.enableExperiments": false,
  "workbench.reduceMotion": "on",
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
};

const RUNNING = new Set<ChildProcess>();
process.once("exit", () => RUNNING.forEach(killGroup));

/** A folder of extensions, for any number of servers. */
export function installExtensions(...packages: string[]): string {
  const folder = join(new TemporaryFolder().path, "extensions");
  const own = new TemporaryFolder().path;
  const [command, args] = commandLine(own, folder);
  for (const each of packages) args.push("--install-extension", each);
  const { status, stdout, stderr } = spawnSync(command, args, { env: environment(own), encoding: "utf8" });
  if (status !== 0) throw new Error(`The extensions could not be installed: ${stdout}${stderr}`);
  return folder;
}

/** VS Code's server, with a profile of its own. Who opens it has one more of theirs: the browser's. */
export class CodeServer {
  readonly url: string;
  readonly #folder = new TemporaryFolder();
  readonly #settings: Record<string, unknown>;
  readonly #extensions: string;
  readonly #port: number;
  readonly #env: Record<string, string>;
  readonly #language: string;
  #process: ChildProcess | undefined;

  private constructor(
    port: number,
    extensions: string,
    settings: Record<string, unknown>,
    env: Record<string, string>,
    language: string,
  ) {
    this.#port = port;
    this.#extensions = extensions;
    this.#settings = { ...SETTINGS, ...settings };
    this.#env = env;
    this.#language = language;
    mkdirSync(this.workspace);
    this.url = `http://127.0.0.1:${port}/?folder=${this.workspace}`;
  }

  /**
   * @param extensions What `installExtensions` has made.
   * @param settings The user's, beside those that every test has.
   * @param language In which extensions speak; VS Code's own texts stay English.
   */
  static async start(
    extensions: string,
    settings: Record<string, unknown> = {},
    env: Record<string, string> = {},
    language = "en",
  ): Promise<CodeServer> {
    const server = new CodeServer(await freePort(), extensions, settings, env, language);
    server.change({});
    if (language !== "en") server.#writeLanguagePack();
    await server.#start();
    return server;
  }

  /** The folder that is open. */
  get workspace(): string {
    return join(this.#folder.path, "project");
  }

  /** Changes the user's settings, as saving settings.json does. `undefined` takes one out. */
  change(settings: Record<string, unknown>): void {
    Object.assign(this.#settings, settings);
    const entries = Object.entries(this.#settings);
    // Ours are of the machine where the extension runs, which VS Code keeps apart.
    const [ours, others] = [true, false].map((isOurs) =>
      entries.filter(([name]) => name.startsWith("redisMirrored.") === isOurs),
    );
    this.#write("Machine", ours!);
    this.#write("User", others!);
  }

  /** What lies on the server's disk. */
  read(path: string): string | undefined {
    const file = join(this.#folder.path, path);
    return existsSync(file) ? readFileSync(file, "utf8") : undefined;
  }

  /** The text of all log files of a name. */
  log(name: string): string {
    const folder = join(this.#folder.path, "logs");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(name));
    return files.map((file) => readFileSync(join(folder, file), "utf8")).join("");
  }

  async stop(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (running === undefined) return;
    const ended = running.exitCode === null && running.signalCode === null ? once(running, "exit") : undefined;
    killGroup(running);
    await ended;
    RUNNING.delete(running);
    this.#folder.remove();
  }

  #write(whose: string, settings: [string, unknown][]): void {
    const folder = join(this.#folder.path, whose);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "settings.json"), JSON.stringify(Object.fromEntries(settings), undefined, 2));
  }

  /** What VS Code notes of a language pack that it has installed; this one translates nothing of its own. */
  #writeLanguagePack(): void {
    const texts = join(this.#folder.path, "texts.json");
    writeFileSync(texts, JSON.stringify({ version: "1.0.0", contents: {} }));
    const pack = {
      hash: "none",
      extensions: [{ extensionIdentifier: { id: "e2e.language-pack" }, version: "1.0.0" }],
      translations: { vscode: texts },
      label: this.#language,
    };
    writeFileSync(join(this.#folder.path, "languagepacks.json"), JSON.stringify({ [this.#language]: pack }));
  }

  async #start(): Promise<void> {
    const [command, args] = commandLine(this.#folder.path, this.#extensions);
    args.push(
      "--bind-addr",
      `127.0.0.1:${this.#port}`,
      "--auth",
      "none",
      "--disable-telemetry",
      "--disable-update-check",
      "--locale",
      this.#language,
    );
    args.push("--disable-workspace-trust", "--disable-getting-started-override");
    const env = { ...environment(this.#folder.path), ...this.#env };
    // A group of its own: it starts others.
    const started = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    this.#process = started;
    RUNNING.add(started);
    let said = "";
    for (const stream of [started.stdout, started.stderr]) stream.on("data", (chunk) => (said += String(chunk)));
    await until("code-server answers", async () => {
      if (started.exitCode !== null) throw new Error(said);
      return (await fetch(`http://127.0.0.1:${this.#port}/healthz`)).ok;
    });
  }
}

function commandLine(userData: string, extensions: string): [string, string[]] {
  const [command, ...args] = JSON.parse(prepared("codeServer")) as [string, ...string[]];
  const folders = ["--user-data-dir", userData, "--extensions-dir", extensions];
  return [command, [...args, ...folders, "--config", join(userData, "config.yaml")]];
}

/** Of this machine's as little as possible, and of its user's nothing. */
function environment(home: string): Record<string, string> {
  const gallery = JSON.stringify({ serviceUrl: "", itemUrl: "", resourceUrlTemplate: "" });
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    XDG_DATA_HOME: home,
    XDG_CONFIG_HOME: home,
    EXTENSIONS_GALLERY: gallery,
  };
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
