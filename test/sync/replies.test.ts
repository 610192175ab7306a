import { gzipSync } from "node:zlib";
import {
  ClientClosedError,
  ConnectionTimeoutError,
  ErrorReply,
  SimpleError,
  SocketClosedUnexpectedlyError,
} from "@redis/client";
import { expect } from "chai";
import { loadClient } from "#dist/sync/client-loader.js";
import { ConnectionLostError, UnreadableValueError } from "#dist/sync/errors.js";
import { bodiesOf, classify } from "#dist/sync/replies.js";

/** Says by its name what it is not: in a bundle a class may be called anything. */
const Misnamed = { ErrorReply: class extends Error {} }.ErrorReply;

const lost = (why: string) => ({ code: "CONNECTION_LOST", message: `The connection failed: ${why}.` });

// Before, there is no connection that could fail.
before(() => loadClient());

describe("a failure of the connection", () => {
  it("is told by the system's own word for it", () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED 10.0.0.7:6379"), { code: "ECONNREFUSED" });
    expect(classify(refused)).to.be.instanceOf(ConnectionLostError).and.to.include(lost("ECONNREFUSED"));
  });

  it("is told by what happened to the client where the system has no word, and never by its message", () => {
    const closed = Object.assign(new SocketClosedUnexpectedlyError(), { message: "10.0.0.7" });
    expect(classify(closed)).to.include(lost("socket closed unexpectedly"));
    expect(classify(new ConnectionTimeoutError())).to.include(lost("connection timeout"));
    expect(classify(new ClientClosedError())).to.include(lost("client closed"));
    expect(classify(Object.assign(closed, { code: 20 }))).to.include(lost("socket closed unexpectedly"));
  });

  for (const [title, thrown] of [
    ["an error of no kind", new Error("10.0.0.7")],
    ["an error that only has the name of a reply", new Misnamed("OOM command not allowed")],
    ["a text", "10.0.0.7"],
    ["null", null],
    ["nothing", undefined],
  ])
    it(`has no known reason where ${String(title)} was thrown`, () => {
      expect(classify(thrown)).to.include(lost("for an unknown reason"));
    });
});

describe("an error reply", () => {
  for (const [reply, code, message] of [
    ["OOM command not allowed", "REFUSED", "Redis refused: OOM."],
    ["LOADING Redis is loading", "CONNECTION_LOST", "Redis is not ready: LOADING."],
    ["ASK 42 10.0.0.7:7001", "NOT_SERVED", "Redis does not serve this key now: ASK."],
    [
      "MOVED 42 10.0.0.7:7001",
      "NOT_SERVED",
      "Redis does not serve this key now: MOVED. This is a node of a cluster: see REDIS_CLUSTER.",
    ],
  ] as const)
    it(`is told by its first word alone: ${reply}`, () => {
      for (const error of [new ErrorReply(reply), new SimpleError(reply)])
        expect(classify(error)).to.include({ code, message });
    });

  it("is not told by a word in capitals further on, which may be anybody's", () => {
    expect(classify(new SimpleError("No user ALICE here"))).to.include({ code: "REFUSED", reply: "UNKNOWN" });
  });
});

describe("what is one of the mirror's own errors already", () => {
  it("stays what it is", () => {
    const error = new UnreadableValueError("It is not JSON.");
    expect(classify(error)).to.equal(error);
  });
});

describe("values that were asked for as bytes", () => {
  it("are text unless they are gzip, of which nothing else is kept in memory that came with it", () => {
    const member = gzipSync('"说明"');
    const chunk = Buffer.concat([Buffer.from('"说明"'), member, Buffer.alloc(60_000)]);
    const [text, body, none, simple] = bodiesOf([
      chunk.subarray(0, 8),
      chunk.subarray(8, 8 + member.length),
      null,
      "simple",
    ]);
    expect([text, none, simple]).to.deep.equal(['"说明"', undefined, "simple"]);
    expect(body).to.deep.equal(member);
    expect((body as Buffer).buffer.byteLength).to.equal(member.length);
  });
});
