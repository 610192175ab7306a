import { expect } from "chai";
import fc from "fast-check";
import { formatVersion, MAX_SKEW_MS, nextStamp, parseVersion, VersionClock } from "#dist/sync/version.js";

describe("versions", () => {
  const stamps = fc.record({ ms: fc.nat(9_999_999_999_999), counter: fc.nat(36 ** 4 - 1) });

  it("sort as text as they do by time, counter and writer, and come back as they went", () => {
    fc.assert(
      fc.property(stamps, stamps, (a, b) => {
        const isOlder = a.ms < b.ms || (a.ms === b.ms && a.counter < b.counter);
        expect(formatVersion(a, "w") < formatVersion(b, "w")).to.equal(isOlder);
        expect(parseVersion(formatVersion(a, "w1"))).to.deep.equal({ ...a, writer: "w1" });
        if (a.ms < 9_999_999_999_999) expect(formatVersion(nextStamp(a), "a") > formatVersion(a, "z")).to.equal(true);
      }),
    );
  });

  for (const text of [
    undefined,
    "",
    "zzzz",
    "1700000000000-0000",
    "170000000000-0000-w",
    "11700000000000-0000-w",
    "1700000000000-0000-W",
    "1700000000000-0000-w deleted",
  ])
    it(`are not read from \`${text}\``, () => expect(parseVersion(text)).to.equal(undefined));

  it("only ever go forward, whatever the wall clock does and whatever is observed", () => {
    const events = fc.array(fc.oneof(fc.integer({ min: -1e10, max: 1e10 }), stamps), { maxLength: 50 });
    fc.assert(
      fc.property(events, (history) => {
        let wallMs = 1_700_000_000_000;
        const clock = new VersionClock(() => wallMs);
        let last = "";
        for (const event of history) {
          if (typeof event === "number") wallMs += event;
          else clock.observe(formatVersion(event, "other"));
          const version = formatVersion(clock.tick(), "w");
          expect(version > last).to.equal(true);
          last = version;
        }
      }),
    );
  });

  it("follow what was observed, up to a day ahead", () => {
    const clock = new VersionClock(() => 1_000_000);
    const observe = (ms: number) => clock.observe(formatVersion({ ms, counter: 7 }, "other"));
    observe(1_000_000 + MAX_SKEW_MS + 1);
    expect(clock.tick()).to.deep.equal({ ms: 1_000_000, counter: 0 });
    observe(1_000_000 + MAX_SKEW_MS);
    expect(clock.tick()).to.deep.equal({ ms: 1_000_000 + MAX_SKEW_MS, counter: 8 });
  });

  it("follow in the same millisecond what was observed later, and nothing that was earlier", () => {
    const clock = new VersionClock(() => 1_000);
    const observe = (counter: number) => clock.observe(formatVersion({ ms: 1_000, counter }, "other"));
    clock.tick();
    observe(7);
    expect(clock.tick()).to.deep.equal({ ms: 1_000, counter: 8 });
    const { latest } = clock;
    for (const counter of [8, 3]) observe(counter);
    expect(clock.latest).to.equal(latest);
    expect(clock.tick()).to.deep.equal({ ms: 1_000, counter: 9 });
  });

  it("go on in the next millisecond where the counter is at its end", () => {
    expect(nextStamp({ ms: 5, counter: 36 ** 4 - 2 })).to.deep.equal({ ms: 5, counter: 36 ** 4 - 1 });
    expect(nextStamp({ ms: 5, counter: 36 ** 4 - 1 })).to.deep.equal({ ms: 6, counter: 0 });
  });

  it("begin after all that a process before gave, also after a clock that has gone back", () => {
    const clock = new VersionClock(() => 500);
    clock.startAfter("0000000001000-0003-before", 2_000);
    expect(clock.tick()).to.deep.equal({ ms: 3_000, counter: 4 });
    const regular = new VersionClock(() => 1_000);
    regular.startAfter("0000000001000-0003-before", 2_000);
    expect(regular.tick()).to.deep.equal({ ms: 1_000, counter: 4 });
  });
});
