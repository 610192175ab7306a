import { expect } from "chai";
import type { Mirror, MirrorStatus } from "redis-mirrored";
import { type SinonFakeTimers, useFakeTimers } from "sinon";
import { StatusBar } from "#dist/extension/status-bar.js";
import { reportHealth, toStatusView } from "#dist/extension/status-view.js";
import { type ExtensionWindow, type ExtensionWindowOptions, ExtensionWindows } from "../support/extension-window.js";
import { FakeWindow } from "../support/fake-window.js";
import { RedisServer } from "../support/redis-server.js";
import { until } from "../support/until.js";

const SINCE = new Date(2026, 10, 30, 21, 5);

describe("the status bar", () => {
  const { translate } = new FakeWindow();

  function view(status: Partial<MirrorStatus>, userId: string | undefined = "alice") {
    const known = { state: "connected", since: SINCE, pending: 0, pendingBytes: 0, ...status } as MirrorStatus;
    return toStatusView(reportHealth(known, userId), translate);
  }

  for (const [health, icon, severity, status] of [
    ["in sync", "check", "none", { state: "connected" }],
    ["syncing", "sync~spin", "none", { state: "connecting" }],
    ["syncing", "sync~spin", "none", { state: "connected", pending: 2 }],
    ["degraded", "warning", "none", { state: "degraded", reason: "The connection failed: ECONNREFUSED." }],
    ["degraded", "warning", "warning", { state: "degraded", reason: "Redis refused: WRONGPASS." }],
    ["degraded", "warning", "warning", { state: "connected", pending: 1, reason: "Redis refused: NOPERM." }],
    ["disabled", "circle-slash", "none", { state: "disabled" }],
    ["misconfigured", "error", "error", { state: "misconfigured", reason: "Expected `x` to be y, got z" }],
  ] as const) {
    it(`says \`${health}\` of a mirror that is ${JSON.stringify(status)}`, () => {
      const shown = view(status);
      expect(shown).to.include({ icon, severity, text: "Redis Mirror" });
      expect(shown.label).to.match(new RegExp(`^Redis Mirror: ${health}`));
      expect(shown.tooltip[0]).to.equal(`Redis Mirror: ${health}`);
    });
  }

  it("says since when, why, what is pending and what to do", () => {
    const reason = "The connection failed: ECONNREFUSED.";
    expect(view({ state: "degraded", reason, pending: 3, pendingBytes: 1_250 }).tooltip).to.deep.equal([
      "Redis Mirror: degraded",
      "Since 2026-11-30 21:05.",
      "Nobody listens at this host and port (ECONNREFUSED).",
      "3 records (1.3 KB) wait to be sent.",
      "Local work goes on; what you save is sent when Redis is back. Test Connection says what is wrong.",
    ]);
  });

  it("says which setting is wrong by its name in VS Code, all of them", () => {
    const reason =
      "Expected `redisMirrored.port` to be an integer from 1 to 65535, got `0` (number); Expected `redisMirrored.tls` to be true or false, got `maybe` (string)";
    expect(view({ state: "misconfigured", reason }).tooltip).to.include(
      "redisMirrored.port must be an integer from 1 to 65535, and is `0` (number). redisMirrored.tls must be true or false, and is `maybe` (string).",
    );
  });

  it("does not turn where nobody is signed in, and says that", () => {
    const shown = toStatusView(
      reportHealth({ state: "connecting", since: SINCE, pending: 0 } as MirrorStatus, undefined),
      translate,
    );
    expect(shown.icon).to.equal("check");
    expect(shown.tooltip).to.include("Nobody is signed in, so nothing is mirrored.");
  });

  it("passes on what is not as safe as it could be", () => {
    const warnings = ["What goes to redis.example is not encrypted: whoever is on the way can read and change it."];
    expect(view({ warnings }).tooltip).to.include(
      "What goes to redis.example is not encrypted: turn on TLS in the settings.",
    );
  });

  describe("as time goes by", () => {
    let clock: SinonFakeTimers;
    let listeners: Set<() => void>;
    let status: MirrorStatus;
    let window: FakeWindow;
    let bar: StatusBar;
    beforeEach(() => {
      clock = useFakeTimers();
      listeners = new Set();
      status = { state: "connected", since: SINCE, pending: 0, pendingBytes: 0 } as MirrorStatus;
      window = new FakeWindow();
      const mirror = {
        get status() {
          return status;
        },
        on: (_event: string, listener: () => void) => listeners.add(listener),
        off: (_event: string, listener: () => void) => listeners.delete(listener),
        container: { isBound: () => false },
      };
      bar = new StatusBar(window, mirror as unknown as Mirror);
    });
    afterEach(() => {
      bar.dispose();
      clock.restore();
    });
    const tell = (change: Partial<MirrorStatus>) => {
      status = { ...status, ...change };
      for (const listener of listeners) listener();
    };
    const drawn = () => window.statusItem.views.length;

    it("is drawn four times a second at most, and goes on being drawn while something always happens", () => {
      for (let ms = 0; ms < 2_000; ms += 10) {
        tell({ pending: ms + 1 });
        clock.tick(10);
      }
      expect(drawn() - 1).to.be.within(7, 9);
    });

    it("looks now and then at what waits, of which nobody tells", () => {
      tell({ state: "degraded", reason: "The connection failed: ECONNREFUSED." });
      clock.tick(250);
      status = { ...status, pending: 3 };
      clock.tick(5_000);
      expect(window.statusItem.view.tooltip.join()).to.contain("3 records (");
    });

    it("does nothing while nothing happens, and is not drawn again where nothing is new", () => {
      expect(clock.countTimers()).to.equal(0);
      tell({});
      clock.tick(250);
      expect([drawn(), clock.countTimers()]).to.deep.equal([1, 0]);
    });

    it("holds no process, and nothing once it is let go of", () => {
      tell({ state: "degraded" });
      clock.tick(250);
      bar.dispose();
      expect([listeners.size, clock.countTimers()]).to.deep.equal([0, 0]);
    });
  });

  describe("in a window", () => {
    let server: RedisServer;
    const windows = new ExtensionWindows();
    before(async () => void (server = await RedisServer.start()));
    after(() => server.kill());
    beforeEach(async () => void (await (await server.client()).flushAll()));
    afterEach(() => windows.closeAll());

    const open = (options: ExtensionWindowOptions = {}) => windows.open(options);
    const at = (port: number) => ({ redis: { host: "127.0.0.1", port } });
    const shows = ({ window }: ExtensionWindow, health: string) =>
      until(`it shows ${health}`, async () => window.statusItem.view.label.startsWith(`Redis Mirror: ${health}`));

    it("follows a server that goes and comes back, and says it to the manifest", async () => {
      const gone = await RedisServer.start();
      const extension = await open(at(gone.port));
      await shows(extension, "in sync");
      expect(extension.window.contexts.get("redisMirrored.state")).to.equal("inSync");
      await gone.kill();
      await extension.stores.contextProxy.update("customInstructions", "while it is away");
      await shows(extension, "degraded");
      expect(extension.window.contexts.get("redisMirrored.state")).to.equal("degraded");
      await until("what waits is shown", async () =>
        extension.window.statusItem.view.tooltip.some((line) => line.startsWith("1 record (")),
      );
      await gone.restart();
      await shows(extension, "in sync");
      await gone.kill();
    });

    it("follows who is signed in, without anything else that happens", async () => {
      const extension = await open(at(server.port));
      await shows(extension, "in sync");
      const saysNobody = () => extension.window.statusItem.view.tooltip.join().includes("Nobody is signed in");
      expect(saysNobody()).to.equal(false);
      extension.mirror.setUser(undefined);
      await until("it says that nobody is", async () => saysNobody());
      extension.mirror.setUser("bob");
      await until("it says so no more", async () => !saysNobody());
    });

    it("lets go of the mirror with the window", async () => {
      const extension = await open(at(server.port));
      await shows(extension, "in sync");
      for (const subscription of extension.context.subscriptions.splice(0)) subscription.dispose();
      expect(extension.window.statusItem.isDisposed).to.equal(true);
      const { length } = extension.window.statusItem.views;
      await extension.mirror.disable();
      expect(extension.window.statusItem.views.length).to.equal(length);
      expect([extension.secrets.listenerCount, extension.window.settings.listenerCount]).to.deep.equal([0, 0]);
    });

    it("opens a menu of what fits how it is", async () => {
      const extension = await open(at(server.port));
      await shows(extension, "in sync");
      extension.window.picks = (_title, choices) => choices.find(({ label }) => label.endsWith("Disable"))!.value;
      await extension.window.run("redisMirrored.showMenu");
      expect(extension.window.shown[0]).to.match(/^Redis Mirror: in sync \|.*Sync Now.*Restore from Redis…/);
      await shows(extension, "disabled");
      extension.window.picks = (_title, choices) => choices[0]!.value;
      await extension.window.run("redisMirrored.showMenu");
      await shows(extension, "in sync");
      expect(extension.window.settings.values.get("enabled")).to.equal(true);
    });

    it("leads to the password where that is refused, to the settings where they are wrong", async () => {
      const guarded = await RedisServer.start("--requirepass", "right");
      const extension = await open({ set: { host: "127.0.0.1", port: guarded.port } });
      await shows(extension, "degraded");
      await extension.window.run("redisMirrored.showMenu");
      expect(extension.window.shown.at(-1)).to.match(/^Redis Mirror: degraded \| \$\(lock\) Set Password/);
      extension.window.settings.set({ port: "many" });
      await shows(extension, "misconfigured");
      extension.window.picks = (_title, choices) => choices[0]!.value;
      await extension.window.run("redisMirrored.showMenu");
      expect(extension.window.settings.opened).to.deep.equal(["redisMirrored"]);
      await guarded.kill();
    });
  });
});
