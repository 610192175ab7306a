import type { Screen, Style } from "../screen.js";
import { printable } from "../printable.js";
import { align } from "../table.js";
import type { DecoratorDialect } from "./compiler-options.js";
import type { Finding, FindingStatus } from "./finding.js";
import type { Host } from "./host.js";
import type { NextStep } from "./next-steps.js";
import { HOST_KINDS } from "./places.js";
import { PACKAGE } from "./source-file.js";
import type { RolledBack } from "./rollback.js";

const MARKS: Readonly<Record<FindingStatus, { readonly mark: string; readonly style: Style }>> = {
  present: { mark: "✔", style: "green" },
  edited: { mark: "~", style: "yellow" },
  absent: { mark: "+", style: "cyan" },
  misfit: { mark: "✘", style: "red" },
};

/** Shows a host and what is done to it to whoever is asked about it. */
export class Report {
  readonly #screen: Screen;
  readonly #host: Host;

  constructor(screen: Screen, host: Host) {
    this.#screen = screen;
    this.#host = host;
  }

  title(): void {
    const { folder, manifest, features, checkout } = this.#host;
    const name = [manifest?.string("name") ?? "A host", manifest?.string("version")].filter(Boolean).join(" ");
    this.#screen.title(
      "redis-mirrored adopt",
      printable(`${name} in ${folder ?? checkout.root}: ${HOST_KINDS[features.kind]}`),
    );
  }

  /** Every place, then what has to be said about some of them. */
  findings(findings: readonly Finding[]): void {
    this.#screen.step("What belongs there");
    const rows = align(
      findings.map(({ subject, purpose, ...where }) => [subject, this.#locate(where), purpose].map(printable)),
    );
    for (const [index, row] of rows.entries()) {
      const { mark, style } = MARKS[findings[index]!.status];
      this.#screen.note(`${this.#screen.paint(style, mark)}  ${row}`);
    }
    for (const finding of findings) {
      if (finding.status === "misfit") this.#misfit(finding);
      if (finding.status === "edited") this.#edited(finding);
    }
  }

  /** What the sources say that should be known before they are built. */
  warnings(dialect: DecoratorDialect | undefined): void {
    for (const warning of warningsOf(this.#host, dialect)) {
      this.#screen.line();
      this.#screen.note(`${this.#screen.paint("yellow", "!")}  ${printable(warning)}`);
    }
  }

  removed(removed: readonly RolledBack[]): void {
    this.#screen.step("What is taken out");
    this.#list(removed, this.#screen.paint("red", "-"));
  }

  left(left: readonly RolledBack[]): void {
    if (left.length === 0) return;
    this.#screen.step(`What stays: other uses of ${PACKAGE}, which were put there by hand`);
    this.#list(left, this.#screen.paint("yellow", "~"));
  }

  next(steps: readonly NextStep[]): void {
    this.#screen.step("Next");
    for (const row of align(steps.map(({ command, purpose }) => [command, purpose].map(printable))))
      this.#screen.note(row);
  }

  step(text: string): void {
    this.#screen.step(text);
  }

  conclude(text: string): void {
    this.#screen.line();
    this.#screen.line(text);
    this.#screen.line();
  }

  #list(entries: readonly RolledBack[], mark: string): void {
    const rows = entries.map(({ subject, ...where }) => [subject, this.#locate(where)].map(printable));
    for (const row of align(rows)) this.#screen.note(`${mark}  ${row}`);
  }

  #misfit({ subject, reason, line }: Finding): void {
    this.#screen.line();
    this.#screen.note(this.#screen.paint("red", printable(`✘  ${subject}: ${reason}.`)));
    const target = line.startsWith("@") ? "Above the method that does this here" : "Where it belongs";
    this.#screen.note(`   By hand. ${target}, paste`);
    for (const each of line.split("\n")) this.#screen.note(`     ${printable(each)}`);
    const [name] = /RedisMirrored|RedisRestored|installMirror/.exec(line) ?? [];
    if (name !== undefined) this.#screen.note(`   and import it: import { ${name} } from "${PACKAGE}"`);
  }

  #edited({ subject, line }: Finding): void {
    this.#screen.line();
    this.#screen.note(
      this.#screen.paint(
        "yellow",
        printable(`~  ${subject} is decorated in another way, and stays so. From here it would be`),
      ),
    );
    this.#screen.note(`     ${printable(line)}`);
  }

  #locate({ path, lineNumber }: Pick<Finding, "path" | "lineNumber">): string {
    if (path === undefined) return "";
    const name = this.#host.checkout.nameOf(path);
    return lineNumber === undefined ? name : `${name}:${lineNumber}`;
  }
}

/** In whole sentences. */
export function warningsOf(
  { checkout, features, redisSyncService }: Host,
  dialect: DecoratorDialect | undefined,
): string[] {
  const warnings: string[] = [];
  if (features.kind === "file-per-task" && checkout.classesNamed("TaskHistoryBridge").length > 0)
    warnings.push("TaskHistoryBridge is there as well, and is left as it is: its history is taken for a copy.");
  if (redisSyncService !== undefined)
    warnings.push(
      `${checkout.nameOf(redisSyncService)} writes to Redis as well. It stays: docs/upgrading.md says how to take it out by hand.`,
    );
  if (dialect === "none")
    warnings.push(
      'Decorators do not compile here yet: set "experimentalDecorators": true in tsconfig.json, or take TypeScript 5.',
    );
  if (dialect === undefined)
    warnings.push(
      'Whether decorators compile here could not be found out: they do with "experimentalDecorators": true in tsconfig.json, and without it from TypeScript 5 on.',
    );
  for (const { path, reason } of checkout.unreadable)
    warnings.push(`${checkout.nameOf(path)} could not be read, and was passed over: ${reason}.`);
  return warnings;
}
