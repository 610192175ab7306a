import { writeFile } from "node:fs/promises";
import { arch, platform, release } from "node:os";
import { parseArgs } from "node:util";
import { Identity } from "../settings/identity.js";
import { packageVersion } from "./package-version.js";
import { noticePlaintext } from "./plaintext-notice.js";
import { keysPart } from "./support-bundle/keys-part.js";
import { AS_THEY_ARE, HashedNames } from "./support-bundle/names.js";
import { redisPart } from "./support-bundle/redis-part.js";
import { settingsPart } from "./support-bundle/settings-part.js";
import { printable } from "./table.js";
import { fail, say } from "./terminal.js";
import { UsageError } from "./usage-error.js";

const HELP = `redis-mirrored support-bundle [USER] [--output FILE] [--anonymous]

Makes one JSON document to attach to a bug report: versions; the settings in force, and where each is from; the ids of the
keys at hand; what Redis holds of each of the user's records, and what the connection said if it failed. It is made without
Redis too.

  USER           whose. Default: ROO_USER_ID, else the id of this machine and user
  --output FILE  writes it to a new file that only you may read. Default: the standard output
  --anonymous    a short hash in the place of each name of a user, an instance or a server

Never in it: a key, a password, the name of an account, a value, the id of an item. Of a secret it says whether it is set.
User ids, instance ids and the names of servers are shown as they are, unless you say --anonymous; then one name has the same
hash throughout a bundle, and another in the next. Names of records are always shown. Read it before you attach it.

Which Redis: from the environment, as for the mirror itself (REDIS_URL, or REDIS_HOST and REDIS_PORT, …). What a host sets by
options a command cannot know: \`mirror.status\` and the log say more.`;

/** The answer is the exit status: 0 also where Redis cannot be used. @throws UsageError */
export async function supportBundle(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      output: { type: "string" },
      anonymous: { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return say(HELP);
  if (positionals.length > 1)
    throw new UsageError(`Expected one user at most, got ${positionals.map(printable).join(" ")}`);
  if (values.output === "") throw new UsageError("Expected --output to name a file, got an empty name");
  const userId = positionals[0] ?? new Identity({}).current;
  if (!userId) throw new UsageError("Expected a user id, got an empty one");
  const bundle = toJson(await collect(userId, positionals.length > 0, values.anonymous));
  return values.output === undefined ? say(bundle) : writeNew(values.output, bundle);
}

async function collect(userId: string, isGiven: boolean, isAnonymous: boolean): Promise<object> {
  const names = isAnonymous ? new HashedNames() : AS_THEY_ARE;
  const { part, settings } = settingsPart(names);
  if (settings !== undefined) noticePlaintext(settings.address);
  return {
    madeAt: new Date(),
    isAnonymous,
    versions: {
      "redis-mirrored": packageVersion(),
      node: process.version,
      platform: `${platform()} ${arch()} ${release()}`,
    },
    user: {
      id: names.shown(userId),
      from: isGiven ? "argument" : process.env["ROO_USER_ID"] ? "environment" : "default",
    },
    ...part,
    keys: await keysPart(),
    redis: settings === undefined ? null : await redisPart(settings, userId, names),
  };
}

/** `null` for what is unknown; and what a terminal would obey, or not show, as JSON can write it: instance ids are anybody's. */
function toJson(bundle: object): string {
  const json = JSON.stringify(bundle, (_name, value: unknown) => value ?? null, 2);
  return json.replace(/[^\P{C}\n]/gu, (character) =>
    character.split("").reduce((text, unit) => `${text}\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`, ""),
  );
}

async function writeNew(file: string, bundle: string): Promise<number> {
  try {
    await writeFile(file, `${bundle}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return fail(
      code === "EEXIST" ? `${file} is there already, and stays as it is.` : `${file} cannot be written: ${code}.`,
    );
  }
  return say(`${file} holds it. Read it before you attach it.`);
}
