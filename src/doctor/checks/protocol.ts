import type { RedisEndpoint } from "../../sync/redis-address.js";
import { error, type Finding, type Findings, ok, warning } from "../finding.js";
import { list, shown } from "../naming.js";
import { dial, dialTls, greet, type Greeting } from "../probe.js";
import { redisCli } from "../redis-cli-call.js";
import { nameOfPart, type Visit } from "../visit.js";
import { type Value, words } from "../words.js";
import { switchingOn, wantsCertificate } from "./tls.js";

/** Whether it is Redis that listens there. The answer: where it is, and can be asked. */
export async function* checkProtocol(visit: Visit, endpoints: readonly RedisEndpoint[]): Findings<RedisEndpoint[]> {
  const outcomes = await Promise.all(
    endpoints.map(async (endpoint) => ({ endpoint, finding: await examine(visit, endpoint) })),
  );
  const speaking = outcomes.flatMap(({ endpoint, finding }) => (finding === undefined ? [endpoint] : []));
  if (speaking.length > 0)
    yield ok(
      "protocol",
      speaking.length > 1
        ? words`${list(speaking.map(shown))} speak as Redis does.`
        : words`${list(speaking.map(shown))} speaks as Redis does.`,
    );
  for (const { finding } of outcomes)
    if (finding !== undefined)
      yield speaking.length > 0 && finding.severity === "error" ? { ...finding, severity: "warning" } : finding;
  return speaking;
}

/** What is wrong there. */
async function examine(visit: Visit, endpoint: RedisEndpoint): Promise<Finding | undefined> {
  const { patience } = visit;
  const { tls } = visit.settings.address;
  const where = shown(endpoint);
  const socket = tls === undefined ? await dial(endpoint, patience) : await dialTls(endpoint, tls, patience);
  if ("failure" in socket) return ended(where);
  if (tls !== undefined && !("authorized" in socket && socket.authorized)) {
    socket.destroy();
    return ended(where);
  }
  const greeting = await greet(socket, patience);
  switch (greeting.kind) {
    case "redis":
      return describeReply(where, greeting.line);
    case "http":
      return error(
        "protocol",
        words`${where} is a web server, not Redis.`,
        words`Correct ${nameOfPart(visit, "redis.port", words`port`)}: Redis listens on 6379 unless it is told another port.`,
      );
    case "silent":
      return error(
        "protocol",
        words`${where} accepts connections, and does not answer within 2 s: it is not Redis, or it hangs.`,
        words`See what listens there, and whether Redis is busy or stopped: \`${redisCli(visit, endpoint, "PING")}\`.`,
      );
    case "other":
      return error(
        "protocol",
        words`${where} is not Redis: it answers in another protocol.`,
        words`Correct ${nameOfPart(visit, "redis.port", words`port`)}: Redis listens on 6379 unless it is told another port.`,
      );
    default:
      return describeEnd(visit, endpoint, greeting);
  }
}

/** Who expects TLS hangs up on who does not speak it. */
async function describeEnd(visit: Visit, endpoint: RedisEndpoint, greeting: Greeting): Promise<Finding> {
  const where = shown(endpoint);
  if (visit.settings.address.tls !== undefined) {
    const code = greeting.kind === "ended" ? greeting.code : undefined;
    return code?.includes("CERTIFICATE_REQUIRED") ? wantsCertificate(where, code) : ended(where);
  }
  const socket = await dialTls(endpoint, { ca: undefined }, visit.patience);
  const isEncrypting = "failure" in socket ? /^ERR_SSL_.*ALERT/.test(socket.failure) : true;
  if (!("failure" in socket)) socket.destroy();
  if (!isEncrypting) return ended(where);
  return error(
    "protocol",
    words`${where} expects to be spoken to in TLS, and the settings say nothing of that.`,
    switchingOn(visit),
  );
}

function ended(where: Value): Finding {
  return error(
    "protocol",
    words`${where} accepts connections, and ends them without an answer.`,
    words`See what listens there, what its log says, and whether a proxy or a load balancer stands between.`,
  );
}

function describeReply(where: Value, line: string): Finding | undefined {
  if (/^-LOADING\b/.test(line))
    return warning("protocol", words`${where} is still loading its data.`, words`Wait until it has, and ask again.`);
  if (/^-DENIED\b/.test(line))
    return error(
      "protocol",
      words`${where} is in protected mode: it serves its own machine alone until it has a password.`,
      words`Give it an account (docs/access.md) or a password (\`requirepass\` in redis.conf), and name that in the settings.`,
    );
  if (line.startsWith("-ERR max number of clients"))
    return error(
      "protocol",
      words`${where} has as many clients as it may have.`,
      words`Raise \`maxclients\` in redis.conf, or end clients that nobody needs (\`CLIENT LIST\`, \`CLIENT KILL\`).`,
    );
  if (/^-MASTERDOWN\b/.test(line))
    return error(
      "protocol",
      words`${where} is a replica that has lost its primary.`,
      words`Name the primary, or the sentinels that know it (REDIS_SENTINELS).`,
    );
  // `PONG`, or a reason not to say it that logging in will tell.
  return /^\+PONG$|^-[A-Z]+\b/.test(line) ? undefined : notRedis(where);
}

function notRedis(where: Value): Finding {
  return error(
    "protocol",
    words`${where} is not Redis: it answers in another protocol.`,
    words`Correct the port: Redis listens on 6379 unless it is told another one.`,
  );
}
