import { lookup } from "node:dns/promises";
import type { MirrorOptions } from "../settings/options.js";
import { nameInHost } from "../settings/host-settings.js";
import type { Settings } from "../settings/settings.js";
import type { SettingSource } from "../settings/settings-reader.js";
import { type Clock, systemClock } from "../sync/clock.js";
import type { Patience } from "./patience.js";
import { type Words, words } from "./words.js";

/** What an examination works with, so that a test can turn clocks and invent names. */
export interface Parts {
  readonly clock: Clock;
  /** The addresses of a name. Rejects with a `code` as Node's `dns` does. */
  readonly lookUp: (host: string) => Promise<readonly string[]>;
}

export const OWN_PARTS: Parts = {
  clock: systemClock,
  lookUp: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
};

/** What has to be let go of in the end. */
export interface Held {
  close(): void;
}

/** What all checks know. */
export interface Visit {
  readonly options: MirrorOptions;
  readonly patience: Patience;
  readonly parts: Parts;
  readonly settings: Settings;
  readonly sources: ReadonlyMap<string, SettingSource>;
  /** Closed in the end, also where nobody listens to the end. */
  readonly held: Set<Held>;
  /** Whose records are looked at; `undefined`: nobody is signed in. */
  readonly userId: string | undefined;
}

/**
 * As the user set it, or would: `redisMirrored.port` in VS Code, else `REDIS_PORT`, or `redis.port` where a host's option says
 * it. What VS Code keeps as a secret is called by what it is.
 */
export function nameOfSetting(
  { sources, options }: Pick<Visit, "sources" | "options">,
  option: string,
): string | Words {
  if (option === "redis.password" && isAsked({ sources, options })) return words`the password`;
  const source = sources.get(option);
  if (source === undefined || source.from === "option") return option;
  return (options.settings && nameInHost(option)) ?? source.variable;
}

function isAsked({ sources, options: { redis, settings } }: Pick<Visit, "sources" | "options">): boolean {
  if (typeof redis?.password === "function") return true;
  return sources.get("redis.password")?.from !== "option" && typeof settings?.askPassword === "function";
}

/** The same of what a URL may say beside other things: `the database of REDIS_URL`. @param what It is called there. */
export function nameOfPart(visit: Pick<Visit, "sources" | "options">, option: string, what: Words): string | Words {
  const name = nameOfSetting(visit, option);
  return name === nameOfSetting(visit, "redis.url") ? words`the ${what} of ${name}` : name;
}
