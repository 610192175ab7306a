import { spawnSync } from "node:child_process";
import { createInterface } from "node:readline/promises";

interface PackageManager {
  readonly command: string;
  /** What installs a Redis server, one command after the other. */
  readonly steps: readonly (readonly string[])[];
  /** Whether it needs root. */
  readonly isForRoot: boolean;
}

const PACKAGE_MANAGERS: readonly PackageManager[] = [
  {
    command: "apt-get",
    steps: [
      ["apt-get", "update", "-qq"],
      ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "redis-server"],
    ],
    isForRoot: true,
  },
  { command: "dnf", steps: [["dnf", "install", "-y", "-q", "redis"]], isForRoot: true },
  { command: "apk", steps: [["apk", "add", "--no-cache", "-q", "redis"]], isForRoot: true },
  { command: "brew", steps: [["brew", "install", "--quiet", "redis"]], isForRoot: false },
];

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
export async function installRedisServer(system: System = thisSystem()): Promise<boolean> {
  const manager = PACKAGE_MANAGERS.find(({ command }) => system.has(command));
  if (manager === undefined) {
    system.say("There is no redis-server here, and no package manager that could get one. Install one of:");
    for (const { steps } of PACKAGE_MANAGERS) system.say(`  ${inWords(steps)}`);
    return false;
  }
  const prefix = manager.isForRoot && !system.isRoot ? ["sudo"] : [];
  const steps = manager.steps.map((step) => [...prefix, ...step]);
  const isAllowed =
    !system.isInteractive ||
    (await system.ask(`There is no redis-server here. Install one with \`${inWords(steps)}\`? [Y/n] `));
  if (!isAllowed || (prefix.length > 0 && !system.has("sudo"))) {
    system.say(`There is no redis-server here. To install one: ${inWords(steps)}`);
    return false;
  }
  system.say(`Installing a redis-server (${manager.command}) …`);
  for (const step of steps) {
    const failure = system.run(step);
    if (failure === undefined) continue;
    system.say(`It failed. To install one by hand: ${inWords(steps)}\n${failure}`);
    return false;
  }
  return true;
}

function inWords(steps: readonly (readonly string[])[]): string {
  return steps.map((step) => step.filter((word) => !/^-+q|^--quiet/.test(word)).join(" ")).join(" && ");
}

function thisSystem(): System {
  return {
    isRoot: process.getuid?.() === 0,
    isInteractive: process.stdin.isTTY && process.stderr.isTTY,
    has: (command) => spawnSync(command, ["--version"], { stdio: "ignore" }).error === undefined,
    ask: async (question) => {
      const terminal = createInterface({ input: process.stdin, output: process.stderr });
      const answer = await terminal.question(question);
      terminal.close();
      return !/^\s*n/i.test(answer);
    },
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
