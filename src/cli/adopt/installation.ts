import { basename } from "node:path";
import { type Checkout, packageFolder } from "./checkout.js";
import {
  applyEdits,
  type Edit,
  indentAt,
  insertLineAfter,
  insertLineBefore,
  isFirstOnLine,
  removeLine,
} from "./edits.js";
import type { Finding } from "./finding.js";
import { isNameTaken } from "./imports.js";
import { BRIDGE_USER } from "./places.js";
import { declarationOf, SourceFile } from "./source-file.js";
import {
  type Expression,
  isSameSyntax,
  parseExpression,
  parseProgram,
  referencedNames,
  spanOf,
  type Statement,
} from "./syntax-tree.js";

type Block = Extract<Statement, { type: "BlockStatement" }>;

/** The function that VS Code calls when it starts an extension. */
interface Activation {
  readonly file: SourceFile;
  readonly body: Block;
  /** What it calls the context that it gets. */
  readonly context: string;
}

const SUBJECT = "activate()";
const PURPOSE = "installs the mirror; without it every decorator is a plain call";
const USER_STATEMENT = `const userId = () => ${BRIDGE_USER.className}.${BRIDGE_USER.method}()`;

/**
 * Looks for the line that installs the mirror, or for where to put it.
 * @param folder Of the package that the host is.
 * @param hasUser Whether the host's bridge says who the user is.
 */
export function findInstallation(checkout: Checkout, folder: string | undefined, hasUser: boolean): Finding {
  const described = { subject: SUBJECT, purpose: PURPOSE, line: statementsOf("context", hasUser).join("\n") };
  for (const file of checkout.files) {
    const [call] = file.installations;
    if (call === undefined) continue;
    return { ...described, status: "present", path: file.path, lineNumber: file.lineOf(call.start!) };
  }
  const activations = activationsIn(checkout, folder);
  if (activations.length !== 1) {
    const paths = activations.map(({ file }) => checkout.nameOf(file.path));
    const reason =
      paths.length === 0
        ? "no function `activate` is exported that takes a context"
        : `\`activate\` is exported more than once: ${paths.join(", ")}`;
    return { ...described, status: "misfit", reason };
  }
  const activation = activations[0]!;
  const { file, body, context } = activation;
  const where = { path: file.path, lineNumber: file.lineOf(body.start!) };
  const problem = describeProblem(activation, hasUser);
  let statements = statementsOf(context, hasUser, file.hasSemicolons ? ";" : "");
  let edit = problem === undefined ? insertStatements(activation, statements) : undefined;
  if (edit === undefined)
    return { ...described, ...where, status: "misfit", reason: problem ?? "`activate` has no statement yet" };
  if (isJoined(activation, edit, statements.length)) {
    statements = statementsOf(context, hasUser, ";");
    edit = insertStatements(activation, statements)!;
  }
  const line = statements.join("\n");
  return { ...described, ...where, line, status: "absent", edits: [edit], imports: { file, name: "installMirror" } };
}

/** The statements that `findInstallation` inserts, whatever the options of `installMirror` are by now. */
export function findInsertedStatements(file: SourceFile): Statement[] {
  return activationsOf(file).flatMap(({ body, context }) => {
    const index = body.body.findIndex((statement) => isInstallation(file, statement, context));
    if (index === -1) return [];
    const previous = body.body[index - 1];
    const [userStatement] = parseProgram(USER_STATEMENT).program.body;
    const hasUser = previous !== undefined && isSameSyntax(previous, userStatement);
    return body.body.slice(hasUser ? index - 1 : index, index + 1);
  });
}

export function removeStatement({ text }: SourceFile, statement: Statement): Edit {
  return removeLine(text, spanOf(statement));
}

function statementsOf(context: string, hasUser: boolean, end = ""): string[] {
  const user = hasUser ? "userId, " : "";
  const options = `{ ${user}memento: ${context}.globalState, secrets: ${context}.secrets }`;
  const statement = `${context}.subscriptions.push(installMirror(${options}))${end}`;
  return hasUser ? [`${USER_STATEMENT}${end}`, statement] : [statement];
}

function describeProblem({ file, body }: Activation, hasUser: boolean): string | undefined {
  if (isNameTaken(file, "installMirror")) return "`installMirror` means something else in this file";
  if (!hasUser) return undefined;
  const names = referencedNames(file.program, () => false);
  if (!names.has(BRIDGE_USER.className)) return `${BRIDGE_USER.className}, which knows the user, is not imported there`;
  if (referencedNames(body, () => false).has("userId")) return "`userId` means something else there";
  return undefined;
}

/** Below the line that keeps the context, where `activate` begins with that, else above all others. */
function insertStatements({ file, body, context }: Activation, statements: readonly string[]): Edit | undefined {
  const [first, second] = body.body;
  if (first === undefined) return undefined;
  const kept = first.type === "ExpressionStatement" ? first.expression : undefined;
  const isKept =
    kept?.type === "AssignmentExpression" && kept.right.type === "Identifier" && kept.right.name === context;
  const { text } = file;
  const indent = indentAt(text, first.start!);
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = statements.join(eol + indent);
  if (isKept && isFirstOnLine(text, first.start!)) {
    const edit = insertLineAfter(text, kept.end!, indent + lines);
    if (edit !== undefined) return edit;
  }
  const next = isKept ? second : first;
  if (next === undefined) return undefined;
  if (isFirstOnLine(text, next.start!)) return insertLineBefore(text, next.start!, lines);
  return insertLineBefore(text, next.start!, statements.map((each) => each.replace(/;?$/, ";")).join(" "));
}

/** Whether what follows would be taken for a part of the last statement, for want of a semicolon. */
function isJoined({ file: { path, text }, body }: Activation, edit: Edit, count: number): boolean {
  const after = activationsOf(new SourceFile(path, applyEdits(text, [edit])));
  return !after.some((activation) => activation.body.body.length === body.body.length + count);
}

function isInstallation(file: SourceFile, statement: Statement, context: string): boolean {
  if (statement.type !== "ExpressionStatement" || statement.expression.type !== "CallExpression") return false;
  const { callee, arguments: args } = statement.expression;
  const isPush = isSameSyntax(callee, parseExpression(`${context}.subscriptions.push`));
  return isPush && args.length === 1 && file.installations.includes(args[0] as Expression);
}

/** Of several, those in the host's package, then those that know the host's classes, then those of `extension.ts`. */
function activationsIn(checkout: Checkout, folder: string | undefined): Activation[] {
  let activations = checkout.files.flatMap(activationsOf);
  const preferences: ((activation: Activation) => boolean)[] = [
    ({ file }) => packageFolder(file.path) === folder,
    ({ file }) => referencedNames(file.program, () => false).has("ContextProxy"),
    ({ file }) => basename(file.path) === "extension.ts",
  ];
  for (const isPreferred of preferences) {
    const preferred = activations.filter(isPreferred);
    if (activations.length > 1 && preferred.length > 0) activations = preferred;
  }
  return activations;
}

function activationsOf(file: SourceFile): Activation[] {
  const exported = new Set<unknown>();
  for (const statement of file.program.body) {
    if (statement.type !== "ExportNamedDeclaration") continue;
    exported.add(statement.declaration);
    for (const specifier of statement.specifiers)
      if (specifier.type === "ExportSpecifier") exported.add(specifier.local.name);
  }
  return file.program.body.flatMap((statement) => {
    const declaration = declarationOf(statement);
    if (!exported.has(declaration) && !exported.has("activate")) return [];
    return functionsOf(declaration).flatMap(({ name, body, params }) => {
      const [context] = params;
      if (name !== "activate" || body.type !== "BlockStatement" || context?.type !== "Identifier") return [];
      return [{ file, body, context: context.name }];
    });
  });
}

type FunctionDeclaration = Extract<Statement, { type: "FunctionDeclaration" }>;
interface NamedFunction {
  readonly name: string;
  readonly body: Block | Expression;
  readonly params: FunctionDeclaration["params"];
}

/** The functions that a statement declares: by their own name, or as variables. */
function functionsOf(declaration: Statement | undefined): NamedFunction[] {
  if (declaration?.type === "FunctionDeclaration" && declaration.id != null)
    return [{ name: declaration.id.name, body: declaration.body, params: declaration.params }];
  if (declaration?.type !== "VariableDeclaration") return [];
  return declaration.declarations.flatMap(({ id, init }) => {
    const isFunction = init?.type === "ArrowFunctionExpression" || init?.type === "FunctionExpression";
    return isFunction && id.type === "Identifier" ? [{ name: id.name, body: init.body, params: init.params }] : [];
  });
}
