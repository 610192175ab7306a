import { spawnSync } from "node:child_process";
import { chmodSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { writeChanges } from "#dist/cli/adopt/write-changes.js";
import { UsageError } from "#dist/cli/usage-error.js";
import { TemporaryFolder } from "../../support/temporary-folder.js";
import { miniatureHost, readFiles, writeFiles } from "./miniature-hosts.js";

const MAIN = fileURLToPath(import.meta.resolve("#dist/cli/main.js"));

describe("changes of several files", () => {
  let folder: TemporaryFolder;
  beforeEach(() => void (folder = new TemporaryFolder()));
  afterEach(() => folder.remove());

  it("are none where there is no room for one of them, and a sentence names it", () => {
    const files = { ...miniatureHost("file-per-task") };
    const large = Object.keys(files).filter((path) => files[path]!.includes("class ClineProvider"));
    for (const path of large) files[path] += `\n// ${"x".repeat(9_000)}\n`;
    writeFiles(folder.path, files);
    const before = readFiles(folder.path);
    const script = `ulimit -f 4; trap "" XFSZ; exec "$0" "$1" adopt . --yes | cat; exit "\${PIPESTATUS[0]}"`;
    const { status, stderr } = spawnSync("bash", ["-c", script, process.execPath, MAIN], {
      cwd: folder.path,
      encoding: "utf8",
    });
    expect(readFiles(folder.path)).to.deep.equal(before);
    expect(stderr).to.match(/^Nothing was changed: expected to be able to write \S+\/ClineProvider\.ts, got EFBIG\n$/);
    expect(status).to.equal(2);
  });

  it("are put back where one cannot take its place, and keep their modes where all can", async () => {
    writeFiles(folder.path, { "a.ts": "a", "b.ts": "b" });
    const [a, b] = [join(folder.path, "a.ts"), join(folder.path, "b.ts")];
    chmodSync(a, 0o666);
    const changes = [
      { path: a, before: "a", after: "A" },
      { path: b, before: "b", after: "B" },
    ];
    const move = async (from: string, to: string) => {
      if (to.endsWith("b.ts")) throw Object.assign(new Error("busy"), { code: "EBUSY" });
      renameSync(from, to);
    };
    const error: unknown = await writeChanges(changes, move).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(UsageError);
    expect(String(error)).to.match(/write \S+\/b\.ts, got EBUSY$/);
    expect(readFiles(folder.path)).to.deep.equal({ "a.ts": "a", "b.ts": "b" });
    expect(await writeChanges(changes)).to.equal(undefined);
    expect(readFiles(folder.path)).to.deep.equal({ "a.ts": "A", "b.ts": "B" });
    expect(statSync(a).mode & 0o777).to.equal(0o666);
  });
});
