import { error, type Findings, ok } from "../finding.js";
import { count } from "../naming.js";
import { isForbidden } from "../line.js";
import { granting, type Patient } from "../patient.js";
import { nameOfPart } from "../visit.js";

/** Whether the database is there, and may be used: the answer. From here on the connection is in it. */
export async function* checkDatabase(patient: Patient): Findings<boolean> {
  const { settings, line, facts } = patient;
  const { database } = settings.address;
  if (database !== 0) {
    const answer = await line.ask("SELECT", String(database));
    const setting = nameOfPart(patient, "redis.database", "database");
    if (isForbidden(answer)) {
      yield error(
        "database",
        `The account may not use database ${database}: nothing is mirrored.`,
        `${granting(patient, ["+select"])} Or set ${setting} to 0.`,
      );
      return false;
    }
    if (answer.refusal !== undefined) {
      yield error(
        "database",
        `There is no database ${database} on that server: nothing is mirrored.`,
        `Set ${setting} to a smaller number, or raise \`databases\` in redis.conf: 16 unless it says more.`,
      );
      return false;
    }
  }
  const keys = /^keys=(\d{1,18})\b/.exec(facts.info?.get(`db${database}`) ?? "")?.[1];
  const size = facts.info === undefined ? "" : `, with ${count(Number(keys ?? 0), "key")} of whomever`;
  yield ok("database", `Database ${database} is there${size}.`);
  return true;
}
