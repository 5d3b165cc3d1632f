/**
 * `npm run bench:report [-- <file>]`: makes of what `npm run bench -- --json <file>` wrote the tables in docs/benchmarks.md
 * and the chart, and of what `npm run bench:scaling -- --json <file>` wrote those in docs/scaling.md. The results are kept beside
 * the document, in a file of its name; without a file, all are made anew of those that are kept.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { drawChart } from "./bench/chart.ts";
import { fillDocument } from "./bench/document.ts";
import type { BenchResults } from "./bench/report.ts";

const folder = fileURLToPath(new URL("../docs", import.meta.url));
const given = process.argv.slice(2);
const kept = ["benchmarks.json", "scaling.json"].map((name) => join(folder, name));

for (const file of given.length > 0 ? given : kept) {
  const text = readFileSync(file, "utf8");
  const results = JSON.parse(text) as BenchResults;
  const { page = "benchmarks" } = results;
  const document = join(folder, `${page}.md`);
  writeFileSync(join(folder, `${page}.json`), text);
  writeFileSync(document, fillDocument(readFileSync(document, "utf8"), results));
  if (page === "benchmarks") writeFileSync(join(folder, "benchmarks.svg"), drawChart(results));
  console.log(`docs/${page}.md and its results are of ${results.date}${results.isQuick ? ", a short run" : ""}`);
}
