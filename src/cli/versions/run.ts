import { createMirror, type Mirror, type RecordVersion } from "../../index.js";
import { resolveSettings } from "../../settings/resolve-settings.js";
import { BUILT_IN_RECORDS } from "../../sync/records.js";
import { Failure } from "../failure.js";
import { quoted } from "../printable.js";
import { writeNewFile } from "../new-file.js";
import { noticePlaintext } from "../plaintext-notice.js";
import { align } from "../table.js";
import { say, sayJson } from "../terminal.js";
import { describeTime } from "../times.js";
import { UsageError } from "../usage-error.js";

/** How long it may take until a restored version is in Redis: longer than a large one takes on a slow link. */
const PATIENCE_MS = 15_000;

export interface HistoryOptions {
  readonly user?: string;
  readonly json: boolean;
}

export interface RestoreOptions extends HistoryOptions {
  /** Or its beginning. */
  readonly version: string;
  readonly output?: string;
}

/** The answer is the exit status. @throws UsageError */
export async function history({ user, json }: HistoryOptions, name: string): Promise<number> {
  const record = expectRecord(name);
  return withMirror(user, async (mirror) => {
    const versions = await mirror.history({ record });
    if (json) return sayJson(versions);
    if (versions.length === 0) return say(`Redis holds no version of \`${record}\`.`);
    return say(align([["  VERSION", "SAVED", "BYTES"], ...versions.map(describe)], new Set([2])).join("\n"));
  });
}

/** The answer is the exit status. @throws UsageError */
export async function restore(options: RestoreOptions, name: string): Promise<number> {
  const { version: beginning, output, user, json } = options;
  const record = expectRecord(name);
  return withMirror(user, async (mirror) => {
    const versions = await mirror.history({ record });
    if (versions.length === 0)
      throw new Failure("VERSION_NOT_FOUND", `Redis holds no version of \`${record}\`: there is nothing to restore.`);
    const matching = versions.filter(({ version }) => version.startsWith(beginning));
    if (matching.length !== 1) {
      const got = `${quoted(beginning)}, with which ${matching.length === 0 ? "none begins" : `${matching.length} begin`}`;
      const those = versions.length === 1 ? "the one version" : `one of the ${versions.length} versions`;
      throw new UsageError(`Expected --version to be ${those} of \`${record}\` that \`history\` shows, got ${got}.`);
    }
    const { version } = matching[0]!;
    if (output === undefined) {
      await mirror.restore({ record, version, timeoutMs: PATIENCE_MS });
      if (json) return sayJson({ record, version });
      return say(`\`${record}\` is what it was at ${version}. What that replaced is kept.`);
    }
    const value = await mirror.readVersion({ record, version });
    // Not over a file that is there: it may be the only copy of something.
    await writeNewFile(output, `${JSON.stringify(value, undefined, 2)}\n`);
    if (json) return sayJson({ record, version, file: output });
    return say(`${output} holds \`${record}\` as it was at ${version}.`);
  });
}

/** Another one has no versions, whatever lies there. @throws UsageError */
function expectRecord(given: string): string {
  const names = BUILT_IN_RECORDS.map(({ name }) => name);
  if (names.includes(given)) return given;
  throw new UsageError(`Expected RECORD to be one of ${names.join(", ")}, got ${quoted(given)}`);
}

async function withMirror(userId: string | undefined, work: (mirror: Mirror) => Promise<number>): Promise<number> {
  const options = userId === undefined ? {} : { userId };
  const result = resolveSettings(options);
  const warn = noticePlaintext(...("settings" in result && result.settings.isEnabled ? [result.settings.address] : []));
  const mirror = createMirror({ ...options, logger: { info: () => {}, warn } });
  try {
    return await work(mirror);
  } finally {
    // Such a mirror saves nothing, and so never logs that it is connected.
    for (const warning of mirror.status.warnings ?? []) warn(`redis-mirrored: ${warning}`);
    await mirror.close();
  }
}

function describe({ version, savedAt, bytes, isCurrent }: RecordVersion): string[] {
  const saved = savedAt.getTime() === 0 ? "unknown" : describeTime(savedAt);
  return [`${isCurrent ? "* " : "  "}${version}`, saved, String(bytes)];
}
