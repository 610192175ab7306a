import type { CiphertextSurvey, LeftCiphertext, ReencryptionReport } from "../../sync/reencryption.js";
import type { Ciphertext } from "../../sync/ciphertexts.js";
import { align, shownId, shownKey } from "../table.js";

const REASONS: Readonly<Record<LeftCiphertext["reason"], string>> = {
  "unknown-key": "under a key that is not at hand",
  unreadable: "does not decrypt",
  changed: "saved under an older key meanwhile: run it again",
  "too-many": "not looked at: more versions than the mirror keeps",
  "too-large": "not looked at: larger than the mirror's own",
  changing: "not looked at: it changes all the time, run it again",
};

/** Several servers', or passes', as one. */
export function sumOf(surveys: readonly CiphertextSurvey[]): CiphertextSurvey {
  return {
    current: surveys.flatMap(({ current }) => current),
    older: surveys.flatMap(({ older }) => older),
    foreign: surveys.flatMap(({ foreign }) => foreign),
    unseen: surveys.flatMap(({ unseen }) => unseen),
  };
}

/** The same of what was done. */
export function sumOfReports(reports: readonly ReencryptionReport[]): ReencryptionReport {
  return {
    reencrypted: reports.reduce((sum, { reencrypted }) => sum + reencrypted, 0),
    current: reports.reduce((sum, { current }) => sum + current, 0),
    left: reports.flatMap(({ left }) => left),
  };
}

/** `3 values and 2 kept versions`. */
export function countOf(ciphertexts: readonly Ciphertext[]): string {
  const kept = ciphertexts.filter(({ keptVersion }) => keptVersion !== undefined).length;
  const values = ciphertexts.length - kept;
  const parts = [
    ...(values > 0 || kept === 0 ? [`${values} ${values === 1 ? "value" : "values"}`] : []),
    ...(kept > 0 ? [`${kept} kept ${kept === 1 ? "version" : "versions"}`] : []),
  ];
  return parts.join(" and ");
}

/** How many are under which key, a line each. */
export function describeByKey(ciphertexts: readonly Ciphertext[]): string[] {
  const keyIds = [...new Set(ciphertexts.map(({ keyId }) => keyId))];
  const those = (id: string | undefined) => ciphertexts.filter(({ keyId }) => keyId === id);
  return align(keyIds.map((keyId) => [`  ${nameOf(keyId)}`, countOf(those(keyId))]));
}

/** What was left as it is, a line each. Names and ids alone: no value. */
export function describeLeft(left: readonly LeftCiphertext[]): string[] {
  return align(
    left.map(({ redisKey, keptVersion, keyId, reason }) => [
      `  ${shownKey(redisKey)}`,
      keptVersion === undefined ? "" : shownId(keptVersion),
      nameOf(keyId),
      REASONS[reason],
    ]),
  );
}

/** For programs: each member in every entry. */
export function toEntries(left: readonly (Ciphertext & { readonly reason?: string })[]): object[] {
  return left.map(({ redisKey, keptVersion = null, keyId = null, reason = null }) => ({
    redisKey,
    version: keptVersion,
    keyId,
    reason,
  }));
}

function nameOf(keyId: string | undefined): string {
  return keyId === undefined ? "(no id)" : shownId(keyId);
}
