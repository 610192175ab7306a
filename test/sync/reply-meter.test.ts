import { expect } from "chai";
import fc from "fast-check";
import { ReplyMeter } from "#dist/sync/reply-meter.js";

const MEBIBYTE = 2 ** 20;
const bytes = (text: string) => Buffer.from(text, "latin1");

/** Whether all of it passes, a piece at a time. */
function passes(meter: ReplyMeter, text: string, pieceBytes = text.length): boolean {
  for (let at = 0; at < text.length; at += pieceBytes)
    if (!meter.passes(bytes(text.slice(at, at + pieceBytes)))) return false;
  return true;
}

const bulk = fc.string({ unit: "binary", maxLength: 20 }).map((text) => {
  const { length } = Buffer.from(text);
  return `$${length}\r\n${Buffer.from(text).toString("latin1")}\r\n`;
});
const line = fc
  .tuple(fc.constantFrom("+", "-", ":"), fc.stringMatching(/^[ -~]{0,20}$/))
  .map(([type, text]) => `${type}${text}\r\n`);
const { reply } = fc.letrec<{ reply: string; array: string }>((tie) => ({
  reply: fc.oneof({ maxDepth: 5 }, bulk, line, fc.constantFrom("$-1\r\n", "*-1\r\n", "*0\r\n"), tie("array")),
  array: fc.array(tie("reply"), { maxLength: 4 }).map((parts) => `*${parts.length}\r\n${parts.join("")}`),
}));

describe("the meter of what a server answers", () => {
  it("lets replies pass, in whatever pieces they come, and finds the beginning of the next", () => {
    fc.assert(
      fc.property(fc.array(reply, { maxLength: 6 }), fc.integer({ min: 1, max: 40 }), (replies, pieceBytes) => {
        const meter = new ReplyMeter();
        expect(passes(meter, replies.join(""), pieceBytes)).to.equal(true);
        // Only where a reply may begin is this a size that nobody asked for.
        expect([meter.passes(bytes("*1000001\r\n")), meter.isExceeded]).to.deep.equal([false, true]);
      }),
    );
  });

  for (const [title, sent] of [
    ["an array that announces more than a million elements", "*1000001\r\n"],
    ["arrays that announce that together", "*2\r\n*500000\r\n".repeat(3)],
    ["arrays within arrays without end", "*1\r\n".repeat(9)],
    ["a size of eleven digits", "$00000000001\r\n"],
    ["a size that is none", "$:\r\n"],
    ["an empty size", "$\r\n"],
    ["a size that is less than nothing", "*-2\r\n"],
    ["a sign within a size", "$5-1\r\n"],
    ["a string of more than is read", `$${33 * MEBIBYTE + 1}\r\n`],
    ["a line that does not end as lines do", "+OK\rX\n"],
    ["a set, of another version of the protocol", "~30000000\r\n"],
    ["a map, of the same", "%30000000\r\n"],
    ["what is no reply", "HTTP/1.1 200 OK\r\n"],
  ] as const) {
    for (const pieceBytes of [sent.length, 1])
      it(`refuses ${title}, ${pieceBytes === 1 ? "byte by byte" : "in one piece"}, and all that follows`, () => {
        const meter = new ReplyMeter();
        expect(passes(meter, sent, pieceBytes)).to.equal(false);
        expect(meter.passes(bytes("+OK\r\n"))).to.equal(false);
      });
  }

  /** A string's beginning, and so many pieces of it of a mebibyte. */
  const stream = (meter: ReplyMeter, begin: string, mebibytes: number) => {
    if (!meter.passes(bytes(begin))) return false;
    const piece = Buffer.alloc(MEBIBYTE, "a");
    for (let count = 0; count < mebibytes; count++) if (!meter.passes(piece)) return false;
    return true;
  };

  it("refuses a line that does not end", () => {
    expect(stream(new ReplyMeter(), "+", 32)).to.equal(true);
    expect(stream(new ReplyMeter(), "-", 34)).to.equal(false);
  });

  it("counts everything that comes until somebody has what he waited for, and anew when nothing is waited for", () => {
    const meter = new ReplyMeter();
    const value = `$${20 * MEBIBYTE}\r\n`;
    const answer = () => stream(meter, value, 20) && meter.passes(bytes("\r\n"));
    for (let times = 0; times < 3; times++) expect(answer(), "nothing is waited for").to.equal(true);
    const first = meter.expect(20 * MEBIBYTE);
    const second = meter.expect(0);
    expect([answer(), answer()]).to.deep.equal([true, true]);
    first();
    second();
    expect(answer(), "another is waited for since").to.equal(true);
    meter.expect(0);
    expect([answer(), answer()]).to.deep.equal([true, false]);
  });

  it("lets as much pass as is waited for, where there never is a moment in which nothing is", () => {
    const meter = new ReplyMeter();
    const value = `$${20 * MEBIBYTE}\r\n`;
    const answer = () => stream(meter, value, 20) && meter.passes(bytes("\r\n"));
    const waiting = Array.from({ length: 3 }, () => meter.expect(20 * MEBIBYTE));
    for (let times = 0; times < 9; times++) {
      waiting.push(meter.expect(20 * MEBIBYTE));
      expect(answer(), `reply ${times + 1}`).to.equal(true);
      waiting.shift()!();
    }
    for (const end of waiting) end();
  });

  it("lets a larger string pass where it is waited for, before it has come", () => {
    const announced = `$${40 * MEBIBYTE}\r\n`;
    expect(new ReplyMeter().passes(bytes(announced))).to.equal(false);
    const meter = new ReplyMeter();
    meter.expect(40 * MEBIBYTE);
    expect(meter.passes(bytes(announced))).to.equal(true);
  });
});
