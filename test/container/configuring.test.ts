import { expect } from "chai";
import {
  defineRecord,
  type HostSettings,
  installMirror,
  MemoryMemento,
  type Mirror,
  type MirrorOptions,
  RedisMirrored,
  RedisRestored,
  TOKENS,
} from "redis-mirrored";
import { KEY, Notes, saveBriefly, SILENT, untilEvent } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { until } from "../support/until.js";

/** A host whose writes come to an end when they are told to. */
class Host {
  readonly local = new Map<string, unknown>();
  finish!: () => void;
  readonly #finished = new Promise<void>((resolve) => (this.finish = resolve));

  @RedisMirrored((record: string, value: unknown) => ({ record, value }))
  async updateSlowly(record: string, value: unknown): Promise<void> {
    await this.#finished;
    this.local.set(record, value);
  }

  @RedisMirrored((record: string, value: unknown) => ({ record, value }))
  async update(record: string, value: unknown): Promise<void> {
    this.local.set(record, value);
  }

  @RedisRestored(["taskHistory", "customInstructions"], {
    read: (self: Host, record) => self.local.get(record),
    adopt: (self: Host, record, value) => self.update(record, value),
  })
  async initialize(): Promise<void> {}
}

describe("a mirror that is configured while it runs", () => {
  let [first, second] = [] as unknown as [RedisServer, RedisServer];
  let mirror: Mirror;
  let set: Record<string, unknown>;
  const settings: HostSettings = { given: (name) => set[name] };

  before(async () => void ([first, second] = await Promise.all([RedisServer.start(), RedisServer.start()])));
  after(() => Promise.all([first.kill(), second.kill()]));
  beforeEach(async () => {
    for (const server of [first, second]) await (await server.client()).flushAll();
  });
  afterEach(() => mirror.close());

  function install(options: MirrorOptions = {}): Mirror {
    set = { host: "127.0.0.1", port: first.port, ...set };
    mirror = installMirror({ settings, userId: "alice", keys: [KEY], env: {}, logger: SILENT, ...options });
    return mirror;
  }
  beforeEach(() => void (set = {}));

  const task = (id: string, ts: number) => ({ id, ts, number: ts, task: id, tokensIn: 1, tokensOut: 1, totalCost: 0 });

  it("has a save that came just before the change in both places", async () => {
    install();
    const notes = new Notes();
    await notes.save("customInstructions", "just before");
    set["port"] = second.port;
    await mirror.configure();
    expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    expect(await first.get("roo:alice:customInstructions")).to.equal('"just before"');
    expect(await second.get("roo:alice:customInstructions")).to.equal('"just before"');
    expect(mirror.status.state).to.equal("connected");
  });

  it("sends on what the server before never took, and calls it no loss", async () => {
    set["port"] = 1;
    install();
    const told: string[] = [];
    mirror.on("dropped", ({ reason }) => void told.push(reason));
    const notes = new Notes();
    await notes.save("customInstructions", "while nobody was there");
    await notes.save("provider", { currentApiConfigName: "a", apiConfigs: {} });
    await untilEvent(mirror, "failed");
    set["port"] = first.port;
    await mirror.configure();
    expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    expect(await first.get("roo:alice:customInstructions")).to.equal('"while nobody was there"');
    expect(await first.get("roo:alice:provider")).to.contain("ciphertext");
    expect(told).to.deep.equal([]);
  });

  it("does not make a save that was waiting later than what another instance has saved since", async () => {
    const away = await RedisServer.start();
    await away.kill();
    const notes = new Notes();
    install({ memento: new MemoryMemento(), redis: { port: away.port } });
    await notes.save("customInstructions", "Mine, before.");
    await untilEvent(mirror, "failed");
    await saveBriefly(first.port, {}, { customInstructions: "Theirs, since." });
    await mirror.configure({ redis: {} });
    await mirror.sync({ timeoutMs: 5_000 });
    expect(await first.get("roo:alice:customInstructions")).to.equal('"Theirs, since."');
  });

  it("takes over a save whose local write is under way", async () => {
    install({ memento: new MemoryMemento() });
    const host = new Host();
    await new Notes().save("customModes", []);
    const saving = host.updateSlowly("customInstructions", "under way");
    const savingTasks = host.updateSlowly("taskHistory", [task("a", 1)]);
    set["port"] = second.port;
    const configured = mirror.configure();
    await until(
      "another engine is in its place",
      async () => mirror.container.get(TOKENS.Settings).address.port === second.port,
    );
    host.finish();
    await Promise.all([saving, savingTasks, configured]);
    expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    expect(await second.get("roo:alice:customInstructions")).to.equal('"under way"');
    expect(JSON.parse((await second.get("roo:alice:taskHistory"))!)).to.have.lengthOf(1);
  });

  it("sends what another server lacks of a collection when that is next shown", async () => {
    install({ memento: new MemoryMemento() });
    const host = new Host();
    await host.update("taskHistory", [task("a", 1), task("b", 2)]);
    await mirror.flush({ timeoutMs: 5_000 });
    set["port"] = second.port;
    await mirror.configure();
    await host.initialize();
    expect(await mirror.sync({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    expect(JSON.parse((await second.get("roo:alice:taskHistory"))!)).to.have.lengthOf(2);
  });

  it("goes on with the same engine where nothing changes", async () => {
    install();
    await new Notes().save("customInstructions", "value");
    await mirror.flush();
    const engine = mirror.container.get(TOKENS.RedisSyncService);
    await mirror.configure();
    await mirror.configure({ redis: {} });
    expect(mirror.container.get(TOKENS.RedisSyncService)).to.equal(engine);
  });

  it("is misconfigured by a wrong setting, under the name that it has in VS Code, until that is corrected", async () => {
    install();
    const states: string[] = [];
    mirror.on("status", ({ state }) => void states.push(state));
    await new Notes().save("customInstructions", "before");
    await mirror.flush();
    set["port"] = 99_999;
    await mirror.configure();
    expect(mirror.status).to.include({
      state: "misconfigured",
      reason: "Expected `redisMirrored.port` to be an integer from 1 to 65535, got `99999` (number)",
    });
    await new Notes().save("customInstructions", "meanwhile");
    set["port"] = second.port;
    await mirror.configure();
    await new Notes().save("customInstructions", "after");
    expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
    expect(await second.get("roo:alice:customInstructions")).to.equal('"after"');
    expect(states).to.deep.equal(["connected", "misconfigured", "connecting", "connected"]);
  });

  it("is switched by the setting, and by its methods until the setting says something else", async () => {
    install();
    set["enabled"] = false;
    await mirror.configure();
    expect(mirror.status.state).to.equal("disabled");
    set["enabled"] = true;
    await mirror.configure();
    expect(mirror.status.state).to.equal("connecting");

    await mirror.disable();
    set["compression"] = true;
    await mirror.configure();
    expect(mirror.status.state).to.equal("disabled");
    set["enabled"] = false;
    await mirror.configure();
    set["enabled"] = true;
    await mirror.configure();
    expect(mirror.status.state).to.equal("connecting");
  });

  it("mirrors for another user from the next save on, unless somebody is signed in", async () => {
    install({ userId: undefined as never, env: { ROO_USER_ID: "environment" } });
    const notes = new Notes();
    set["userId"] = "bob";
    await mirror.configure();
    await notes.save("customInstructions", "of bob");
    mirror.setUser("carol");
    set["userId"] = "dave";
    await mirror.configure();
    await notes.save("customInstructions", "of carol");
    await mirror.flush({ timeoutMs: 5_000 });
    const keys = await (await first.client()).keys("roo:*:customInstructions");
    expect(keys.filter((key) => !key.includes("~")).sort()).to.deep.equal([
      "roo:bob:customInstructions",
      "roo:carol:customInstructions",
    ]);
  });

  /** `save` saves what the first server never answers; then the second one takes its place, and there `look` looks. */
  async function leaveFrozen(
    save: () => Promise<unknown>,
    look: (configured: Promise<void>) => Promise<unknown>,
  ): Promise<void> {
    await new Notes().save("customInstructions", "value");
    await mirror.flush();
    first.freeze();
    try {
      await save();
      set["port"] = second.port;
      const configured = mirror.configure();
      await untilEvent(mirror, "status");
      await look(configured);
      await configured;
    } finally {
      first.thaw();
    }
  }

  const saveNote = () => new Notes().save("customInstructions", "stuck");
  const saveList = () => new Host().update("taskHistory", [task("a", 1)]);

  it("counts what the engine that leaves has yet to send, and says so while it does", async () => {
    install();
    await leaveFrozen(
      () => Promise.all([saveNote(), saveList()]),
      async (configured) => {
        // The document, which both have, once; the list, which the new one has not been shown.
        expect(mirror.status.pending).to.equal(2);
        expect(mirror.status.pendingBytes).to.be.within(50, 200);
        await configured;
        await until("the new one has it", async () => mirror.status.pending === 0);
        expect(await second.get("roo:alice:customInstructions")).to.equal('"stuck"');
      },
    );
  });

  it("has flushed a document that the new server has, whatever the old one does", async () => {
    install();
    await leaveFrozen(saveNote, async () =>
      expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true }),
    );
  });

  for (const method of ["flush", "close"] as const)
    it(`says by ${method} that the engine that leaves has not sent a list`, async () => {
      install();
      await leaveFrozen(saveList, async () =>
        expect(await mirror[method]({ timeoutMs: 5_000 })).to.deep.include({ flushed: false }),
      );
    });

  it("says that a document is lost that the new engine has no record of", async () => {
    install({ records: [defineRecord({ name: "notes", kind: "document" })] });
    const dropped: unknown[] = [];
    mirror.on("dropped", ({ record, reason }) => void dropped.push([record, reason]));
    const host = new Host();
    await new Notes().save("customInstructions", "value");
    await mirror.flush();
    first.freeze();
    try {
      await host.update("notes", "stuck");
      const ending = host.updateSlowly("notes", "later");
      const configured = mirror.configure({ records: [] });
      await untilEvent(mirror, "status");
      expect(mirror.status.pending).to.equal(1);
      expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.include({ flushed: false });
      await configured;
      expect(dropped).to.deep.equal([["notes", "closed"]]);
      host.finish();
      await ending;
      expect(dropped).to.deep.equal([
        ["notes", "closed"],
        ["notes", "closed"],
      ]);
    } finally {
      first.thaw();
    }
  });

  it("does not write over what the new engine has learnt when the old one is closed", async () => {
    const memento = new MemoryMemento();
    install({ memento });
    await leaveFrozen(saveNote, async () => {
      await new Notes().save("customModes", []);
      await mirror.container.get(TOKENS.RedisSyncService).flush({ timeoutMs: 5_000 });
    });
    const page = JSON.stringify(memento.get("redisMirrored.versions"));
    expect(page).to.contain("customModes");
  });

  it("makes up for a restore that found no user also where the engine has changed since", async () => {
    await saveBriefly(second.port, { userId: "bob" }, { customInstructions: "of bob" });
    install({ userId: () => undefined });
    const host = new Host();
    await host.initialize();
    set["port"] = second.port;
    await mirror.configure();
    const restored = untilEvent(mirror, "restored");
    mirror.setUser("bob");
    await restored;
    expect(host.local.get("customInstructions")).to.equal("of bob");
  });

  it("is off where that was asked for last", async () => {
    install({ enabled: false });
    void mirror.configure({ enabled: true });
    await mirror.disable();
    expect(mirror.status.state).to.equal("disabled");
    await mirror.configure();
    expect(mirror.status.state).to.equal("disabled");
    void mirror.disable();
    await mirror.enable();
    await mirror.configure();
    expect(mirror.status.state).to.equal("connecting");
  });

  it("leaves no connection behind where no engine can be made of the new options", async () => {
    install();
    await new Notes().save("customInstructions", "x");
    await mirror.flush();
    await mirror.configure({ records: [null as never] });
    expect(mirror.status.state).to.equal("misconfigured");
    const client = await first.client();
    await until("the connection is gone", async () =>
      (await client.clientList()).every(({ name }) => name !== "redis-mirrored"),
    );
  });

  it("is misconfigured where the host's settings cannot be read", () => {
    const unreadable: HostSettings = {
      given: () => {
        throw new Error("The window is gone.");
      },
    };
    expect(install({ settings: unreadable, userId: "" }).status.state).to.equal("misconfigured");
  });

  it("stays closed", async () => {
    install();
    await mirror.close();
    set["port"] = second.port;
    await mirror.configure();
    expect(mirror.status.state).to.equal("disabled");
  });

  it("asks for the password at each connection, and takes another one at once", async () => {
    const guarded = await RedisServer.start("--requirepass", "right");
    try {
      set["port"] = guarded.port;
      install({ redis: { password: async () => "wrong" } });
      await new Notes().save("customInstructions", "value");
      await untilEvent(mirror, "status", ({ reason }) => reason === "Redis refused: WRONGPASS.");
      await mirror.configure({ redis: { password: async () => "right" } });
      expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
      expect(JSON.stringify([mirror.status, mirror.container.get(TOKENS.Settings)])).not.to.contain("right");
    } finally {
      await guarded.kill();
    }
  });

  for (const [title, password] of [
    ["hangs", () => new Promise<string>(() => {})],
    ["rejects", () => Promise.reject(new Error("no keychain"))],
    ["throws", () => raise()],
    ["has none", () => Promise.resolve(undefined)],
  ] as const) {
    it(`uses the password of the environment where the store of secrets ${title}`, async () => {
      const guarded = await RedisServer.start("--requirepass", "right");
      try {
        set["port"] = guarded.port;
        install({ redis: { password }, env: { REDIS_PASSWORD: "right" } });
        await new Notes().save("customInstructions", "value");
        expect(await mirror.flush({ timeoutMs: 5_000 })).to.deep.equal({ flushed: true });
      } finally {
        await guarded.kill();
      }
    });
  }
});

function raise(): never {
  throw new Error("no keychain");
}
