import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import files, { readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import sinon from "sinon";
import { withFileLock } from "#dist/container/file-lock.js";
import { TemporaryFolder } from "../support/temporary-folder.js";

const OWNER = fileURLToPath(new URL("./lock-owner.js", import.meta.url));

/** Soon stale, but not so soon that a busy machine's owner would be. */
const SHORT = { renewMs: 50, staleMs: 1_000, patienceMs: 8_000 };
/** For one that nobody renews. */
const ABANDONED = { ...SHORT, staleMs: 200 };
const IMPATIENT = { ...SHORT, patienceMs: 1_500 };

describe("a lock that is a file", () => {
  let folder: TemporaryFolder;
  let lock: string;
  let owners: ChildProcess[];
  beforeEach(() => {
    folder = new TemporaryFolder();
    lock = join(folder.path, "key.lock");
    owners = [];
  });
  afterEach(() => {
    for (const owner of owners) owner.kill("SIGKILL");
    folder.remove();
  });

  /** Another process that has it. */
  async function startOwner({ renewMs, staleMs, patienceMs } = SHORT): Promise<ChildProcess> {
    const owner = fork(OWNER, [lock, renewMs, staleMs, patienceMs].map(String));
    owners.push(owner);
    expect(await nextWord(owner)).to.equal("held");
    return owner;
  }

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

  it("is not taken over from a process that works for longer than a lock lives, and the error says which file it is", async () => {
    const owner = await startOwner();
    const failure = await withFileLock(lock, async () => "done", IMPATIENT).catch((error: Error) => error);
    expect(failure).to.include({ code: "KEY_RING" }).and.to.have.property("message").that.contains(`delete ${lock}`);
    owner.send("end");
    expect(await nextWord(owner)).to.equal("had it to the end");
    expect(await readdir(folder.path)).to.deep.equal([]);
  });

  it("passes from one process to the next", async () => {
    const owner = await startOwner();
    const done = withFileLock(lock, async () => "done", SHORT);
    owner.send("end");
    expect(await Promise.all([nextWord(owner), done])).to.deep.equal(["had it to the end", "done"]);
  });

  it("is taken over from a process that was killed", async () => {
    const owner = await startOwner();
    owner.kill("SIGKILL");
    await once(owner, "exit");
    expect(await withFileLock(lock, async () => "done", ABANDONED)).to.equal("done");
    expect(await readdir(folder.path)).to.deep.equal([]);
  });

  it("is left to who took it over by the process that it was taken from, which can find out", async () => {
    const owner = await startOwner();
    owner.kill("SIGSTOP");
    const wasOurs = await withFileLock(
      lock,
      async ({ assertHeld }) => {
        owner.kill("SIGCONT");
        owner.send("end");
        expect(await nextWord(owner)).to.equal("lost it");
        await assertHeld();
        return true;
      },
      SHORT,
    );
    expect(wasOurs).to.equal(true);
    expect(await readdir(folder.path)).to.deep.equal([]);
  });

  it("says nothing by the id of a process: one that lives here may have been another's elsewhere", async () => {
    await writeFile(lock, `${process.pid} killed in another container`);
    expect(await withFileLock(lock, async () => "done", ABANDONED)).to.equal("done");
    expect(await readdir(folder.path)).to.deep.equal([]);
  });

  it("is its owner's while it is renewed, though nobody here has that id and the clock there is another", async () => {
    await writeFile(lock, "999999999 at work in another container");
    let seconds = 0;
    const renewal = setInterval(() => void utimes(lock, ++seconds, seconds).catch(() => {}), SHORT.renewMs);
    const failure = await withFileLock(lock, async () => "done", IMPATIENT).catch((error: Error) => error);
    clearInterval(renewal);
    expect(failure).to.have.property("code", "KEY_RING");
    expect(await readFile(lock, "utf8")).to.contain("at work");
  });

  it("is one's alone when several find it left behind at the same moment", async () => {
    await writeFile(lock, "left behind");
    let [inside, most] = [0, 0];
    const work = async () => {
      most = Math.max(most, ++inside);
      await readdir(folder.path);
      inside--;
    };
    await Promise.all(Array.from({ length: 20 }, () => withFileLock(lock, work, SHORT)));
    expect(most).to.equal(1);
    expect(await readdir(folder.path)).to.deep.equal([]);
  });

  it("goes back to whom it belongs, where it was another's by the time it was taken away", async () => {
    await writeFile(lock, "left behind");
    const rename = sinon.stub(files, "rename").callsFake(async (from, to) => {
      rename.restore();
      syncBuiltinESMExports();
      await files.unlink(from);
      await files.writeFile(from, "another's");
      await files.rename(from, to);
    });
    syncBuiltinESMExports();
    const failure = await withFileLock(lock, async () => "done", IMPATIENT).catch((error: Error) => error);
    expect(failure).to.have.property("code", "KEY_RING");
    expect(rename.calledOnce).to.equal(true);
    expect(await readFile(lock, "utf8")).to.equal("another's");
    expect(await readdir(folder.path)).to.deep.equal(["key.lock"]);
  });
});

async function nextWord(owner: ChildProcess): Promise<unknown> {
  const [word] = (await once(owner, "message")) as [unknown];
  return word;
}
