import { MirrorError, RefusedError } from "../../sync/errors.js";
import { DEFAULT_DEADLINES } from "../../sync/redis-address.js";
import { surveyRecords } from "../../sync/record-survey.js";
import { Catalogue } from "../../sync/records.js";
import { printable } from "../../sync/printable.js";
import { type KeyListing, UserKeys } from "../../sync/user-keys.js";
import { type Findings, note, ok, warning } from "../finding.js";
import { count, listSome } from "../naming.js";
import { STEP_MS } from "../patience.js";
import { granting, type Patient } from "../patient.js";
import { Saying, words } from "../words.js";

/** Of more than so many records not each is named. */
const MAX_NAMED = 12;

/** What lies there of the user. The answer: a connection for who looks further, and what it found. */
export async function* checkRecords(patient: Patient): Findings<{ source: UserKeys; listing: KeyListing } | undefined> {
  const { settings, userId, patience, held } = patient;
  if (userId === undefined) return undefined;
  try {
    const stepMs = patience.upTo(STEP_MS);
    const opening = UserKeys.open(
      settings.address,
      userId,
      { ...DEFAULT_DEADLINES, connectMs: stepMs / 2, commandMs: stepMs },
      patience.clock,
    );
    const source = await patience.within(opening).catch((failure: unknown) => {
      void opening.then(
        (late) => late.close(),
        () => {},
      );
      throw failure;
    });
    held.add(source);
    const listing = await patience.within(source.list(), 2 * STEP_MS);
    const surveys = await patience.within(
      surveyRecords(source, listing.keys, new Catalogue(settings.records, settings)),
      2 * STEP_MS,
    );
    const whose = `\`${printable(userId)}\``;
    const names = [...new Set(surveys.filter(({ state }) => state === "there").map(({ record }) => record))];
    yield ok(
      "records",
      names.length === 0
        ? words`Redis holds no record of ${whose} yet.`
        : words`Redis holds ${count(names.length, "record")} of ${whose}: ${listSome(names, MAX_NAMED)}.`,
    );
    if (listing.strangers.length > 0)
      yield note(
        "records",
        listing.strangers.length === 1
          ? words`1 key under the user's name is not the mirror's.`
          : words`${listing.strangers.length} keys under the user's name are not the mirror's.`,
        words`\`npx redis-mirrored inspect\` names them; \`npx redis-mirrored migrate\` takes over what a fork's own code left.`,
      );
    return { source, listing };
  } catch (failure) {
    if (!(failure instanceof MirrorError)) throw failure;
    if (failure instanceof RefusedError && failure.reply === "NOPERM")
      yield note(
        "records",
        words`What lies in Redis of this user was not looked at: the account may not list keys.`,
        words`For that: an operator's account, or this. ${granting(patient, ["+scan", "+ttl"])}`,
      );
    else
      yield warning(
        "records",
        words`What lies in Redis of this user could not be looked at: ${new Saying(failure.message)}`,
        words`Ask again; \`npx redis-mirrored inspect\` takes its time.`,
      );
    return undefined;
  }
}
