// Whether the extension, as `npm run package` packs it now, holds what it should and nothing else: `npm run check:vsix`.
import { statSync } from "node:fs";
import { conclude } from "./locked-packages.mjs";
import { packExtension } from "./package.mjs";
import { problemsOfVsix } from "./vsix-contents.mjs";
import { readVsix } from "./vsix.mjs";

const file = await packExtension();
const contents = await readVsix(file);
const { size } = statSync(file);
conclude("vsix", problemsOfVsix(contents, size), `${contents.size} files, ${size} bytes, as expected.`);
