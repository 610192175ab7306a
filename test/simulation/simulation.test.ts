import { expect } from "chai";
import { simulate, simulateSharing, simulateTabs } from "./histories.js";
import { play } from "./world.js";

/** Fewer where they are played again and again. */
const HISTORIES = Number(process.env["SIMULATED_HISTORIES"] ?? 3_000);

describe("simulated histories", () => {
  it("end with the mirror equal to the local store: nothing lost, resurrected or corrupted", async function () {
    this.timeout(60_000);
    const { failure } = await simulate(HISTORIES, 20_260);
    expect(failure, JSON.stringify(failure)).to.equal(undefined);
  });

  it("end with one history of all windows, whatever came in between: nothing diverged", async function () {
    this.timeout(60_000);
    const { failure } = await simulateSharing(Math.ceil(HISTORIES / 3), 20_261);
    expect(failure, JSON.stringify(failure)).to.equal(undefined);
  });

  it("end so where each window has two stores, too, of which one is out of date", async function () {
    this.timeout(60_000);
    const { failure } = await simulateTabs(Math.ceil(HISTORIES / 3), 20_262);
    expect(failure, JSON.stringify(failure)).to.equal(undefined);
  });

  it("are the same for the same seed", async () => {
    const first = await simulate(20, 7);
    expect(await simulate(20, 7)).to.deep.equal(first);
  });

  // Histories that once ended wrong, shrunk.
  const save = (what: "value" | "empty" | "nothing" = "value") =>
    ({ do: "save", machine: 0, record: "provider", what }) as const;
  for (const [title, steps] of [
    [
      "a save while the mirror was off, with its bookkeeping evicted",
      [
        save(),
        { do: "disable", machine: 0 },
        { do: "wait", ms: 8_000 },
        { do: "evict", record: "provider", part: "version" },
        save(),
      ],
    ],
    [
      "a first save on a fresh machine that crashed before it arrived",
      [save(), { do: "wait", ms: 70_000 }, { do: "wipe", machine: 0 }, save(), { do: "crash", machine: 0 }],
    ],
    [
      "a clear after a restart with a clock that went backwards",
      [
        save(),
        { do: "jump clock", machine: 0, byMs: -601 },
        { do: "read", machine: 0 },
        { do: "crash", machine: 0 },
        save("empty"),
      ],
    ],
    [
      "an older save that arrives after the clear was compared",
      [
        { do: "fault", fault: "answers late" },
        save(),
        { do: "wait", ms: 2_500 },
        save("empty"),
        { do: "disable", machine: 0 },
      ],
    ],
    [
      "a save right after a restore on a fresh machine, and a crash",
      [
        save(),
        { do: "wait", ms: 8_000 },
        { do: "wipe", machine: 0 },
        { do: "read", machine: 0 },
        save(),
        { do: "crash", machine: 0 },
      ],
    ],
    [
      "a user who came back, and a crash",
      [
        save(),
        { do: "switch user", machine: 0, user: 1 },
        { do: "switch user", machine: 0, user: 0 },
        { do: "crash", machine: 0 },
      ],
    ],
    [
      "a clear that a silent server never got",
      [
        save(),
        { do: "wait", ms: 70_000 },
        { do: "fault", fault: "is silent" },
        save("nothing"),
        { do: "crash", machine: 0 },
      ],
    ],
  ] as const)
    it(`end well with ${title}`, async () => {
      expect(await play({ seed: 0, machines: 1, steps })).to.equal(undefined);
    });
});
