import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "@babel/parser";
import { ROOT } from "./document.js";

/** A call that says a text in the language of the window. */
export interface TranslatedText {
  readonly file: string;
  readonly line: number;
  /** `undefined`: it is no literal, so nobody knows which text it is. */
  readonly text: string | undefined;
  /** The names of the values that it is given. */
  readonly values: readonly string[];
}

interface Node {
  readonly type?: string;
  readonly loc?: { readonly start: { readonly line: number } };
  readonly [property: string]: unknown;
}

/** All calls of `t(…)` and of `….translate(…)` in a folder of the sources. */
export function translatedTexts(folder: string): TranslatedText[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  return files.filter((file) => file.endsWith(".ts")).flatMap((file) => textsOf(join(folder, file)));
}

function textsOf(file: string): TranslatedText[] {
  const source = readFileSync(join(ROOT, file), "utf8");
  const tree = parse(source, { sourceType: "module", plugins: ["typescript", "decorators-legacy"] });
  return callsIn(tree.program as unknown as Node).map((call) => {
    const [message, values] = call["arguments"] as Node[];
    const properties = (values?.["properties"] ?? []) as Node[];
    return {
      file,
      line: call.loc!.start.line,
      text: message?.type === "StringLiteral" ? (message["value"] as string) : undefined,
      values: properties.map(({ key }) => (key as Node)["name"] as string),
    };
  });
}

function callsIn(node: unknown): Node[] {
  if (Array.isArray(node)) return node.flatMap(callsIn);
  if (typeof node !== "object" || node === null) return [];
  const inside = Object.values(node).flatMap(callsIn);
  return isTranslation(node as Node) ? [node as Node, ...inside] : inside;
}

function isTranslation({ type, callee }: Node): boolean {
  if (type !== "CallExpression") return false;
  const { type: kind, name, property } = callee as Node;
  return kind === "Identifier" ? name === "t" : (property as Node | undefined)?.["name"] === "translate";
}
