import type { MirrorOptions } from "../../settings/options.js";
import { readSettings } from "../../settings/resolve-settings.js";
import type { Settings } from "../../settings/settings.js";
import type { SettingSource } from "../../settings/settings-reader.js";
import { printable } from "../../sync/printable.js";
import { error, type Findings, ok, warning } from "../finding.js";
import { nameOfSetting } from "../visit.js";
import { Saying, words } from "../words.js";

/**
 * What is wrong with the settings, each for itself. What was got instead is left out: whoever mixes up two variables may
 * have a secret there.
 */
export async function* checkSettings(
  options: MirrorOptions,
): Findings<{ settings: Settings; sources: ReadonlyMap<string, SettingSource> } | undefined> {
  // Also where the mirror is off: whoever asks wants to know what would be, if it were on.
  const { result, sources } = readSettings({ ...options, enabled: true });
  const { result: asTheyAre, sources: sourcesAsTheyAre } = readSettings(options);
  const enabling = nameOfSetting({ sources: sourcesAsTheyAre, options }, "enabled");
  if ("problems" in result) {
    for (const { setting, expected } of result.problems) {
      const name = new Saying(printable(setting));
      yield error(
        "settings",
        words`\`${name}\` is not what it has to be: ${new Saying(printable(expected))}. Nothing is mirrored.`,
        words`Correct ${name}, or remove it.`,
      );
    }
    return undefined;
  }
  if ("settings" in asTheyAre && !asTheyAre.settings.isEnabled)
    yield warning(
      "settings",
      words`The mirror is switched off by \`${enabling}\`: nothing is mirrored.`,
      words`Set ${enabling} to true, or remove it.`,
    );
  else yield ok("settings", words`The settings can be used.`);
  return { settings: result.settings, sources };
}
