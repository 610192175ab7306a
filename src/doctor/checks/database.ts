import { error, type Findings, ok } from "../finding.js";
import { isForbidden } from "../line.js";
import { granting, type Patient } from "../patient.js";
import { nameOfPart } from "../visit.js";
import { type Words, words } from "../words.js";

/** Whether the database is there, and may be used: the answer. From here on the connection is in it. */
export async function* checkDatabase(patient: Patient): Findings<boolean> {
  const { settings, line, facts } = patient;
  const { database } = settings.address;
  if (database !== 0) {
    const answer = await line.ask("SELECT", String(database));
    const setting = nameOfPart(patient, "redis.database", words`database`);
    if (isForbidden(answer)) {
      yield error(
        "database",
        words`The account may not use database ${database}: nothing is mirrored.`,
        words`${granting(patient, ["+select"])} Or set ${setting} to 0.`,
      );
      return false;
    }
    if (answer.refusal !== undefined) {
      yield error(
        "database",
        words`There is no database ${database} on that server: nothing is mirrored.`,
        words`Set ${setting} to a smaller number, or raise \`databases\` in redis.conf: 16 unless it says more.`,
      );
      return false;
    }
  }
  const keys = /^keys=(\d{1,18})\b/.exec(facts.info?.get(`db${database}`) ?? "")?.[1];
  yield ok("database", describe(database, facts.info === undefined ? undefined : Number(keys ?? 0)));
  return true;
}

/** @param keys How many are in it; `undefined`: nobody tells. */
function describe(database: number, keys: number | undefined): Words {
  if (keys === undefined) return words`Database ${database} is there.`;
  return keys === 1
    ? words`Database ${database} is there, with 1 key of whomever.`
    : words`Database ${database} is there, with ${keys} keys of whomever.`;
}
