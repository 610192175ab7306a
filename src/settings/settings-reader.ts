import { readFileSync } from "node:fs";
import { givenInHost, type HostSettings } from "./host-settings.js";
import type { SettingProblem } from "./settings.js";

/** A value and the name under which the user gave it, for whoever has to say that it is wrong. */
export interface Given {
  readonly setting: string;
  readonly value: unknown;
}

/** Where the value of a setting is from. `variable`: the one of the environment that names it, whether it is set or not. */
export interface SettingSource {
  readonly from: "option" | "VS Code setting" | "environment" | "default";
  readonly variable: string;
}

/** Reads one setting at a time and notes what is wrong with it; where it is, the answer is `undefined`, or the fallback. */
export class SettingsReader {
  readonly #env: Record<string, string | undefined>;
  readonly #problems: SettingProblem[];
  readonly #hostSettings: HostSettings | undefined;
  readonly #sources = new Map<string, SettingSource>();

  constructor(env: Record<string, string | undefined>, problems: SettingProblem[], hostSettings?: HostSettings) {
    this.#env = env;
    this.#problems = problems;
    this.#hostSettings = hostSettings;
  }

  /** Of all settings that were asked for, by the names of their options. */
  get sources(): ReadonlyMap<string, SettingSource> {
    return this.#sources;
  }

  /** Option, else VS Code setting, else environment. An empty environment variable counts as one that is not set. */
  given(option: string, value: unknown, variable: string): Given | undefined {
    const [from, given] = this.#find(option, value, variable);
    this.#sources.set(option, { from, variable });
    return given;
  }

  /** What the user has set of it in VS Code, whatever else says. */
  givenInHost(option: string): Given | undefined {
    const found = givenInHost(this.#hostSettings, option);
    return found && { setting: found.name, value: found.value };
  }

  /** How the password is asked for that the host keeps; `undefined`: it keeps none. */
  get askPassword(): (() => PromiseLike<string | undefined>) | undefined {
    const ask = this.#hostSettings?.askPassword;
    return typeof ask === "function" ? ask : undefined;
  }

  #find(option: string, value: unknown, variable: string): [SettingSource["from"], Given | undefined] {
    if (value !== undefined) return ["option", { setting: option, value }];
    const inHost = this.givenInHost(option);
    if (inHost !== undefined) return ["VS Code setting", inHost];
    const text = this.#env[variable];
    if (text === undefined || text === "") return ["default", undefined];
    return ["environment", { setting: variable, value: text }];
  }

  /** One setting says what another was to say. */
  overridden(option: string, by: string): void {
    this.#sources.set(option, this.#sources.get(by)!);
  }

  reject(setting: string, expected: string, got: string): void {
    this.#problems.push({ setting, expected, got });
  }

  text(given: Given | undefined): string | undefined {
    if (given?.value === undefined) return undefined;
    if (typeof given.value === "string") return given.value;
    this.reject(given.setting, "a string", describe(given.value));
    return undefined;
  }

  /** As `text`, and says nothing of what it got. */
  secret(given: Given | undefined): string | undefined {
    if (given?.value === undefined) return undefined;
    if (typeof given.value === "string") return given.value;
    this.reject(given.setting, "a string", `a ${typeof given.value}`);
    return undefined;
  }

  integer(given: Given | undefined, minimum: number, maximum: number): number | undefined {
    if (given?.value === undefined) return undefined;
    const { setting, value } = given;
    const number = typeof value === "string" && /^\s*\d+\s*$/.test(value) ? Number(value) : value;
    if (Number.isInteger(number) && (number as number) >= minimum && (number as number) <= maximum)
      return number as number;
    this.reject(setting, `an integer from ${minimum} to ${maximum}`, describe(value));
    return undefined;
  }

  boolean(given: Given | undefined, fallback: boolean): boolean {
    if (given === undefined) return fallback;
    const word = isObject(given.value) ? "" : String(given.value).trim().toLowerCase();
    if (["true", "1", "yes", "on"].includes(word)) return true;
    if (["false", "0", "no", "off"].includes(word)) return false;
    this.reject(given.setting, "true or false", describe(given.value));
    return fallback;
  }

  /** One of a few words. */
  word<Word extends string>(given: Given | undefined, words: readonly Word[]): Word | undefined {
    if (given?.value === undefined) return undefined;
    const found = words.find((word) => word === given.value);
    if (found === undefined)
      this.reject(given.setting, words.map((word) => `\`${word}\``).join(" or "), describe(given.value));
    return found;
  }

  file(setting: string, path: string): string | undefined {
    try {
      return readFileSync(path, "utf8");
    } catch (error) {
      this.reject(
        setting,
        "a file that can be read",
        `\`${path}\` (${(error as NodeJS.ErrnoException).code ?? "unreadable"})`,
      );
      return undefined;
    }
  }
}

/** Of which only it knows how it becomes text, if it does at all. */
function isObject(value: unknown): boolean {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function describe(value: unknown): string {
  const text = isObject(value) ? Object.prototype.toString.call(value) : String(value);
  return `\`${text.length > 60 ? `${text.slice(0, 60)}…` : text}\` (${typeof value})`;
}
