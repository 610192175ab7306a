import { expect } from "chai";
import { describeCertificateFailure } from "#dist/sync/certificate-failure.js";

describe("a refused certificate", () => {
  for (const [code, reason] of [
    ["CERT_HAS_EXPIRED", "it has expired"],
    ["CERT_NOT_YET_VALID", "it is not valid yet"],
    ["CERT_REVOKED", "it was revoked"],
    ["HOSTNAME_MISMATCH", "it is for another name"],
    ["UNABLE_TO_GET_CRL", "it cannot be verified"],
    ["UNABLE_TO_DECRYPT_CERT_SIGNATURE", "it cannot be verified"],
    ["INVALID_CA", "it cannot be verified"],
    ["INVALID_PURPOSE", "it cannot be verified"],
    ["PATH_LENGTH_EXCEEDED", "it cannot be verified"],
  ] as const)
    it(`is one, and ${reason}: ${code}`, () => {
      expect(describeCertificateFailure(code)).to.equal(`The server's certificate is refused, ${code}: ${reason}.`);
    });

  for (const code of ["ECONNREFUSED", "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "EPROTO", "__proto__", "toString"])
    it(`is none: ${code}`, () => {
      expect(describeCertificateFailure(code)).to.equal(undefined);
    });
});
