import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolveSettings } from "../../settings/resolve-settings.js";
import { MirrorError, RefusedError } from "../../sync/errors.js";
import { classify } from "../../sync/replies.js";
import { noticePlaintext } from "../plaintext-notice.js";
import { ensureRedisServer, freePort, PrivateRedisServer } from "../redis-server.js";
import { Screen } from "../screen.js";
import { sayJson } from "../terminal.js";
import { UsageError } from "../usage-error.js";
import { type RedisPlace, TourGuide } from "./guide.js";
import { readHistory, readProfiles } from "./input-files.js";

export interface TourOptions {
  readonly history?: string;
  readonly profiles?: string;
  readonly saves: number;
  readonly plain: boolean;
  readonly json: boolean;
}

/** The answer is the exit status: 1 if one of the promises did not hold. @throws UsageError */
export async function tour(options: TourOptions): Promise<number> {
  const { saves, plain, json } = options;
  const [history, profiles] = await Promise.all([readHistory(options.history), readProfiles(options.profiles)]);
  const isPlain = plain || json || !process.stdout.isTTY || Boolean(process.env["NO_COLOR"]);
  const place = await findRedis();
  const folder = await mkdtemp(join(tmpdir(), "redis-mirrored-tour-"));
  const screen = json ? new Screen(isPlain, () => {}) : new Screen(isPlain);
  const guide = new TourGuide({ screen, place, folder, history, profiles, saves });
  const leave = async () => {
    await guide.end();
    await rm(folder, { recursive: true, force: true });
  };
  process.once("SIGINT", () => void leave().finally(() => process.exit(130)));
  try {
    const verdicts = await guide.show();
    if (json) sayJson({ redis: place.kind, saves, verdicts });
    return verdicts.every(({ isKept }) => isKept !== false) ? 0 : 1;
  } catch (error) {
    // The user's own server may be away, or refuse.
    const failure = classify(error);
    throw error instanceof MirrorError || failure instanceof RefusedError ? failure : error;
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
