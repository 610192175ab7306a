import { createHash } from "node:crypto";

/** A secret that is nowhere else, and so is known wherever it turns up. */
export interface Canary {
  readonly name: string;
  /** As it is planted. */
  readonly text: string;
  /** What of it nobody else could have written: a part of the text, or the bytes that the text stands for. */
  readonly cores: readonly Buffer[];
}

/** Of one place: text with what every notation treats in a way of its own, around a core that none of them changes. */
export function canary(name: string, around: (core: string) => string = (core) => `sk-"é\\${core}/+@`): Canary {
  const core = createHash("sha256").update(`canary ${name}`).digest("hex").slice(0, 24);
  return { name, text: around(core), cores: [Buffer.from(core)] };
}

/** A key of the mirror's: 32 bytes, in base64url. */
export function keyCanary(name: string): Canary {
  const bytes = createHash("sha256").update(`key ${name}`).digest();
  const text = bytes.toString("base64url");
  return { name, text, cores: [bytes, Buffer.from(text)] };
}

/** A value in which everything that is text is a canary, the names of its members too. */
export class Plantation {
  readonly canaries: Canary[] = [];
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** A canary for one place. */
  plant(place: string, around?: (core: string) => string): string {
    const planted = canary(`${this.#prefix} ${place}`, around);
    this.canaries.push(planted);
    return planted.text;
  }

  /** The same shape, each text of it replaced. What is named `kept` keeps its name: the host looks there. */
  plantIn(value: unknown, kept: ReadonlySet<string>, place = ""): unknown {
    if (typeof value === "string") return this.plant(place);
    if (Array.isArray(value)) return value.map((item, index) => this.plantIn(item, kept, `${place}[${index}]`));
    if (typeof value !== "object" || value === null) return value;
    const members = Object.entries(value).map(([name, member]): [string, unknown] => {
      const path = `${place}.${name}`;
      return [kept.has(name) ? name : this.plant(`the name ${path}`), this.plantIn(member, kept, path)];
    });
    return Object.fromEntries(members);
  }
}

/** How a secret may turn up. Each gives the texts, or bytes, by which it is known; what stands around it may be anything. */
export const FORMS: Readonly<Record<string, (core: Buffer) => Buffer[]>> = {
  // Whatever lets the letters be, such as JSON and URLs, and what shows but the beginning or the end.
  "in part": chunksOf,
  reversed: (core) => chunksOf(Buffer.from(core).reverse()),
  base64: (core) => halvesOf(core).flatMap((half) => alignmentsOf(half, "base64")),
  base64url: (core) => halvesOf(core).flatMap((half) => alignmentsOf(half, "base64url")),
  hex: (core) => halvesOf(core).flatMap((half) => bothCases(half.toString("hex"))),
  "hex, byte by byte": (core) => halvesOf(core).flatMap((half) => bothCases(notation(half, " ", 2).slice(1))),
  "UTF-16, little end first": (core) => halvesOf(core).map(utf16),
  "UTF-16, big end first": (core) => halvesOf(core).map((half) => Buffer.from(utf16(half)).swap16()),
  "percent-encoded": (core) => halvesOf(core).flatMap((half) => bothCases(notation(half, "%", 2), "%")),
  "escaped, \\x": (core) => halvesOf(core).flatMap((half) => bothCases(notation(half, "\\x", 2), "\\x")),
  "escaped, \\u": (core) => halvesOf(core).flatMap((half) => bothCases(notation(half, "\\u", 4), "\\u")),
  "a list of numbers": (core) => halvesOf(core).flatMap((half) => [", ", ",", " "].map((by) => listOf(half, by))),
};

const CHUNK_BYTES = 8;

function chunksOf(core: Buffer): Buffer[] {
  return Array.from({ length: Math.floor(core.length / CHUNK_BYTES) }, (_none, index) =>
    core.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
  );
}

function halvesOf(core: Buffer): Buffer[] {
  const middle = core.length / 2;
  return [core.subarray(0, middle), core.subarray(middle)];
}

/** Three bytes are four characters: which ones depends on where it begins. Those at the ends depend on its neighbours. */
function alignmentsOf(part: Buffer, encoding: "base64" | "base64url"): Buffer[] {
  return [0, 1, 2].map((before) => {
    const from = before === 0 ? 0 : 4;
    const wholeBytes = Math.floor((before + part.length) / 3) * 3;
    const text = Buffer.concat([Buffer.alloc(before), part])
      .subarray(0, wholeBytes)
      .toString(encoding);
    return Buffer.from(text.slice(from));
  });
}

function utf16(part: Buffer): Buffer {
  return Buffer.from(part.toString("latin1"), "utf16le");
}

function notation(part: Buffer, mark: string, digits: number): string {
  return [...part].map((byte) => mark + byte.toString(16).padStart(digits, "0")).join("");
}

function bothCases(text: string, mark = ""): Buffer[] {
  const upper =
    mark === ""
      ? text.toUpperCase()
      : text
          .split(mark)
          .map((each) => each.toUpperCase())
          .join(mark);
  return [...new Set([text, upper])].map((each) => Buffer.from(each));
}

function listOf(part: Buffer, separator: string): Buffer {
  return Buffer.from([...part].join(separator));
}
