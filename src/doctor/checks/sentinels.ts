import { type MirrorError, RefusedError } from "../../sync/errors.js";
import { nameOf, type RedisEndpoint, type SentinelAddress } from "../../sync/redis-address.js";
import { classify } from "../../sync/replies.js";
import { askSentinel } from "../../sync/sentinels.js";
import { error, type Findings, ok, warning } from "../finding.js";
import { count, list, said, shown } from "../naming.js";
import { STEP_MS } from "../patience.js";
import { nameOfSetting, type Visit } from "../visit.js";
import { Saying, type Words, words } from "../words.js";

/** Which server the sentinels name. @param reachable Those of them that can be asked. */
export async function* checkSentinels(
  visit: Visit,
  sentinels: SentinelAddress,
  reachable: readonly RedisEndpoint[],
): Findings<RedisEndpoint | undefined> {
  const outcomes = await Promise.all(reachable.map((endpoint) => ask(visit, sentinels, endpoint)));
  const votes = new Map<string, { primary: RedisEndpoint; by: RedisEndpoint[] }>();
  for (const { endpoint, primary } of outcomes) {
    if (primary === undefined) continue;
    const vote = votes.get(nameOf(primary)) ?? { primary, by: [] };
    votes.set(nameOf(primary), vote);
    vote.by.push(endpoint);
  }
  const [most, ...others] = [...votes.values()].sort((a, b) => b.by.length - a.by.length);
  const problem = most === undefined ? error : warning;
  for (const { endpoint, failure } of outcomes)
    if (failure !== undefined)
      yield problem("sentinels", words`${shown(endpoint)}: ${new Saying(failure.message)}`, remedyOf(visit, failure));
  const unknowing = outcomes.filter(({ primary, failure }) => primary === undefined && failure === undefined);
  const master = `\`${said(sentinels.masterName)}\``;
  if (unknowing.length > 0)
    yield problem(
      "sentinels",
      words`${list(unknowing.map(({ endpoint }) => shown(endpoint)))}: no primary of the name ${master} is known there.`,
      words`Set ${nameOfSetting(visit, "redis.masterName")} to the name that stands in sentinel.conf (\`sentinel monitor NAME …\`).`,
    );
  if (most === undefined) return undefined;
  const { length } = sentinels.endpoints;
  if (others.length > 0)
    yield warning(
      "sentinels",
      words`The sentinels disagree: ${list([most, ...others].map(({ primary, by }) => words`${by.length} of ${length} name ${shown(primary)}`))}.`,
      words`Wait until a failover is over; if it stays so, some are cut off from the others: see the network between them.`,
    );
  else
    yield ok(
      "sentinels",
      words`${most.by.length} of ${count(length, "sentinel")} name ${shown(most.primary)} as the primary of ${master}.`,
    );
  return most.primary;
}

async function ask(
  { settings, patience }: Visit,
  sentinels: SentinelAddress,
  endpoint: RedisEndpoint,
): Promise<{ endpoint: RedisEndpoint; primary?: RedisEndpoint | undefined; failure?: MirrorError }> {
  const question = askSentinel(endpoint, sentinels, settings.address.tls, patience.upTo(STEP_MS), patience.clock);
  try {
    return { endpoint, primary: await patience.within(question.promise) };
  } catch (failure) {
    return { endpoint, failure: classify(failure) };
  } finally {
    question.abandon();
  }
}

function remedyOf(visit: Visit, failure: MirrorError): Words {
  const username = nameOfSetting(visit, "redis.sentinelUsername");
  const password = nameOfSetting(visit, "redis.sentinelPassword");
  if (!(failure instanceof RefusedError)) return words`See that it runs, and that it is a sentinel.`;
  if (failure.reply === "NOPERM")
    return words`On each sentinel: \`ACL SETUSER USERNAME +client|setname +sentinel|get-master-addr-by-name\`.`;
  if (failure.reply === "NOAUTH" || failure.reply === "WRONGPASS")
    return words`Sentinels have accounts of their own: correct ${username} and ${password}.`;
  return words`See that it is a sentinel: its port is 26379 unless it is told another one.`;
}
