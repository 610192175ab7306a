import { passwordOf } from "../../sync/connection.js";
import { MirrorError, RefusedError } from "../../sync/errors.js";
import type { RedisEndpoint } from "../../sync/redis-address.js";
import { isLoopback } from "../../sync/plaintext.js";
import { error, type Findings, ok, warning } from "../finding.js";
import { Line } from "../line.js";
import { shown } from "../naming.js";
import { STEP_MS } from "../patience.js";
import { nameOfPart, type Visit } from "../visit.js";
import { Saying, type Words, words } from "../words.js";

/** Whether the server lets the account in. The answer is the connection. */
export async function* checkAuthentication(visit: Visit, endpoint: RedisEndpoint): Findings<Line | undefined> {
  const { address } = visit.settings;
  let line: Line;
  try {
    line = await Line.open(endpoint, address, visit.patience);
  } catch (failure) {
    if (!(failure instanceof MirrorError)) throw failure;
    yield failure instanceof RefusedError
      ? error("authentication", ...describeLogin(visit, failure.reply))
      : error(
          "authentication",
          words`${shown(endpoint)}: ${new Saying(failure.message)}`,
          words`See what the server's log says, and ask again.`,
        );
    return undefined;
  }
  visit.held.add(line);
  const password = await passwordOf(address, STEP_MS / 2, visit.patience.clock);
  const hasPassword = password !== undefined && password !== "";
  if (hasPassword)
    yield ok(
      "authentication",
      address.username === undefined
        ? words`The password is accepted.`
        : words`The account and its password are accepted.`,
    );
  else if (isLoopback(endpoint.host)) yield ok("authentication", words`The server asks for no password.`);
  else
    yield warning(
      "authentication",
      words`${shown(endpoint)} asks for no password: whoever reaches it can read, change and delete what lies there.`,
      words`Make an account for the mirror alone (docs/access.md has the line to type), and switch the default one off: \`ACL SETUSER default off\`.`,
    );
  return line;
}

/** Why an account was not let in, by the first word of what the server said. */
export function describeLogin(visit: Visit, reply: string): [message: Words, remedy: Words] {
  const username = nameOfPart(visit, "redis.username", words`account`);
  const password = nameOfPart(visit, "redis.password", words`password`);
  switch (reply) {
    case "NOAUTH":
      return [
        words`The server wants a password, and the settings have none.`,
        words`Set ${password}, and ${username} where the account is not the default one.`,
      ];
    case "WRONGPASS":
      return [
        words`The server does not accept the account and password of the settings, or the account is switched off.`,
        words`Correct ${username} and ${password}. Whoever may, sees on the server which accounts there are: \`ACL LIST\`.`,
      ];
    case "ERR":
      return [
        words`The server did not understand the log-in: the password is wrong, it has none for that account, or, before Redis 6, it knows no accounts.`,
        words`Correct ${password}, or remove it; before Redis 6, remove ${username}.`,
      ];
    default:
      return [words`The server refused the log-in: ${reply}.`, words`See what the server's log says.`];
  }
}
