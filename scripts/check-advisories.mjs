// Whether there are advisories on what package-lock.json names: `npm run check:advisories`. Fails on those that are high or
// critical. Where npm's source of them cannot be reached it says so, loudly, and does not fail: no change here can mend that.
import { spawnSync } from "node:child_process";

const FAILING = ["high", "critical"];
const AUDIT = ["audit", "--json", "--package-lock-only", "--fetch-timeout=20000", "--fetch-retries=1"];
const PATIENCE_MS = 90_000;

for (const [subject, ...options] of [["what is shipped", "--omit=dev"], ["all, tools included"]]) {
  const report = audit(options);
  if (report.reason !== undefined) {
    notChecked(report.reason);
    break;
  }
  const found = Object.values(report.vulnerabilities);
  for (const { name, severity, via } of found) {
    const whys = via.map((each) =>
      typeof each === "string" ? `by ${each}` : `${each.range}: ${each.title} ${each.url}`,
    );
    console.log(`advisories: ${severity}: ${name} ${whys.join("; ")}`);
  }
  const isFailing = found.some(({ severity }) => FAILING.includes(severity));
  console.log(`advisories: ${subject}: ${found.length === 0 ? "none." : `${found.length}.`}`);
  if (isFailing) process.exitCode = 1;
}

function audit(options) {
  const { stdout, error } = spawnSync("npm", [...AUDIT, ...options], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: PATIENCE_MS,
    maxBuffer: 2 ** 26,
  });
  if (error !== undefined) return { reason: error.code ?? error.message };
  try {
    const report = JSON.parse(stdout);
    // Of a failure npm says the address too, which is nobody else's business.
    if (typeof report.vulnerabilities === "object") return report;
    return { reason: report.statusCode ?? /\bE[A-Z_]{4,}\b/.exec(report.message)?.[0] ?? "no answer" };
  } catch {
    return { reason: "npm audit gave no report" };
  }
}

function notChecked(reason) {
  const line = `advisories: NOT CHECKED: the source of advisories could not be reached (${reason}).`;
  // GitHub shows such a line on top of the run.
  console.log(process.env.GITHUB_ACTIONS === "true" ? `::warning::${line}` : line);
}
