import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { openFileContext } from "#dist/extension/file-context.js";

describe("the file-backed context", () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), "redis-mirrored-"))));
  afterEach(() => rm(folder, { recursive: true }));

  it("holds after a restart what was stored before", async () => {
    const first = await openFileContext(folder);
    await Promise.all([
      first.globalState.update("a", { b: [1] }),
      first.globalState.update("gone", 1),
      first.secrets.store("s", "t"),
    ]);
    await first.globalState.update("gone", undefined);
    await first.dispose();

    const second = await openFileContext(folder);
    expect(second.globalState.keys()).to.deep.equal(["a"]);
    expect(second.globalState.get("a")).to.deep.equal({ b: [1] });
    expect(second.globalState.get("gone", "fallback")).to.equal("fallback");
    expect(await second.secrets.get("s")).to.equal("t");
  });

  it("keeps secrets in a file that only its owner may read", async () => {
    const context = await openFileContext(folder);
    await context.secrets.store("s", "t");
    expect((await stat(join(folder, "secrets.json"))).mode & 0o777).to.equal(0o600);
  });

  it("does not let a later change of a stored object show", async () => {
    const context = await openFileContext(folder);
    const value = { count: 1 };
    const stored = context.globalState.update("a", value);
    value.count = 2;
    await stored;
    expect(context.globalState.get("a")).to.deep.equal({ count: 1 });
  });

  it("replaces its files whole, and leaves no draft behind", async () => {
    const context = await openFileContext(folder);
    await Promise.all(Array.from({ length: 50 }, (_write, index) => context.globalState.update("a", index)));
    expect(await readdir(folder)).to.deep.equal(["state.json"]);
    expect(JSON.parse(await readFile(join(folder, "state.json"), "utf8"))).to.deep.equal({ a: 49 });
  });

  it("refuses a file that is not its own, and leaves it as it was", async () => {
    await writeFile(join(folder, "state.json"), "[]");
    const error = await openFileContext(folder).then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error?.message).to.contain("to hold a JSON object").and.to.contain("state.json");
    expect(await readFile(join(folder, "state.json"), "utf8")).to.equal("[]");
  });
});
