import { type Findings, note, ok, warning } from "../finding.js";
import type { Patient } from "../patient.js";
import { redisCli } from "../redis-cli-call.js";
import { words } from "../words.js";

const SAMPLES = 5;

/** From here on it is slow for a server that is meant to be near. */
const SLOW_MS = 100;

/** How long a round trip takes: the median of five. */
export async function* checkLatency(patient: Patient): Findings {
  const { line, patience, settings, endpoint } = patient;
  const samples: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample++) {
    const sentMs = patience.clock.now();
    await line.ask("PING");
    samples.push(patience.clock.now() - sentMs);
  }
  const medianMs = samples.sort((a, b) => a - b)[Math.floor(SAMPLES / 2)]!;
  const median = words`A round trip takes ${medianMs < 10 ? medianMs.toFixed(1) : Math.round(medianMs)} ms`;
  const { readTimeoutMs } = settings.timings;
  if (medianMs > readTimeoutMs)
    yield warning(
      "latency",
      words`${median}, longer than a restore waits (${readTimeoutMs} ms): records are mirrored, and not restored.`,
      words`Use a server that is nearer, or see what the network or the server is busy with: \`${redisCli(patient, endpoint, "--latency")}\`, \`${redisCli(patient, endpoint, "SLOWLOG", "GET")}\`.`,
    );
  else if (medianMs > SLOW_MS)
    yield note(
      "latency",
      words`${median}. No save waits for it; a restore does, ${readTimeoutMs} ms at most.`,
      words`A server that is nearer restores faster.`,
    );
  else yield ok("latency", words`${median}.`);
}
