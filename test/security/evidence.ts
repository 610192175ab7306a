import { inspect } from "node:util";
import { constants, inflateRawSync } from "node:zlib";
import { type Canary, FORMS } from "./canaries.js";

/** As everybody writes it: deflated, and no name of a file. */
const GZIP = Buffer.from([0x1f, 0x8b, 0x08, 0x00]);
const GZIP_HEADER_BYTES = 10;

interface Pattern {
  readonly bytes: Buffer;
  readonly meaning: string;
}

/** Finds any of thousands of patterns in one walk: by their first four bytes, then by all. */
class PatternIndex {
  readonly #byBeginning = new Map<number, Pattern[]>();

  constructor(canaries: Iterable<Canary>) {
    for (const { name, cores } of canaries)
      for (const [form, patternsOf] of Object.entries(FORMS))
        for (const bytes of cores.flatMap(patternsOf)) this.#add({ bytes, meaning: `${name}, ${form}` });
  }

  #add(pattern: Pattern): void {
    const beginning = pattern.bytes.readUInt32BE();
    const known = this.#byBeginning.get(beginning);
    if (known === undefined) this.#byBeginning.set(beginning, [pattern]);
    else known.push(pattern);
  }

  /** What they mean that are there. */
  search(bytes: Buffer): Set<string> {
    const found = new Set<string>();
    let beginning = 0;
    for (let end = 0; end < bytes.length; end++) {
      beginning = ((beginning << 8) | bytes[end]!) >>> 0;
      const candidates = end < 3 ? undefined : this.#byBeginning.get(beginning);
      for (const { bytes: pattern, meaning } of candidates ?? []) {
        const from = end - 3;
        if (bytes.subarray(from, from + pattern.length).equals(pattern)) found.add(meaning);
      }
    }
    return found;
  }
}

/** Everything that was said, shown, sent or kept, each with where. */
export class Evidence {
  readonly #pieces: { where: string; bytes: Buffer }[] = [];

  add(where: string, said: string | Buffer): void {
    const bytes = Buffer.from(said);
    this.#pieces.push({ where, bytes });
    // A list that is shown in columns is a list.
    const text = bytes.toString("latin1");
    const joined = text.replace(/(\d),\s+(?=\d)/g, "$1, ");
    if (joined !== text) this.#pieces.push({ where, bytes: Buffer.from(joined, "latin1") });
    for (let at = bytes.indexOf(GZIP); at >= 0; at = bytes.indexOf(GZIP, at + 1))
      this.#pieces.push({ where: `${where}, unpacked`, bytes: unpack(bytes.subarray(at + GZIP_HEADER_BYTES)) });
  }

  /** What a program may do with a thing that it wants to see, and a crash report with an error. */
  addThing(where: string, thing: unknown): void {
    this.add(
      `${where}, inspected`,
      inspect(thing, { depth: 12, showHidden: true, getters: false, maxStringLength: null, maxArrayLength: null }),
    );
    this.add(`${where}, as text`, textOf(thing));
    this.add(`${where}, as JSON`, jsonOf(thing));
    if (!(thing instanceof Error)) return;
    this.add(`${where}, its stack`, `${thing.stack}\n${thing.message}`);
    // Without the environment: that is the machine's, and whoever sets secrets there is told so.
    const report = process.report.getReport(thing) as { environmentVariables?: unknown };
    delete report.environmentVariables;
    this.add(`${where}, reported`, JSON.stringify(report));
  }

  /** Of which places there is evidence. */
  get places(): string[] {
    return [...new Set(this.#pieces.map(({ where }) => where))];
  }

  get bytes(): number {
    return this.#pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** A line for each canary that turns up somewhere: where, which one, and in what form. */
  leaksOf(canaries: Iterable<Canary>): string[] {
    const index = new PatternIndex(canaries);
    return [
      ...new Set(
        this.#pieces.flatMap(({ where, bytes }) => [...index.search(bytes)].map((meaning) => `${where}: ${meaning}`)),
      ),
    ];
  }
}

/** Whatever follows it. */
function unpack(bytes: Buffer): Buffer {
  try {
    return inflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    // It only began like one.
    return Buffer.alloc(0);
  }
}

function textOf(thing: unknown): string {
  try {
    return String(thing);
  } catch (error) {
    return String(error);
  }
}

/** As a logger does it that has to print everything. */
function jsonOf(thing: unknown): string {
  const seen = new Set<unknown>();
  try {
    return (
      JSON.stringify(thing, (_name, member: unknown) => {
        if (typeof member === "bigint") return String(member);
        if (typeof member !== "object" || member === null) return member;
        if (seen.has(member)) return "…";
        seen.add(member);
        return member instanceof Error
          ? Object.assign({}, member, { message: member.message, stack: member.stack })
          : member;
      }) ?? ""
    );
  } catch (error) {
    return String(error);
  }
}
