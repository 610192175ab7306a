// What a save costs without OpenTelemetry, with its API alone, and with an SDK: `npm run bench:telemetry`. The figures of
// docs/observability.md. A process each, as what is loaded once stays loaded; in turns, so that what disturbs the machine
// disturbs them alike.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { history, smallValue } from "./hosts.js";
import { distribution, formatMicroseconds, printTable } from "./measure.js";
import { measureScenario } from "./save-cost.js";

const ROUNDS = 7;
const SAVES = 5_000;

const CASES = {
  "200 B": { value: smallValue, key: "customInstructions" },
  "50 × 530 B, one changed": { value: history, key: "taskHistory" },
} as const;

type Setup = "none" | "the API" | "an SDK, collected each second";
const SETUPS: readonly Setup[] = ["none", "the API", "an SDK, collected each second"];

/** As where it is not installed. */
const UNRESOLVABLE = `export async function resolve(specifier, context, next) {
  if (!specifier.startsWith("@opentelemetry/")) return next(specifier, context);
  throw Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
}`;
const toUrl = (source: string) => `data:text/javascript,${encodeURIComponent(source)}`;
const REGISTERING = toUrl(`import { register } from "node:module"; register(${JSON.stringify(toUrl(UNRESOLVABLE))});`);

async function registerSdk(): Promise<void> {
  const { metrics, trace } = await import("@opentelemetry/api");
  const { InMemoryMetricExporter, AggregationTemporality, MeterProvider, PeriodicExportingMetricReader } =
    await import("@opentelemetry/sdk-metrics");
  const { BasicTracerProvider, BatchSpanProcessor, InMemorySpanExporter } =
    await import("@opentelemetry/sdk-trace-base");
  const reader = new PeriodicExportingMetricReader({
    exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
    exportIntervalMillis: 1_000,
    exportTimeoutMillis: 1_000,
  });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(new InMemorySpanExporter())] }),
  );
}

/** Of this process, which the others are started to be: microseconds by case. */
async function measure(setup: Setup): Promise<Record<string, number>> {
  if (setup.startsWith("an SDK")) await registerSdk();
  const added: Record<string, number> = {};
  for (const [name, { value, key }] of Object.entries(CASES)) {
    const { bare, mirrored } = await measureScenario("healthy", value, key, SAVES);
    added[name] = mirrored.median - bare.median;
  }
  return added;
}

const [, file, asSetup] = process.argv;
if (asSetup !== undefined) {
  console.log(JSON.stringify(await measure(asSetup as Setup)));
  process.exit();
}

const measured = SETUPS.map((setup) => ({ setup, rounds: [] as Record<string, number>[] }));
for (let round = 0; round < ROUNDS; round++)
  for (const { setup, rounds } of measured) {
    const args = [
      ...(setup === "none" ? ["--import", REGISTERING] : []),
      file ?? fileURLToPath(import.meta.url),
      setup,
    ];
    rounds.push(JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as Record<string, number>);
  }
printTable(
  `What a save adds to the host's own, by what there is of OpenTelemetry: medians of ${ROUNDS} processes, ${SAVES} saves each`,
  ["a save of", ...SETUPS],
  Object.keys(CASES).map((name) => [
    name,
    ...measured.map(({ rounds }) => formatMicroseconds(distribution(rounds.map((each) => each[name]!)).median)),
  ]),
);
