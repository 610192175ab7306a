import { spawnSync } from "node:child_process";
import { ask } from "./terminal.js";

/** Something that a package manager can get. */
export interface Tool {
  /** As in "There is no … here". */
  readonly name: string;
  /** The packages, by the command of the package manager. */
  readonly packages: Readonly<Record<PackageManager["command"], readonly string[]>>;
}

interface PackageManager {
  readonly command: "apt-get" | "dnf" | "apk" | "brew";
  /** What comes before the packages' names. */
  readonly install: readonly string[];
  /** Whether it has to learn first what there is. */
  readonly update?: readonly string[];
  /** Whether it needs root. */
  readonly isForRoot: boolean;
}

const PACKAGE_MANAGERS: readonly PackageManager[] = [
  {
    command: "apt-get",
    update: ["update", "-qq"],
    install: ["install", "-y", "-qq", "--no-install-recommends"],
    isForRoot: true,
  },
  { command: "dnf", install: ["install", "-y", "-q"], isForRoot: true },
  { command: "apk", install: ["add", "--no-cache", "-q"], isForRoot: true },
  { command: "brew", install: ["install", "--quiet"], isForRoot: false },
];

const REDIS_SERVER: Tool = {
  name: "redis-server",
  packages: { "apt-get": ["redis-server"], dnf: ["redis"], apk: ["redis"], brew: ["redis"] },
};

/** What installing needs of the system; a parameter, so that the choice can be tested without making it. */
export interface System {
  readonly isRoot: boolean;
  /** Whether a person can be asked. */
  readonly isInteractive: boolean;
  has(command: string): boolean;
  ask(question: string): Promise<boolean>;
  /** The answer is `undefined` if it went well, else what was said. */
  run(command: readonly string[]): string | undefined;
  say(line: string): void;
}

/** Installs a Redis server, if it may and can; says what it does and, where it can't, what to do. The answer: whether it did. */
export function installRedisServer(system?: System): Promise<boolean> {
  return installTool(REDIS_SERVER, system);
}

/** The same for any tool. */
export async function installTool(tool: Tool, system: System = thisSystem()): Promise<boolean> {
  const manager = PACKAGE_MANAGERS.find(({ command }) => system.has(command));
  if (manager === undefined) {
    system.say(`There is no ${tool.name} here, and no package manager that could get one. Install one of:`);
    for (const each of PACKAGE_MANAGERS) system.say(`  ${inWords(stepsOf(each, tool))}`);
    return false;
  }
  const prefix = manager.isForRoot && !system.isRoot ? ["sudo"] : [];
  const steps = stepsOf(manager, tool).map((step) => [...prefix, ...step]);
  const isAllowed =
    !system.isInteractive ||
    (await system.ask(`There is no ${tool.name} here. Install one with \`${inWords(steps)}\`? [Y/n] `));
  if (!isAllowed || (prefix.length > 0 && !system.has("sudo"))) {
    system.say(`There is no ${tool.name} here. To install one: ${inWords(steps)}`);
    return false;
  }
  system.say(`Installing a ${tool.name} (${manager.command}) …`);
  for (const step of steps) {
    const failure = system.run(step);
    if (failure === undefined) continue;
    system.say(`It failed. To install one by hand: ${inWords(steps)}\n${failure}`);
    return false;
  }
  return true;
}

/** One command after the other. */
function stepsOf({ command, update, install }: PackageManager, { packages }: Tool): string[][] {
  const updating = update === undefined ? [] : [[command, ...update]];
  return [...updating, [command, ...install, ...packages[command]]];
}

function inWords(steps: readonly (readonly string[])[]): string {
  return steps.map((step) => step.filter((word) => !/^-+q|^--quiet/.test(word)).join(" ")).join(" && ");
}

function thisSystem(): System {
  return {
    isRoot: process.getuid?.() === 0,
    isInteractive: process.stdin.isTTY && process.stderr.isTTY,
    has: (command) => spawnSync(command, ["--version"], { stdio: "ignore" }).error === undefined,
    ask: (question) => ask(question),
    run: ([command, ...args]) => {
      // RUNLEVEL=1: Debian's packages start their service otherwise, on the standard port, and nobody asked for that.
      const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
      const { status, error, stdout, stderr } = spawnSync(command!, args, {
        env,
        encoding: "utf8",
        stdio: ["inherit", "pipe", "pipe"],
      });
      return status === 0 ? undefined : (error?.message ?? `${stdout}${stderr}`.trim());
    },
    say: (line) => console.error(line),
  };
}
