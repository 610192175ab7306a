import { join } from "node:path";
import { UsageError } from "../usage-error.js";
import { type Edit, eolAt, indentAt, insertItem, isFirstOnLine, removeItems } from "./edits.js";
import type { Finding } from "./finding.js";
import { PACKAGE, readText } from "./source-file.js";
import { type Expression, type ObjectExpression, parseExpression, type Property, spanOf } from "./syntax-tree.js";

/** The groups that a package may be named in for it to be installed. */
const GROUPS = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];

/** A package.json: its text and its tree, with which it is changed without being written anew. */
export class Manifest {
  readonly path: string;
  readonly text: string;
  readonly #root: ObjectExpression;

  private constructor(path: string, text: string, root: ObjectExpression) {
    this.path = path;
    this.text = text;
    this.#root = root;
  }

  /** @throws UsageError if it holds no object. */
  static async read(folder: string): Promise<Manifest> {
    const path = join(folder, "package.json");
    const text = await readText(path);
    const root = parseOrUndefined(text);
    if (root?.type !== "ObjectExpression")
      throw new UsageError(`Expected ${path} to hold a JSON object, got other text`);
    return new Manifest(path, text, root);
  }

  /** A property that is text, such as `version`. */
  string(name: string): string | undefined {
    const value = propertyOf(this.#root, name)?.value;
    return value?.type === "StringLiteral" ? value.value : undefined;
  }

  /** The names in an object, such as those of `scripts`. */
  names(name: string): string[] {
    return this.#object(name)?.properties.map((property) => nameOf(property)) ?? [];
  }

  /** What range of a package is asked for, in whatever group. */
  rangeOf(name: string): string | undefined {
    for (const group of GROUPS) {
      const object = this.#object(group);
      const value = object && propertyOf(object, name)?.value;
      if (value?.type === "StringLiteral") return value.value;
    }
    return undefined;
  }

  /** @param range Of this package, such as `^1.2.0`. */
  findDependency(range: string): Finding {
    const line = `"${PACKAGE}": "${range}"`;
    const described = { subject: "dependencies", purpose: "the package itself", line, path: this.path };
    if (this.rangeOf(PACKAGE) !== undefined) return { ...described, status: "present" };
    if (this.#root.properties.length === 0) return { ...described, status: "misfit", reason: "package.json is empty" };
    return { ...described, status: "absent", edits: [this.#insert(line)] };
  }

  /** Takes out what `findDependency` inserts, whatever range it has by now. */
  removeDependency(): Edit[] {
    const group = propertyOf(this.#root, "dependencies");
    const object = this.#object("dependencies");
    const own = object && propertyOf(object, PACKAGE);
    if (group === undefined || own === undefined) return [];
    const isOwn = (property: unknown) => property === own;
    const items = object!.properties;
    if (items.length > 1) return removeItems(items.map(spanOf), (index) => isOwn(items[index]));
    const isOnOneLine = !this.text.slice(object!.start!, object!.end!).includes("\n");
    if (isOnOneLine && this.#root.properties.length > 1) {
      const groups = this.#root.properties;
      return removeItems(groups.map(spanOf), (index) => groups[index] === group);
    }
    return [{ start: object!.start! + 1, end: this.#endOfOnly(group, own), text: "" }];
  }

  #insert(line: string): Edit {
    const { text } = this;
    const group = propertyOf(this.#root, "dependencies");
    const object = this.#object("dependencies");
    if (group === undefined || object === undefined) {
      const groups = this.#root.properties;
      const next = groups.findIndex((property) => nameOf(property) === "devDependencies");
      return insertItem(text, groups.map(spanOf), next === -1 ? groups.length : next, `"dependencies": { ${line} }`);
    }
    const items = object.properties;
    if (items.length > 0) {
      const next = items.findIndex((property) => nameOf(property) > PACKAGE);
      return insertItem(text, items.map(spanOf), next === -1 ? items.length : next, line);
    }
    // The three shapes differ, so that each can be told from the others and taken out again: an empty object on one
    // line becomes one of several lines, one on several lines keeps them, and one that was not there stays on one line.
    const start = object.start! + 1;
    if (text.slice(start, object.end!).includes("\n")) return { start, end: start, text: ` ${line}` };
    const outer = indentAt(text, group.start!);
    const eol = eolAt(text, start);
    return { start, end: start, text: `${eol}${outer}${this.#step(group)}${line}${eol}${outer}` };
  }

  /** Where the text ends that was inserted into an empty object. */
  #endOfOnly(group: Property, own: Property): number {
    const { text } = this;
    if (!isFirstOnLine(text, own.start!)) return own.end!;
    const behind = eolAt(text, own.start!) + indentAt(text, group.start!);
    return text.startsWith(behind, own.end!) ? own.end! + behind.length : own.end!;
  }

  /** One more level of indentation. */
  #step(group: Property): string {
    return indentAt(this.text, group.start!) || "  ";
  }

  #object(name: string): ObjectExpression | undefined {
    const value = propertyOf(this.#root, name)?.value;
    return value?.type === "ObjectExpression" ? value : undefined;
  }
}

function parseOrUndefined(text: string): Expression | undefined {
  try {
    return parseExpression(text);
  } catch {
    return undefined;
  }
}

function propertyOf({ properties }: ObjectExpression, name: string): Property | undefined {
  return properties.find((property) => property.type === "ObjectProperty" && nameOf(property) === name) as
    Property | undefined;
}

function nameOf(property: ObjectExpression["properties"][number]): string {
  return property.type === "ObjectProperty" && property.key.type === "StringLiteral" ? property.key.value : "";
}
