import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { folderWith } from "./checkout.js";
import type { Manifest } from "./manifest.js";
import { readText } from "./source-file.js";
import { type ObjectExpression, parseExpression } from "./syntax-tree.js";

/** `legacy`: `experimentalDecorators` is on. `standard`: it is off, and TypeScript is new enough to do without. */
export type DecoratorDialect = "legacy" | "standard" | "none";

/** Standard decorators came with TypeScript 5. */
const FIRST_STANDARD = 5;

/** Of files that extend one another. */
const MAX_DEPTH = 10;

/** Which decorators compile in the package that a source belongs to; `undefined`: that cannot be told. */
export async function findDialect(
  source: string,
  manifests: readonly Manifest[],
): Promise<DecoratorDialect | undefined> {
  const folder = folderWith("tsconfig.json", source);
  const isLegacy = folder === undefined ? false : await experimentalDecorators(join(folder, "tsconfig.json"));
  if (isLegacy) return "legacy";
  const range = manifests.map((manifest) => manifest.rangeOf("typescript")).find((each) => each !== undefined);
  const major = /\d+/.exec(range ?? "")?.[0];
  if (major === undefined || isLegacy === undefined) return undefined;
  return Number(major) >= FIRST_STANDARD ? "standard" : "none";
}

/** As the file says, or one that it extends; `undefined`: one of those cannot be read. */
async function experimentalDecorators(path: string, depth = 0): Promise<boolean | undefined> {
  if (depth > MAX_DEPTH) return undefined;
  const root = await readText(path)
    .then(parseExpression)
    .catch(() => undefined);
  if (root === undefined) return undefined;
  const config = objectIn(root);
  const own = objectIn(config.get("compilerOptions")).get("experimentalDecorators");
  if (own?.type === "BooleanLiteral") return own.value;
  const extended = config.get("extends");
  const bases = extended?.type === "ArrayExpression" ? extended.elements : [extended];
  // The last one wins.
  for (const base of bases.toReversed()) {
    if (base?.type !== "StringLiteral") continue;
    const inherited = await experimentalDecorators(resolveBase(path, base.value), depth + 1);
    if (inherited !== false) return inherited;
  }
  return false;
}

function resolveBase(path: string, base: string): string {
  if (base.startsWith(".") || base.startsWith("/"))
    return resolve(dirname(path), base.endsWith(".json") ? base : `${base}.json`);
  for (const name of [base, `${base}/tsconfig.json`]) {
    try {
      return createRequire(path).resolve(name);
    } catch {
      // Not installed, or of another form.
    }
  }
  return base;
}

type Value = ReturnType<typeof parseExpression>;

function objectIn(value: Value | undefined): Map<string, Value> {
  const properties: ObjectExpression["properties"] = value?.type === "ObjectExpression" ? value.properties : [];
  return new Map(
    properties.flatMap((property) =>
      property.type === "ObjectProperty" && property.key.type === "StringLiteral"
        ? [[property.key.value, property.value as Value]]
        : [],
    ),
  );
}
