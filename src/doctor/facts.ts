import type { Line } from "./line.js";
import { said } from "./naming.js";

/** More than any server says of itself is not read. */
const MAX_INFO_LENGTH = 2 ** 20;

/** What a server says of itself. */
export interface Facts {
  /** By `HELLO`, which no access list forbids; empty before Redis 6. */
  readonly greeting: ReadonlyMap<string, string>;
  /** By `INFO`; `undefined`: the account may not ask for it. */
  readonly info: ReadonlyMap<string, string> | undefined;
}

/** @throws ConnectionLostError */
export async function askFacts(line: Line): Promise<Facts> {
  const [{ reply: hello }, { reply: info }] = await Promise.all([line.ask("HELLO"), line.ask("INFO")]);
  const words = Array.isArray(hello) ? (hello as unknown[]) : [];
  const greeting = new Map<string, string>();
  for (let at = 0; at + 1 < words.length && at < 64; at += 2) {
    const [name, value] = [words[at], words[at + 1]];
    if (typeof name === "string" && (typeof value === "string" || typeof value === "number"))
      greeting.set(name, said(String(value)));
  }
  return { greeting, info: typeof info === "string" ? readInfo(info) : undefined };
}

/** `name:value`, one a line, under headings. Of a name that is there twice the first counts. */
function readInfo(text: string): Map<string, string> {
  const facts = new Map<string, string>();
  for (const [, name, value] of text.slice(0, MAX_INFO_LENGTH).matchAll(/^([A-Za-z0-9_]{1,64}):(.*?)\r?$/gm))
    if (!facts.has(name!)) facts.set(name!, said(value!));
  return facts;
}

/** A number of `INFO`; `undefined` where there is none. */
export function numberOf({ info }: Facts, name: string): number | undefined {
  const text = info?.get(name);
  return text !== undefined && /^\d{1,18}$/.test(text) ? Number(text) : undefined;
}
