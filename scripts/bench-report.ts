/**
 * `npm run bench:report [-- <file>]`: makes of what `npm run bench -- --json <file>` wrote the tables in docs/benchmarks.md
 * and the chart, and keeps the results beside them as docs/benchmarks.json. Without a file, of those that are kept there.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { drawChart } from "./bench/chart.ts";
import { fillDocument } from "./bench/document.ts";
import type { BenchResults } from "./bench/report.ts";

const folder = fileURLToPath(new URL("../docs", import.meta.url));
const [file = join(folder, "benchmarks.json")] = process.argv.slice(2);
const document = join(folder, "benchmarks.md");

const text = readFileSync(file, "utf8");
const results = JSON.parse(text) as BenchResults;
writeFileSync(join(folder, "benchmarks.json"), text);
writeFileSync(document, fillDocument(readFileSync(document, "utf8"), results));
writeFileSync(join(folder, "benchmarks.svg"), drawChart(results));
console.log(`docs/benchmarks.md, .svg and .json are of ${results.date}${results.isQuick ? ", a short run" : ""}`);
