import { type Findings, note, ok, warning } from "../finding.js";
import { numberOf } from "../facts.js";
import { shownBytes } from "../naming.js";
import { granting, type Patient } from "../patient.js";
import { findingBigKeys } from "../redis-cli-call.js";
import { words } from "../words.js";

/** From here on it is soon too full. */
const NEARLY_FULL = 0.9;

/** Whether the server removes what it has no room for. Each key of the mirror has a time to live, so `volatile-*` too. */
export async function* checkEviction({ facts }: Patient): Findings {
  const policy = facts.info?.get("maxmemory_policy");
  if (policy === undefined) return;
  const maximum = numberOf(facts, "maxmemory") ?? 0;
  const evicts = policy !== "noeviction";
  if (maximum === 0)
    yield ok(
      "eviction",
      words`Nothing is removed to make room: the server has no limit of memory of its own (${policy}).`,
    );
  else if (!evicts) yield ok("eviction", words`Nothing is removed to make room (noeviction).`);
  else
    yield warning(
      "eviction",
      words`When the server runs out of memory it removes keys, the mirror's among them (${policy}). What this instance still has is sent again within five minutes; what only Redis has, kept versions say, is lost.`,
      words`\`CONFIG SET maxmemory-policy noeviction\`, and the same in redis.conf; or a server for the mirror alone.`,
    );
}

/** How much of the server's memory is in use. */
export async function* checkMemory(patient: Patient): Findings {
  const { facts } = patient;
  const [used, maximum] = ["used_memory", "maxmemory"].map((name) => numberOf(facts, name));
  if (facts.info === undefined) {
    yield note(
      "memory",
      words`Eviction, memory and persistence were not looked at: the account may not ask the server for them.`,
      words`For a whole examination: an operator's account, or this. ${granting(patient, ["+info", "+time", "+config|get"])}`,
    );
    return;
  }
  if (used === undefined) return;
  if (!maximum) {
    yield ok("memory", words`${shownBytes(used)} in use, and no limit.`);
    return;
  }
  const share = words`${shownBytes(used)} of ${shownBytes(maximum)} in use (${Math.floor((100 * used) / maximum)} %)`;
  if (used / maximum < NEARLY_FULL) yield ok("memory", words`${share}.`);
  else if (facts.info.get("maxmemory_policy") === "noeviction")
    yield warning(
      "memory",
      words`${share}: when it is full, Redis refuses every save (OOM), and the mirror waits.`,
      words`Raise \`maxmemory\`, or remove what nobody needs: \`${findingBigKeys(patient)}\`, \`npx redis-mirrored purge USER\`.`,
    );
  else
    yield note(
      "memory",
      words`${share}.`,
      words`Raise \`maxmemory\`, or remove what nobody needs: \`${findingBigKeys(patient)}\`.`,
    );
}

/** Whether what is there outlives the server's process. */
export async function* checkPersistence(patient: Patient): Findings {
  const { facts, line } = patient;
  if (facts.info === undefined) return;
  const failed = ["rdb_last_bgsave_status", "aof_last_write_status"].filter((name) => facts.info!.get(name) === "err");
  if (failed.length > 0) {
    yield warning(
      "persistence",
      words`The server could not write its last snapshot or log to its disk: it may refuse saves for that (MISCONF).`,
      words`See the server's log, and its disk: is it full, and may Redis write to \`dir\`?`,
    );
    return;
  }
  if (facts.info.get("aof_enabled") === "1") {
    yield ok("persistence", words`The server logs each change to its disk (appendonly).`);
    return;
  }
  const { reply } = await line.ask("CONFIG", "GET", "save");
  const [, schedule] = Array.isArray(reply) ? (reply as unknown[]) : [];
  if (typeof schedule !== "string")
    yield note(
      "persistence",
      words`The server logs no changes to its disk; whether it makes snapshots it does not tell this account.`,
    );
  else if (schedule !== "")
    yield ok(
      "persistence",
      words`The server makes snapshots on its disk; what came after the last one is lost when it dies, and sent again by instances that have it.`,
    );
  else
    yield note(
      "persistence",
      words`The server keeps nothing on its disk: a restart empties it. Running instances send again what they have; versions that were kept there are lost.`,
      words`To keep it: \`CONFIG SET appendonly yes\`, and the same in redis.conf.`,
    );
}
