import { MirrorError, RefusedError } from "../../sync/errors.js";
import { folderOf } from "../../sync/keys.js";
import { NodeRedisGateway } from "../../sync/node-redis-gateway.js";
import { DEFAULT_DEADLINES, nameOf, type RedisEndpoint } from "../../sync/redis-address.js";
import { exposedLearnt } from "../../sync/plaintext.js";
import { SlotMap, type SlotRange } from "../../sync/slot-map.js";
import { error, type Findings, ok, warning } from "../finding.js";
import { count, list, shown } from "../naming.js";
import { granting } from "../patient.js";
import { STEP_MS } from "../patience.js";
import { dial } from "../probe.js";
import { clusterCli } from "../redis-cli-call.js";
import type { Visit } from "../visit.js";
import { Saying, type Words, words } from "../words.js";
import { keyOfVisit } from "./rights.js";
import { describeLogin } from "./authentication.js";
import { describeExposure } from "./tls.js";

const SLOTS = 16_384;

/**
 * Whether each slot is served, and each primary can be reached. The answer: the node that has the user's records.
 * @param reachable Those that the settings name, and that can be asked.
 */
export async function* checkCluster(
  visit: Visit,
  reachable: readonly RedisEndpoint[],
): Findings<RedisEndpoint | undefined> {
  const outcomes = await Promise.all(reachable.map((seed) => ask(visit, seed)));
  const known = outcomes.find(({ ranges }) => ranges !== undefined);
  const problem = known === undefined ? error : warning;
  for (const { seed, failure } of outcomes)
    if (failure !== undefined) yield problem("cluster", ...describeFailure(visit, seed, failure));
  if (known?.ranges === undefined) return undefined;
  const map = new SlotMap(known.ranges);
  const { primaries } = map;
  const missing = SLOTS - coverage(known.ranges);
  if (missing > 0)
    yield error(
      "cluster",
      words`${count(missing, "slot")} of ${SLOTS} are served by no node: records of some users are not mirrored.`,
      words`Bring back the nodes that are gone, or give their slots to others: \`${clusterCli(visit, "fix", known.seed)}\`.`,
    );
  const unreached = (
    await Promise.all(primaries.map(async (primary) => ((await isReached(visit, primary)) ? [] : [primary])))
  ).flat();
  const owner = map.ownerOf(folderOf(keyOfVisit(visit)));
  if (unreached.length > 0) {
    const away = list(unreached.map(shown));
    const isOwnerGone = unreached.some((each) => owner !== undefined && nameOf(each) === nameOf(owner));
    yield (isOwnerGone ? error : warning)(
      "cluster",
      isOwnerGone
        ? words`Of ${count(primaries.length, "primary")}, ${away} cannot be reached from here: one of them has this user's records.`
        : words`Of ${count(primaries.length, "primary")}, ${away} cannot be reached from here.`,
      words`Start them, or open the firewall; behind NAT or in containers, set \`cluster-announce-ip\` and \`cluster-announce-port\` to what is reached from here.`,
    );
  }
  // Of the owner that is said where it is gone up to.
  const others = primaries.filter((each) => owner === undefined || nameOf(each) !== nameOf(owner));
  const exposed = exposedLearnt(visit.settings.address, others);
  if (exposed !== undefined) yield describeExposure(visit, exposed);
  if (missing === 0 && unreached.length === 0)
    yield ok("cluster", words`All slots are served, by ${primaries.length} primaries that can be reached.`);
  return owner;
}

async function ask(
  { settings, patience }: Visit,
  seed: RedisEndpoint,
): Promise<{ seed: RedisEndpoint; ranges?: SlotRange[]; failure?: MirrorError }> {
  const deadlines = { ...DEFAULT_DEADLINES, connectMs: patience.upTo(STEP_MS), commandMs: patience.upTo(STEP_MS) };
  // Unnamed: that the account may not name its connection hides nothing else it may not do.
  const gateway = new NodeRedisGateway({ ...settings.address, ...seed, isUnnamed: true }, deadlines, patience.clock);
  try {
    return { seed, ranges: await patience.within(gateway.slotRanges(), 2 * STEP_MS) };
  } catch (failure) {
    if (!(failure instanceof MirrorError)) throw failure;
    return { seed, failure };
  } finally {
    gateway.close();
  }
}

function describeFailure(visit: Visit, seed: RedisEndpoint, failure: MirrorError): [message: Words, remedy: Words] {
  const where = shown(seed);
  if (failure.code === "NOT_SERVED")
    return [
      words`${where} is a node that has joined no cluster, or left it.`,
      words`Join it to the cluster (\`${clusterCli(visit, "add-node", seed, "HOST:PORT")}\`, the latter one of its nodes), or name another node.`,
    ];
  if (!(failure instanceof RefusedError))
    return [words`${where}: ${new Saying(failure.message)}`, words`See that it runs, and what its log says.`];
  if (failure.reply === "NOPERM")
    return [
      words`${where}: the account may not ask which node serves what.`,
      granting(visit, ["+client|setname", "+cluster|slots"]),
    ];
  if (failure.reply === "ERR")
    return [
      words`${where} is no node of a cluster.`,
      words`Name one server by REDIS_HOST and REDIS_PORT (or REDIS_URL), and not by REDIS_CLUSTER.`,
    ];
  return [words`${where}: ${new Saying(failure.message)}`, describeLogin(visit, failure.reply)[1]];
}

/** How many slots are in some range. */
function coverage(ranges: readonly SlotRange[]): number {
  const served = new Uint8Array(SLOTS);
  for (const { from, to } of ranges) served.fill(1, from, to + 1);
  return served.reduce((sum, each) => sum + each, 0);
}

async function isReached({ patience }: Visit, endpoint: RedisEndpoint): Promise<boolean> {
  const socket = await dial(endpoint, patience);
  if ("failure" in socket) return false;
  socket.destroy();
  return true;
}
