import { givenInHost, nameInHost } from "../../settings/host-settings.js";
import { Identity } from "../../settings/identity.js";
import type { MirrorOptions } from "../../settings/options.js";
import { printable } from "../../sync/printable.js";
import { type Findings, note, ok } from "../finding.js";
import { words } from "../words.js";

/** Whose records are mirrored. The answer: `undefined`, nobody's. */
export async function* checkUser(options: MirrorOptions): Findings<string | undefined> {
  const { userId, settings, env = process.env } = options;
  const setting = (settings && nameInHost("userId")) ?? "ROO_USER_ID";
  const current = currentUser(options);
  if (current === undefined) {
    yield note("user", words`Nobody is signed in, so nothing is mirrored for now.`, words`Sign in, or set ${setting}.`);
    return undefined;
  }
  const name = `\`${printable(current)}\``;
  if (typeof userId === "function") yield ok("user", words`The host says that the user is ${name}.`);
  else if (userId || givenInHost(settings, "userId") !== undefined || env["ROO_USER_ID"])
    yield ok("user", words`The user is ${name}, as the settings say.`);
  else
    yield note(
      "user",
      words`The user is ${name}, an id of this machine and its user: no other machine shares these records.`,
      words`To share them, set ${setting} to the same value on each machine, and give each the same key.`,
    );
  return current;
}

/** The host's function may do anything. */
function currentUser(options: MirrorOptions): string | undefined {
  try {
    return new Identity(options).current;
  } catch {
    return undefined;
  }
}
