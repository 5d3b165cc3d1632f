/**
 * `npm run bench [-- --quick] [-- --only abcdefghij]`: the built gateway against baselines in the same run, printed as ratios.
 *
 * A bench is no test: a missed target is printed and the exit code stays 0; it is 1 when a server failed or a reply was
 * wrong. It deliberately keeps no results: numbers of different machines or days do not compare.
 * `--cpu-prof <folder>` has the gateway write a CPU profile there.
 */
import { availableParallelism, cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { cliStart } from "./bench/cli-start.ts";
import { cpuTicks, memoryMb } from "./server-process.ts";
import { formatResult, formatTarget, round, type ScenarioResult } from "./bench/report.ts";
import { idleConnections } from "./bench/idle-connections.ts";
import { chunkCpu } from "./bench/chunk-cpu.ts";
import { builtinModel, coldStart, firstToken, longStream, throughStub, twoTurns, warmUp } from "./bench/scenarios.ts";
import { sessionCost } from "./bench/session-cost.ts";
import { startSubjects, writeConfig, type Subjects } from "./bench/subjects.ts";
import { idleSince } from "./bench/throughput.ts";

const { values: flags } = parseArgs({
  options: { quick: { type: "boolean", default: false }, only: { type: "string", default: "abcdefghij" }, "cpu-prof": { type: "string" } },
});
const effort = flags.quick
  ? {
      throughput: { rounds: 3, seconds: 0.3 },
      streams: 60,
      starts: 2,
      cliRounds: 3,
      chunks: { rounds: 3, streams: 16 },
      sessions: { rounds: 3, sessions: 12 },
      connections: 200,
    }
  : {
      throughput: { rounds: 5, seconds: 1.2 },
      streams: 300,
      starts: 5,
      cliRounds: 7,
      chunks: { rounds: 7, streams: 32 },
      sessions: { rounds: 9, sessions: 48 },
      connections: 1000,
    };

async function run(subjects: Subjects): Promise<ScenarioResult[]> {
  const scenarios: { [letter: string]: () => Promise<ScenarioResult> } = {
    a: () => builtinModel(subjects, effort.throughput),
    b: () => throughStub(subjects, effort.throughput),
    c: () => firstToken(subjects, effort.streams),
    d: () => longStream(subjects, effort.throughput),
    e: () => coldStart(writeConfig(subjects.stub.url), effort.starts, memoryMb(subjects.gateway.pid, "peak") ?? NaN),
    f: () => Promise.resolve(cliStart(writeConfig(subjects.stub.url), subjects.gateway.url, effort.cliRounds)),
    g: () => twoTurns(subjects, effort.throughput),
    h: () => chunkCpu(subjects, effort.chunks),
    i: () => sessionCost(subjects, effort.sessions),
    j: () => idleConnections(subjects.stub.url, effort.connections, { ...effort.throughput, rounds: 2 * effort.throughput.rounds }),
  };
  const results: ScenarioResult[] = [];
  await warmUp(subjects, flags.quick ? 0.5 : 1.5);
  for (const [letter, measure] of Object.entries(scenarios)) {
    if (!flags.only.includes(letter)) continue;
    const result = await measure();
    results.push(result);
    console.log(formatResult(result));
  }
  return results;
}

function percent(share: number): string {
  return Number.isNaN(share) ? "unknown" : `${round(share * 100)} %`;
}

const startedAt = performance.now();
const before = cpuTicks();
await sleep(1000);
console.log(`Clawgate bench${flags.quick ? " (quick)" : ""}`);
console.log(
  `  machine  ${cpus()[0]?.model ?? "unknown CPU"}, ${availableParallelism()} CPUs, ${process.platform} ${process.arch}, Node ${process.version}`,
);
console.log(
  `  idle     ${percent(idleSince(before))} of the CPU before the start; the column "idle %" is while measuring, load generator included`,
);
console.log(`  rounds   ${effort.throughput.rounds} of ${effort.throughput.seconds} s each, interleaved; medians`);
console.log("  gateway  defaults with token auth: log level info, written to /dev/null");
const profileFlags = flags["cpu-prof"] === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${flags["cpu-prof"]}`];
const subjects = await startSubjects(profileFlags);
try {
  const results = await run(subjects);
  console.log(`\nTargets (${round((performance.now() - startedAt) / 1000)} s)`);
  for (const { targets } of results) for (const target of targets) console.log(`  ${formatTarget(target)}`);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await Promise.all(subjects.all.map((server) => server.stop()));
}
