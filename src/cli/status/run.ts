import type { Settings } from "../../settings/settings.js";
import { warningsOf } from "../../sync/plaintext.js";
import { userInForce } from "../in-force.js";
import { printable } from "../printable.js";
import { noticePlaintext } from "../plaintext-notice.js";
import { keysPart, type KeysPart } from "../support-bundle/keys-part.js";
import { AS_THEY_ARE } from "../support-bundle/names.js";
import { redisPart, type RedisPart, type ShownSurvey } from "../support-bundle/redis-part.js";
import { settingsPart, type SettingsPart } from "../support-bundle/settings-part.js";
import { align, nameOfInstance, shorten } from "../table.js";
import { say, sayJson } from "../terminal.js";
import { describeTime } from "../times.js";

const READ_ONLY =
  "The server is a replica, where saves are refused: name its primary, or the sentinels that know it (REDIS_SENTINELS).";

export interface StatusOptions {
  readonly json: boolean;
}

/** What a mirror would be here. Each member is there; `null` stands for what is unknown, or not so. */
interface Status extends SettingsPart {
  readonly state: "connected" | "degraded" | "disabled" | "misconfigured";
  /** Why it is not connected. */
  readonly reason: string | null;
  readonly warnings: readonly string[];
  readonly server: RedisPart["server"];
  readonly user: { readonly id: string; readonly from: "argument" | "environment" | "default" };
  readonly instanceId: string | null;
  readonly keys: KeysPart;
  readonly records: readonly ShownSurvey[] | null;
}

/** The answer is the exit status: 0 if a mirror would be connected. */
export async function status({ json }: StatusOptions, user: string | undefined): Promise<number> {
  const found = await find(userInForce(user), user !== undefined);
  if (json) sayJson(found);
  else say(describe(found).join("\n"));
  return found.state === "connected" ? 0 : 1;
}

async function find(userId: string, isGiven: boolean): Promise<Status> {
  const { part, settings } = settingsPart(AS_THEY_ARE);
  const redis = settings?.isEnabled === true ? await connected(settings, userId) : undefined;
  const problems = part.problems.map(({ setting, expected }) => `Expected \`${setting}\` to be ${expected}`);
  const disabled = settings?.isEnabled === false ? "REDIS_ENABLED is false" : null;
  const obstacle = redis?.failure?.message ?? (redis?.isReadOnly === true ? READ_ONLY : null);
  return {
    state:
      settings === undefined
        ? "misconfigured"
        : redis === undefined
          ? "disabled"
          : obstacle !== null
            ? "degraded"
            : "connected",
    reason: problems.length > 0 ? problems.join("; ") : (obstacle ?? disabled),
    warnings: settings === undefined ? [] : warningsOf(settings.address),
    server: redis?.server ?? null,
    user: { id: userId, from: isGiven ? "argument" : process.env["ROO_USER_ID"] ? "environment" : "default" },
    instanceId: settings?.instanceId || null,
    keys: await keysPart(),
    records: redis?.records ?? null,
    ...part,
  };
}

function connected(settings: Settings, userId: string): Promise<RedisPart> {
  noticePlaintext(settings.address);
  return redisPart(settings, userId, AS_THEY_ARE);
}

function describe(found: Status): string[] {
  const { state, reason, server, user, instanceId, settings, records } = found;
  const whence = { argument: "as you said", environment: "from ROO_USER_ID", default: "of this machine and user" };
  const name = [server?.["server"], server?.["version"]].filter(Boolean).join(" ");
  const where = name === "" ? "" : state === "connected" ? ` to ${name}` : ` (${name})`;
  const facts = [
    ["State", `${state}${where}${reason === null ? "" : `: ${printable(reason)}`}`],
    ["User", `${printable(shorten(user.id, 100))} (${whence[user.from]})`],
    ["Instance", instanceId === null ? "none: the user's instances share" : nameOfInstance(instanceId)],
    ["Keys", describeKeys(found.keys)],
  ];
  const rows = Object.entries(settings)
    .filter(([, { value }]) => value !== null && value !== undefined)
    .map(([option, { value, from, variable }]) => [
      option,
      shorten(printable(Array.isArray(value) ? value.join(",") : String(value)), 60),
      from === "environment" ? variable : from,
    ]);
  return [
    ...align(facts),
    ...(rows.length === 0 ? [] : ["", ...align([["SETTING", "VALUE", "FROM"], ...rows])]),
    ...(records === null ? [] : ["", ...describeRecords(records)]),
  ];
}

function describeKeys({ ids, from, isExposed, failure }: KeysPart): string {
  if (failure !== null) return printable(failure);
  if (ids.length === 0) return "none yet: one is made on first use";
  const [first, ...others] = ids;
  const rest = others.length === 0 ? "" : `; decrypting only: ${others.join(", ")}`;
  return `${first} encrypts, from ${from === "ROO_MIRROR_KEY" ? from : "the key file"}${isExposed ? ", which others may read" : ""}${rest}`;
}

function describeRecords(records: readonly ShownSurvey[]): string[] {
  if (records.length === 0) return ["Redis holds nothing of this user."];
  const rows = records.map(({ record, instanceId, state, bytes, savedAt, writer }) => [
    record,
    nameOfInstance(instanceId ?? undefined),
    state === "there" ? String(bytes) : state,
    savedAt === undefined ? "unknown" : describeTime(savedAt),
    writer ?? "unknown",
  ]);
  return align([["RECORD", "INSTANCE", "BYTES", "SAVED", "WRITER"], ...rows], new Set([2]));
}
