import type { MirrorOptions } from "../settings/options.js";
import { MirrorError } from "../sync/errors.js";
import type { RedisEndpoint } from "../sync/redis-address.js";
import type { MirrorKey } from "../sync/key-ring.js";
import { checkAuthentication } from "./checks/authentication.js";
import { checkClock } from "./checks/clock.js";
import { checkCluster } from "./checks/cluster.js";
import { checkDatabase } from "./checks/database.js";
import { checkDecryption } from "./checks/decryption.js";
import { checkKeys } from "./checks/keys.js";
import { checkLatency } from "./checks/latency.js";
import { checkEviction, checkMemory, checkPersistence } from "./checks/memory.js";
import { checkProtocol } from "./checks/protocol.js";
import { checkReach } from "./checks/reach.js";
import { checkRecords } from "./checks/records.js";
import { checkNames } from "./checks/resolve.js";
import { checkRights } from "./checks/rights.js";
import { checkRole } from "./checks/role.js";
import { checkSentinels } from "./checks/sentinels.js";
import { checkServer } from "./checks/server.js";
import { checkSettings } from "./checks/settings.js";
import { checkSharing } from "./checks/sharing.js";
import { checkTls } from "./checks/tls.js";
import { checkUser } from "./checks/user.js";
import { type CheckName, CHECKS, error, type Finding, type Findings, note } from "./finding.js";
import { list, namedEndpoints } from "./naming.js";
import { Patience } from "./patience.js";
import type { Patient } from "./patient.js";
import { type Held, OWN_PARTS, type Parts, type Visit } from "./visit.js";
import { Saying, type Words, words } from "./words.js";

/** What is asked of a server that has let us in, whatever is there of databases, in this order. */
const QUESTIONS: readonly (readonly [CheckName, (patient: Patient) => Findings])[] = [
  ["rights", checkRights],
  ["sharing", checkSharing],
  ["eviction", checkEviction],
  ["memory", checkMemory],
  ["persistence", checkPersistence],
  ["clock", checkClock],
  ["latency", checkLatency],
];

/**
 * Why a mirror with these options does not work, or what keeps it from working well: one finding after the other, as they are
 * made. Ends within some 10 s whatever does not answer, leaves nothing in Redis, no connection open and no line in a log, and
 * does not throw for whatever it finds. Whoever stops listening ends it.
 * @param options As for `installMirror`; what is left out is from the environment.
 */
export async function* examine(
  options: MirrorOptions = {},
  parts: Partial<Parts> = {},
): AsyncGenerator<Finding, void, undefined> {
  const done = new Set<CheckName>();
  const held = new Set<Held>();
  const all = { ...OWN_PARTS, ...parts };
  const patience = new Patience(all.clock);
  try {
    const known = yield* guarded(done, "settings", checkSettings(options));
    const reason =
      known === undefined
        ? words`the settings cannot be used`
        : yield* examineAll({ options, patience, parts: all, held, userId: undefined, ...known }, done);
    yield* skipped(done, reason);
  } finally {
    for (const each of held) each.close();
  }
}

/** The answer: why something was not looked at, if anything was not. */
async function* examineAll(known: Visit, done: Set<CheckName>): Findings<Words> {
  const userId = yield* guarded(done, "user", checkUser(known.options));
  const visit = { ...known, userId };
  const keys = yield* guarded(done, "keys", checkKeys(visit));
  const endpoint = yield* find(visit, done);
  if (endpoint === undefined) return words`no server could be asked`;
  const line = yield* guarded(done, "authentication", checkAuthentication(visit, endpoint));
  if (line === undefined) return words`the server did not let us in`;
  const facts = yield* guarded(done, "server", checkServer(visit, endpoint, line));
  if (facts !== undefined) {
    const address = { ...visit.settings.address, isUnnamed: line.isUnnamed };
    const patient: Patient = { ...visit, settings: { ...visit.settings, address }, endpoint, line, facts };
    const canGoOn = () => !line.isLost && !visit.patience.isOver;
    if (canGoOn()) yield* guarded(done, "role", checkRole(patient));
    const isDatabaseThere = canGoOn() && (yield* guarded(done, "database", checkDatabase(patient)));
    for (const [name, check] of QUESTIONS) if (canGoOn()) yield* guarded(done, name, check(patient));
    if (isDatabaseThere === false && canGoOn()) return words`the database cannot be used`;
    if (canGoOn()) yield* examineRecords(patient, keys, done);
  }
  return visit.patience.isOver ? words`the time for it was over` : words`the server stopped answering`;
}

/** From the names in the settings to the one server that has the user's records. */
async function* find(visit: Visit, done: Set<CheckName>): Findings<RedisEndpoint | undefined> {
  const { sentinels, cluster } = visit.settings.address;
  if (sentinels === undefined) done.add("sentinels");
  if (cluster === undefined) done.add("cluster");
  const named = yield* approach(visit, namedEndpoints(visit.settings.address), done);
  if (named.length === 0) return undefined;
  if (sentinels === undefined && cluster === undefined) return named[0];
  const server =
    sentinels !== undefined
      ? yield* guarded(done, "sentinels", checkSentinels(visit, sentinels, named))
      : yield* guarded(done, "cluster", checkCluster(visit, named));
  if (server === undefined) return undefined;
  const isNamed = named.some(({ host, port }) => host === server.host && port === server.port);
  return isNamed ? server : (yield* approach(visit, [server], done))[0];
}

/** Goes up to servers, step by step, with those that are left. */
async function* approach(
  visit: Visit,
  endpoints: readonly RedisEndpoint[],
  done: Set<CheckName>,
): Findings<readonly RedisEndpoint[]> {
  let left = endpoints;
  for (const [name, check] of [
    ["resolve", checkNames],
    ["reach", checkReach],
    ["tls", checkTls],
    ["protocol", checkProtocol],
  ] as const) {
    left = (yield* guarded(done, name, check(visit, left))) ?? [];
    if (left.length === 0) break;
  }
  return left;
}

async function* examineRecords(
  patient: Patient,
  keys: readonly MirrorKey[] | undefined,
  done: Set<CheckName>,
): Findings {
  const found = yield* guarded(done, "records", checkRecords(patient));
  if (found !== undefined && keys !== undefined)
    yield* guarded(done, "decryption", checkDecryption(patient, found, keys));
  // What stands in its way has been said.
  done.add("decryption");
}

/** Runs a check. What it did not foresee is a finding too. */
async function* guarded<Known>(
  done: Set<CheckName>,
  check: CheckName,
  findings: Findings<Known>,
): Findings<Known | undefined> {
  done.add(check);
  try {
    return yield* findings;
  } catch (failure) {
    yield unfinished(check, failure);
    return undefined;
  }
}

/** Of what others throw nothing is repeated. */
function unfinished(check: CheckName, failure: unknown): Finding {
  const reason =
    failure instanceof MirrorError ? new Saying(failure.message) : words`for a reason that nobody foresaw.`;
  return error(
    check,
    words`This could not be looked at to its end: ${reason}`,
    words`Ask again; if it stays so, report it with what \`npx redis-mirrored support-bundle\` writes.`,
  );
}

/** Says what was not looked at, and why. */
async function* skipped(done: ReadonlySet<CheckName>, reason: Words): Findings {
  const left = CHECKS.filter((check) => !done.has(check));
  if (left.length > 0) yield note("skipped", words`Not looked at, since ${reason}: ${list(left)}.`);
}
