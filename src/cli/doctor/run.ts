import { examine } from "../../doctor/examine.js";
import type { Finding, Severity } from "../../doctor/finding.js";
import { printable } from "../printable.js";
import { Screen, type Style } from "../screen.js";
import { sayJson, terminalWidth } from "../terminal.js";

export interface DoctorOptions {
  readonly json: boolean;
}

const MARKS: Readonly<Record<Severity, { readonly mark: string; readonly style: Style }>> = {
  ok: { mark: "✓", style: "green" },
  note: { mark: "·", style: "dim" },
  warning: { mark: "!", style: "yellow" },
  error: { mark: "✗", style: "red" },
};

const STATUS_OF_WARNINGS = 3;

/** The answer is the exit status: 1 where something does not work, 3 where it does, with warnings. */
export async function doctor({ json }: DoctorOptions): Promise<number> {
  const screen = new Screen(!process.stdout.isTTY || Boolean(process.env["NO_COLOR"]));
  const findings: Finding[] = [];
  for await (const finding of examine()) {
    findings.push(finding);
    if (!json) show(screen, finding);
  }
  const counts = countsOf(findings);
  if (json) sayJson({ ...counts, findings: findings.map(({ remedy, ...finding }) => ({ ...finding, remedy })) });
  else {
    screen.line();
    screen.line(describe(counts));
  }
  if (counts.errors > 0) return 1;
  return counts.warnings > 0 ? STATUS_OF_WARNINGS : 0;
}

function show(screen: Screen, { check, severity, message, remedy }: Finding): void {
  const { mark, style } = MARKS[severity];
  const width = terminalWidth();
  const name = screen.paint("dim", `${check}:`);
  screen.paragraph(`${screen.paint(style, mark)} ${name} ${printable(String(message))}`, 2, width);
  if (remedy !== undefined) screen.paragraph(`    ${printable(String(remedy))}`, 4, width);
}

function countsOf(findings: readonly Finding[]): { errors: number; warnings: number } {
  const count = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length;
  return { errors: count("error"), warnings: count("warning") };
}

function describe({ errors, warnings }: { errors: number; warnings: number }): string {
  if (errors + warnings === 0) return "All is well.";
  const parts = [
    ...(errors > 0 ? [`${errors} ${errors === 1 ? "thing does" : "things do"} not work`] : []),
    ...(warnings > 0 ? [`${warnings} ${warnings === 1 ? "warning" : "warnings"}`] : []),
  ];
  return `${parts.join(", ")}.`;
}
