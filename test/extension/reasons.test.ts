import { expect } from "chai";
import type { MirrorOptions } from "redis-mirrored";
import { describeExpected } from "#dist/extension/mistakes.js";
import { describeReason } from "#dist/extension/reasons.js";
import { readSettings } from "#dist/settings/resolve-settings.js";
import { describeCertificateFailure } from "#dist/sync/certificate-failure.js";
import { FLOODED } from "#dist/sync/connection.js";
import { NotServedError, RefusedError, UnknownKeyError } from "#dist/sync/errors.js";
import { expectChinese, inChinese } from "../support/chinese.js";
import { sentencesOf } from "../support/translated-texts.js";

describe("what others say, in a Chinese window", () => {
  const expectTranslated = (reason: string) => expectChinese(describeReason(reason, inChinese));

  it("is Chinese of each connection that is lost, or was never made", () => {
    const sentences = ["src/sync", "src/doctor"].flatMap((folder) => sentencesOf("ConnectionLostError", folder));
    expect(sentences).to.include.members(["No answer within 1 ms.", "The connection was lost."]);
    for (const sentence of [...sentences, FLOODED, "The connection failed: for an unknown reason."])
      // In this one a reason stands in the place of the value.
      expectTranslated(sentence.replace("not restored yet: 1", "not restored yet: not in Redis after 1 ms"));
  });

  it("is Chinese of what Redis refuses", () => {
    for (const reply of ["WRONGPASS", "NOPERM", "OOM", "READONLY", "MISCONF"])
      expectTranslated(new RefusedError(reply).message);
    for (const reply of ["MOVED", "CLUSTERDOWN"]) expectTranslated(new NotServedError(reply).message);
    expectTranslated(new UnknownKeyError("abc", true).message);
  });

  it("is Chinese of each certificate that is refused, with why", () => {
    const said = ["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "CERT_REVOKED", "HOSTNAME_MISMATCH", "CERT_UNTRUSTED"]
      .concat("DEPTH_ZERO_SELF_SIGNED_CERT")
      .map((code) => describeReason(describeCertificateFailure(code)!, inChinese));
    for (const each of said) expectChinese(each);
    expect(new Set(said.map((each) => each.replace(/（.*?）/, ""))).size).to.equal(said.length);
  });

  it("is Chinese of what each setting has to be", () => {
    const pem = { REDIS_TLS_CA: import.meta.filename };
    const wrong: MirrorOptions[] = [
      { env: { REDIS_PORT: "many", REDIS_TLS: "perhaps", ROO_MIRROR_SHARE: "some", ROO_MIRROR_KEY: "short" } },
      { env: { REDIS_CLUSTER: "a b", REDIS_URL: "http://a.example", REDIS_MASTER_NAME: "ours" } },
      { env: { REDIS_URL: "redis://a.example/many", ...pem } },
      { env: { REDIS_CLUSTER: "a", REDIS_SENTINELS: "b", REDIS_DB: "1", REDIS_TLS_CA: "/nowhere" } },
      { keys: [1 as unknown as string], redis: { host: 1 as unknown as string }, env: {} },
    ];
    for (const options of wrong) {
      const { result } = readSettings(options);
      expect(result).to.have.property("problems").that.has.length.above(1);
      for (const { setting, expected } of "problems" in result ? result.problems : [])
        expect(describeExpected(expected, inChinese), `${setting}: ${expected}`).to.match(/\p{Script=Han}/u);
    }
    expect(describeExpected("the database of REDIS_URL", inChinese)).to.equal("REDIS_URL 中的数据库");
  });
});
