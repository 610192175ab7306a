import { error, type Findings, ok } from "../finding.js";
import { shown } from "../naming.js";
import type { Patient } from "../patient.js";
import { nameOfSetting } from "../visit.js";
import { words } from "../words.js";

/** Whether it may be written to. */
export async function* checkRole(patient: Patient): Findings {
  const { facts, endpoint, settings } = patient;
  const role = facts.greeting.get("role") ?? facts.info?.get("role");
  if (role === "master") yield ok("role", words`${shown(endpoint)} is a primary.`);
  else if (role === "replica" || role === "slave") {
    const isNamed = settings.address.sentinels === undefined && settings.address.cluster === undefined;
    yield error(
      "role",
      words`${shown(endpoint)} is a replica, which refuses to be written to (READONLY): nothing is mirrored.`,
      isNamed
        ? words`Name its primary, or set ${nameOfSetting(patient, "redis.sentinels")}, by which the mirror finds whoever that is.`
        : words`Wait until a failover is over, and ask again.`,
    );
  }
}
