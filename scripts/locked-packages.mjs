import { readFileSync } from "node:fs";

/**
 * What package-lock.json says of each package, those of other platforms included: no other file is asked, so the answer is
 * the same on every machine. `isShipped`: whoever installs this package gets it too.
 */
export function lockedPackages() {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
  return Object.entries(packages)
    .filter(([path, { link }]) => path !== "" && link !== true)
    .map(([path, { name, version, license, dev, hasInstallScript }]) => ({
      name: `${name ?? path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length)}@${version}`,
      licence: license,
      isShipped: dev !== true,
      hasInstallScript: hasInstallScript === true,
    }));
}

/** Prints what is wrong, a line each, or that nothing is; the exit status says the same. */
export function conclude(subject, problems, whereNone) {
  for (const problem of problems) console.error(`${subject}: ${problem}`);
  if (problems.length === 0) console.log(`${subject}: ${whereNone}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
