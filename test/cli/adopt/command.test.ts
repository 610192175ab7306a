import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { TemporaryFolder } from "../../support/temporary-folder.js";
import { miniatureHost, readFiles, writeFiles } from "./miniature-hosts.js";

const MAIN = fileURLToPath(import.meta.resolve("#dist/cli/main.js"));

function start(args: readonly string[], cwd: string) {
  return spawn(process.execPath, [MAIN, "adopt", ...args], { cwd, stdio: ["ignore", "pipe", "pipe"] });
}

describe("the command `adopt`", () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
    writeFiles(folder.path, miniatureHost("one-array"));
  });
  afterEach(() => folder.remove());

  it("checks where it stands, in plain text where nobody looks at it", async () => {
    const command = start(["--check"], folder.path);
    let said = "";
    command.stdout.on("data", (chunk) => (said += String(chunk)));
    const [status] = (await once(command, "close")) as [number];
    expect(status).to.equal(1);
    expect(said).to.contain("src/extension.ts:9");
    // eslint-disable-next-line no-control-regex -- that there are none is the point
    expect(said).not.to.match(/[\u0000-\u0009\u000B-\u001F\u007F]/);
  });

  it("goes on where its reader has read enough", async () => {
    const command = start(["--yes"], folder.path);
    command.stdout.destroy();
    let complained = "";
    command.stderr.on("data", (chunk) => (complained += String(chunk)));
    const [status] = (await once(command, "close")) as [number];
    expect({ status, complained }).to.deep.equal({ status: 0, complained: "" });
    expect(readFiles(folder.path)["src/extension.ts"]).to.contain("installMirror");
  });
});
