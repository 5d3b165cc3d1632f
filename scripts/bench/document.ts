/**
 * What docs/benchmarks.md and docs/scaling.md say of a run: the parts of them between `<!-- bench: name -->` and `<!-- end bench -->`,
 * made of the results that `npm run bench -- --json` and `bench:scaling` wrote. Pure; the prose around them is nobody's but the author's.
 */
import { formatReading } from "../scaling/reading.ts";
import { formatTarget, round, type BenchResults, type ScenarioResult } from "./report.ts";

const part = /(<!-- bench: (\w+) -->\n)[\s\S]*?(<!-- end bench -->)/g;

const parts: { readonly [name: string]: (results: BenchResults) => string } = {
  run: formatRun,
  targets: formatTargets,
  tables: formatTables,
  scaling: ({ scenarios }) => formatReading(Object.assign({}, ...scenarios.map(({ figures }) => figures)) as { [name: string]: number }),
};

/** The document with its parts written anew; throws where it asks for one that there is not. */
export function fillDocument(markdown: string, results: BenchResults): string {
  return markdown.replaceAll(part, (_, begin: string, name: string, end: string) => {
    const make = parts[name];
    if (!make) throw new Error(`The document asks for ${name}; there are ${Object.keys(parts).join(", ")}.`);
    return `${begin}\n${make(results)}\n\n${end}`;
  });
}

function formatRun({ date, machine, versions, idleBefore, rounds, isQuick, scenarios, broken }: BenchResults): string {
  const minutes = round(scenarios.reduce((sum, { seconds }) => sum + seconds, 0) / 60);
  const rows = [
    ["date", date],
    ["machine", machine],
    ["Node", versions.node],
    ["Clawgate", versions.clawgate],
    ...(versions.portkey === undefined ? [] : [["Portkey", versions.portkey]]),
    ...(versions.postgres === undefined ? [] : [["Postgres", versions.postgres]]),
    ["idle before the start", idleBefore],
    ["rounds", rounds],
    ["form", `${isQuick ? "short (`--quick`), which shows that it works and hardly more" : "full"}, ${minutes} minutes`],
    ...(broken.length > 0 ? [["broke", broken.map((letter) => `(${letter})`).join(", ")]] : []),
  ];
  return tableOf([["", ""], ...rows]);
}

function formatTargets({ targets }: BenchResults): string {
  const rows = targets.map((target) => {
    const state = formatTarget(target).slice(0, 11).trim();
    return [target.name, target.measured, target.isMet ? state : `**${state}**`];
  });
  return tableOf([["target", "measured", ""], ...rows]);
}

function formatTables({ scenarios }: BenchResults): string {
  return scenarios.map(formatScenario).join("\n\n");
}

function formatScenario({ title, rows }: ScenarioResult): string {
  if (rows.length === 0) return `### ${title}`;
  const columns = [...new Set(rows.flatMap(({ cells }) => Object.keys(cells)))];
  const lines = rows.map(({ what, server, cells }) => [what, server, ...columns.map((column) => cells[column] ?? "–")]);
  return [`### ${title}`, "", tableOf([["", "server", ...columns], ...lines])].join("\n");
}

function tableOf([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), `|${head.map((_, column) => (column < 2 ? "---" : "---:")).join("|")}|`, ...rows.map(line)].join("\n");
}
