import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Authority, makeAuthority, makeCertificate } from "./certificate.js";
import { RedisServer } from "./redis-server.js";
import { freePorts } from "./server-process.js";
import { TemporaryFolder } from "./temporary-folder.js";

const FOLDER = new TemporaryFolder();
let files = 0;

/** The path of a file with this text, until the process ends. */
export function fileOf(text: string): string {
  const path = join(FOLDER.path, `${++files}.pem`);
  writeFileSync(path, text);
  return path;
}

/** The authority that vouches for what `startTlsServer` starts, if nothing else is said. */
export const AUTHORITY: Authority = makeAuthority();
export const AUTHORITY_FILE = fileOf(AUTHORITY.cert);

/** What redis-server must be told to encrypt on its port alone, also to other servers. */
export function tlsOptions(
  port: number,
  { cert, key } = makeCertificate({ authority: AUTHORITY }),
): readonly (readonly [string, string])[] {
  return [
    ["port", "0"],
    ["tls-port", String(port)],
    ["tls-cert-file", fileOf(cert)],
    ["tls-key-file", fileOf(key)],
    ["tls-ca-cert-file", AUTHORITY_FILE],
    ["tls-auth-clients", "no"],
    ["tls-replication", "yes"],
  ];
}

/** Of a server that also listens where it does not encrypt, for the test itself. */
export function withoutPlainPort(options: ReturnType<typeof tlsOptions>) {
  return options.filter(([name]) => name !== "port" && name !== "tls-replication");
}

export function toArguments(options: ReturnType<typeof tlsOptions>): string[] {
  return options.flatMap(([name, value]) => [`--${name}`, value]);
}

/** A server that encrypts on one port, and on another does not, for the test itself. */
export async function startTlsServer(certificate = makeCertificate({ authority: AUTHORITY })) {
  const [tlsPort] = await freePorts(1);
  const options = withoutPlainPort(tlsOptions(tlsPort!, certificate));
  return { server: await RedisServer.start(...toArguments(options)), tlsPort: tlsPort! };
}
