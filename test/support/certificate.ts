import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** What a server shows, or whoever vouches for it, in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Whose it is. */
  name?: string;
  /** Of the server that shows it. */
  ipAddresses?: readonly string[];
  hosts?: readonly string[];
  /** `YYMMDD`. Default: the end of 2049. */
  lastDay?: string;
  /** Who vouches for it. Default: it vouches for itself. */
  authority?: Authority;
}

/** One that vouches for others. */
export interface Authority extends Certificate {
  readonly name: string;
}

// X.690: what a value is, how long it is, and the value.
const [TRUTH, INTEGER, BITS, OCTETS, OID, TEXT] = [0x01, 0x02, 0x03, 0x04, 0x06, 0x0c];
const [SEQUENCE, SET, UTC_TIME] = [0x30, 0x31, 0x17];
const [VERSION, EXTENSIONS, HOST, IP_ADDRESS] = [0xa0, 0xa3, 0x82, 0x87];
const [ED25519, COMMON_NAME, ALTERNATIVE_NAME, CONSTRAINTS] = ["2b6570", "550403", "551d11", "551d13"].map((hex) =>
  Buffer.from(hex, "hex"),
);
const YES = Buffer.from([0xff]);

function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const length = content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function toName(text: string): Buffer {
  return der(SEQUENCE, der(SET, der(SEQUENCE, der(OID, COMMON_NAME!), der(TEXT, Buffer.from(text)))));
}

/** For servers on 127.0.0.1, if nothing else is said. */
export function makeCertificate({ name = "redis of a test", ...options }: CertificateOptions = {}): Certificate {
  const { ipAddresses = options.hosts === undefined ? ["127.0.0.1"] : [], hosts = [] } = options;
  const names = [
    ...ipAddresses.map((address) => der(IP_ADDRESS, Buffer.from(address.split(".").map(Number)))),
    ...hosts.map((host) => der(HOST, Buffer.from(host))),
  ];
  const extension = der(SEQUENCE, der(OID, ALTERNATIVE_NAME!), der(OCTETS, der(SEQUENCE, ...names)));
  return sign509(name, extension, options);
}

export function makeAuthority(name = "authority of a test"): Authority {
  const mayVouch = der(OCTETS, der(SEQUENCE, der(TRUTH, YES)));
  return { name, ...sign509(name, der(SEQUENCE, der(OID, CONSTRAINTS!), der(TRUTH, YES), mayVouch), {}) };
}

/** RFC 5280 §4.1, as little of it as there must be. */
function sign509(name: string, extension: Buffer, { authority, lastDay = "491231" }: CertificateOptions): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const algorithm = der(SEQUENCE, der(OID, ED25519!));
  const [from, to] = ["000101000000Z", `${lastDay}235959Z`].map((time) => der(UTC_TIME, Buffer.from(time)));
  const toBeSigned = der(
    SEQUENCE,
    der(VERSION, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, Buffer.from([1, ...randomBytes(8)])),
    algorithm,
    toName(authority?.name ?? name),
    der(SEQUENCE, from!, to!),
    toName(name),
    publicKey.export({ type: "spki", format: "der" }),
    der(EXTENSIONS, der(SEQUENCE, extension)),
  );
  const signature = der(BITS, Buffer.from([0]), sign(null, toBeSigned, authority?.key ?? privateKey));
  const certificate = der(SEQUENCE, toBeSigned, algorithm, signature).toString("base64");
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${certificate.replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
