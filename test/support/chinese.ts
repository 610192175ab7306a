import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { Texts } from "#dist/extension/window.js";
import { ROOT } from "./document.js";

/** The translations that VS Code reads where it speaks Chinese, by the English texts. */
export const CHINESE: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(join(ROOT, "l10n/bundle.l10n.zh-cn.json"), "utf8"),
) as Record<string, string>;

/** As VS Code's `l10n.t`, where it speaks Chinese: what it has no translation of it says in English. */
export function inChinese(message: string, values: Texts = {}): string {
  const text = Object.hasOwn(CHINESE, message) ? CHINESE[message]! : message;
  return text.replace(/\{([^}]+)\}/g, (place, name: string) => String(values[name] ?? place));
}

/** Expects Chinese sentences, in which English is but names, and what is to be typed. */
export function expectChinese(text: string): void {
  const said = text.replace(/`[^`]*`/g, "");
  expect(said, text).to.match(/\p{Script=Han}/u);
  expect(said, text).to.match(/[。？]$/);
  expect(/\b[a-z']+,? [a-z']+\b/.exec(said)?.[0], text).to.equal(undefined);
}
