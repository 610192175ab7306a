import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const HOST = fileURLToPath(new URL("counting-listeners.js", import.meta.url));

/** As where it is not installed. */
const UNRESOLVABLE = `export async function resolve(specifier, context, next) {
  if (!specifier.startsWith("@opentelemetry/")) return next(specifier, context);
  throw Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
}`;

/** As where something else has its name. */
const SOMETHING_ELSE = `export async function load(url, context, next) {
  if (!url.includes("@opentelemetry/api")) return next(url, context);
  return { format: "module", source: "export default 1;", shortCircuit: true };
}`;

const toUrl = (source: string) => `data:text/javascript,${encodeURIComponent(source)}`;

function run(hooks: string | undefined) {
  const registering = `import { register } from "node:module"; register(${JSON.stringify(toUrl(hooks ?? ""))});`;
  const args = hooks === undefined ? [HOST] : ["--import", toUrl(registering), HOST, "absent"];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(stderr).to.equal("");
  return JSON.parse(stdout) as Record<string, unknown>;
}

const EXPECTED = { left: 0, result: { flushed: true }, stored: '"second"' };

describe("OpenTelemetry's API", function () {
  this.timeout(30_000);

  it("is found where it is, and counted for: beside the channels' listener there is one of each save", () => {
    expect(run(undefined)).to.include({ atFirst: 2, later: 2 }).and.to.deep.include(EXPECTED);
  });

  for (const [title, hooks] of [
    ["not installed", UNRESOLVABLE],
    ["something else", SOMETHING_ELSE],
  ] as const)
    it(`is done without where it is ${title}: nothing fails, nothing is said, and nobody counts saves`, () => {
      expect(run(hooks)).to.include({ atFirst: 2, later: 1 }).and.to.deep.include(EXPECTED);
    });
});
