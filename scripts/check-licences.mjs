// Whether each package's licence is one of those that were looked at: `npm run check:licences`. From package-lock.json alone.
import satisfies from "spdx-satisfies";
import { conclude, lockedPackages } from "./locked-packages.mjs";

/** They ask of whoever passes the code on to name its authors, and of nobody to publish code of their own. */
const SHIPPED = ["MIT", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "BlueOak-1.0.0"];

/** Tools are not passed on, with this package or otherwise. */
const TOOLS = [...SHIPPED, "CC0-1.0", "CC-BY-3.0", "CC-BY-4.0", "PSF-2.0", "Python-2.0"];

const packages = lockedPackages();
const problems = packages
  .filter(({ licence, isShipped }) => !isAllowed(licence, isShipped ? SHIPPED : TOOLS))
  .map(({ name, licence, isShipped }) => {
    const allowed = (isShipped ? SHIPPED : TOOLS).join(", ");
    return `expected ${isShipped ? "" : "the tool "}${name} to be under ${allowed}, got ${licence ?? "no licence"}`;
  });
const shipped = packages.filter(({ isShipped }) => isShipped).length;
conclude(
  "licences",
  problems,
  `${shipped} packages that are shipped and ${packages.length - shipped} tools are allowed.`,
);

function isAllowed(licence, allowed) {
  try {
    return satisfies(licence, allowed);
  } catch {
    // Not in the words of SPDX: `SEE LICENSE IN …`, `UNLICENSED`, or nothing at all.
    return false;
  }
}
