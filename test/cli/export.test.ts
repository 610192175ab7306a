import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import { runCommand } from "../support/command.js";
import { hurriedMirror, KEY, saveBriefly } from "../support/mirrors.js";
import { RedisCluster } from "../support/redis-cluster.js";
import { RedisServer } from "../support/redis-server.js";
import { TemporaryFolder } from "../support/temporary-folder.js";

const OTHER_KEY = `${"A".repeat(42)}E`;
const SECRET = "sk-ant-canary-7f3a9e";
const PROFILES = { currentApiConfigName: "a", apiConfigs: { a: { apiKey: SECRET } } };

function tasks(...ids: string[]) {
  return ids.map((id, index) => ({ id, ts: 1_764_018_000_000 - index, number: 1, task: `do ${id}` }));
}

interface Document {
  userId: string;
  isDecrypted: boolean;
  records: Record<string, any>[];
}

describe("export and import", function () {
  // Each command is a process of its own.
  this.timeout(60_000);
  let server: RedisServer;
  let folder: TemporaryFolder;
  let file: string;
  let env: Record<string, string>;
  before(async () => (server = await RedisServer.start()));
  after(() => server.kill());
  beforeEach(async () => {
    folder = new TemporaryFolder();
    file = join(folder.path, "alice.json");
    const place = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port), XDG_CONFIG_HOME: folder.path };
    env = { ...place, ROO_USER_ID: "alice", ROO_MIRROR_KEY: KEY };
    await (await server.client()).flushAll();
  });
  afterEach(() => folder.remove());

  const run = (...args: string[]) => runCommand(env, ...args);
  const documentOf = (text: string) => JSON.parse(text) as Document;
  const read = async (userId: string, record: string, options: { instanceId?: string; keys?: string[] } = {}) => {
    const { mirror, service } = hurriedMirror(server.port, { userId, ...options });
    const value = await service.get({ userId, record });
    await mirror.close();
    return value;
  };
  const versionsOf = async (record: string) =>
    (JSON.parse((await run("history", record, "--json")).stdout) as { version: string; isCurrent: boolean }[]).map(
      ({ version, isCurrent }) => `${isCurrent ? "*" : ""}${version}`,
    );

  /** A bit of everything: instances, versions that were overwritten, secrets, lists. */
  async function seed(): Promise<void> {
    for (const text of ["one", "two"]) await saveBriefly(server.port, {}, { provider: { ...PROFILES, text } });
    await saveBriefly(server.port, {}, { taskHistory: tasks("a", "b~c"), customInstructions: "Be brief." });
    await saveBriefly(server.port, { instanceId: "笔记本" }, { customInstructions: "Sei kurz." });
  }

  it("put everything back into an empty server: values, versions, what was kept, of all instances", async () => {
    await seed();
    const before = await versionsOf("provider");
    expect(before).to.have.length(2);
    expect(await run("export", "--output", file)).to.deep.equal({
      status: 0,
      stdout: `${file} holds 4 records of \`alice\`.\n`,
      stderr: "",
    });
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    const client = await server.client();
    await client.flushAll();
    const { status, stdout } = await run("import", file, "--yes");
    expect(stdout.split("\n").map((line) => line.split(/ {2,}/))).to.deep.equal([
      ["As `alice`'s:"],
      ["RECORD", "INSTANCE", "BECOMES"],
      ["customInstructions", "(shared)", "saved"],
      ["customInstructions", "笔记本", "saved"],
      ["provider", "(shared)", "saved, with 1 kept before it"],
      ["taskHistory", "(shared)", "2 items added, or brought up to date"],
      ["Done."],
      [""],
    ]);
    expect(status).to.equal(0);
    expect(await read("alice", "provider")).to.deep.equal({ ...PROFILES, text: "two" });
    expect(await read("alice", "taskHistory")).to.deep.equal(tasks("a", "b~c"));
    expect(await read("alice", "customInstructions", { instanceId: "笔记本" })).to.equal("Sei kurz.");
    expect(await versionsOf("provider")).to.deep.equal(before);
    expect(await client.ttl("roo:alice:taskHistory")).to.be.within(604_700, 604_800);
    const again = await run("export");
    const [first, second] = [documentOf(readFileSync(file, "utf8")), documentOf(again.stdout)];
    expect(second.records.map(({ kept: _kept, ...record }) => record)).to.deep.equal(
      first.records.map(({ kept: _kept, ...record }) => record),
    );
  });

  it("do nothing the second time", async () => {
    await seed();
    await run("export", "--output", file);
    const { stdout, status } = await run("import", file, "--json", "--yes");
    const report = JSON.parse(stdout) as { isDone: boolean; records: { kind: string }[] };
    expect(report.isDone).to.equal(false);
    expect(report.records.map(({ kind }) => kind)).to.deep.equal(["nothing", "nothing", "nothing", "nothing"]);
    expect(status).to.equal(0);
  });

  it("overwrite nothing newer, and keep what they overwrite", async () => {
    await saveBriefly(
      server.port,
      {},
      { customInstructions: "old", customModes: [{ slug: "a" }], taskHistory: tasks("a", "b") },
    );
    await run("export", "--output", file);
    await saveBriefly(server.port, {}, { customInstructions: "new", taskHistory: [...tasks("c"), ...tasks("a")] });
    const client = await server.client();
    // Older than what was exported.
    await client.set("roo:alice:customModes", JSON.stringify([{ slug: "older" }]));
    const { version } = documentOf(readFileSync(file, "utf8")).records.find(({ record }) => record === "customModes")!;
    const older = String(version).replace(/^\d+/, "1700000000000");
    await client.set("roo:alice:~version:customModes", older);
    const [current] = await versionsOf("customInstructions");
    expect((await run("import", file, "--yes")).stdout)
      .to.match(/customModes +\(shared\) +saved over an older one, which is kept\n/)
      .and.to.match(/customInstructions +\(shared\) +nothing to do: it is there already, or a later one\n/);
    expect((await versionsOf("customInstructions"))[0]).to.equal(current);
    expect(await read("alice", "customInstructions")).to.equal("new");
    expect(await read("alice", "customModes")).to.deep.equal([{ slug: "a" }]);
    // Also where the same one had saved it.
    expect(await versionsOf("customModes")).to.include(older);
    const ids = ((await read("alice", "taskHistory")) as { id: string }[]).map(({ id }) => id);
    expect(ids).to.include("c");
  });

  it("keep beside a later one what the file has, if nothing there has seen it", async () => {
    await saveBriefly(server.port, {}, { customInstructions: "of the file" });
    await run("export", "--output", file);
    const client = await server.client();
    await client.flushAll();
    await saveBriefly(server.port, {}, { customInstructions: "later" });
    expect((await run("import", file, "--yes")).stdout).to.contain("stays as it is, since it is later");
    expect(await read("alice", "customInstructions")).to.equal("later");
    const [current, kept] = await versionsOf("customInstructions");
    expect([current!.startsWith("*"), kept!.startsWith("*")]).to.deep.equal([true, false]);
    expect((await run("import", file, "--yes")).stdout).to.contain("nothing to do");
  });

  it("do not bring back what was deleted since", async () => {
    await saveBriefly(server.port, {}, { taskHistory: tasks("a", "b") });
    await run("export", "--output", file);
    const { mirror, service } = hurriedMirror(server.port);
    service.set({ userId: "alice", record: "taskHistory" }, tasks("a", "b"));
    await mirror.flush();
    service.set({ userId: "alice", record: "taskHistory" }, tasks("a"));
    await mirror.close();
    expect((await run("import", file, "--yes")).stdout).to.contain("nothing to do");
    expect(await read("alice", "taskHistory")).to.deep.equal(tasks("a"));
  });

  it("leave secrets encrypted, and have them in clear text only where that was asked for", async () => {
    await seed();
    const { stdout } = await run("export");
    expect(stdout).not.to.contain(SECRET);
    const provider = documentOf(stdout).records.find(({ record }) => record === "provider");
    expect(provider).to.include({ isEncrypted: true }).and.not.to.have.property("value");
    expect(provider!["jwe"]).to.equal(await server.get("roo:alice:provider"));
    for (const args of [["--decrypt"], ["--decrypt", "--json"]]) {
      const refused = await run("export", ...args);
      expect(refused.stderr).to.contain("Expected --output FILE with --decrypt, or --force");
      expect([refused.status, refused.stdout]).to.deep.equal([2, ""]);
    }
    expect((await run("export", "--decrypt", "--output", file)).stdout).to.contain("secrets in clear text");
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    const open = documentOf(readFileSync(file, "utf8"));
    expect([open.isDecrypted, open.records[2]!["value"]]).to.deep.equal([true, { ...PROFILES, text: "two" }]);
    expect((await run("export", "--decrypt", "--force")).stdout).to.contain(SECRET);
    // And go back encrypted.
    const client = await server.client();
    await client.flushAll();
    expect((await run("import", file, "--yes")).status).to.equal(0);
    expect(await server.get("roo:alice:provider"))
      .to.contain('{"protected":')
      .and.not.to.contain(SECRET);
    expect(await read("alice", "provider")).to.deep.equal({ ...PROFILES, text: "two" });
  });

  it("leave out a secret that lies open in Redis, and say so", async () => {
    await (await server.client()).set("roo:alice:provider", JSON.stringify(PROFILES));
    const { status, stdout, stderr } = await run("export");
    expect(stderr).to.equal(
      "Not in it:\n  roo:alice:provider: It lies open in Redis: `redis-mirrored migrate` encrypts it.\n",
    );
    expect(status).to.equal(1);
    expect(stdout).not.to.contain(SECRET);
    const program = await run("export", "--json");
    const { error } = JSON.parse(program.stderr) as { error: { code: string } };
    expect([program.status, error.code]).to.deep.equal([1, "INCOMPLETE"]);
  });

  it("encrypt anew for another user, and refuse where the key is not there", async () => {
    await seed();
    await run("export", "--output", file);
    const without = await runCommand({ ...env, ROO_MIRROR_KEY: OTHER_KEY }, "import", file, "--user", "bob", "--yes");
    expect(without.stdout).to.match(
      /provider +\(shared\) +not put back: it is encrypted for roo:alice:provider with the key 8WO9vYBopsW\w*, which is not at hand to encrypt it for roo:bob:provider\n/,
    );
    expect([without.status, await server.get("roo:bob:provider")]).to.deep.equal([1, null]);
    expect(await read("bob", "taskHistory")).to.deep.equal(tasks("a", "b~c"));
    const both = { ...env, ROO_MIRROR_KEY: `${OTHER_KEY},${KEY}` };
    expect((await runCommand(both, "import", file, "--user", "bob", "--yes")).status).to.equal(0);
    expect(await read("bob", "provider", { keys: [OTHER_KEY] })).to.deep.equal({ ...PROFILES, text: "two" });
  });

  it("put back under the same name also what no key here opens", async () => {
    await seed();
    await run("export", "--output", file);
    const stored = await server.get("roo:alice:provider");
    const client = await server.client();
    await client.flushAll();
    const { status } = await runCommand({ ...env, ROO_MIRROR_KEY: OTHER_KEY }, "import", file, "--yes");
    expect([status, await server.get("roo:alice:provider")]).to.deep.equal([0, stored]);
  });

  it("read what is compressed, and records of the host's own", async () => {
    const client = await server.client();
    await client.set("roo:alice:taskHistory", gzipSync(JSON.stringify(tasks("a", "b"))));
    await client.set("roo:alice:bookmarks", '{"a":[1,2]}');
    await run("export", "--output", file);
    expect(documentOf(readFileSync(file, "utf8")).records.map(({ record, value }) => [record, value])).to.deep.equal([
      ["bookmarks", { a: [1, 2] }],
      ["taskHistory", tasks("a", "b")],
    ]);
    await client.flushAll();
    expect((await run("import", file, "--yes")).status).to.equal(0);
    expect(JSON.parse((await server.get("roo:alice:bookmarks"))!)).to.deep.equal({ a: [1, 2] });
    expect(await read("alice", "taskHistory")).to.deep.equal(tasks("a", "b"));
  });

  it("ask before anything is changed, and change nothing with --dry-run", async () => {
    await seed();
    await run("export", "--output", file);
    const client = await server.client();
    await client.flushAll();
    const unasked = await run("import", file);
    expect(unasked.stderr).to.contain("Expected --yes or --dry-run where nobody can be asked, got neither");
    expect(unasked.status).to.equal(2);
    // What is to be done is in the document, which comes after the question.
    const { status, stdout, stderr } = await run("import", file, "--json");
    expect([status, stdout]).to.deep.equal([2, ""]);
    expect(stderr).to.contain("Expected --yes or --dry-run with --json, got neither");
    expect((await run("import", file, "--dry-run")).stdout).to.contain("saved, with 1 kept before it");
    expect(await client.dbSize()).to.equal(0);
  });

  it("do not write over a file, and leave no draft", async () => {
    await seed();
    writeFileSync(file, "mine");
    const { status, stderr } = await run("export", "--output", file);
    expect([status, stderr]).to.deep.equal([1, `${file} is there already, and stays as it is.\n`]);
    expect(readFileSync(file, "utf8")).to.equal("mine");
    const nowhere = await run("export", "--output", join(folder.path, "no/alice.json"));
    expect([nowhere.status, nowhere.stderr]).to.deep.equal([
      1,
      `${join(folder.path, "no/alice.json")} cannot be written: ENOENT.\n`,
    ]);
  });

  for (const [title, text, said] of [
    ["is no JSON", SECRET, "it is not JSON"],
    ["is another document", `{"a":"${SECRET}"}`, "does not say that it does"],
    ["is of a later form", '{"format":"redis-mirrored export","formatVersion":2}', "be of form 1"],
    ["names no user", '{"format":"redis-mirrored export","formatVersion":1}', "name a user"],
    ["is nested too deeply", `${"[".repeat(600)}${"]".repeat(600)}`, "nested deeper than 500 levels"],
    [
      "would change every object",
      document([{ record: "customModes", value: JSON.parse('{"__proto__":{}}') }]),
      "inherits",
    ],
    ["has a record without a name", document([{ record: "a:b" }]), "name each record, at `records[0]`"],
    ["has a version that is none", document([{ record: "a", version: "9" }]), "have a version as the mirror writes it"],
    ["has items without ids", document([{ record: "taskHistory", items: [{}] }]), "have items with an id"],
  ] as const)
    it(`refuse a file that ${title}, and quote nothing of it`, async () => {
      writeFileSync(file, text);
      const { status, stdout, stderr } = await run("import", file, "--yes");
      expect(stderr).to.contain(`Expected ${file} to `).and.to.contain(said).and.not.to.contain(SECRET);
      expect([status, stdout]).to.deep.equal([1, ""]);
      expect(await (await server.client()).dbSize()).to.equal(0);
    });

  it("refuse of a file what would harm, and put back the rest", async () => {
    const client = await server.client();
    await client.set("roo:alice:customModes", '["somebody else\'s"]');
    const far = "9999999999999-0000-evil";
    const version = "1764018000123-0000-w1";
    const item = { id: "a", version, recency: 1, value: { id: "b", ts: 1 } };
    const records = [
      { record: "customInstructions", version: far, value: "from the future" },
      { record: "pinnedApiConfigs", version, value: { a: true } },
      { record: "customModes", version, value: [{ slug: "a" }] },
      { record: "taskHistory", version, items: [item] },
      { record: "provider", version, jwe: '{"protected":"nonsense"}' },
    ];
    writeFileSync(file, document(records));
    const { status, stdout } = await run("import", file, "--yes");
    expect(status).to.equal(1);
    expect(
      stdout.split("\n").flatMap((line) => / {2,}(not put back: .*|saved.*)$/.exec(line)?.[1] ?? []),
    ).to.deep.equal([
      "not put back: its version is from the future",
      "saved",
      "not put back: roo:alice:customModes is there, and nothing beside it says how old it is",
      "not put back: an item is not the one that its id says",
      "not put back: it is not encrypted as the mirror does it",
    ]);
    expect(await read("alice", "pinnedApiConfigs")).to.deep.equal({ a: true });
    expect(await server.get("roo:alice:customInstructions")).to.equal(null);
  });

  it("put back a kept version that nothing said the age of", async () => {
    const client = await server.client();
    await saveBriefly(server.port, {}, { provider: { ...PROFILES, text: "one" } });
    await client.del("roo:alice:~version:provider");
    await saveBriefly(server.port, {}, { provider: { ...PROFILES, text: "two" } });
    await run("export", "--output", file);
    const before = await versionsOf("provider");
    expect(before[1]).to.equal("0000000000000-0000-unknown");
    await client.flushAll();
    expect((await run("import", file, "--yes")).status).to.equal(0);
    expect((await run("import", file, "--user", "bob", "--yes")).status).to.equal(0);
    expect(await versionsOf("provider")).to.deep.equal(before);
    for (const user of ["alice", "bob"]) {
      const { records } = documentOf((await run("export", user, "--decrypt", "--force")).stdout);
      expect([records[0]!["value"].text, records[0]!["kept"][0].value.text]).to.deep.equal(["two", "one"]);
    }
  });

  it("put back a record also where one of its kept versions cannot be, and say so", async () => {
    await saveBriefly(server.port, { keys: [KEY] }, { provider: { ...PROFILES, text: "one" } });
    await saveBriefly(server.port, { keys: [OTHER_KEY, KEY] }, { provider: { ...PROFILES, text: "two" } });
    await run("export", "--output", file);
    const other = { ...env, ROO_MIRROR_KEY: OTHER_KEY };
    const { status, stdout } = await runCommand(other, "import", file, "--user", "bob", "--yes");
    expect(stdout).to.match(/provider +\(shared\) +saved\n/);
    expect(stdout).to.match(/^roo:bob:provider: the kept version \d{13}-\S+ is not put back: it is encrypted for .*$/m);
    expect(status).to.equal(1);
    expect(await read("bob", "provider", { keys: [OTHER_KEY] })).to.deep.equal({ ...PROFILES, text: "two" });
  });

  for (const [title, keptAtMs] of [
    ["that a clock ahead has made later than it", Date.now() - 1_000],
    ["from a future that nobody believes", Date.now() + 7 * 24 * 3_600_000],
  ] as const)
    it(`put back a record, and not a kept version ${title}`, async () => {
      const kept = [{ version: `${keptAtMs}-0000-w2`, value: "wrong clock" }];
      writeFileSync(
        file,
        document([{ record: "customInstructions", version: "1764018000123-0000-w1", value: "right", kept }]),
      );
      const { status, stdout } = await run("import", file, "--json", "--yes");
      const [report] = (JSON.parse(stdout) as Document).records;
      expect([status, report!["kind"], report!["leftOut"]]).to.deep.equal([
        1,
        "save",
        [{ version: kept[0]!.version, reason: "it says that it is later than the record" }],
      ]);
      expect(await read("alice", "customInstructions")).to.equal("right");
      expect(await versionsOf("customInstructions")).to.deep.equal(["*1764018000123-0000-w1"]);
    });

  it("take a value that nothing says the age of for later than what was kept of it", async () => {
    const kept = [{ version: "1764018000123-0000-w1", value: "older" }];
    writeFileSync(file, document([{ record: "customInstructions", version: null, value: "current", kept }]));
    for (const kind of ["save", "nothing"]) {
      const { records } = documentOf((await run("import", file, "--json", "--yes")).stdout);
      expect(records[0]!["kind"]).to.equal(kind);
    }
    expect(await read("alice", "customInstructions")).to.equal("current");
    expect(await versionsOf("customInstructions")).to.deep.equal([
      "*1764018000124-0000-imported",
      "1764018000123-0000-w1",
    ]);
  });

  describe("where no room is left for more versions", () => {
    const KEPT = "roo:alice:~kept:customModes";
    const versionAt = (second: number, writer: string) => `${1_764_018_000_000 + 1_000 * second}-0000-${writer}`;
    const genuine = Array.from({ length: 16 }, (_none, index) => versionAt(10 * index, "genuine"));
    beforeEach(async () => {
      const client = await server.client();
      await client.hSet(KEPT, Object.fromEntries(genuine.map((each) => [each, '["a"]'])));
      await client.set("roo:alice:customModes", '["current"]');
      await client.set("roo:alice:~version:customModes", versionAt(500, "genuine"));
    });

    const imported = async (current: number, ...kept: number[]) => {
      const versions = kept.map((second) => ({ version: versionAt(second, "filed"), value: ["filed", second] }));
      const version = versionAt(current, "filed");
      writeFileSync(file, document([{ record: "customModes", version, value: ["filed"], kept: versions }]));
      const planned = await run("import", file, "--dry-run");
      const { status, stdout } = await run("import", file, "--yes", "--json");
      const [report] = (JSON.parse(stdout) as Document).records;
      return { planned: planned.stdout, status, report: report!, kept: await (await server.client()).hKeys(KEPT) };
    };

    it("leave those that are there, and say which of the file's are left out", async () => {
      const { planned, status, report, kept } = await imported(400, 201, 202);
      expect(kept.sort()).to.deep.equal(genuine);
      expect(planned).to.contain("nothing to do: a later one is there, and stays\n");
      expect(planned).to.match(
        /: the file's versions \S+-filed, \S+-filed, \S+-filed are not put back: Redis keeps 16 versions of a record /,
      );
      expect([report["kind"], report["leftOut"].length, report["pushedOut"], status]).to.deep.equal([
        "nothing",
        3,
        0,
        1,
      ]);
    });

    it("put back the latest of the file's that fit, and leave out the oldest", async () => {
      await (await server.client()).hDel(KEPT, genuine.slice(0, 2));
      const { report, kept } = await imported(400, 201, 202);
      expect(kept.sort()).to.deep.equal([...genuine.slice(2), versionAt(202, "filed"), versionAt(400, "filed")]);
      expect(report["leftOut"].map(({ version }: { version: string }) => version)).to.deep.equal([
        versionAt(201, "filed"),
      ]);
    });

    it("say that one goes for the one that is overwritten", async () => {
      const { planned, status, report, kept } = await imported(600);
      expect(planned).to.contain("saved over an older one, which is kept, and pushes out 1 of the 16 that were kept\n");
      expect([report["pushedOut"], status]).to.deep.equal([1, 0]);
      expect(kept).to.have.length(16).and.to.include(versionAt(500, "genuine"));
    });
  });

  describe("where everything is encrypted", () => {
    const importAll = (...args: string[]) => runCommand({ ...env, ROO_MIRROR_ENCRYPT: "all" }, "import", file, ...args);
    const readAll = async (record: string) => {
      const { mirror, service } = hurriedMirror(server.port, { encrypt: "all" });
      const value = await service.get({ userId: "alice", record });
      await mirror.close();
      return value;
    };

    it("put a list back as one value, encrypted", async () => {
      await saveBriefly(server.port, {}, { taskHistory: tasks("a", "b~c", "d") });
      await run("export", "--output", file);
      const client = await server.client();
      await client.flushAll();
      const { status, stdout } = await importAll("--yes");
      expect(stdout).to.match(/taskHistory +\(shared\) +saved\n/);
      expect(status).to.equal(0);
      expect(await client.keys("*")).to.have.members(["roo:alice:taskHistory", "roo:alice:~version:taskHistory"]);
      expect(await server.get("roo:alice:taskHistory")).to.match(/^\{"protected":/);
      expect(await readAll("taskHistory")).to.deep.equal(tasks("a", "b~c", "d"));
      expect((await importAll("--yes")).stdout).to.contain("nothing to do");
    });

    it("put one back so that was exported in clear text", async () => {
      await saveBriefly(server.port, { encrypt: "all" }, { taskHistory: tasks("a", "b") });
      await run("export", "--decrypt", "--output", file);
      await (await server.client()).flushAll();
      expect((await importAll("--yes")).status).to.equal(0);
      expect(await server.get("roo:alice:taskHistory")).to.match(/^\{"protected":/);
      expect(await readAll("taskHistory")).to.deep.equal(tasks("a", "b"));
    });

    it("say that what lies open is not kept, where it is overwritten", async () => {
      await saveBriefly(server.port, {}, { customInstructions: "of the file" });
      await run("export", "--output", file);
      const client = await server.client();
      await client.set("roo:alice:customInstructions", '"older"');
      await client.set("roo:alice:~version:customInstructions", "1700000000000-0000-w1");
      const { stdout } = await importAll("--yes");
      expect(stdout).to.contain("saved over an older one, which is not encrypted, and so not kept\n");
      expect(await client.exists("roo:alice:~kept:customInstructions")).to.equal(0);
      expect(await readAll("customInstructions")).to.equal("of the file");
    });

    it("count what is kept and lies open for nothing: it goes, which is said, unless the file has it", async () => {
      const versionAt = (second: number, writer: string) => `${1_764_018_000_000 + 1_000 * second}-0000-${writer}`;
      const open = Array.from({ length: 16 }, (_none, index) => versionAt(index, "w1"));
      const client = await server.client();
      await client.hSet("roo:alice:~kept:customModes", Object.fromEntries(open.map((each) => [each, '["open"]'])));
      await client.set("roo:alice:customModes", '["current"]');
      await client.set("roo:alice:~version:customModes", versionAt(500, "w2"));
      const kept = [open[0]!, versionAt(501, "filed"), versionAt(502, "filed")];
      writeFileSync(
        file,
        document([
          {
            record: "customModes",
            version: versionAt(600, "filed"),
            value: ["filed"],
            kept: kept.map((version) => ({ version, value: [version] })),
          },
        ]),
      );
      expect((await importAll("--dry-run")).stdout).to.contain(
        "saved over an older one, which is not encrypted, and so not kept, with 3 kept before it; 15 kept versions are not encrypted, and not kept on\n",
      );
      const { status, stdout } = await importAll("--yes", "--json");
      const [report] = (JSON.parse(stdout) as Document).records;
      expect([status, report!["leftOut"], report!["pushedOut"]]).to.deep.equal([0, [], 15]);
      expect(await client.hKeys("roo:alice:~kept:customModes")).to.have.members(kept);
      expect((await importAll("--yes")).stdout).to.contain("nothing to do");
    });

    it("refuse one where a list still lies open, and leave that", async () => {
      await saveBriefly(server.port, {}, { taskHistory: tasks("a") });
      await run("export", "--output", file);
      await saveBriefly(server.port, {}, { taskHistory: tasks("a", "b") });
      const before = await server.get("roo:alice:taskHistory");
      const { status, stdout } = await importAll("--yes");
      expect(stdout).to.contain(
        "not put back: a list lies there that is not encrypted, and ROO_MIRROR_ENCRYPT=all is set",
      );
      expect([status, await server.get("roo:alice:taskHistory")]).to.deep.equal([1, before]);
    });

    it("encrypt a record of the host's own too", async () => {
      const items = [{ id: "x", version: "1764018000123-0000-w1", recency: 1, value: { id: "x" } }];
      const version = "1764018000123-0000-w1";
      writeFileSync(
        file,
        document([
          { record: "notes", version, value: SECRET },
          { record: "bookmarks", items },
        ]),
      );
      expect((await importAll("--yes")).status).to.equal(0);
      for (const record of ["notes", "bookmarks"])
        expect(await server.get(`roo:alice:${record}`)).to.match(/^\{"protected":/);
    });
  });

  it("say that nothing was put back where Redis takes nothing", async () => {
    await saveBriefly(server.port, {}, { customInstructions: "Be brief." });
    await run("export", "--output", file);
    const client = await server.client();
    await client.flushAll();
    await client.configSet("maxmemory", "1");
    const { status, stdout } = await run("import", file, "--yes");
    await client.configSet("maxmemory", "0");
    expect(stdout).to.match(/roo:alice:customInstructions: not put back: .+\nNothing was put back\.\n$/);
    expect(status).to.equal(1);
  });

  it("refuse what is no file", async () => {
    mkdirSync(file);
    const pipe = join(folder.path, "pipe");
    spawnSync("mkfifo", [pipe]);
    for (const [name, kind] of [
      [file, "a directory"],
      [pipe, "a pipe"],
      ["/dev/null", "a device"],
    ] as const)
      expect(await run("import", name, "--yes")).to.deep.equal({
        status: 1,
        stdout: "",
        stderr: `Expected ${name} to be a regular file, got ${kind}.\n`,
      });
    expect((await run("import", join(folder.path, "none"))).stderr).to.contain("cannot be read: ENOENT");
  });

  it("move a user to a cluster, where names are others", async () => {
    await seed();
    await run("export", "--output", file);
    const cluster = await RedisCluster.start();
    try {
      const { REDIS_HOST: _host, REDIS_PORT: _port, ...rest } = env;
      const there = { ...rest, REDIS_CLUSTER: cluster.addresses };
      expect((await runCommand(there, "import", file, "--yes")).status).to.equal(0);
      const { stdout } = await runCommand(there, "export", "--decrypt", "--force");
      expect(documentOf(stdout).records[2]!["value"]).to.deep.equal({ ...PROFILES, text: "two" });
    } finally {
      await cluster.stop();
    }
  });
});

/** As `export` writes it. */
function document(records: readonly object[]): string {
  const text = JSON.stringify({ format: "redis-mirrored export", formatVersion: 1, userId: "alice", records });
  return text;
}
