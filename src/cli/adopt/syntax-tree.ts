import { parse, parseExpression as parseOne } from "@babel/parser";

export type Program = ReturnType<typeof parse>["program"];
export type Statement = Program["body"][number];
export type ImportDeclaration = Extract<Statement, { type: "ImportDeclaration" }>;
export type ClassDeclaration = Extract<Statement, { type: "ClassDeclaration" }>;
export type Member = ClassDeclaration["body"]["body"][number];
export type Method = Extract<Member, { type: "ClassMethod" }>;
export type Decorator = NonNullable<Method["decorators"]>[number];
export type Expression = Decorator["expression"];
export type ObjectExpression = Extract<Expression, { type: "ObjectExpression" }>;
export type Property = Extract<ObjectExpression["properties"][number], { type: "ObjectProperty" }>;

/** Any node, as far as all of them are alike. */
export interface SyntaxNode {
  readonly type: string;
  readonly start?: number | null;
  readonly end?: number | null;
}

/** From where to where, in UTF-16 code units of the text; `end` is behind the last one. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A parsed text, and how many things in it are wrong without being in the way of its tree. */
export interface Parsed {
  readonly program: Program;
  readonly errors: number;
}

/** TypeScript without JSX, decorators of either dialect. @throws SyntaxError of the parser */
export function parseProgram(text: string): Parsed {
  const { program, errors } = parse(text, {
    sourceType: "module",
    // What is only semantically wrong, such as a name declared twice, is the host's compiler's affair.
    errorRecovery: true,
    plugins: ["typescript", "decorators-legacy", "explicitResourceManagement"],
  });
  return { program, errors: errors?.length ?? 0 };
}

/** JSON, and JSON with comments and trailing commas: both are JavaScript expressions. @throws SyntaxError */
export function parseExpression(text: string): Expression {
  return parseOne(text, { plugins: ["typescript"] });
}

export function spanOf({ start, end }: SyntaxNode): Span {
  return { start: start!, end: end! };
}

/** Where a thing is written, and what was written around it: no part of what it means. */
const LAYOUT = new Set([
  "start",
  "end",
  "loc",
  "range",
  "extra",
  "leadingComments",
  "trailingComments",
  "innerComments",
  "errors",
  "comments",
  "tokens",
]);

/** Visits a node and those below it; `false` leaves out what is below one. */
export function walk(node: SyntaxNode, visit: (node: SyntaxNode) => boolean | void): void {
  if (visit(node) === false) return;
  for (const [name, child] of Object.entries(node)) {
    if (LAYOUT.has(name)) continue;
    for (const each of Array.isArray(child) ? child : [child]) if (isNode(each)) walk(each, visit);
  }
}

/** Whether two trees mean the same, in whatever quotes, spaces and lines they are written. */
export function isSameSyntax(one: unknown, other: unknown): boolean {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null)
    return (one ?? undefined) === (other ?? undefined);
  const names = new Set([...Object.keys(one), ...Object.keys(other)].filter((name) => !LAYOUT.has(name)));
  return [...names].every((name) =>
    isSameSyntax((one as Record<string, unknown>)[name], (other as Record<string, unknown>)[name]),
  );
}

/** The names that a tree refers to: not those of members and properties, which mean something else. */
export function referencedNames(root: SyntaxNode, isLeftOut: (node: SyntaxNode) => boolean): Set<string> {
  const names = new Set<string>();
  const visit = (node: SyntaxNode): boolean | void => {
    if (isLeftOut(node)) return false;
    const { type, name, computed, object, key, value, shorthand } = node as SyntaxNode & Record<string, unknown>;
    if (type === "Identifier") names.add(String(name));
    if (computed === true) return;
    if (type === "MemberExpression" || type === "OptionalMemberExpression") {
      walk(object as SyntaxNode, visit);
      return false;
    }
    if (type === "ObjectProperty" && shorthand !== true && isNode(key)) {
      walk(value as SyntaxNode, visit);
      return false;
    }
  };
  walk(root, visit);
  return names;
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}
