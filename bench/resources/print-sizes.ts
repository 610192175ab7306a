import { printTable } from "../measure.js";
import { measureSize, SIZE_CASES, type SizeCase, type SizeOutcome } from "./sizes.js";

/** In which way an outcome is not as it was promised. */
export function brokenBySize({ saves, promised }: SizeCase, outcome: SizeOutcome): string[] {
  const { hasArrived, dropped, warnings, haveOthersArrived } = outcome;
  const reports = promised === "arrives" ? 0 : saves;
  const lines = promised === "arrives" ? 0 : 1;
  const isAsPromised = hasArrived === (promised === "arrives");
  return [
    ...(isAsPromised ? [] : [hasArrived ? "arrived" : "did not arrive"]),
    ...(dropped.length === reports && dropped.every((reason) => reason === "too-large")
      ? []
      : [`dropped ${dropped.length} times: ${[...new Set(dropped)].join(", ")}`]),
    ...(warnings.length === lines ? [] : [`${warnings.length} log lines`]),
    ...(haveOthersArrived ? [] : ["the others did not arrive"]),
  ];
}

export async function printSizes(): Promise<string[]> {
  const broken: string[] = [];
  const rows: string[][] = [];
  for (const sizeCase of SIZE_CASES) {
    const outcome = await measureSize(sizeCase);
    const { hasArrived, dropped, warnings, haveOthersArrived, seconds } = outcome;
    rows.push([
      sizeCase.name,
      hasArrived ? "arrived" : "refused",
      String(dropped.length),
      String(warnings.length),
      haveOthersArrived ? "yes" : "no",
      seconds.toFixed(2),
      sizeCase.promised === "arrives" ? "arrives" : "refused, a report a save, one line",
    ]);
    broken.push(...brokenBySize(sizeCase, outcome).map((problem) => `${sizeCase.name}: ${problem}`));
  }
  printTable(
    "Large values; 16 MiB may wait",
    ["saved", "outcome", "reports", "log lines", "others arrived", "seconds", "promised"],
    rows,
  );
  return broken;
}
