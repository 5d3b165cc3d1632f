/**
 * `npm run regression [-- --against <revision>]`: what a request costs in this build, held against the build of an earlier
 * commit in the same run; fails where it is more than a quarter worse. Times of one machine or day say nothing on another,
 * so nothing but ratios is judged, round by round, and what looks worse is measured a second time with new processes.
 *
 * Without that commit, as in a clone without history, all is skipped and the reason printed. It does not build what is
 * measured: `--of <folder>` names another built copy than this one.
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { startBaseline } from "./bench/subjects.ts";
import { buildCommit, findCommit, isBuilt, NothingToCompare } from "./regression/builds.ts";
import { allSeries, prepare, start, warmUp, type Build, type Sample, type Series, type Subject } from "./regression/series.ts";
import { compare, most, type Compared, type Judgement } from "./regression/verdict.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values: flags } = parseArgs({ options: { against: { type: "string" }, of: { type: "string", default: root } } });
/** So many times the rounds, when something was worse. */
const patience = 2;
/** On a machine that others have, a series ends with fewer rounds than it would like. */
const enough = { rounds: 5, ms: 25_000 };

interface Builds {
  readonly ours: Build;
  readonly theirs: Build;
}

async function compareBuilds(builds: Builds, series: readonly Series[], factor: number): Promise<Compared[]> {
  const started: Subject[] = [];
  try {
    for (const build of [builds.theirs, builds.ours]) {
      const subject = { ...build, gateway: await startSubject(build, builds) };
      started.push(subject);
      await warmUp(subject);
    }
    const compared: Compared[] = [];
    for (const one of series) compared.push(...(await compareIn(one, started, one.rounds * factor)));
    return compared;
  } finally {
    await Promise.all(started.map(({ gateway }) => gateway.stop()));
  }
}

async function startSubject(build: Build, { theirs }: Builds): Promise<Subject["gateway"]> {
  try {
    return await start(build, "asked");
  } catch (error) {
    if (build !== theirs) throw error;
    throw new NothingToCompare(`The earlier build does not start: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function compareIn(series: Series, subjects: readonly Subject[], rounds: number): Promise<Compared[]> {
  const samples = new Map<Subject, Sample[]>(subjects.map((subject) => [subject, []]));
  const sample = async (subject: Subject, round: number): Promise<void> => {
    const measured = await series.measure(subject, round);
    // The first round only warms up.
    if (round > 0) samples.get(subject)?.push(measured);
  };
  const startedAt = performance.now();
  const isEnough = (round: number): boolean => round > enough.rounds && performance.now() - startedAt > enough.ms;
  for (let round = 0; round <= rounds && !isEnough(round); round++) {
    // Every other round backwards: none is always the one that comes after the other.
    const inOrder = round % 2 === 0 ? subjects : subjects.toReversed();
    if (series.isSideBySide) await Promise.all(inOrder.map((subject) => sample(subject, round)));
    else for (const subject of inOrder) await sample(subject, round);
  }
  const [theirs = [], ours = []] = subjects.map((subject) => samples.get(subject) ?? []);
  return series.costs.map((cost) =>
    compare(
      cost,
      ours.map((one, n) => [one[cost] ?? NaN, theirs[n]?.[cost] ?? NaN]),
    ),
  );
}

function show({ cost, judgement, ratio, quartiles: [low, high] }: Compared): void {
  console.log(`${judgement.padEnd(9)}  ${cost}: ${ratio.toFixed(2)} × (${low.toFixed(2)}–${high.toFixed(2)})`);
}

async function run(): Promise<readonly Compared[]> {
  const { hash, title } = findCommit(root, flags.against);
  if (!isBuilt(flags.of)) throw new Error(`${flags.of} is not built: npm run build`);
  console.log(`Cost of what is built here over that of ${title}; more than ${most} × is worse\n`);
  const folder = buildCommit(root, { hash, title });
  const stub = await startBaseline("stub");
  try {
    const builds = { ours: prepare(flags.of, stub.url), theirs: prepare(folder, stub.url) };
    const first = await compareBuilds(builds, allSeries, 1);
    const suspects = first.filter(({ judgement }) => judgement === "worse").map(({ cost }) => cost);
    first.forEach(show);
    if (suspects.length === 0) return first;
    console.log("\nOnce more, what is worse:");
    const series = allSeries.filter(({ costs }) => costs.some((cost) => suspects.includes(cost)));
    const second = (await compareBuilds(builds, series, patience)).filter(({ cost }) => suspects.includes(cost));
    second.forEach(show);
    return [...first.filter(({ cost }) => !suspects.includes(cost)), ...second];
  } finally {
    await stub.stop();
  }
}

const countOfCosts = allSeries.reduce((sum, { costs }) => sum + costs.length, 0);
try {
  const compared = await run();
  const countOf = (meant: Judgement): number => compared.filter(({ judgement }) => judgement === meant).length;
  const [failed, skipped] = [countOf("worse"), countOf("unknown")];
  console.log(`\n${compared.length - failed - skipped} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  process.exitCode = failed > 0 ? 1 : 0;
} catch (error) {
  if (error instanceof NothingToCompare) {
    console.log(`skipped: ${error.message}`);
    console.log(`0 passed, 0 failed, ${countOfCosts} skipped`);
  } else {
    console.log(error);
    console.log("0 passed, 1 failed");
    process.exitCode = 1;
  }
}
