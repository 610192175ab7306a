import { readFile } from "node:fs/promises";
import { lineNumber } from "./edits.js";
import {
  type ClassDeclaration,
  type Decorator,
  type Expression,
  type ImportDeclaration,
  type Method,
  parseProgram,
  type Program,
  type Statement,
  walk,
} from "./syntax-tree.js";

export const PACKAGE = "redis-mirrored";
export const DECORATORS = ["RedisMirrored", "RedisRestored"] as const;
export type DecoratorName = (typeof DECORATORS)[number];
export type ImportedName = DecoratorName | "installMirror";

/** One of our decorators, as it stands above a method. */
export interface DecoratorUse {
  readonly name: DecoratorName;
  readonly node: Decorator;
  readonly args: readonly unknown[];
}

/** A TypeScript source: its text, its tree, and how its author writes. */
export class SourceFile {
  readonly path: string;
  readonly text: string;
  readonly program: Program;
  /** How many things the parser finds wrong with it. */
  readonly errors: number;
  /** Our names as this file calls them. */
  readonly locals: ReadonlyMap<string, string>;

  /** @throws SyntaxError */
  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
    const { program, errors } = parseProgram(text);
    this.program = program;
    this.errors = errors;
    this.locals = localNames(this.ourImports);
  }

  get imports(): ImportDeclaration[] {
    return this.program.body.filter((statement) => statement.type === "ImportDeclaration");
  }

  /** Those that import values from this package by their names. */
  get ourImports(): ImportDeclaration[] {
    return this.imports.filter(
      ({ source, importKind, specifiers }) =>
        source.value === PACKAGE && importKind !== "type" && specifiers.some(({ type }) => type === "ImportSpecifier"),
    );
  }

  /** Of classes that stand at the top level, exported or not. */
  get classes(): ClassDeclaration[] {
    return this.program.body.map(declarationOf).filter((declaration) => declaration?.type === "ClassDeclaration");
  }

  get quote(): '"' | "'" {
    const raw = this.imports.map(({ source }) => String(source.extra?.["raw"] ?? '"'));
    return raw.filter((text) => text.startsWith("'")).length * 2 > raw.length ? "'" : '"';
  }

  get hasSemicolons(): boolean {
    const ends = this.program.body.filter(({ type }) => ENDED.has(type)).map(({ end }) => this.text[end! - 1]);
    return ends.filter((end) => end === ";").length * 2 > ends.length;
  }

  lineOf(position: number): number {
    return lineNumber(this.text, position);
  }

  /** Our decorators of a method. */
  decoratorsOf({ decorators }: Method): DecoratorUse[] {
    return (decorators ?? []).flatMap((node) => {
      const { expression } = node;
      const name = DECORATORS.find((each) => this.#isCallOf(expression, each));
      return name === undefined ? [] : [{ name, node, args: (expression as { arguments: unknown[] }).arguments }];
    });
  }

  /** Every call of `installMirror`. */
  get installations(): Expression[] {
    const calls: Expression[] = [];
    walk(this.program, (node) => void (this.#isCallOf(node, "installMirror") && calls.push(node as Expression)));
    return calls;
  }

  #isCallOf(node: unknown, name: ImportedName): boolean {
    const { type, callee } = node as { type: string; callee?: { type: string; name?: string } };
    const local = this.locals.get(name);
    return type === "CallExpression" && local !== undefined && callee?.type === "Identifier" && callee.name === local;
  }
}

/** Statements that a semicolon ends, in files that have them. */
const ENDED = new Set(["ImportDeclaration", "ExpressionStatement", "VariableDeclaration", "ExportAllDeclaration"]);

export function declarationOf(statement: Statement): Statement | undefined {
  if (statement.type === "ExportNamedDeclaration") return statement.declaration ?? undefined;
  if (statement.type === "ExportDefaultDeclaration") return statement.declaration as Statement;
  return statement;
}

export function methodsNamed({ body }: ClassDeclaration, name: string): Method[] {
  return body.body.filter(
    (member) => member.type === "ClassMethod" && member.key.type === "Identifier" && member.key.name === name,
  ) as Method[];
}

/** The names of all members of a class, parameter properties included. */
export function memberNames({ body }: ClassDeclaration): Set<string> {
  const names = new Set<string>();
  for (const member of body.body) {
    if ("key" in member && member.key.type === "Identifier") names.add(member.key.name);
    if (member.type !== "ClassMethod" || member.kind !== "constructor") continue;
    for (const parameter of member.params) {
      if (parameter.type !== "TSParameterProperty") continue;
      const target = parameter.parameter.type === "Identifier" ? parameter.parameter : parameter.parameter.left;
      if (target.type === "Identifier") names.add(target.name);
    }
  }
  return names;
}

/** A file's text. @throws TypeError if its bytes are no UTF-8: what is read would not be what is written back. */
export async function readText(path: string): Promise<string> {
  const bytes = await readFile(path);
  const text = bytes.toString("utf8");
  if (!Buffer.from(text, "utf8").equals(bytes)) throw new TypeError(`Expected ${path} to be UTF-8, got other bytes`);
  return text;
}

/** What a name is called where it comes from; `undefined` of a type, a namespace and a default. */
export function importedName(specifier: ImportDeclaration["specifiers"][number]): string | undefined {
  if (specifier.type !== "ImportSpecifier" || specifier.importKind === "type") return undefined;
  const { imported } = specifier;
  return imported.type === "Identifier" ? imported.name : imported.value;
}

function localNames(imports: readonly ImportDeclaration[]): Map<string, string> {
  const specifiers = imports.flatMap((declaration) => declaration.specifiers);
  return new Map(
    specifiers.flatMap((specifier) => {
      const name = importedName(specifier);
      return name === undefined ? [] : [[name, specifier.local.name]];
    }),
  );
}
