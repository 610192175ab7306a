import { openChangeWatch } from "../../sync/change-watch.js";
import { MirrorError, RefusedError } from "../../sync/errors.js";
import { keySpaceOf } from "../../settings/settings.js";
import { folderOf } from "../../sync/keys.js";
import { type Findings, ok, warning } from "../finding.js";
import { STEP_MS } from "../patience.js";
import { granting, type Patient } from "../patient.js";
import { Saying, words } from "../words.js";

/** Whether the account may hear what other instances change, where that is shared live. */
export async function* checkSharing(patient: Patient): Findings {
  const { settings, userId, endpoint, patience } = patient;
  if (!settings.isSharedLive || userId === undefined) return;
  const folder = folderOf(keySpaceOf(settings).keyOf({ userId, record: "any" }));
  const opening = openChangeWatch(
    async () => endpoint,
    // Channels are the same in every database.
    { address: { ...settings.address, database: 0 }, deadlineMs: patience.upTo(STEP_MS), clock: patience.clock },
    { onHint: () => {}, onLost: () => {} },
  );
  try {
    const watch = await patience.within(opening.promise);
    await patience.within(watch.add(folder));
    yield ok("sharing", words`What other instances change is heard of: the account may listen to \`${folder}*\`.`);
  } catch (failure) {
    if (!(failure instanceof MirrorError)) throw failure;
    const isForbidden = failure instanceof RefusedError && failure.reply === "NOPERM";
    yield warning(
      "sharing",
      isForbidden
        ? words`The account may not listen to \`${folder}*\`: what other instances change is found out within five minutes, not at once.`
        : words`Listening for what other instances change failed: ${new Saying(failure.message)}`,
      isForbidden
        ? granting(patient, ["+psubscribe", `&${folder}*`])
        : words`See what the server's log says, and ask again.`,
    );
  } finally {
    opening.abandon();
  }
}
