import type { RedisEndpoint } from "../../sync/redis-address.js";
import { error, type Findings, note, ok, warning } from "../finding.js";
import type { Line } from "../line.js";
import { shown } from "../naming.js";
import { askFacts, type Facts } from "../facts.js";
import { nameOfSetting, type Visit } from "../visit.js";
import { words } from "../words.js";

/** The oldest Redis that has the access lists of docs/access.md. */
const OLDEST_MAJOR = 6;

/** With which the tests are run. */
const TESTED = "Redis 7.0.15";

/** Which server it is, which version, and of what kind. The answer: what it says of itself. */
export async function* checkServer(visit: Visit, endpoint: RedisEndpoint, line: Line): Findings<Facts> {
  const { settings } = visit;
  const facts = await askFacts(line);
  const { name, version, major } = identify(facts);
  const what = version === undefined ? words`${name} of a version that it does not tell` : `${name} ${version}`;
  if (major !== undefined && major < OLDEST_MAJOR)
    yield warning(
      "server",
      words`${shown(endpoint)} is ${what}: older than ${OLDEST_MAJOR}.0, before which there are no accounts with rights of their own.`,
      words`Update it. The mirror is tested with ${TESTED}.`,
    );
  else if (name === "Redis" || name === "Valkey") yield ok("server", words`${shown(endpoint)} is ${what}.`);
  else
    yield note(
      "server",
      words`${shown(endpoint)} is ${what}, with which the mirror is not tested; it is with ${TESTED}.`,
    );
  const mode = facts.greeting.get("mode") ?? facts.info?.get("redis_mode");
  if (mode === "cluster" && settings.address.cluster === undefined)
    yield error(
      "server",
      words`${shown(endpoint)} is a node of a cluster, and the settings name it as a single server: most records are refused (MOVED).`,
      words`Set ${nameOfSetting(visit, "redis.cluster")} to its address, and to those of some other nodes.`,
    );
  if (mode === "sentinel")
    yield error(
      "server",
      words`${shown(endpoint)} is a sentinel, and holds no records.`,
      words`Set ${nameOfSetting(visit, "redis.sentinels")} to its address, and to those of the other sentinels.`,
    );
  return facts;
}

/** Forks call themselves Redis, of the version that they are compatible with, and say beside who they are. */
function identify({ greeting, info }: Facts): { name: string; version: string | undefined; major: number | undefined } {
  const [dragonfly, valkey, keydb] = [
    info?.get("dragonfly_version") ?? greeting.get("dfly_version"),
    info?.get("valkey_version"),
    info?.has("mvcc_depth") === true || /keydb/i.test(info?.get("executable") ?? ""),
  ];
  const own = greeting.get("version") ?? info?.get("redis_version");
  const major = /^\d+/.exec(own ?? "")?.[0];
  const known = { major: major === undefined ? undefined : Number(major) };
  if (dragonfly !== undefined) return { name: "Dragonfly", version: dragonfly.replace(/^df-v?/, ""), ...known };
  if (valkey !== undefined || greeting.get("server") === "valkey")
    return { name: "Valkey", version: valkey ?? own, ...known };
  if (keydb) return { name: "KeyDB", version: own, ...known };
  const server = greeting.get("server") ?? "redis";
  return { name: server === "redis" ? "Redis" : server, version: own, ...known };
}
