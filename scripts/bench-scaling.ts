/**
 * `npm run bench:scaling [-- --quick] [-- --only abcde] [-- --json <file>]`: one, two and three built gateways on one Postgres in the
 * same run, printed as ratios. Without a Postgres it says why and measures nothing.
 *
 * As `bench.ts` it judges no number and compares nothing with an earlier run: what must hold is that every run was answered and
 * every turn of a kept session is there once.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { formatResult, formatTarget, round, type BenchResults, type ScenarioResult } from "./bench/report.ts";
import { startBaseline } from "./bench/subjects.ts";
import { idleSince } from "./bench/throughput.ts";
import { openServer, type PostgresServer } from "./scaling/databases.ts";
import { hotSession } from "./scaling/hot-session.ts";
import { leaseCost } from "./scaling/lease-cost.ts";
import type { Scenario, ScalingEffort } from "./scaling/stage.ts";
import { keptRuns, statelessRuns, workers } from "./scaling/throughput.ts";
import { cpuTicks } from "./server-process.ts";

const scenarios: { readonly [letter: string]: Scenario } = { a: keptRuns, b: statelessRuns, c: workers, d: hotSession, e: leaseCost };
const efforts = {
  quick: { rounds: 3, seconds: 0.4, warmUpSeconds: 0.2, claims: 60, countedRuns: 10 },
  full: { rounds: 5, seconds: 1.2, warmUpSeconds: 1.5, claims: 500, countedRuns: 40 },
} as const;
const { values: flags } = parseArgs({
  options: { quick: { type: "boolean", default: false }, only: { type: "string", default: "abcde" }, json: { type: "string" } },
});
const effort: ScalingEffort = flags.quick ? efforts.quick : efforts.full;

type Results = Pick<BenchResults, "scenarios" | "broken">;

/** A scenario that broke is in `broken`, and the others are run all the same. */
async function run(server: PostgresServer): Promise<Results> {
  const results: BenchResults["scenarios"][number][] = [];
  const broken: string[] = [];
  const stub = await startBaseline("stub");
  try {
    for (const [letter, scenario] of Object.entries(scenarios)) {
      if (!flags.only.includes(letter)) continue;
      const startedAt = performance.now();
      try {
        const result = await scenario({ server, stub, effort });
        const lettered: ScenarioResult = { ...result, title: `(${letter}) ${result.title}` };
        results.push({ ...lettered, seconds: Math.round((performance.now() - startedAt) / 1000) });
        console.log(formatResult(lettered));
        for (const [name, value] of Object.entries(result.figures ?? {})) console.log(`  ${name}: ${round(value)}`);
      } catch (error) {
        broken.push(letter);
        console.log(`\n(${letter}) broke`);
        console.error(error);
      }
    }
  } finally {
    await stub.stop();
  }
  return { scenarios: results, broken };
}

async function describeRun(server: PostgresServer): Promise<Omit<BenchResults, "scenarios" | "targets" | "broken">> {
  const packageJson = JSON.parse(readFileSync(fileURLToPath(new URL("../package.json", import.meta.url)), "utf8")) as { version: string };
  const before = cpuTicks();
  await sleep(1000);
  const idle = idleSince(before);
  return {
    page: "scaling",
    date: new Date().toISOString().slice(0, 10),
    isQuick: flags.quick,
    machine: `${cpus()[0]?.model ?? "unknown CPU"}, ${availableParallelism()} CPUs, ${process.platform} ${process.arch}`,
    versions: { clawgate: packageJson.version, node: process.version, postgres: server.about },
    idleBefore: Number.isNaN(idle) ? "unknown" : `${round(idle * 100)} %`,
    rounds: `${effort.rounds} of ${effort.seconds} s each, interleaved; medians`,
  };
}

async function main(): Promise<void> {
  const server = await openServer();
  if ("reason" in server) return console.log(`There is no Postgres to measure with: ${server.reason}`);
  try {
    const described = await describeRun(server);
    console.log(`Clawgate on one Postgres${flags.quick ? " (quick)" : ""}`);
    console.log(`  machine   ${described.machine}, Node ${process.version}, Postgres ${server.about}`);
    console.log(`  idle      ${described.idleBefore} of the CPU before the start`);
    console.log(`  rounds    ${described.rounds}`);
    const { scenarios, broken } = await run(server);
    const targets = scenarios.flatMap(({ targets }) => targets);
    if (flags.json !== undefined)
      writeFileSync(flags.json, `${JSON.stringify({ ...described, scenarios, targets, broken }, undefined, 2)}\n`);
    console.log(`\nAll of it (${round(scenarios.reduce((sum, { seconds }) => sum + seconds, 0))} s)`);
    for (const target of targets) console.log(`  ${formatTarget(target)}`);
    for (const letter of broken) console.log(`  broke        (${letter}): see above`);
    const failed = targets.filter(({ isMet }) => !isMet).length + broken.length;
    console.log(`\n${targets.length - failed + broken.length} passed, ${failed} failed`);
    if (failed > 0) process.exitCode = 1;
  } finally {
    await server.dropAll();
  }
}

await main();
