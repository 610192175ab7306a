import type { TcpProxy } from "../support/tcp-proxy.js";
import type { Evidence } from "./evidence.js";

/** The commands in which a password has to be. */
const CREDENTIALS = new Set(["AUTH", "HELLO"]);

/** Every byte that goes through a wire, by connection and side, and in the order in which it came. */
export class WireRecord {
  readonly #streams = new Map<string, Buffer[]>();

  constructor(proxy: TcpProxy) {
    proxy.onTraffic = (connection, side, chunk) => {
      const name = `${side} ${connection}`;
      const pieces = this.#streams.get(name);
      if (pieces === undefined) this.#streams.set(name, [Buffer.from(chunk)]);
      else pieces.push(Buffer.from(chunk));
    };
  }

  /** All of it but the commands by which a client logs in. The answer: these, as they were sent. */
  addTo(evidence: Evidence): string[] {
    const credentials: string[] = [];
    for (const [name, pieces] of this.#streams) {
      const bytes = Buffer.concat(pieces);
      if (name.startsWith("server")) evidence.add("the wire, replies", bytes);
      else evidence.add("the wire, requests", withoutCredentials(bytes, credentials));
    }
    return credentials;
  }
}

/** What is no command, or only the beginning of one, stays. */
function withoutCredentials(bytes: Buffer, credentials: string[]): Buffer {
  const kept: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const command = commandAt(bytes, at);
    if (command === undefined) {
      kept.push(bytes.subarray(at));
      break;
    }
    const text = bytes.subarray(at, command.end);
    if (CREDENTIALS.has(command.name)) credentials.push(text.toString());
    else kept.push(text);
    at = command.end;
  }
  return Buffer.concat(kept);
}

/** `*<words>`, then each as `$<bytes>` and itself. `undefined`: there is none, or not the whole of it. */
function commandAt(bytes: Buffer, from: number): { name: string; end: number } | undefined {
  const head = numberAt(bytes, from, "*");
  if (head === undefined) return undefined;
  let end = head.end;
  let name = "";
  for (let word = 0; word < head.value; word++) {
    const length = numberAt(bytes, end, "$");
    if (length === undefined || length.end + length.value + 2 > bytes.length) return undefined;
    if (word === 0)
      name = bytes
        .subarray(length.end, length.end + length.value)
        .toString()
        .toUpperCase();
    end = length.end + length.value + 2;
  }
  return { name, end };
}

function numberAt(bytes: Buffer, from: number, mark: string): { value: number; end: number } | undefined {
  const lineEnd = bytes.indexOf("\r\n", from);
  if (lineEnd < 0 || bytes[from] !== mark.charCodeAt(0)) return undefined;
  const text = bytes.subarray(from + 1, lineEnd).toString();
  return /^\d+$/.test(text) ? { value: Number(text), end: lineEnd + 2 } : undefined;
}
