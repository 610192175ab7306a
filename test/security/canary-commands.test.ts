import { readFileSync } from "node:fs";
import { expect } from "chai";
import { commandNames } from "../support/command.js";
import { hurriedMirror } from "../support/mirrors.js";
import { Plantation } from "./canaries.js";
import * as bedding from "./canary-bed.js";
import { CommandThreads, type Outcome } from "./command-threads.js";
import { type Call, callsOf, CommandFiles } from "./command-calls.js";
import { Evidence } from "./evidence.js";

const { CanaryBed, HEALTHY, INSTRUCTIONS, KEYS, MCP_SETTINGS, PROFILES, SECRET, TASKS, TROUBLES, UNSENT, unspeakable } =
  bedding;

/** What a fork's own code has left in the open. */
const LEGACY = new Plantation("in the open,");
const NOT_SECRET = new Set(["currentApiConfigName", "apiConfigs", "id", "ts"]);
const LEGACY_PROFILES = LEGACY.plantIn(
  { currentApiConfigName: "work", apiConfigs: { work: { id: "p1", apiKey: "k", headers: { a: "b" } } } },
  NOT_SECRET,
);

describe("no secret is shown by a command", function () {
  this.timeout(120_000);
  let bed: bedding.CanaryBed;
  let files: CommandFiles;
  let threads: CommandThreads;
  let names: string[];
  before(async () => {
    bed = await CanaryBed.open();
    files = new CommandFiles();
    threads = new CommandThreads();
    names = await commandNames();
  });
  after(async () => {
    await threads.stop();
    files.remove();
    await bed.close();
  });

  const environment = () => ({
    PATH: process.env["PATH"] ?? "",
    HOME: files.path,
    XDG_CONFIG_HOME: files.path,
    ROO_USER_ID: "alice",
    ROO_MIRROR_KEY: `${KEYS.first.text},${KEYS.older.text}`,
    REDIS_URL: bed.url,
  });

  /** Under the older key, so that there is something to do for who takes a new one. The answer: a version of `provider`. */
  async function seed(): Promise<string> {
    await bed.order("FLUSHALL");
    const { mirror, service } = hurriedMirror(bed.proxy.port, { redis: bed.redis, keys: [KEYS.older.text] });
    const values = {
      provider: PROFILES,
      mcpSettings: MCP_SETTINGS,
      customInstructions: INSTRUCTIONS,
      taskHistory: TASKS,
    };
    for (const [record, value] of Object.entries(values)) service.set({ userId: "alice", record }, value);
    expect(await mirror.flush({ timeoutMs: 10_000 })).to.deep.equal({ flushed: true });
    const [version] = await mirror.history({ record: "provider" });
    await mirror.close();
    await bed.order("SET", "roo:7:provider", JSON.stringify(LEGACY_PROFILES), "EX", "1000");
    await bed.order("SET", "roo:7:tasks", JSON.stringify(TASKS), "EX", "1000");
    return version!.version;
  }

  /** The calls of all commands there are, each with its name before its arguments. */
  function allCalls(version: string): Call[] {
    const calls = callsOf(files, version);
    expect(names.filter((name) => !(name in calls))).to.deep.equal([]);
    const known = Object.entries(calls).filter(([name]) => names.includes(name));
    expect(known.length).to.be.greaterThan(5);
    return known.flatMap(([name, each]) => each.map((call) => ({ ...call, args: [name, ...call.args] })));
  }

  /** Several at a time: they wait for Redis more than they work. */
  async function runAll(calls: readonly Call[], env: Record<string, string>, atOnce: number) {
    const waiting = [...calls];
    const outcomes: (Call & { outcome: Outcome })[] = [];
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        outcomes.push({ ...next, outcome: await threads.run(next.args, env) });
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return outcomes;
  }

  function expectNothingSaid(outcomes: readonly (Call & { outcome: Outcome })[]): void {
    const evidence = new Evidence();
    for (const { args, outcome } of outcomes) evidence.add(args.join(" "), outcome.said);
    expect(evidence.leaksOf([...unspeakable(), ...LEGACY.canaries])).to.deep.equal([]);
  }

  async function expectNothingOutside(): Promise<void> {
    const evidence = new Evidence();
    bed.addTraffic(evidence);
    await bed.addContent(evidence);
    expect(evidence.leaksOf(SECRET)).to.deep.equal([]);
  }

  it("where Redis is healthy, and each command does what it is for", async () => {
    const outcomes = await runAll(allCalls(await seed()), environment(), 1);
    for (const { args, status, outcome } of outcomes)
      expect(outcome.status, `${args.join(" ")}: ${outcome.said}`).to.be.oneOf(
        status === undefined ? [0, 1, 3] : [status],
      );
    expectNothingSaid(outcomes);
    await expectNothingOutside();
    // What lay open there was taken over, and lies open no more.
    const content = new Evidence();
    await bed.addContent(content);
    expect(content.leaksOf(LEGACY.canaries)).to.deep.equal([]);
    // And what is exported holds secrets only as they lie there.
    const exported = new Evidence();
    exported.add("the export", readFileSync(files.of("alice.json"), "utf8"));
    expect(exported.leaksOf(SECRET)).to.deep.equal([]);
  });

  for (const trouble of TROUBLES) {
    if (trouble === HEALTHY) continue;
    it(`where Redis is ${trouble.name}`, async () => {
      const version = await seed();
      const calls = allCalls(version).filter(
        ({ asksRedis }) => asksRedis === "briefly" || (asksRedis === "at length" && trouble.name === "down"),
      );
      await trouble.begin(bed);
      const outcomes = await runAll(calls, environment(), 8);
      await trouble.end(bed);
      // Such a call was understood, and none ended in a way that nobody foresaw; of what was there, a version may be gone.
      for (const { args, status, outcome } of outcomes)
        expect(outcome.status, `${args.join(" ")}: ${outcome.said}`).to.be.oneOf([
          status,
          0,
          1,
          ...(args.includes(version) ? [2] : []),
          ...(args[0] === "doctor" ? [3] : []),
        ]);
      expect(outcomes.some(({ outcome }) => outcome.status === 1)).to.equal(true);
      const said = outcomes.flatMap(({ args, outcome }) =>
        outcome.said.split("\n").map((line) => `${args[0]}: ${line}`),
      );
      expect(said.filter((line) => /: {5}at .+:\d+:\d+\)?$/.test(line))).to.deep.equal([]);
      expectNothingSaid(outcomes);
      await expectNothingOutside();
    });
  }

  it("where the environment is wrong", async () => {
    const calls = allCalls(await seed());
    const outcomes = [];
    for (const [index, wrong] of [
      { ROO_MIRROR_KEY: UNSENT.plant("a passphrase for a command", (core) => core) },
      { REDIS_URL: `redis://user:${UNSENT.plant("a password for a command", (core) => `a/${core}`)}@127.0.0.1` },
    ].entries())
      // Half of them with each: which is which is all the same to what is said.
      outcomes.push(
        ...(await runAll(
          calls.filter((_call, at) => at % 2 === index),
          { ...environment(), ...wrong },
          3,
        )),
      );
    expectNothingSaid(outcomes);
  });

  it("unnoticed: what one says is found", () => {
    const outcome = { status: 0, said: `as it is: ${SECRET[0]!.text}` };
    expect(() => expectNothingSaid([{ args: ["inspect"], status: 0, asksRedis: "briefly", outcome }])).to.throw(
      "to deeply equal []",
    );
  });
});
