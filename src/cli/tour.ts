import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensureRedisServer, freePort, PrivateRedisServer } from "./redis-server.js";
import { readHistory, readProfiles } from "./tour/input-files.js";
import { type RedisPlace, TourGuide } from "./tour/guide.js";
import { MirrorError, RefusedError } from "../sync/errors.js";
import { resolveSettings } from "../settings/resolve-settings.js";
import { classify } from "../sync/replies.js";
import { noticePlaintext } from "./plaintext-notice.js";
import { Screen } from "./screen.js";
import { fail } from "./terminal.js";
import { UsageError } from "./usage-error.js";

const HELP = `redis-mirrored tour [--history FILE] [--profiles FILE] [--saves N] [--plain]

Runs the extension without VS Code and replays a working session on it: saves while Redis is well, while it is dead and
when it is back; then deletes the local store and restores it. Ends with what was promised and what was measured.

  --history FILE   tasks to begin with: JSON as Roo-Code keeps it. Default: a sample
  --profiles FILE  provider profiles to begin with: JSON as Roo-Code exports it. Default: a sample
  --saves N        how many saves to replay. Default 360
  --plain          no colours, no line that redraws itself

If REDIS_URL or REDIS_HOST names a server, that one is used and not stopped, and what the tour wrote is removed at the
end. Otherwise a private redis-server is started on a free port of the loopback interface.`;

/** The answer is the exit status: 1 if one of the promises did not hold. @throws UsageError */
export async function tour(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      history: { type: "string" },
      profiles: { type: "string" },
      saves: { type: "string", default: "360" },
      plain: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const saves = Number(values.saves);
  if (!Number.isInteger(saves) || saves < 10)
    throw new UsageError(`Expected --saves to be an integer of at least 10, got \`${values.saves}\``);
  const [history, profiles] = await Promise.all([readHistory(values.history), readProfiles(values.profiles)]);
  const isPlain = values.plain || !process.stdout.isTTY || Boolean(process.env["NO_COLOR"]);
  const place = await findRedis();
  const folder = await mkdtemp(join(tmpdir(), "redis-mirrored-tour-"));
  const guide = new TourGuide({ screen: new Screen(isPlain), place, folder, history, profiles, saves });
  const leave = async () => {
    await guide.end();
    await rm(folder, { recursive: true, force: true });
  };
  process.once("SIGINT", () => void leave().finally(() => process.exit(130)));
  try {
    return (await guide.show()) ? 0 : 1;
  } catch (error) {
    // The user's own server may be away, or refuse.
    const failure = classify(error);
    if (!(error instanceof MirrorError || failure instanceof RefusedError)) throw error;
    return fail(failure.message);
  } finally {
    await leave();
  }
}

async function findRedis(): Promise<RedisPlace> {
  for (const variable of ["REDIS_CLUSTER", "REDIS_SENTINELS"])
    if (process.env[variable])
      throw new UsageError(`Expected one server for the tour, named by REDIS_URL or by none, got \`${variable}\``);
  if (process.env["REDIS_URL"] || process.env["REDIS_HOST"]) {
    const result = resolveSettings({});
    if ("settings" in result) noticePlaintext(result.settings.address);
    return { kind: "given" };
  }
  const executable = await ensureRedisServer();
  if (executable === undefined) return { kind: "none", port: await freePort() };
  return { kind: "private", server: await PrivateRedisServer.start(executable) };
}
