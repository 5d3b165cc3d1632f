/**
 * `npm run bench [-- --quick] [-- --only abcdefghijklmnop] [-- --json <file>]`: the built gateway against baselines in the
 * same run, printed as ratios. The last line counts the bounds that hold; goals are said beside.
 *
 * A bench is no test: a missed target is printed and the exit code stays 0; it is 1 when a server failed or a reply was
 * wrong. It deliberately compares nothing with an earlier run: numbers of different machines or days do not compare.
 * `--cpu-prof <folder>` has the gateway write a CPU profile there.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { cliStart } from "./bench/cli-start.ts";
import { codingBodies } from "./bench/bodies.ts";
import { chunkCpu } from "./bench/chunk-cpu.ts";
import { efforts } from "./bench/efforts.ts";
import { firstToken } from "./bench/first-token.ts";
import { heldStreams } from "./bench/held-streams.ts";
import { idleConnections } from "./bench/idle-connections.ts";
import { besidePortkey, portkey } from "./bench/portkey.ts";
import { formatResult, formatTarget, round, targetsOf, type BenchResults, type ScenarioResult, type Target } from "./bench/report.ts";
import { builtinModel, coldStart, throughStub, twoTurns, warmUp } from "./bench/scenarios.ts";
import { sessionCost } from "./bench/session-cost.ts";
import { sessionPath } from "./bench/session-path.ts";
import { longStreams, pacedStreams } from "./bench/streams.ts";
import { startSubjects, writeConfig, type Subjects } from "./bench/subjects.ts";
import { idleSince } from "./bench/throughput.ts";
import { overWebSocket } from "./bench/websocket.ts";
import { cpuTicks, memoryMb } from "./server-process.ts";

const letters = "abcdefghijklmnop";
const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    json: { type: "string" },
    "cpu-prof": { type: "string" },
  },
});
const effort = flags.quick ? efforts.quick : efforts.full;
// What is installed first is for whoever has the time.
const only = flags.only ?? (flags.quick ? letters.replace("p", "") : letters);
const longestDelayMs = 50;

type Measured = ScenarioResult & { readonly seconds: number };

/** A scenario that broke is in `broken`, and the others are run all the same. */
async function run(subjects: Subjects, broken: string[]): Promise<Measured[]> {
  const { stub, gateway } = subjects;
  const scenarios: { [letter: string]: () => Promise<ScenarioResult> } = {
    a: () => builtinModel(subjects, effort.throughput),
    b: () => throughStub(subjects, effort.throughput),
    c: () => firstToken(subjects, effort.firstToken),
    d: () => longStreams(subjects, effort.throughput),
    e: () => coldStart(writeConfig(stub.url), effort.starts, memoryMb(gateway.pid, "peak") ?? NaN),
    f: () => Promise.resolve(cliStart(writeConfig(stub.url), gateway.url, effort.cliRounds)),
    g: () => twoTurns(subjects, effort.throughput),
    h: () => chunkCpu(subjects, effort.chunks),
    i: () => sessionCost(subjects, effort.sessions),
    j: () => idleConnections(stub.url, effort.connections, { ...effort.throughput, rounds: 2 * effort.throughput.rounds }),
    k: () => codingBodies(subjects, effort.throughput),
    l: () => pacedStreams(subjects, effort.paces),
    m: () => heldStreams(subjects, effort.heldStreams, effort.throughput),
    n: () => sessionPath(subjects, effort.throughput, effort.storedSessions),
    o: () => overWebSocket(subjects, effort.throughput),
    p: () => besidePortkey(subjects, effort.throughput),
  };
  const results: Measured[] = [];
  await warmUp(subjects, effort.warmUpSeconds);
  for (const [letter, measure] of Object.entries(scenarios)) {
    if (!only.includes(letter)) continue;
    const startedAt = performance.now();
    try {
      const result = await measure();
      results.push({ ...result, seconds: Math.round((performance.now() - startedAt) / 1000) });
      console.log(formatResult(result));
    } catch (error) {
      broken.push(letter);
      console.log(`\n(${letter}) broke`);
      console.error(error);
    }
  }
  return results;
}

function percent(share: number): string {
  return Number.isNaN(share) ? "unknown" : `${round(share * 100)} %`;
}

/** Over all scenarios that were run. */
function loopTarget(results: readonly ScenarioResult[]): Target[] {
  const worst = results.flatMap(({ loopDelay }) => (loopDelay ? [loopDelay] : [])).sort((a, b) => b.p999Ms - a.p999Ms)[0];
  if (!worst) return [];
  const beside = worst.baselineP999Ms === undefined ? "" : `; beside it ${worst.baselineP999Ms} ms`;
  const name = `event-loop delay p99.9, worst of all (${worst.where}${beside})`;
  return targetsOf(name, worst.p999Ms, { floor: longestDelayMs, unit: " ms", isMost: true });
}

function describeRun(idleBefore: number): Omit<BenchResults, "scenarios" | "targets" | "broken"> {
  const packageJson = JSON.parse(readFileSync(fileURLToPath(new URL("../package.json", import.meta.url)), "utf8")) as { version: string };
  return {
    date: new Date().toISOString().slice(0, 10),
    isQuick: flags.quick,
    machine: `${cpus()[0]?.model ?? "unknown CPU"}, ${availableParallelism()} CPUs, ${process.platform} ${process.arch}`,
    versions: { clawgate: packageJson.version, node: process.version, portkey },
    idleBefore: percent(idleBefore),
    rounds: `${effort.throughput.rounds} of ${effort.throughput.seconds} s each, interleaved; medians`,
  };
}

const startedAt = performance.now();
const before = cpuTicks();
await sleep(1000);
const described = describeRun(idleSince(before));
console.log(`Clawgate bench${flags.quick ? " (quick)" : ""}`);
console.log(`  machine  ${described.machine}, Node ${process.version}`);
console.log(
  `  idle     ${described.idleBefore} of the CPU before the start; the column "idle %" is while measuring, load generator included`,
);
console.log(`  rounds   ${described.rounds}`);
console.log("  gateway  defaults with token auth: log level info, written to /dev/null");
const profileFlags = flags["cpu-prof"] === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${flags["cpu-prof"]}`];
const broken: string[] = [];
const subjects = await startSubjects(profileFlags);
try {
  const scenarios = await run(subjects, broken);
  const targets = [...scenarios.flatMap(({ targets }) => targets), ...loopTarget(scenarios)];
  if (flags.json !== undefined)
    writeFileSync(flags.json, `${JSON.stringify({ ...described, scenarios, targets, broken }, undefined, 2)}\n`);
  console.log(`\nTargets (${round((performance.now() - startedAt) / 1000)} s)`);
  for (const target of targets) console.log(`  ${formatTarget(target)}`);
  for (const letter of broken) console.log(`  broke        (${letter}): see above`);
  const [goals, floors] = [targets.filter(({ isGoal }) => isGoal), targets.filter(({ isGoal }) => !isGoal)];
  const metOf = (some: readonly Target[]): number => some.filter(({ isMet }) => isMet).length;
  console.log(`\n${metOf(goals)} of ${goals.length} goals met`);
  console.log(`${metOf(floors)} passed, ${floors.length - metOf(floors) + broken.length} failed`);
  if (broken.length > 0) process.exitCode = 1;
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await Promise.all(subjects.all.map((server) => server.stop()));
}
