import type { Clock } from "./clock.js";
import { type Client, destroy, openConnection, type Opening } from "./connection.js";
import { toEndpoint } from "./endpoint.js";
import { ConnectionLostError, RefusedError } from "./errors.js";
import { majorityOf } from "./majority.js";
import type { RedisAddress, RedisEndpoint, SentinelAddress } from "./redis-address.js";
import { classify } from "./replies.js";

/**
 * Asks all sentinels at once where the primary is, and believes what most of them say.
 * @see https://redis.io/docs/latest/develop/reference/sentinel-clients/
 * @throws ConnectionLostError
 */
export async function locatePrimary(
  sentinels: SentinelAddress,
  tls: RedisAddress["tls"],
  deadlineMs: number,
  clock: Clock,
): Promise<RedisEndpoint> {
  const { endpoints, masterName } = sentinels;
  const questions = endpoints.map((endpoint) => askSentinel(endpoint, sentinels, tls, deadlineMs, clock));
  const { answer, answers } = await majorityOf(
    questions.map(({ promise }) => promise),
    deadlineMs,
    clock,
  );
  for (const question of questions) question.abandon();
  if (answer !== undefined) return answer;
  throw new ConnectionLostError(
    answers > 0
      ? `The sentinels know no primary of the name \`${masterName}\`.`
      : `None of the ${endpoints.length} sentinels answered.`,
  );
}

/** Which server one sentinel names as the primary, `undefined` where it knows none of that name; and how to give that up. */
export function askSentinel(
  endpoint: RedisEndpoint,
  { username, password, masterName }: SentinelAddress,
  tls: RedisAddress["tls"],
  deadlineMs: number,
  clock: Clock,
): { readonly promise: Promise<RedisEndpoint | undefined>; readonly abandon: () => void } {
  const address = { username, password, database: 0, tls };
  const opening = openConnection(async () => endpoint, { address, deadlineMs, clock, onLost: destroy });
  return { promise: askForPrimary(opening, masterName), abandon: () => opening.abandon() };
}

/** The connection serves for one question. */
async function askForPrimary(opening: Opening, masterName: string): Promise<RedisEndpoint | undefined> {
  const client = await opening.promise;
  try {
    const reply = await client.sendCommand(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName]);
    const [host, port] = Array.isArray(reply) ? (reply as unknown[]) : [];
    return toEndpoint(host, Number(port));
  } finally {
    destroy(client);
  }
}

/**
 * The sentinels' word is as old as their last look: who answers may have been demoted since.
 * @throws ConnectionLostError
 */
export async function expectPrimary(client: Client): Promise<void> {
  const reply = await client.sendCommand(["ROLE"]).catch((error: unknown) => {
    const failure = classify(error);
    // An access list that forbids to ask. A replica will say `READONLY` to the first write.
    if (failure instanceof RefusedError) return ["master"];
    throw failure;
  });
  const word: unknown = Array.isArray(reply) ? reply[0] : undefined;
  // A server that is none may say anything, and what it says is shown.
  const role = typeof word === "string" && /^[a-z]{1,20}$/.test(word) ? word : "unknown";
  if (role !== "master") throw new ConnectionLostError(`The sentinels named a server that is no primary but: ${role}.`);
}
