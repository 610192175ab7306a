import { randomBytes } from "node:crypto";
import { keySpaceOf } from "../../settings/settings.js";
import { encodeId } from "../../sync/keys.js";
import { ATTEMPTS, FEATURE_COMMANDS, MIRROR_COMMANDS, type MirrorCommand } from "../access.js";
import { error, type Findings, note, ok } from "../finding.js";
import type { Answer } from "../line.js";
import { isForbidden } from "../line.js";
import { list } from "../naming.js";
import { granting, type Patient } from "../patient.js";
import { findingBigKeys } from "../redis-cli-call.js";
import type { Visit } from "../visit.js";
import { type Words, words } from "../words.js";

/** Where nobody is signed in, somebody stands in for who will be. */
const NOBODY = "redis-mirrored";

/** What stands in the way of every write, whoever asks. */
const REFUSING: Readonly<Record<string, (patient: Patient) => readonly [message: Words, remedy: Words]>> = {
  OOM: (patient) => [
    words`Redis refuses to be written to: it has no memory left (OOM). The mirror waits.`,
    words`Raise \`maxmemory\`, or remove what nobody needs: \`${findingBigKeys(patient)}\`, \`npx redis-mirrored purge USER\`.`,
  ],
  MISCONF: () => [
    words`Redis refuses to be written to: it cannot write to its own disk (MISCONF). The mirror waits.`,
    words`See the server's log, and its disk: is it full, and may Redis write to \`dir\`?`,
  ],
  NOREPLICAS: () => [
    words`Redis refuses to be written to: too few replicas follow it (NOREPLICAS). The mirror waits.`,
    words`Bring the replicas back, or lower \`min-replicas-to-write\` in redis.conf.`,
  ],
};

/** A key of the user's that is not there, and that nothing makes. */
export function keyOfVisit({ settings, userId = NOBODY }: Visit): string {
  return keySpaceOf(settings).keyOf({ userId, record: `~doctor:d${randomBytes(8).toString("hex")}` });
}

/** What the account may reach, in the pattern of an access list: this user's keys or, as a channel, what is said of them. */
export function patternOfUser({ settings, userId = NOBODY }: Visit): string {
  const user = encodeId(userId);
  return `roo:${settings.address.cluster === undefined ? user : `{${user}}`}:*`;
}

/** Whether the account may do what the mirror does, command by command. */
export async function* checkRights(patient: Patient): Findings {
  const { line } = patient;
  const key = keyOfVisit(patient);
  const forbidden: Record<"command" | "key" | "channel" | "unknown", MirrorCommand[]> = {
    command: [],
    key: [],
    channel: [],
    unknown: [],
  };
  // In one round trip: a slow way is not to be gone two dozen times.
  const attempt = async (command: MirrorCommand) => line.ask(...ATTEMPTS[command](key));
  const commands = FEATURE_COMMANDS["the commands"];
  const answers = await Promise.all([...MIRROR_COMMANDS, ...commands].map(attempt));
  for (const [index, command] of MIRROR_COMMANDS.entries()) {
    const what = obstacle(answers[index]!);
    if (what !== undefined) forbidden[what].push(command);
  }
  const refusing = REFUSING[answers[MIRROR_COMMANDS.indexOf("set")]!.refusal ?? ""];
  const lacking = commands.filter((_command, index) => isForbidden(answers[MIRROR_COMMANDS.length + index]!));
  const pattern = patternOfUser(patient);
  if (forbidden.command.length > 0)
    yield error(
      "rights",
      words`The account may not do what the mirror does: ${list(forbidden.command)}.`,
      granting(
        patient,
        forbidden.command.map((name) => `+${name}`),
      ),
    );
  if (forbidden.key.length > 0)
    yield error(
      "rights",
      forbidden.key.includes("get") && forbidden.key.includes("set")
        ? words`The account does not reach this user's keys, \`${pattern}\`.`
        : words`The account does not reach this user's keys, \`${pattern}\`, by ${list(forbidden.key)}: it may only read, or only write, there.`,
      granting(patient, [`~${pattern}`]),
    );
  if (forbidden.channel.length > 0)
    yield error(
      "rights",
      words`The account may not say on this user's channels, \`${pattern}\`, who has changed what: its saves are refused.`,
      granting(patient, [`&${pattern}`]),
    );
  if (forbidden.unknown.length > 0)
    yield error(
      "rights",
      words`The server does not know ${list(forbidden.unknown)}: renamed or switched off, or it never had them. The mirror needs them.`,
      words`Take \`rename-command\` for them out of redis.conf; of a service, ask its provider for them.`,
    );
  if (refusing !== undefined) yield error("rights", ...refusing(patient));
  if (Object.values(forbidden).every(({ length }) => length === 0))
    yield ok(
      "rights",
      words`The account may do all that the mirror does: ${MIRROR_COMMANDS.length} commands on this user's keys.`,
    );
  if (lacking.length > 0)
    yield note(
      "rights",
      words`The account may not do what \`inspect\`, \`purge\`, \`rotate\` and the other commands need beside what the mirror does: ${list(lacking)}.`,
      words`For them: an operator's account, or this. ${granting(
        patient,
        lacking.map((name) => `+${name}`),
      )}`,
    );
}

/** What stands in the way of it; `undefined`: nothing does, whatever else there was to say about such a call. */
function obstacle(answer: Answer): "command" | "key" | "channel" | "unknown" | undefined {
  if (answer.refusal === undefined) return undefined;
  if (/^ERR unknown (?:sub)?command/i.test(answer.text)) return "unknown";
  if (!isForbidden(answer)) return undefined;
  // Of what is refused besides, the account's name is not in the sentence.
  if (/\bto run\b/i.test(answer.text)) return "command";
  return /\bchannel/i.test(answer.text) ? "channel" : /\bkey/i.test(answer.text) ? "key" : "command";
}
