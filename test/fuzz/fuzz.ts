import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { expect } from "chai";
import fc from "fast-check";

/** In every field of a hostile input that may hold a secret: it must be in nothing that is said of it. */
export const CANARY = "sk-canary-7q";

/** The same for each `npm test`, so that what fails once fails again. `npm run fuzz` takes others. */
const SEED = Number(process.env["FUZZ_SEED"] ?? 20_261_124);
const RUNS = process.env["FUZZ_RUNS"] === undefined ? undefined : Number(process.env["FUZZ_RUNS"]);

/** How much of the processor one input may take: far beyond any, and far below what somebody would call a hang. */
const MAX_CPU_MS = 3_000;

const PROTOTYPES = [Object, Array, Function, String, Number, Map, Promise, Error].map(({ name, prototype }) => ({
  name,
  prototype: prototype as object,
  properties: Object.getOwnPropertyDescriptors(prototype) as Record<PropertyKey, PropertyDescriptor>,
}));

interface CorpusEntry<Input> {
  /** What went wrong with it once, or what it is about. */
  readonly why: string;
  readonly input: Input;
  /** So many arrays in one another take the place of `…` in it. */
  readonly depth?: number;
}

export interface FuzzOptions {
  /** How many inputs in `npm test`. Default 80. */
  readonly runs?: number;
}

/**
 * Tries a reader with the inputs of `test/fuzz/corpus/<name>.json` first, then with random ones. An input that fails is
 * printed as an entry for that file.
 * @param input What JSON can carry, so that it can be kept.
 */
export async function fuzz<Input>(
  name: string,
  input: fc.Arbitrary<Input>,
  check: (input: Input) => Promise<void> | void,
  { runs = 80 }: FuzzOptions = {},
): Promise<void> {
  const corpus = readCorpus<Input>(name);
  const guarded = async (tried: Input) => {
    const begin = process.cpuUsage();
    try {
      await check(tried);
    } finally {
      const changed = restorePrototypes();
      expect(changed, "changed prototypes").to.deep.equal([]);
    }
    const { user, system } = process.cpuUsage(begin);
    expect((user + system) / 1_000, "milliseconds of the processor").to.be.below(MAX_CPU_MS);
  };
  const outcome = await fc.check(fc.asyncProperty(input, guarded), {
    seed: SEED,
    numRuns: corpus.length + (RUNS ?? runs),
    examples: corpus.map((entry): [Input] => [entry.input]),
  });
  if (!outcome.failed) return;
  const entry = JSON.stringify({ why: "", input: outcome.counterexample?.[0] });
  throw new Error(
    `${name} failed, seed ${outcome.seed}. For test/fuzz/corpus/${name}.json:\n${entry}\n${describe(outcome.errorInstance)}`,
  );
}

/** Puts back what was changed, or nothing that comes after would work. The answer is what that was. */
function restorePrototypes(): string[] {
  const changed: string[] = [];
  for (const { name, prototype, properties } of PROTOTYPES)
    for (const key of Reflect.ownKeys(prototype)) {
      const now = Reflect.getOwnPropertyDescriptor(prototype, key)!;
      const before = Object.hasOwn(properties, key) ? properties[key] : undefined;
      if (before !== undefined && before.value === now.value && before.get === now.get) continue;
      changed.push(`${name}.prototype.${String(key)}`);
      Reflect.deleteProperty(prototype, key);
      if (before !== undefined) Reflect.defineProperty(prototype, key, before);
    }
  return changed;
}

function readCorpus<Input>(name: string): CorpusEntry<Input>[] {
  const file = new URL(`../../../test/fuzz/corpus/${name}.json`, import.meta.url);
  const entries = JSON.parse(readFileSync(file, "utf8")) as CorpusEntry<Input>[];
  return entries.map(({ depth, ...entry }) =>
    depth === undefined ? entry : { ...entry, input: nest(entry.input, depth) },
  );
}

function nest<Input>(input: Input, depth: number): Input {
  return (typeof input === "string" ? input.replace("…", "[".repeat(depth) + "]".repeat(depth)) : input) as Input;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** All that a log, a debugger or a report would show of an error, or of anything else. */
export function expectNoCanaryIn(shown: unknown): void {
  const text = typeof shown === "string" ? shown : inspect(shown, { depth: Infinity, maxStringLength: Infinity });
  expect(text.includes(CANARY), `a secret is shown: ${text.slice(0, 1_000)}`).to.equal(false);
}

/** What a host does that copies what it gets into its own objects, and by which a prototype would be changed. */
export function mergeInto(target: Record<string, unknown>, value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, each] of Object.entries(value)) {
    const own = target[key];
    if (typeof each === "object" && each !== null && (typeof own === "object" || typeof own === "function") && own)
      mergeInto(own as Record<string, unknown>, each);
    else target[key] = each;
  }
}
