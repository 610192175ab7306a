import { spawnSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { withFileLock } from "#dist/container/file-lock.js";
import { TemporaryFolder } from "../support/temporary-folder.js";

describe("a lock that is a file", () => {
  let folder: TemporaryFolder;
  let lock: string;
  beforeEach(() => {
    folder = new TemporaryFolder();
    lock = join(folder.path, "key.lock");
  });
  afterEach(() => folder.remove());

  it("lets one at a time do its work, and leaves nothing behind", async () => {
    let [inside, most] = [0, 0];
    const done = await Promise.all(
      Array.from({ length: 10 }, (_none, index) =>
        withFileLock(lock, async () => {
          most = Math.max(most, ++inside);
          await readdir(folder.path);
          inside--;
          return index;
        }),
      ),
    );
    expect([most, done]).to.deep.equal([1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
    expect(await readdir(folder.path)).to.deep.equal([]);
  });

  it("is let go of when the work fails", async () => {
    const failure = await withFileLock(lock, () => Promise.reject(new Error("disk full"))).catch(
      (error: Error) => error,
    );
    expect(failure).to.have.property("message", "disk full");
    expect(await withFileLock(lock, async () => "done")).to.equal("done");
  });

  it("is taken over from a process that is no more", async () => {
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    await writeFile(lock, `${pid} left behind`);
    expect(await withFileLock(lock, () => readFile(lock, "utf8"))).to.match(new RegExp(`^${process.pid} `));
    expect(await readdir(folder.path)).to.deep.equal([]);
  });

  it("is not taken over from one that lives, and the error says which file it is", async () => {
    await writeFile(lock, `${process.pid} at it`);
    const failure = await withFileLock(lock, async () => "done").catch((error: Error) => error);
    expect(failure).to.have.property("message").that.contains(`delete ${lock}`);
    expect(await readFile(lock, "utf8")).to.equal(`${process.pid} at it`);
  }).timeout(10_000);
});
