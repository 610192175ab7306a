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
  return nodesIn(folder, isTranslation).map(([file, call]) => {
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

/** All templates `` words`…` `` in a folder of the sources, with the places that they come to have. */
export function wordsIn(folder: string): TranslatedText[] {
  return nodesIn(folder, isWords).map(([file, template]) => {
    const { quasis, expressions } = template["quasi"] as {
      quasis: { value: { cooked: string } }[];
      expressions: Node[];
    };
    const [first, ...others] = quasis.map(({ value }) => value.cooked);
    return {
      file,
      line: template.loc!.start.line,
      text: others.reduce((text, part, place) => `${text}{${place}}${part}`, first!),
      values: expressions.map((_value, place) => String(place)),
    };
  });
}

/** The sentences that errors of a class are made with in a folder of the sources, with `1` for each value. */
export function sentencesOf(error: string, folder: string): string[] {
  const isMade = ({ type, callee }: Node) => type === "NewExpression" && (callee as Node)["name"] === error;
  return nodesIn(folder, isMade).flatMap(([, { arguments: given }]) =>
    nodesBelow((given as Node[])[0], ({ type }) => type === "StringLiteral" || type === "TemplateLiteral").map(
      ({ value, quasis }) =>
        (value as string | undefined) ??
        (quasis as { value: { cooked: string } }[]).map((quasi) => quasi.value.cooked).join("1"),
    ),
  );
}

function nodesIn(folder: string, isWanted: (node: Node) => boolean): [file: string, node: Node][] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => file.endsWith(".ts"))
    .flatMap((name) => {
      const file = join(folder, name);
      const source = readFileSync(join(ROOT, file), "utf8");
      const tree = parse(source, { sourceType: "module", plugins: ["typescript", "decorators-legacy"] });
      return nodesBelow(tree.program, isWanted).map((node): [string, Node] => [file, node]);
    });
}

function nodesBelow(node: unknown, isWanted: (node: Node) => boolean): Node[] {
  if (Array.isArray(node)) return node.flatMap((each) => nodesBelow(each, isWanted));
  if (typeof node !== "object" || node === null) return [];
  const inside = Object.values(node).flatMap((each) => nodesBelow(each, isWanted));
  return isWanted(node as Node) ? [node as Node, ...inside] : inside;
}

function isWords({ type, tag }: Node): boolean {
  return type === "TaggedTemplateExpression" && (tag as Node)["name"] === "words";
}

function isTranslation({ type, callee }: Node): boolean {
  if (type !== "CallExpression") return false;
  const { type: kind, name, property } = callee as Node;
  return kind === "Identifier" ? name === "t" : (property as Node | undefined)?.["name"] === "translate";
}
