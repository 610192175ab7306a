import { MAX_SKEW_MS } from "../../sync/version.js";
import { error, type Findings, note, ok } from "../finding.js";
import { granting, type Patient } from "../patient.js";
import { type Words, words } from "../words.js";

const SAMPLES = 3;

/** From here on it is worth a word: saves of two machines within that time may count in the wrong order. */
const NOTABLE_MS = 1_000;

/** How far the server's clock and this machine's are apart. Versions are by the clocks of the machines that save. */
export async function* checkClock(patient: Patient): Findings {
  const offset = await measure(patient);
  if (offset === undefined) {
    // Beside what `memory` says of the same.
    if (patient.facts.info !== undefined)
      yield note(
        "clock",
        words`The clock was not looked at: the account may not ask the server for the time.`,
        granting(patient, ["+time"]),
      );
    return;
  }
  // What may be the way's is not the clock's.
  const skewMs = Math.max(0, Math.abs(offset.aheadMs) - offset.roundTripMs / 2);
  const span = describe(skewMs);
  const difference =
    offset.aheadMs > 0
      ? words`This machine's clock is ${span} behind the server's`
      : words`This machine's clock is ${span} ahead of the server's`;
  if (skewMs > MAX_SKEW_MS)
    yield error(
      "clock",
      words`${difference}: others on the right time take saves from more than a day ahead for broken, and those from behind lose to any other.`,
      words`Set the clock: \`timedatectl set-ntp true\`, or on the server, if it is that one.`,
    );
  else if (skewMs > NOTABLE_MS)
    yield note(
      "clock",
      words`${difference}. Where two machines save the same, the later one wins by their own clocks.`,
      words`Have the time of all machines set by NTP: \`timedatectl set-ntp true\`.`,
    );
  else yield ok("clock", words`This machine's clock and the server's agree within a second.`);
}

/** Of several looks the one with the shortest way. */
async function measure({
  line,
  patience,
  parts,
}: Patient): Promise<{ aheadMs: number; roundTripMs: number } | undefined> {
  let best: { aheadMs: number; roundTripMs: number } | undefined;
  for (let sample = 0; sample < SAMPLES; sample++) {
    const [sentMs, sentAtMs] = [patience.clock.now(), parts.clock.wallNow()];
    const { reply } = await line.ask("TIME");
    const roundTripMs = patience.clock.now() - sentMs;
    const [seconds, microseconds] = Array.isArray(reply) ? (reply as unknown[]).map(Number) : [];
    if (!Number.isSafeInteger(seconds) || !Number.isSafeInteger(microseconds)) return undefined;
    const aheadMs = seconds! * 1_000 + microseconds! / 1_000 - (sentAtMs + roundTripMs / 2);
    if (best === undefined || roundTripMs < best.roundTripMs) best = { aheadMs, roundTripMs };
  }
  return best;
}

function describe(spanMs: number): Words {
  const seconds = spanMs / 1_000;
  if (seconds < 120) return words`${seconds.toFixed(1)} s`;
  if (seconds < 7_200) return words`${Math.round(seconds / 60)} minutes`;
  return seconds < 172_800 ? words`${Math.round(seconds / 3_600)} hours` : words`${Math.round(seconds / 86_400)} days`;
}
