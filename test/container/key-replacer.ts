// Another process that replaces a key, and is held up midway: `node key-replacer.js FILE EXPECTED NEXT writeFile|rename`,
// forked. Before it calls that it says "about to", and waits to be told to go on; then it says what became of it.
import { once } from "node:events";
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const [path, expected, next, step] = process.argv.slice(2) as [string, string, string, "writeFile" | "rename"];
const original = files[step] as (...args: unknown[]) => Promise<void>;
Object.assign(files, {
  [step]: async (...args: unknown[]) => {
    process.send!("about to");
    await once(process, "message");
    return original(...args);
  },
});
syncBuiltinESMExports();

const { FileKeyStore } = await import("#dist/container/key-stores.js");
const end = await new FileKeyStore(path).replace(expected, next).catch((error: Error) => error.name);
process.send!(end);
process.disconnect();
