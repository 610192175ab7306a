const UNKNOWN_ISSUER = "nobody who is trusted vouches for it; REDIS_TLS_CA names a file of authorities to trust";

/** What Node says when it does not accept a certificate. @see https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "it has expired",
  CERT_NOT_YET_VALID: "it is not valid yet",
  CERT_REVOKED: "it was revoked",
  ERR_TLS_CERT_ALTNAME_INVALID: "it is for another name",
  HOSTNAME_MISMATCH: "it is for another name",
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_ISSUER,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_ISSUER,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_ISSUER,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_ISSUER,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_ISSUER,
};

/** The others; of those of OpenSSL itself, `ERR_SSL_…`, some are about a certificate that the server wants of us. */
const ABOUT_CERTIFICATE = /^(?!ERR_SSL_).*(?:CERT|CRL|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH)/;

/** A sentence, if the code of an error says that a server's certificate was refused. */
export function describeCertificateFailure(code: string): string | undefined {
  const reason =
    (Object.hasOwn(REASONS, code) ? REASONS[code] : undefined) ??
    (ABOUT_CERTIFICATE.test(code) ? "it cannot be verified" : undefined);
  return reason && `The server's certificate is refused, ${code}: ${reason}.`;
}
