import { writeFile } from "node:fs/promises";
import { arch, platform, release } from "node:os";
import { Failure } from "../failure.js";
import { userInForce } from "../in-force.js";
import { toJson } from "../json.js";
import { packageVersion } from "../package-version.js";
import { noticePlaintext } from "../plaintext-notice.js";
import { say, sayJson } from "../terminal.js";
import { keysPart } from "./keys-part.js";
import { AS_THEY_ARE, HashedNames } from "./names.js";
import { redisPart } from "./redis-part.js";
import { settingsPart } from "./settings-part.js";

export interface SupportBundleOptions {
  readonly output?: string;
  readonly anonymous: boolean;
  readonly json: boolean;
}

/** The answer is the exit status: 0 also where Redis cannot be used. */
export async function supportBundle(options: SupportBundleOptions, user: string | undefined): Promise<number> {
  const { output, anonymous, json } = options;
  const bundle = toJson(await collect(userInForce(user), user !== undefined, anonymous));
  if (output === undefined) return say(bundle);
  await writeNew(output, bundle);
  return json ? sayJson({ file: output }) : say(`${output} holds it. Read it before you attach it.`);
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

async function writeNew(file: string, bundle: string): Promise<void> {
  try {
    await writeFile(file, `${bundle}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new Failure(
      code,
      code === "EEXIST" ? `${file} is there already, and stays as it is.` : `${file} cannot be written: ${code}.`,
    );
  }
}
