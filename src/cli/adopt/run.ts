import { statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { adoptionOf } from "./adoption.js";
import type { FileChange } from "./changes.js";
import { findDialect } from "./compiler-options.js";
import { Manifest } from "./manifest.js";
import { countLines, showDiff } from "./diff-view.js";
import type { Finding } from "./finding.js";
import { Host } from "./host.js";
import { nextSteps } from "./next-steps.js";
import { HOST_CLASSES } from "./places.js";
import { Report, warningsOf } from "./report.js";
import { rollbackOf } from "./rollback.js";
import { writeChanges } from "./write-changes.js";
import { toJson } from "../json.js";
import { packageVersion } from "../package-version.js";
import { Screen } from "../screen.js";
import { type Terminal, thisTerminal } from "../terminal.js";
import { quoted } from "../printable.js";
import { UsageError } from "../usage-error.js";

export interface AdoptOptions {
  readonly yes: boolean;
  readonly check: boolean;
  readonly undo: boolean;
  readonly json: boolean;
}

/** The answer is the exit status. @throws UsageError */
export async function adopt(options: AdoptOptions, folder = ".", terminal: Terminal = thisTerminal()): Promise<number> {
  const host = await findHost(folder);
  const { yes: isYes, check: isCheck, json: isJson } = options;
  const choice = { isYes, isCheck, isJson };
  return options.undo ? undo(host, choice, terminal) : add(host, choice, terminal);
}

interface Choice {
  readonly isYes: boolean;
  readonly isCheck: boolean;
  readonly isJson: boolean;
}

/** @throws UsageError */
async function findHost(given: string): Promise<Host> {
  const root = resolve(given);
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`Expected a folder, got ${quoted(given)}`);
  const host = await Host.find(root);
  if (host !== undefined) return host;
  throw new UsageError(
    `Expected a checkout of Roo-Code or of a fork, got ${quoted(given)}, in which no *.ts declares any of ${HOST_CLASSES.join(", ")}`,
  );
}

async function add(host: Host, choice: Choice, terminal: Terminal): Promise<number> {
  const findings = host.findings(`^${packageVersion()}`);
  const missing = findings.filter(({ status }) => status === "absent" || status === "misfit");
  const changes = adoptionOf(host, findings);
  const source = findings.find(({ path }) => path?.endsWith("ts"))?.path;
  const dialect = source === undefined ? undefined : await findDialect(source, await manifestsAbove(host));
  if (choice.isJson) {
    const isWritten = choice.isYes && !choice.isCheck && (await writeChanges(changes)) === undefined;
    terminal.write(`${toJson(toReport(host, findings, warningsOf(host, dialect), isWritten ? changes : []))}\n`);
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
    terminal.write(`${toJson(result)}\n`);
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

function toReport(
  host: Host,
  findings: readonly Finding[],
  warnings: string[],
  changes: readonly FileChange[],
): object {
  const { checkout, features, folder, manifest } = host;
  return {
    host: { name: manifest?.string("name"), version: manifest?.string("version"), folder, kind: features.kind },
    places: findings.map(({ subject, purpose, line, status, reason, path, lineNumber }) => {
      const name = path === undefined ? undefined : checkout.nameOf(path);
      return { subject, purpose, line, status, reason, path: name, lineNumber };
    }),
    warnings,
    changed: changes.map(({ path }) => checkout.nameOf(path)),
  };
}
