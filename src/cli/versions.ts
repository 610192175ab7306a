import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { createMirror, type Mirror, MirrorError, type RecordVersion } from "../index.js";
import { resolveSettings } from "../settings/resolve-settings.js";
import { noticePlaintext } from "./plaintext-notice.js";
import { say } from "./terminal.js";
import { UsageError } from "./usage-error.js";

const SETTINGS = `Which Redis, which user and which key: from the environment, as for the mirror itself (REDIS_URL or REDIS_HOST and
REDIS_PORT, ROO_USER_ID, ROO_INSTANCE_ID, ROO_MIRROR_KEY).`;

const HISTORY_HELP = `redis-mirrored history RECORD [--user ID] [--json]

Lists the versions of a record that Redis holds, newest first: the current one, and those that were overwritten by an
instance that had not seen them, or by an empty value.

  RECORD      taskHistory, provider, customInstructions, customModes, pinnedApiConfigs or mcpSettings
  --user ID   whose. Default: ROO_USER_ID, else the id of this machine and user
  --json      the same as JSON

${SETTINGS}`;

const RESTORE_HELP = `redis-mirrored restore RECORD --version VERSION [--user ID] [--output FILE]

Makes a kept version the mirror's current one again; what it replaces is kept in turn. An instance whose local store has
none of the record adopts it at its next start. Where there is one, it stays: --output gives you the value as a file.

  --version VERSION   as \`history\` shows it, or its beginning where that is enough
  --user ID           whose. Default: ROO_USER_ID, else the id of this machine and user
  --output FILE       writes the value to a new file that only you may read, and leaves the mirror as it is

${SETTINGS}`;

/** The answer is the exit status. @throws UsageError */
export async function history(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { user: { type: "string" }, json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) return say(HISTORY_HELP);
  const record = expectRecord(positionals);
  return withMirror(values.user, async (mirror) => {
    const versions = await mirror.history({ record });
    if (values.json) return say(JSON.stringify(versions, undefined, 2));
    if (versions.length === 0) return say(`Redis holds no version of \`${record}\`.`);
    return say(["  VERSION".padEnd(42) + "SAVED".padEnd(22) + "BYTES", ...versions.map(describe)].join("\n"));
  });
}

/** The answer is the exit status. @throws UsageError */
export async function restore(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      version: { type: "string" },
      user: { type: "string" },
      output: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return say(RESTORE_HELP);
  const record = expectRecord(positionals);
  const { version: beginning, output } = values;
  if (!beginning) throw new UsageError("Expected --version VERSION, got none. `redis-mirrored history` lists them.");
  return withMirror(values.user, async (mirror) => {
    const versions = await mirror.history({ record });
    const matching = versions.filter(({ version }) => version.startsWith(beginning));
    if (matching.length !== 1) {
      const got = `\`${beginning}\`, with which ${matching.length === 0 ? "none begins" : `${matching.length} begin`}`;
      throw new UsageError(`Expected --version to be one of the ${versions.length} of \`${record}\`, got ${got}.`);
    }
    const { version } = matching[0]!;
    if (output === undefined) {
      await mirror.restore({ record, version });
      return say(`\`${record}\` is what it was at ${version}. What that replaced is kept.`);
    }
    const value = await mirror.readVersion({ record, version });
    // Not over a file that is there: it may be the only copy of something.
    await writeFile(output, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600, flag: "wx" });
    return say(`${output} holds \`${record}\` as it was at ${version}.`);
  });
}

function expectRecord(positionals: readonly string[]): string {
  if (positionals.length !== 1) {
    throw new UsageError(
      `Expected the name of one record, got ${positionals.length === 0 ? "none" : positionals.join(" ")}`,
    );
  }
  return positionals[0]!;
}

async function withMirror(userId: string | undefined, work: (mirror: Mirror) => Promise<number>): Promise<number> {
  const options = userId === undefined ? {} : { userId };
  const result = resolveSettings(options);
  const warn = noticePlaintext(...("settings" in result && result.settings.isEnabled ? [result.settings.address] : []));
  const mirror = createMirror({ ...options, logger: { info: () => {}, warn } });
  try {
    return await work(mirror);
  } catch (error) {
    const isOfFile = typeof (error as { path?: unknown }).path === "string";
    if (!(error instanceof MirrorError || error instanceof TypeError || isOfFile)) throw error;
    console.error((error as Error).message);
    return 1;
  } finally {
    await mirror.close();
  }
}

function describe({ version, savedAt, bytes, isCurrent }: RecordVersion): string {
  const saved = savedAt.getTime() === 0 ? "unknown" : savedAt.toISOString().slice(0, 19).replace("T", " ");
  return `${isCurrent ? "* " : "  "}${version.padEnd(40)}${saved.padEnd(22)}${bytes}`;
}
