import { documentedAdditions, documentedRules } from "../security/documented-access.js";

/** Whether servers give whoever logs in as nobody no more than docs/access.md does: `npm run test:acl`. */
export const IS_LIMITED = process.env["MIRROR_TEST_ACL"] === "1";

/** Who looks at servers and gives them orders, where the mirror's account may not. */
export const ADMIN = { username: "admin", password: "orders" };

/** Whose changes tests listen to: each has channels of its own. */
const LISTENED_TO = ["alice", "bob", "{alice}"];

/** All that docs/access.md gives an account that is not on a cluster and that no sentinels watch, as arguments of `ACL SETUSER`. */
export function mirrorRules(...features: readonly string[]): string[] {
  const listening = documentedAdditions("live sharing").flatMap((rule) =>
    rule.includes("ALICE") ? LISTENED_TO.map((userId) => rule.replace("ALICE", userId)) : [rule],
  );
  const additions = ["another database", "the commands", "the doctor", ...features].flatMap(documentedAdditions);
  return [...documentedRules(), ...listening, ...additions];
}

/** redis-server's options of a server where the default account is the mirror's: none, unless it is to be so. */
export function limitedOptions(args: readonly string[], features: readonly string[]): string[] {
  if (!IS_LIMITED) return [];
  const at = args.lastIndexOf("--requirepass");
  const accounts = accountLines(mirrorRules(...features), at < 0 ? undefined : args[at + 1]);
  // Replicas copy what the mirror's account may not.
  const lines = [...accounts, `masteruser ${ADMIN.username}`, `masterauth ${ADMIN.password}`];
  return lines.flatMap((line) => `--${line}`.split(" "));
}

/** The same of a sentinel, as lines of its file. */
export function limitedSentinelLines(masterName: string, password?: string): string[] {
  if (!IS_LIMITED) return [];
  const { username, password: secret } = ADMIN;
  return [
    ...accountLines(documentedRules("acl-sentinel"), password),
    // They ask servers, and each other, what the mirror's accounts may not.
    `sentinel auth-user ${masterName} ${username}`,
    `sentinel auth-pass ${masterName} ${secret}`,
    `sentinel sentinel-user ${username}`,
    `sentinel sentinel-pass ${secret}`,
  ];
}

function accountLines(rules: readonly string[], password: string | undefined): string[] {
  return [
    `user ${ADMIN.username} on >${ADMIN.password} ~* &* +@all`,
    `user default ${password === undefined ? "nopass" : `>${password}`} ${rules.join(" ")}`,
  ];
}
