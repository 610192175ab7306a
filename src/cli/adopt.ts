import { readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { adoptionOf } from "./adopt/adoption.js";
import type { FileChange } from "./adopt/changes.js";
import { findDialect } from "./adopt/compiler-options.js";
import { Manifest } from "./adopt/manifest.js";
import { countLines, showDiff } from "./adopt/diff-view.js";
import type { Finding } from "./adopt/finding.js";
import { Host } from "./adopt/host.js";
import { nextSteps } from "./adopt/next-steps.js";
import { HOST_CLASSES } from "./adopt/places.js";
import { Report, warningsOf } from "./adopt/report.js";
import { rollbackOf } from "./adopt/rollback.js";
import { writeChanges } from "./adopt/write-changes.js";
import { Screen } from "./screen.js";
import { type Terminal, thisTerminal } from "./terminal.js";
import { UsageError } from "./usage-error.js";

const HELP = `redis-mirrored adopt [DIR] [--yes] [--check | --undo] [--json]

Finds in the sources of Roo-Code, or of a fork, the methods that save and load; shows the decorators, the imports, the
line in \`activate()\` and the dependency that they need; asks, and inserts them. What is there already stays as it is, so
after an update of the host only what is missing is added. Nothing else in a file changes.

  DIR       the checkout, or a part of it. Default: here
  --yes     does not ask
  --check   changes nothing and ends with status 1 if something is missing: for CI
  --undo    takes out again what was inserted, to the byte. Decorators and the line in \`activate()\` are known by where
            they stand and go also if their arguments were edited; what was decorated elsewhere by hand stays
  --json    says the same as JSON, and without --yes only says it

Exit status: 0 everything is there (with --undo: everything is out), 1 something is missing, 2 no such host, or a
file cannot be written: none is changed then.
docs/integration.md explains every line.`;

interface Choice {
  readonly isYes: boolean;
  readonly isCheck: boolean;
  readonly isJson: boolean;
}

/** The answer is the exit status. @throws UsageError */
export async function adopt(args: string[], terminal: Terminal = thisTerminal()): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      yes: { type: "boolean", short: "y", default: false },
      check: { type: "boolean", default: false },
      undo: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    terminal.write(`${HELP}\n`);
    return 0;
  }
  if (positionals.length > 1) throw new UsageError(`Expected one folder at most, got ${positionals.join(" ")}`);
  if (values.check && values.undo) throw new UsageError("Expected --check or --undo, got both");
  const host = await findHost(positionals[0] ?? ".");
  const choice = { isYes: values.yes, isCheck: values.check, isJson: values.json };
  return values.undo ? undo(host, choice, terminal) : add(host, choice, terminal);
}

/** @throws UsageError */
async function findHost(given: string): Promise<Host> {
  const root = resolve(given);
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`Expected a folder, got \`${given}\``);
  const host = await Host.find(root);
  if (host !== undefined) return host;
  throw new UsageError(
    `Expected a checkout of Roo-Code or of a fork, got \`${given}\`, in which no *.ts declares any of ${HOST_CLASSES.join(", ")}`,
  );
}

async function add(host: Host, choice: Choice, terminal: Terminal): Promise<number> {
  const findings = host.findings(`^${ownVersion()}`);
  const missing = findings.filter(({ status }) => status === "absent" || status === "misfit");
  const changes = adoptionOf(host, findings);
  const source = findings.find(({ path }) => path?.endsWith("ts"))?.path;
  const dialect = source === undefined ? undefined : await findDialect(source, await manifestsAbove(host));
  if (choice.isJson) {
    const isWritten = choice.isYes && !choice.isCheck && (await writeChanges(changes)) === undefined;
    terminal.write(`${toJson(host, findings, warningsOf(host, dialect), isWritten ? changes : [])}\n`);
    return isIncomplete(missing, isWritten) ? 1 : 0;
  }
  const screen = new Screen(terminal.isPlain, terminal.write);
  const report = new Report(screen, host);
  report.title();
  report.findings(findings);
  report.warnings(dialect);
  if (missing.length === 0) {
    report.conclude("Everything is in place.");
    return 0;
  }
  if (choice.isCheck) {
    report.conclude(`${missing.length} of ${findings.length} are missing. \`redis-mirrored adopt\` inserts them.`);
    return 1;
  }
  const isWritten = await change(report, screen, { host, changes, choice, terminal });
  if (isWritten) {
    report.next(host.folder === undefined ? [] : await nextSteps(host.folder));
    report.conclude("`redis-mirrored adopt --undo` takes every line out again. docs/integration.md explains each.");
  }
  return isIncomplete(missing, isWritten) ? 1 : 0;
}

async function undo(host: Host, choice: Choice, terminal: Terminal): Promise<number> {
  const { changes, removed, left } = rollbackOf(host);
  if (choice.isJson) {
    const isWritten = choice.isYes && (await writeChanges(changes)) === undefined;
    const name = <T extends { path: string }>(entry: T) => ({ ...entry, path: host.checkout.nameOf(entry.path) });
    const result = { removed: removed.map(name), left: left.map(name), isWritten };
    terminal.write(`${JSON.stringify(result, undefined, 2)}\n`);
    return isWritten || changes.length === 0 ? 0 : 1;
  }
  const screen = new Screen(terminal.isPlain, terminal.write);
  const report = new Report(screen, host);
  report.title();
  if (changes.length === 0) {
    report.left(left);
    report.conclude("There is nothing to take out.");
    return 0;
  }
  report.removed(removed);
  report.left(left);
  const isWritten = await change(report, screen, { host, changes, choice, terminal });
  if (isWritten) report.conclude("It is all out. Install and build as before.");
  return isWritten ? 0 : 1;
}

interface Undertaking {
  readonly host: Host;
  readonly changes: readonly FileChange[];
  readonly choice: Choice;
  readonly terminal: Terminal;
}

/** Shows the changes, asks, and makes them. The answer: whether they were made. */
async function change(report: Report, screen: Screen, undertaking: Undertaking): Promise<boolean> {
  const { host, changes, choice, terminal } = undertaking;
  if (changes.length === 0) {
    report.conclude("Nothing of that can be inserted by itself.");
    return false;
  }
  const { added, removed } = countLines(changes);
  const counts = [
    added > 0 ? `${inWords(added, "line")} more` : "",
    removed > 0 ? `${inWords(removed, "line")} less` : "",
  ];
  const files = inWords(changes.length, "file");
  report.step(`The change: ${counts.filter(Boolean).join(", ")}, in ${files}`);
  showDiff(screen, changes, (path) => host.checkout.nameOf(path));
  if (!choice.isYes && !terminal.isInteractive) {
    report.conclude("Nothing was changed: nobody is here to ask. --yes does not ask.");
    return false;
  }
  if (!choice.isYes && !(await terminal.ask(`\n  Change ${files}? [Y/n] `))) {
    report.conclude("Nothing was changed.");
    return false;
  }
  const changed = await writeChanges(changes);
  if (changed === undefined) return true;
  report.conclude(`Nothing was changed: ${host.checkout.nameOf(changed)} is no more what it was.`);
  return false;
}

function inWords(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function isIncomplete(missing: readonly Finding[], isWritten: boolean): boolean {
  return missing.some(({ status }) => status === "misfit" || !isWritten);
}

/** The package's own, and those of the folders above: the compiler is often a dependency of the whole. */
async function manifestsAbove({ folder, manifests }: Host): Promise<Manifest[]> {
  const found = [...manifests.values()];
  for (let each = dirname(folder ?? "/"); dirname(each) !== each; each = dirname(each)) {
    const isThere = statSync(join(each, "package.json"), { throwIfNoEntry: false })?.isFile();
    if (isThere)
      found.push(
        ...(await Manifest.read(each).then(
          (manifest) => [manifest],
          () => [],
        )),
      );
  }
  return found;
}

function toJson(host: Host, findings: readonly Finding[], warnings: string[], changes: readonly FileChange[]): string {
  const { checkout, features, folder, manifest } = host;
  const report = {
    host: { name: manifest?.string("name"), version: manifest?.string("version"), folder, kind: features.kind },
    places: findings.map(({ subject, purpose, line, status, reason, path, lineNumber }) => {
      const name = path === undefined ? undefined : checkout.nameOf(path);
      return { subject, purpose, line, status, reason, path: name, lineNumber };
    }),
    warnings,
    changed: changes.map(({ path }) => checkout.nameOf(path)),
  };
  // `null` for what is unknown, so that every member is in every place.
  return JSON.stringify(report, (_name, value: unknown) => value ?? null, 2);
}

function ownVersion(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
