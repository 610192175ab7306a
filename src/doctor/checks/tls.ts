import type { TLSSocket } from "node:tls";
import { describeCertificateFailure } from "../../sync/certificate-failure.js";
import { type Exposed, exposedLearnt, exposedNamed, isLoopback } from "../../sync/plaintext.js";
import { nameOf, type RedisAddress, type RedisEndpoint } from "../../sync/redis-address.js";
import { error, type Finding, type Findings, ok, warning } from "../finding.js";
import { count, namedEndpoints, said, shown } from "../naming.js";
import { dial, dialTls, greet } from "../probe.js";
import { nameOfSetting, type Visit } from "../visit.js";
import { Saying, type Value, type Words, words } from "../words.js";

const DAY_MS = 24 * 60 * 60 * 1000;

/** So long before its end there must be a new certificate. */
const ENDING_DAYS = 14;

type Outcome = { readonly endpoint: RedisEndpoint; readonly isUsable: boolean; readonly findings: readonly Finding[] };

/** Whether what is sent is encrypted, and to whom. The answer: with which servers the mirror would go on. */
export async function* checkTls(visit: Visit, endpoints: readonly RedisEndpoint[]): Findings<readonly RedisEndpoint[]> {
  const { address } = visit.settings;
  const { tls } = address;
  if (tls === undefined) {
    const named = new Set(namedEndpoints(address).map(nameOf));
    const areNamed = endpoints.every((endpoint) => named.has(nameOf(endpoint)));
    const exposed = areNamed ? exposedNamed(address) : exposedLearnt(address, endpoints);
    if (exposed !== undefined) yield describeExposure(visit, exposed);
    // Of what the sentinels or nodes of a cluster have named, only what was not said of them.
    else if (endpoints.every(({ host }) => isLoopback(host)))
      yield ok("tls", words`Not encrypted, and on this machine alone, where it need not be.`);
    return endpoints;
  }
  const outcomes = await Promise.all(endpoints.map((endpoint) => shakeHands(visit, endpoint, tls)));
  for (const { findings } of outcomes) yield* findings;
  return outcomes.flatMap(({ endpoint, isUsable }) => (isUsable ? [endpoint] : []));
}

/** @param exposed Whom the mirror warns of. */
export function describeExposure(visit: Visit, { names, more }: Exposed): Finding {
  const shownNames = names.join(", ");
  const hosts = more > 0 ? words`${shownNames} and ${more} more` : shownNames;
  const url = urlSetting(visit);
  return warning(
    "tls",
    words`What goes to ${hosts} is not encrypted: whoever is on the way can read and change it, and takes the password.`,
    url === undefined
      ? words`Have the server encrypt (\`tls-port\` in redis.conf), and set ${nameOfSetting(visit, "redis.tls")} to true.`
      : words`Have the server encrypt (\`tls-port\` in redis.conf), and have ${url} begin with rediss:// instead of redis://.`,
  );
}

/** What to do for the mirror to speak TLS. */
export function switchingOn(visit: Visit): Words {
  const url = urlSetting(visit);
  return url === undefined
    ? words`Set ${nameOfSetting(visit, "redis.tls")} to true.`
    : words`Have ${url} begin with rediss:// instead of redis://.`;
}

/** The same for it not to, where the server does not. */
function switchingOff(visit: Visit): Words {
  const url = urlSetting(visit);
  return url === undefined
    ? words`Name its \`tls-port\`, or, only where nobody else is on the way, set ${nameOfSetting(visit, "redis.tls")} to false.`
    : words`Name its \`tls-port\`, or, only where nobody else is on the way, have ${url} begin with redis:// instead of rediss://.`;
}

/** The one that names the URL, where there is one. */
function urlSetting(visit: Visit): string | Words | undefined {
  return visit.sources.get("redis.url")?.from === "default" ? undefined : nameOfSetting(visit, "redis.url");
}

async function shakeHands(
  visit: Visit,
  endpoint: RedisEndpoint,
  tls: NonNullable<RedisAddress["tls"]>,
): Promise<Outcome> {
  const socket = await dialTls(endpoint, tls, visit.patience);
  if ("failure" in socket)
    return { endpoint, isUsable: false, findings: [await describeFailure(visit, endpoint, socket.failure)] };
  try {
    const refusal = describeRefusal(visit, endpoint, socket);
    const findings = refusal === undefined ? describeCertificate(visit, endpoint, socket) : [refusal];
    return { endpoint, isUsable: refusal === undefined, findings };
  } finally {
    socket.destroy();
  }
}

async function describeFailure(visit: Visit, endpoint: RedisEndpoint, code: string): Promise<Finding> {
  const where = shown(endpoint);
  if (await speaksPlainly(visit, endpoint))
    return error(
      "tls",
      words`${where} does not encrypt, and the settings say that it does. Nothing is sent to it.`,
      switchingOff(visit),
    );
  if (/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/.test(code))
    return error(
      "tls",
      words`${where} speaks no TLS that is new enough: 1.2 at least.`,
      words`Have it speak a newer one (\`tls-protocols "TLSv1.2 TLSv1.3"\` in redis.conf).`,
    );
  if (/HANDSHAKE_FAILURE|CERTIFICATE_REQUIRED/.test(code)) return wantsCertificate(where, code);
  return error(
    "tls",
    code === "TIMEOUT"
      ? words`${where} accepts connections, and does not answer in TLS within 2 s.`
      : words`No TLS with ${where}: ${code}.`,
    words`See that this is Redis's \`tls-port\`, and what its log says.`,
  );
}

export function wantsCertificate(where: Value, code: string): Finding {
  return error(
    "tls",
    words`${where} ends the TLS handshake (${code}): it may want a certificate of its clients, and the mirror has none.`,
    words`Have it ask for none: \`tls-auth-clients no\` in redis.conf, or \`CONFIG SET tls-auth-clients no\`.`,
  );
}

async function speaksPlainly({ patience }: Visit, endpoint: RedisEndpoint): Promise<boolean> {
  const socket = await dial(endpoint, patience);
  return !("failure" in socket) && (await greet(socket, patience)).kind === "redis";
}

function describeRefusal(visit: Visit, endpoint: RedisEndpoint, socket: TLSSocket): Finding | undefined {
  if (socket.authorized) return undefined;
  const code = String(socket.authorizationError);
  const sentence = describeCertificateFailure(code);
  const refusal =
    sentence === undefined ? words`The server's certificate is refused: it cannot be verified.` : new Saying(sentence);
  return error(
    "tls",
    words`${shown(endpoint)}: ${refusal} Nothing is sent, not even the password.`,
    remedyOf(visit, code, socket),
  );
}

function remedyOf(visit: Visit, code: string, socket: TLSSocket): Words {
  if (code === "CERT_HAS_EXPIRED") return words`Renew the certificate on the server.`;
  if (code === "CERT_NOT_YET_VALID")
    return words`See that the clocks of both machines are right; else wait, or replace it.`;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID" || code === "HOSTNAME_MISMATCH") {
    const names = socket.getPeerCertificate().subjectaltname ?? "";
    return names === ""
      ? words`Name the server by a name that is in its certificate, or have one made that has this one.`
      : words`Name the server by a name that is in its certificate (it is for ${said(names)}), or have one made that has this one.`;
  }
  return words`Set ${nameOfSetting(visit, "redis.tls.ca")} to a PEM file of the authority that vouches for it, if you trust that. Do not switch verification off.`;
}

function describeCertificate(visit: Visit, endpoint: RedisEndpoint, socket: TLSSocket): Finding[] {
  const { valid_to: end } = socket.getPeerCertificate();
  const days = Math.floor((Date.parse(end) - visit.parts.clock.wallNow()) / DAY_MS);
  const where = shown(endpoint);
  const protocol = said(socket.getProtocol() ?? "TLS");
  if (!Number.isFinite(days)) return [ok("tls", words`${where}: ${protocol}, with a certificate that is accepted.`)];
  if (days >= ENDING_DAYS)
    return [ok("tls", words`${where}: ${protocol}, with a certificate that is accepted for ${days} more days.`)];
  return [
    warning(
      "tls",
      words`${where}: its certificate ends in ${count(days, "day")}; from then on nothing is mirrored.`,
      words`Renew it on the server, and have it load the new one (\`CONFIG SET tls-cert-file …\`, or a restart).`,
    ),
  ];
}
