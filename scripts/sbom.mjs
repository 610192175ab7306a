// What is shipped, as a CycloneDX bill of materials: `npm run sbom [-- FILE]`, by default build/sbom.cdx.json.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const SBOM = ["sbom", "--sbom-format=cyclonedx", "--sbom-type=library", "--package-lock-only"];
const [file = "build/sbom.cdx.json"] = process.argv.slice(2);

const { stdout, status, error } = spawnSync("npm", SBOM, {
  encoding: "utf8",
  stdio: ["ignore", "pipe", "inherit"],
  maxBuffer: 2 ** 26,
});
if (error) throw error;
if (status !== 0) process.exit(status ?? 1);
const bill = withoutTools(JSON.parse(stdout));
// npm takes the folder's name for the package's.
bill.metadata.component.name = JSON.parse(readFileSync("package.json", "utf8")).name;
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(bill, undefined, 2)}\n`);
console.log(`${file}: ${bill.components.length} components.`);

/** Not by `--omit=dev`, which leaves out what is shipped and needed by a tool as well. */
function withoutTools({ components, dependencies, ...rest }) {
  const isTool = ({ properties }) => properties?.some(({ name }) => name === "cdx:npm:package:development");
  const shipped = components.filter((component) => !isTool(component));
  const refs = new Set([rest.metadata.component, ...shipped].map((component) => component["bom-ref"]));
  const among = (dependency) => ({ ...dependency, dependsOn: dependency.dependsOn?.filter((ref) => refs.has(ref)) });
  return { ...rest, components: shipped, dependencies: dependencies.filter(({ ref }) => refs.has(ref)).map(among) };
}
