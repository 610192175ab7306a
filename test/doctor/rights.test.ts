import { expect } from "chai";
import { FEATURE_COMMANDS, MIRROR_COMMANDS } from "#dist/doctor/access.js";
import { commandsOf, documentedAdditions, documentedRules } from "../security/documented-access.js";
import { RedisServer } from "../support/redis-server.js";
import { ScriptedServer } from "../support/scripted-server.js";
import { until } from "../support/until.js";
import { expectOne, findingsAt, of, troubles } from "./diagnosis.js";

const ACCOUNT = { username: "mirror", password: "ours" };

describe("the doctor, of what the account may do", () => {
  let server: RedisServer;
  let send: (...command: string[]) => Promise<unknown>;
  before(async () => {
    server = await RedisServer.start();
    const client = await server.client();
    send = (...command) => client.sendCommand(command);
  });
  after(() => server.kill());
  beforeEach(() => send("FLUSHALL"));

  const allow = (...rules: string[]) =>
    send("ACL", "SETUSER", ACCOUNT.username, "reset", `>${ACCOUNT.password}`, ...rules);
  const findings = (options: Parameters<typeof findingsAt>[1] = {}) =>
    findingsAt(server.port, { ...options, redis: { ...ACCOUNT, ...options.redis } });

  const missing = async (options: Parameters<typeof findings>[0] = {}) => troubles(await findings(options));

  it("knows the commands of docs/access.md, and no others", () => {
    expect([...MIRROR_COMMANDS].sort()).to.deep.equal(commandsOf(documentedRules()).sort());
    for (const [feature, commands] of Object.entries(FEATURE_COMMANDS))
      expect([...commands], feature).to.deep.equal(commandsOf(documentedAdditions(feature)));
  });

  it("is content with the account of docs/access.md, and says what it may not look at", async () => {
    await allow(...documentedRules());
    const found = await findings();
    expect(troubles(found)).to.deep.equal([]);
    const [good, lacking] = of(found, "rights");
    expect(good).to.include({ severity: "ok" });
    expect(lacking).to.include({ severity: "note" });
    expect(lacking!.remedy).to.contain("`ACL SETUSER USERNAME +scan +ttl +unlink +memory|usage`");
    expectOne(found, "memory", "note", "were not looked at", "`ACL SETUSER USERNAME +info +time +config|get`");
    expectOne(found, "records", "note", "may not list keys", "+scan +ttl");
    for (const check of ["clock", "eviction", "persistence", "skipped"] as const)
      expect(of(found, check), check).to.deep.equal([]);
    expectOne(found, "server", "ok", "Redis");
    expectOne(found, "role", "ok", "primary");
    expect(found.filter(({ severity }) => severity === "note").map(({ check }) => check)).to.deep.equal([
      "rights",
      "memory",
      "records",
    ]);
  });

  it("looks at everything with what docs/access.md adds for that", async () => {
    await allow(...documentedRules(), ...["the doctor", "the commands"].flatMap(documentedAdditions));
    const found = await findings();
    expect(troubles(found)).to.deep.equal([]);
    for (const check of ["rights", "memory", "eviction", "persistence", "clock", "records", "decryption"] as const)
      expect(of(found, check), check).to.have.length(1);
    // Tests' servers keep nothing.
    expect(found.filter(({ severity }) => severity === "note").map(({ check }) => check)).to.deep.equal([
      "persistence",
    ]);
    await allow(...documentedRules(), "+info");
    expectOne(await findings(), "clock", "note", "may not ask the server for the time", "+time");
    expectOne(await findings(), "persistence", "note", "it does not tell this account");
  });

  for (const command of MIRROR_COMMANDS)
    it(`misses ${command}`, async () => {
      await allow(...documentedRules(), `-${command}`);
      expectOne(
        await missing(),
        "rights",
        "error",
        `may not do what the mirror does: ${command}.`,
        `\`ACL SETUSER USERNAME +${command}\``,
      );
    });

  it("misses all that is missing at once, also where it may not even name its connection", async () => {
    await allow(...documentedRules(), "-hget", "-evalsha");
    expectOne(await missing(), "rights", "error", "does: evalsha and hget.", "+evalsha +hget");
    await allow(...documentedRules(), "-client|setname", "-hget");
    expectOne(await missing(), "rights", "error", "does: client|setname and hget.", "+client|setname +hget");
  });

  it("looks at everything else where it may not name its connection", async () => {
    const more = ["the doctor", "the commands", "live sharing"].flatMap(documentedAdditions);
    const rules = more.map((rule) => rule.replace("ALICE", "alice"));
    await allow(...documentedRules(), ...rules, "-client|setname");
    const found = await findings({ share: "live" });
    expect(troubles(found).map(({ check }) => check)).to.deep.equal(["rights"]);
    for (const check of ["sharing", "records"] as const) expectOne(found, check, "ok", /./);
    expect(of(found, "skipped")).to.deep.equal([]);
  });

  it("misses the user's keys, or to write there", async () => {
    const withKeys = (keys: string) => documentedRules().map((rule) => (rule === "~roo:*" ? keys : rule));
    await allow(...withKeys("~roo:bob:*"));
    expectOne(await missing(), "rights", "error", "does not reach this user's keys, `roo:alice:*`.", "~roo:alice:*");
    await allow(...withKeys("%R~roo:alice:*"));
    expectOne(await missing(), "rights", "error", "it may only read, or only write", "~roo:alice:*");
    await allow(...withKeys("~roo:alice:*"));
    expect(await missing()).to.deep.equal([]);
    expectOne(await missing({ userId: "a*b" }), "rights", "error", "`roo:a%2Ab:*`");
    await allow(...withKeys("~roo:alice:laptop:*"));
    expect(await missing({ instanceId: "laptop" })).to.deep.equal([]);
  });

  it("misses the user's channels", async () => {
    await allow(...documentedRules().filter((rule) => !rule.startsWith("&")));
    expectOne(await missing(), "rights", "error", "its saves are refused", "`ACL SETUSER USERNAME &roo:alice:*`");
  });

  it("misses commands that the server was told to forget", async () => {
    const forgetful = await RedisServer.start("--rename-command", "EVAL", "", "--rename-command", "HGET", "other");
    const found = await findingsAt(forgetful.port);
    await forgetful.kill();
    expectOne(found, "rights", "error", "does not know eval and hget", "rename-command");
  });

  it("listens as live sharing does, where that is on", async () => {
    const shared = documentedAdditions("live sharing").map((rule) => rule.replace("ALICE", "alice"));
    await allow(...documentedRules());
    expect(of(await findings(), "sharing")).to.deep.equal([]);
    expectOne(
      await missing({ share: "live" }),
      "sharing",
      "warning",
      "within five minutes",
      "+psubscribe &roo:alice:*",
    );
    await allow(...documentedRules(), "+psubscribe");
    expectOne(await missing({ share: "live" }), "sharing", "warning", "may not listen to `roo:alice:*`");
    await allow(...documentedRules(), ...shared);
    const found = await findings({ share: "live" });
    expectOne(found, "sharing", "ok", "`roo:alice:*`");
    expect(troubles(found)).to.deep.equal([]);
  });

  it("changes nothing by trying, and leaves no connection", async () => {
    await allow(...documentedRules());
    const dirty = async () => /rdb_changes_since_last_save:(\d+)/.exec(String(await send("INFO", "persistence")))![1];
    const before = await dirty();
    await findings();
    await findingsAt(server.port, { share: "live" });
    expect(await dirty()).to.equal(before);
    expect(await send("DBSIZE")).to.equal(0);
    await until("all connections are over", async () => (await server.mirrorConnections()) === 0);
  });

  it("tells a command from a key in the words of a later server too", async () => {
    const scripted = await ScriptedServer.start();
    scripted.replies.set("PING", "+PONG");
    scripted.replies.set("HKEYS", "-NOPERM User key-channel has no permissions to run the 'hkeys' command");
    scripted.replies.set("GET", "-NOPERM No permissions to access a key");
    scripted.replies.set("SET", "-NOPERM No permissions to access a key");
    scripted.replies.set("PUBLISH", "-NOPERM No permissions to access a channel");
    const rights = of(await findingsAt(scripted.port), "rights");
    await scripted.stop();
    expect(rights.map(({ message }) => /: hkeys\.$|this user's keys|channels/.exec(message)?.[0])).to.deep.equal([
      ": hkeys.",
      "this user's keys",
      "channels",
    ]);
  });
});
