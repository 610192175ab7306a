import type { Checkout, FoundClass } from "./checkout.js";
import { insertLineBefore, removeLine } from "./edits.js";
import type { Finding } from "./finding.js";
import { isNameTaken } from "./imports.js";
import { allPlaces, type Place } from "./places.js";
import { type DecoratorUse, memberNames, methodsNamed, type SourceFile } from "./source-file.js";
import { type Expression, isSameSyntax, type Method, parseExpression, spanOf } from "./syntax-tree.js";

/** Looks for a method to decorate. @param folder Of the package that the host is. */
export function findMethod(checkout: Checkout, folder: string | undefined, place: Place): Finding {
  const { className, method, purpose, decorator, args } = place;
  const described = { subject: subjectOf(place), purpose, line: `@${decorator}${args}` };
  const classes = checkout.classesNamed(className, folder);
  const problem = describeProblem(checkout, classes, place);
  if (problem !== undefined) {
    const path = classes.length === 1 ? { path: classes[0]!.file.path } : {};
    return findElsewhere(checkout, place) ?? { ...described, ...path, status: "misfit", reason: problem };
  }
  const { file, declaration } = classes[0]!;
  const [found] = methodsNamed(declaration, method) as [Method];
  const where = { path: file.path, lineNumber: file.lineOf(found.start!) };
  const use = file.decoratorsOf(found).find(({ name }) => name === decorator);
  if (use !== undefined) return { ...described, ...where, status: isAsInserted(use, place) ? "present" : "edited" };
  const line = `@${file.locals.get(decorator) ?? decorator}${args.replaceAll('"', file.quote)}`;
  const edits = [insertLineBefore(file.text, found.start!, line)];
  return { ...described, ...where, line, status: "absent", edits, imports: { file, name: decorator } };
}

/** A decorator of ours above one of the methods of any kind of host, whatever its arguments are by now. */
export function findInserted(file: SourceFile): { readonly subject: string; readonly use: DecoratorUse }[] {
  return allPlaces().flatMap((place) =>
    file.classes
      .filter(({ id }) => id?.name === place.className)
      .flatMap((declaration) => methodsNamed(declaration, place.method))
      .flatMap((method) => file.decoratorsOf(method))
      .filter(({ name }) => name === place.decorator)
      .map((use) => ({ subject: subjectOf(place), use })),
  );
}

export function removeDecorator({ text }: SourceFile, { node }: DecoratorUse) {
  return removeLine(text, spanOf(node));
}

/** The very same decorator on a method of another name: somebody has put it where this host needs it. */
function findElsewhere({ files }: Checkout, place: Place): Finding | undefined {
  const known = new Set(allPlaces().map(subjectOf));
  for (const file of files) {
    for (const { id, body } of file.classes) {
      for (const member of body.body) {
        if (member.type !== "ClassMethod" || member.key.type !== "Identifier") continue;
        const subject = subjectOf({ className: id?.name ?? "class", method: member.key.name });
        const use = file.decoratorsOf(member).find((each) => isAsInserted(each, place));
        if (use === undefined || known.has(subject)) continue;
        const { purpose, decorator, args } = place;
        const where = { path: file.path, lineNumber: file.lineOf(use.node.start!) };
        return { subject, purpose, line: `@${decorator}${args}`, status: "present", ...where };
      }
    }
  }
  return undefined;
}

function subjectOf({ className, method }: Pick<Place, "className" | "method">): string {
  return `${className}.${method}`;
}

function isAsInserted({ name, args: used }: DecoratorUse, { decorator, args }: Place): boolean {
  if (name !== decorator) return false;
  const { arguments: expected } = parseExpression(`f${args}`) as Extract<Expression, { type: "CallExpression" }>;
  return isSameSyntax(used, expected);
}

/** Why a place cannot be decorated; `undefined` if it can. */
function describeProblem(checkout: Checkout, classes: readonly FoundClass[], place: Place): string | undefined {
  const { className, method, needs = [], decorator } = place;
  if (classes.length === 0) return `there is no class ${className}`;
  if (classes.length > 1) {
    const paths = classes.map(({ file }) => checkout.nameOf(file.path));
    return `${className} is declared more than once: ${paths.join(", ")}`;
  }
  const { file, declaration } = classes[0]!;
  const members = memberNames(declaration);
  const found = methodsNamed(declaration, method);
  if (!members.has(method)) return `${className} has no method ${method}`;
  if (found[0]?.kind !== "method") return `${className}.${method} is no method, and only methods can be decorated`;
  const lacking = needs.find((name) => !members.has(name));
  if (lacking !== undefined) return `${className} has no ${lacking}, which the decorator would call`;
  if (isNameTaken(file, decorator)) return `${decorator} means something else in this file`;
  return undefined;
}
