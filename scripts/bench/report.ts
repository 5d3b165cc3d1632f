/** What a scenario hands back, and how it is printed: one row per server and concurrency, then its targets. Pure. */

export interface Row {
  /** What was asked and at which concurrency. */
  readonly what: string;
  readonly server: string;
  /** Cells by column, already with their unit. */
  readonly cells: { readonly [column: string]: string };
}

export interface Target {
  readonly name: string;
  readonly isMet: boolean;
  /** What was measured beside what was wanted. */
  readonly measured: string;
  /** What finding the waste should give; missing it is said, and is no failure. */
  readonly isGoal?: boolean;
}

/** How long the event loop of a server kept a timer waiting, in milliseconds. */
export interface LoopDelay {
  readonly p999Ms: number;
  readonly maxMs: number;
  /** The same of the worst baseline beside it: what the machine had to do with it. */
  readonly baselineP999Ms?: number;
}

export interface ScenarioResult {
  readonly title: string;
  readonly rows: readonly Row[];
  readonly targets: readonly Target[];
  /** What the chart and the documents name by itself. */
  readonly figures?: { readonly [name: string]: number };
  /** The gateway's worst, and where it was seen. */
  readonly loopDelay?: (LoopDelay & { readonly where: string }) | undefined;
}

/** What `--json` keeps of a run. */
export interface BenchResults {
  /** Which document they are for; unless told, docs/benchmarks.md. */
  readonly page?: "scaling";
  readonly date: string;
  readonly isQuick: boolean;
  readonly machine: string;
  readonly versions: { readonly [program in "clawgate" | "node"]: string } & { readonly [other in "portkey" | "postgres"]?: string };
  readonly idleBefore: string;
  readonly rounds: string;
  readonly scenarios: readonly (ScenarioResult & { readonly seconds: number })[];
  /** Of all scenarios, and the one of all together. */
  readonly targets: readonly Target[];
  /** Letters of scenarios that did not come to their end. */
  readonly broken: readonly string[];
}

/** The bound that must hold, and the one that is aimed at. */
export function targetsOf(
  name: string,
  value: number,
  { floor, goal, unit = "", isMost = false }: { floor: number; goal?: number; unit?: string; isMost?: boolean },
): Target[] {
  const bound = isMost ? "at most" : "at least";
  const isMet = (limit: number): boolean => (isMost ? value <= limit : value >= limit);
  const measured = `${round(value)}${unit}`;
  return [
    { name: `${name}: ${bound} ${floor}${unit}`, isMet: isMet(floor), measured },
    ...(goal === undefined ? [] : [{ name: `${name}: ${bound} ${goal}${unit}`, isMet: isMet(goal), measured, isGoal: true }]),
  ];
}

export function formatResult({ title, rows, targets }: ScenarioResult): string {
  if (rows.length === 0) return `\n${title}`;
  const columns = ["", "server", ...new Set(rows.flatMap(({ cells }) => Object.keys(cells)))];
  const lines = rows.map((row) => [row.what, row.server, ...columns.slice(2).map((column) => row.cells[column] ?? "–")]);
  const table = formatTable([columns, ...lines]);
  return [`\n${title}`, ...table.map((line) => `  ${line}`), ...targets.map((target) => `  ${formatTarget(target)}`)].join("\n");
}

export function formatTarget({ name, isMet, measured, isGoal = false }: Target): string {
  return `${isGoal ? "goal " : ""}${isMet ? "met" : "missed"}`.padEnd(11) + `  ${name}: ${measured}`;
}

/** The first two columns to the left, numbers to the right. */
function formatTable(lines: readonly (readonly string[])[]): string[] {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

export function median(numbers: readonly number[]): number {
  return quantile(
    [...numbers].sort((a, b) => a - b),
    0.5,
  );
}

/** Of ascending numbers; between two of them, their mean by distance. */
export function quantile(ascending: readonly number[], share: number): number {
  const at = (ascending.length - 1) * share;
  const [low = NaN, high = low] = [ascending[Math.floor(at)], ascending[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}

/** Three significant digits, without an exponent. */
export function round(value: number): string {
  if (Number.isNaN(value)) return "–";
  return String(value >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}
