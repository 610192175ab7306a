/** What a key's id looks like. */
export const [KNOWN_KEY, UNKNOWN_KEY] = ["AAAAknownAA", "BBBBotherBB"];

/** A JWE in the form of the mirror's, which no key opens: scripts look at its header alone. */
export function sealed(kid: string, text: string, ver?: string): string {
  const header = { alg: "dir", enc: "A256GCM", kid, ...(ver !== undefined && { ver }) };
  return JSON.stringify({ protected: base64url(JSON.stringify(header)), iv: "", ciphertext: base64url(text) });
}

export function base64url(text: string): string {
  return Buffer.from(text).toString("base64url");
}
