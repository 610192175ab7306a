import { isLoopback } from "../../sync/plaintext.js";
import type { RedisEndpoint } from "../../sync/redis-address.js";
import { error, type Findings, ok, warning } from "../finding.js";
import { list, shown } from "../naming.js";
import { dial } from "../probe.js";
import { nameOfSetting, type Visit } from "../visit.js";
import { type Value, type Words, words } from "../words.js";
import { namingSetting } from "./resolve.js";

/** Whether something accepts connections there. The answer: where it does. */
export async function* checkReach(visit: Visit, endpoints: readonly RedisEndpoint[]): Findings<RedisEndpoint[]> {
  const outcomes = await Promise.all(
    endpoints.map(async (endpoint) => {
      const socket = await dial(endpoint, visit.patience);
      if ("failure" in socket) return { endpoint, failure: socket.failure };
      socket.destroy();
      return { endpoint, failure: undefined };
    }),
  );
  const reached = outcomes.flatMap(({ endpoint, failure }) => (failure === undefined ? [endpoint] : []));
  const problem = reached.length === 0 ? error : warning;
  if (reached.length > 0) yield ok("reach", words`Connections are accepted by ${list(reached.map(shown))}.`);
  for (const { endpoint, failure } of outcomes)
    if (failure !== undefined) yield problem("reach", ...describe(visit, endpoint, failure));
  return reached;
}

function describe(visit: Visit, endpoint: RedisEndpoint, code: string): [message: Words, remedy: Words] {
  const where = shown(endpoint);
  const setting = portSetting(visit);
  switch (code) {
    case "ECONNREFUSED":
      return [
        words`${where} refuses connections: nothing listens on that port.`,
        isLoopback(endpoint.host)
          ? words`Start Redis on this machine (\`redis-server --port ${endpoint.port}\`), or correct ${setting}.`
          : words`Start Redis there, correct ${setting}, or have it listen on that address too (\`bind\` in redis.conf).`,
      ];
    case "TIMEOUT":
    case "ETIMEDOUT":
      return [
        words`${where} did not answer within 2 s: something on the way drops what is sent, or the machine is off.`,
        words`See that the machine is on, that a firewall or security group lets port ${endpoint.port} through, and that ${setting} is right.`,
      ];
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ENETDOWN":
    case "EHOSTDOWN":
    case "EADDRNOTAVAIL":
      return [
        words`No way leads to ${where}: ${code}.`,
        words`See that this machine is on the right network or VPN, and that ${setting} is right.`,
      ];
    case "EACCES":
    case "EPERM":
      return [
        words`This machine does not allow connections to ${where}: ${code}.`,
        words`Change its firewall or sandbox.`,
      ];
    default:
      return [words`No connection to ${where}: ${code}.`, words`See that ${setting} is right, and the network works.`];
  }
}

function portSetting(visit: Visit): Value {
  const naming = namingSetting(visit);
  const { cluster, sentinels } = visit.settings.address;
  if (cluster !== undefined || sentinels !== undefined) return naming;
  const port = nameOfSetting(visit, "redis.port");
  return naming === port ? port : words`${naming} and ${port}`;
}
