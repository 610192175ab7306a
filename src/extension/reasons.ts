import type { MirrorStatus } from "../index.js";
import { type Form, sayBy } from "./forms.js";
import { describeMistakes } from "./mistakes.js";
import type { Translate } from "./window.js";

/**
 * What kind of thing keeps saves from Redis: nobody is there, it wants another name or password, it refuses, its certificate
 * is refused here, what lies there is under a key that is not here, or a setting cannot be used.
 */
export type Cause = "lost" | "login" | "refused" | "certificate" | "unknown-key" | "misconfigured";

/** Redis does not know who is asking, or does not believe it. */
const LOGIN_REPLIES = new Set(["WRONGPASS", "NOAUTH"]);

/** `undefined`: nothing does. */
export function causeOf({ state, reason }: Pick<MirrorStatus, "state" | "reason">): Cause | undefined {
  if (state === "misconfigured") return "misconfigured";
  if (reason === undefined || state === "disabled") return undefined;
  const reply = /^Redis refused: ([A-Z0-9]+)\.$/.exec(reason)?.[1];
  if (reply !== undefined) return LOGIN_REPLIES.has(reply) ? "login" : "refused";
  if (reason.startsWith("The server's certificate is refused")) return "certificate";
  if (reason.startsWith("In Redis it is encrypted")) return "unknown-key";
  // What Redis refuses while it takes other records has one of the reasons above.
  return "lost";
}

/** Whether somebody has to do something about it: a server that is away comes back by itself. */
export function needsSomebody(cause: Cause | undefined): boolean {
  return cause !== undefined && cause !== "lost";
}

/** What the engine says, by its form, in the language of the window. What is of no form that is known stays as it is. */
export function describeReason(reason: string, t: Translate): string {
  const forms: readonly Form[] = [
    [
      /^Redis refused: (WRONGPASS|NOAUTH)\.$/,
      (reply) => t("Redis wants another name or password ({reply}).", { reply }),
    ],
    [/^Redis refused: NOPERM\.$/, () => t("The account may not do this in Redis (NOPERM).")],
    [/^Redis refused: OOM\.$/, () => t("Redis has no memory left (OOM).")],
    [/^Redis refused: READONLY\.$/, () => t("The server is a replica, which takes no writes (READONLY).")],
    [/^Redis refused: ([A-Z0-9]+)\.$/, (reply) => t("Redis refuses: {reply}.", { reply })],
    [/^Redis is not ready: ([A-Z0-9]+)\.$/, (reply) => t("Redis is not ready: {reply}.", { reply })],
    [/^The connection failed: ECONNREFUSED\.$/, () => t("Nobody listens at this host and port (ECONNREFUSED).")],
    [/^The connection failed: (?:ENOTFOUND|EAI_AGAIN)\.$/, () => t("There is no host of this name.")],
    [/^The connection failed: ([A-Z0-9_]+)\.$/, (code) => t("The connection failed: {code}.", { code })],
    [/^The connection failed: .*$/, () => t("The connection broke.")],
    [/^No connection within (\d+) ms\.$/, (ms) => t("No connection within {ms} ms.", { ms })],
    [/^No answer within (\d+) ms\.$/, (ms) => t("No answer within {ms} ms.", { ms })],
    [
      /^The server's certificate is refused, ([A-Z0-9_]+): (.*)\.$/,
      (code, reason) => {
        const why = describeCertificate(reason, t);
        return t("The certificate of the server is refused ({code}): {reason}.", { code, reason: why });
      },
    ],
    [
      /^In Redis it is encrypted with the key (\S+), which this machine does not have\..*$/,
      (key) => t("What lies in Redis is encrypted with the key {key}, which this machine does not have.", { key }),
    ],
    [/^The connection was (?:lost|given up|closed.*)\.$/, () => t("The connection broke.")],
    [/^[Tt]he mirror (?:is|was) closed\.?$/, () => t("The mirror is closed.")],
    [/^Nobody is there to ask\.$/, () => t("Nobody is there to ask.")],
    [/^The attempt did not end within (\d+) ms\.$/, (ms) => t("The attempt did not end within {ms} ms.", { ms })],
    [/^not in Redis after (\d+) ms\.?$/, (ms) => t("It is not there after {ms} ms.", { ms })],
    [
      /^The version is not restored yet: (.*?)\.+$/,
      (why) => t("The version is not restored yet: {reason}", { reason: describeReason(`${why}.`, t) }),
    ],
    [/^Nobody said the password in time\.$/, () => t("Nobody said the password in time.")],
    [/^Redis answered with more than may be read\.$/, () => t("Redis answered with more than may be read.")],
    [/^There are more than (\d+) keys of it\.$/, (count) => t("There are more than {count} keys of it.", { count })],
    [/^The time for the whole examination was over\.$/, () => t("The time for the whole examination was over.")],
    [
      /^Redis does not serve this key now: ([A-Z]+)\..*$/,
      (reply) => t("Redis does not serve this key now: {reply}.", { reply }),
    ],
    [/^No node of the cluster .*$/, () => t("No node of the cluster answers for this.")],
    [/^The node (\S+) cannot be reached\.$/, (node) => t("The node {node} cannot be reached.", { node })],
    [/^None of the (\d+) sentinels answered\.$/, (count) => t("None of the {count} sentinels answered.", { count })],
    [
      /^The sentinels know no primary of the name (.*)\.$/,
      (name) => t("The sentinels know no primary of the name {name}.", { name }),
    ],
    [
      /^The sentinels named a server that is no primary but: (\S+)\.$/,
      (role) => t("The sentinels named a server that is no primary but: {role}.", { role }),
    ],
  ];
  return reason.startsWith("Expected `") ? describeMistakes(reason, t) : (sayBy(forms, reason) ?? reason);
}

/** Why the mirror, or who saves locally, takes no such call. `undefined`: it is neither of them that says so. */
export function describeRefusedCall(message: string, t: Translate): string | undefined {
  const forms: readonly Form[] = [
    [/^Expected a user id, got none and nobody is signed in$/, () => t("Nobody is signed in, so nothing is mirrored.")],
    [/^Expected an active mirror, got one that is disabled$/, () => t("The mirror is disabled.")],
    [
      /^Expected an active mirror, got one that is misconfigured$/,
      () => t("A setting of the mirror cannot be used, so nothing is mirrored."),
    ],
    [
      /^Expected (?:provider profiles|an array of history items)$/,
      () => t("This version has another form than what is kept here."),
    ],
  ];
  return sayBy(forms, message);
}

function describeCertificate(reason: string, t: Translate): string {
  const forms: readonly Form[] = [
    [/^it has expired$/, () => t("it has expired")],
    [/^it is not valid yet$/, () => t("it is not valid yet")],
    [/^it was revoked$/, () => t("it was revoked")],
    [/^it is for another name$/, () => t("it is for another name")],
    [
      /^nobody who is trusted vouches for it; REDIS_TLS_CA .*$/,
      () => t("nobody who is trusted vouches for it; REDIS_TLS_CA names a file of authorities to trust"),
    ],
    [/^it cannot be verified$/, () => t("it cannot be verified")],
  ];
  return sayBy(forms, reason) ?? reason;
}

/** What to do about it; nothing, where that is nobody's business. */
export function remedyOf(cause: Cause | undefined, t: Translate): string | undefined {
  const remedies: Readonly<Record<Cause, () => string>> = {
    lost: () => t("Local work goes on; what you save is sent when Redis is back. Test Connection says what is wrong."),
    login: () => t("Set the password, and check the user in the settings."),
    refused: () => t("Somebody has to change something on the server: Test Connection says what."),
    certificate: () => t("Have the authority that vouches for it trusted: REDIS_TLS_CA names a file of them."),
    "unknown-key": () => t("Import the mirror key of the machine that saved it."),
    misconfigured: () => t("Correct it in the settings: it applies at once."),
  };
  return cause && remedies[cause]();
}

/** A time as people of any language read it, in their own time zone: `2026-11-30 21:05`. */
export function describeTime(time: Date): string {
  if (!(time.getTime() > 0)) return "?";
  const two = (number: number) => String(number).padStart(2, "0");
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

/** `1.5 KB`; the units are the same in all languages. */
export function describeBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** `3 d`, `2 h`, `5 min`, `10 s`. */
export function describeSpan(spanMs: number, t: Translate): string {
  const seconds = Math.max(0, Math.floor(spanMs / 1_000));
  if (seconds < 60) return t("{count} s", { count: seconds });
  if (seconds < 3_600) return t("{count} min", { count: Math.floor(seconds / 60) });
  return seconds < 86_400
    ? t("{count} h", { count: Math.floor(seconds / 3_600) })
    : t("{count} d", { count: Math.floor(seconds / 86_400) });
}
