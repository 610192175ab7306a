import { arch, platform, release } from "node:os";
import { userInForce } from "../in-force.js";
import { toJson } from "../json.js";
import { writeNewFile } from "../new-file.js";
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
  await writeNewFile(output, `${bundle}\n`);
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
