import { homedir } from "node:os";

/** What tells a secret, or a machine, whatever file it is in. */
const SECRETS = [
  { name: "a private key", form: /-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]/ },
  { name: "a token", form: /\b(npm_[A-Za-z0-9]{36}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22}|AKIA[0-9A-Z]{16})\b/ },
  { name: "a token of npm's settings", form: /:_(authToken|password|auth)\s*=/ },
  { name: "the path of this machine", form: pathsOfMachine() },
];

/** What is in a text that nobody is to see, a line each. @param path As it is to be named. */
export function secretsIn(path, text) {
  return SECRETS.filter(({ form }) => form.test(text)).map(({ name }) => `${path} holds ${name}`);
}

function pathsOfMachine() {
  const escaped = [process.cwd(), homedir()]
    .filter((path) => path.length > 1)
    .map((path) => path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`(${escaped.join("|")})(?![\\w.-])`);
}
