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
}

export interface ScenarioResult {
  readonly title: string;
  readonly rows: readonly Row[];
  readonly targets: readonly Target[];
}

export function formatResult({ title, rows, targets }: ScenarioResult): string {
  if (rows.length === 0) return `\n${title}`;
  const columns = ["", "server", ...new Set(rows.flatMap(({ cells }) => Object.keys(cells)))];
  const lines = rows.map((row) => [row.what, row.server, ...columns.slice(2).map((column) => row.cells[column] ?? "–")]);
  const table = formatTable([columns, ...lines]);
  return [`\n${title}`, ...table.map((line) => `  ${line}`), ...targets.map((target) => `  ${formatTarget(target)}`)].join("\n");
}

export function formatTarget({ name, isMet, measured }: Target): string {
  return `${isMet ? "met   " : "missed"}  ${name}: ${measured}`;
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
  return String(value >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}
