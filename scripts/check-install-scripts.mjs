// Whether installing this package runs nothing: `npm run check:install-scripts`. Neither of its own nor of what it needs.
import { existsSync, readFileSync } from "node:fs";
import { conclude, lockedPackages } from "./locked-packages.mjs";

/** What npm runs on the machine of whoever installs, by itself or from a repository. */
const INSTALLING = ["preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"];

const { scripts = {} } = JSON.parse(readFileSync("package.json", "utf8"));
const own = INSTALLING.filter((name) => Object.hasOwn(scripts, name)).map((name) => `package.json has \`${name}\``);
// npm makes an install script of it where there is none.
if (existsSync("binding.gyp")) own.push("there is a binding.gyp, which npm builds at installation");
const others = lockedPackages()
  .filter(({ isShipped, hasInstallScript }) => isShipped && hasInstallScript)
  .map(({ name }) => `${name} has an install script`);
conclude("install scripts", [...own, ...others], "none, of this package or of those it needs.");
