import { readFileSync } from "node:fs";

const PAGE = readFileSync(new URL("../../../docs/access.md", import.meta.url), "utf8");

/** The rules of an account as docs/access.md has them, for `ACL SETUSER`, without its password. */
export function documentedRules(block = "acl"): string[] {
  const line = new RegExp(`^\`\`\`${block}\nuser mirror (.*)\n\`\`\`$`, "m").exec(PAGE)?.[1];
  if (line === undefined) throw new Error(`Expected docs/access.md to have an account in a block \`${block}\``);
  return line.split(" ").filter((rule) => !rule.startsWith(">"));
}

/** What an account needs for more, by the beginning of its line in the table. */
export function documentedAdditions(feature: string): string[] {
  const row = PAGE.split("\n").find((line) => line.startsWith(`| ${feature}`));
  const rules = /`([^`]*)` *\|$/.exec(row ?? "")?.[1];
  if (rules === undefined) throw new Error(`Expected docs/access.md to say what \`${feature}\` adds`);
  return rules.replaceAll("\\|", "|").split(" ");
}

/** The commands that the rules allow, as `INFO commandstats` names them. */
export function commandsOf(rules: readonly string[]): string[] {
  return rules.filter((rule) => rule.startsWith("+")).map((rule) => rule.slice(1));
}
