/**
 * `npm run soak [-- --minutes 5]`: the built gateway under a steady mixed load for a time (30 minutes unless told), and
 * whether it is afterwards as it was before: memory, handles, open files, replies, its own gauges (`soak/promises.ts`).
 * The last line counts what held; exit code 1 when something did not.
 *
 * It builds nothing, leaves nothing behind, and is no benchmark: the load is far below what a gateway can take.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { quantile, round } from "./bench/report.ts";
import { idleSince } from "./bench/throughput.ts";
import { cpuTicks } from "./server-process.ts";
import { Caller, expectReply } from "./soak/caller.ts";
import { countLatenessAnew, databaseMb, differences, lookInside, openFiles, readGauges, rssMb, sum } from "./soak/inside.ts";
import { Load } from "./soak/load.ts";
import { openPlace, plainText, type Place } from "./soak/place.ts";
import { judge, type Quiet } from "./soak/promises.ts";
import type { Point } from "./soak/trend.ts";

const { values: flags } = parseArgs({ options: { minutes: { type: "string", default: "30" } } });
const minutes = Number(flags.minutes);
if (!(minutes > 0)) throw new Error(`--minutes must be a number above 0, not ${flags.minutes}.`);

const sampleEveryMs = 2_000;
/** Some 70 of the timed job. */
const windowMs = 5_000;
const tellEveryMs = 30_000;
/** In the whole run, spread evenly: each stops the gateway for a moment. */
const collections = 24;
/** As many ended runs as a gateway remembers at most: what grows until then is no leak. */
const firstRuns = 10_000;
const firstAtOnce = 16;
/** Connections that are kept alive end within seconds, whoever closes them. */
const longestUntilQuietMs = 30_000;
const quietPauseMs = 500;

const rss: Point[] = [];
const held: Point[] = [];
const idle: Point[] = [];
/** The timed job's. */
const p99: Point[] = [];

async function fill({ gateway }: Place): Promise<void> {
  const caller = new Caller(gateway.url, firstAtOnce);
  let left = firstRuns;
  const worker = async (): Promise<void> => {
    while (left-- > 0) expectReply(await caller.ask("plain"), 200, plainText);
  };
  await Promise.all(Array.from({ length: firstAtOnce }, worker));
  await caller.close();
}

/** When no connection is left and two looks see the same; or, so that it can be said what was left, after so long. */
async function untilQuiet({ gateway, stub }: Place, like?: Quiet): Promise<Quiet> {
  const startedAt = performance.now();
  let before = await lookAt(gateway);
  for (;;) {
    await sleep(quietPauseMs);
    const now = await lookAt(gateway);
    const isAs = (other: Quiet): boolean =>
      differences(other.handles, now.handles).length + differences(other.files ?? {}, now.files ?? {}).length === 0;
    const isQuiet = stub.openSockets === 0 && Object.values(now.gauges).every((value) => value === 0);
    if ((isQuiet && isAs(before) && isAs(like ?? before)) || performance.now() - startedAt > longestUntilQuietMs) return now;
    before = now;
  }
}

async function lookAt(gateway: Place["gateway"]): Promise<Quiet> {
  const caller = new Caller(gateway.url, 1);
  const metrics = expectReply(await caller.send("/metrics", { method: "GET", headers: { connection: "close" } }), 200);
  await caller.close();
  const { handles } = await lookInside(gateway);
  return { handles, files: openFiles(gateway), gauges: readGauges(metrics.text) };
}

/** Until `isOver`. */
async function watch({ gateway, database }: Place, load: Load, isOver: () => boolean): Promise<void> {
  const startedAt = performance.now();
  const since = (): number => performance.now() - startedAt;
  const hours = (): number => since() / 3_600_000;
  let [nextTold, nextCollected, nextWindow, told, seen] = [tellEveryMs, 0, windowMs, 0, 0];
  const p99Since = (first: number): number => quantile(ascending(load.times.slice(first)), 0.99);
  let ticks = cpuTicks();
  const collectEveryMs = (minutes * 60_000) / collections;
  while (!isOver()) {
    rss.push({ hours: hours(), value: rssMb(gateway) });
    if (since() >= nextWindow && load.times.length > seen) {
      p99.push({ hours: hours(), value: p99Since(seen) });
      idle.push({ hours: hours(), value: idleSince(ticks) });
      [nextWindow, seen, ticks] = [since() + windowMs, load.times.length, cpuTicks()];
    }
    if (since() >= nextCollected) {
      nextCollected += collectEveryMs;
      held.push({ hours: hours(), value: (await lookInside(gateway, { collected: true })).heldBytes / 1024 ** 2 });
    }
    if (since() >= nextTold) {
      console.log(
        lineOf(
          since(),
          load,
          ascending(load.times.slice(told)),
          await lookInside(gateway),
          sum(openFiles(gateway) ?? {}),
          databaseMb(database),
        ),
      );
      [nextTold, told] = [nextTold + tellEveryMs, load.times.length];
    }
    await sleep(sampleEveryMs);
  }
}

const ascending = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => a - b);

function lineOf(
  sinceMs: number,
  load: Load,
  times: readonly number[],
  inside: Awaited<ReturnType<typeof lookInside>>,
  files: number,
  mb: number,
): string {
  const cells = [
    `${(sinceMs / 60_000).toFixed(1).padStart(5)} min`,
    `${load.doneCount} jobs`,
    `RSS ${round(rss.at(-1)?.value ?? NaN)} MB`,
    `held ${round(held.at(-1)?.value ?? NaN)} MB`,
    `${sum(inside.handles)} handles`,
    `${files} files`,
    `database ${round(mb)} MB`,
    `p50 ${round(quantile(times, 0.5))} ms`,
    `p99 ${round(quantile(times, 0.99))} ms`,
    `${load.unexpectedCount} unexpected`,
  ];
  return cells.join("  ");
}

console.log(`Soak: ${minutes} minutes of mixed load after ${firstRuns} completions`);
const place = await openPlace();
try {
  const { gateway, bystander } = place;
  const url = gateway.url;
  await fill(place);
  const rehearsal = new Load(url, "rehearsal");
  await rehearsal.one();
  await rehearsal.close();
  const before = await untilQuiet(place);
  const load = new Load(url, "soak");
  await Promise.all([gateway, bystander].map(countLatenessAnew));
  let isOver = false;
  const loading = load.keepUp(minutes * 60_000).finally(() => (isOver = true));
  await Promise.all([loading, watch(place, load, () => isOver)]);
  await load.close();
  const after = await untilQuiet(place, before);
  const inside = await lookInside(gateway);
  const lateMs = { gateway: inside.lateMs, bystander: (await lookInside(bystander)).lateMs };
  const exitCode = await gateway.stop();
  const verdicts = judge({
    rss,
    held,
    p99,
    idle,
    doneByKind: load.done,
    unexpected: [...rehearsal.unexpected, ...load.unexpected],
    unexpectedCount: rehearsal.unexpectedCount + load.unexpectedCount,
    quiet: { before, after },
    lateMs,
    exitCode,
  });
  console.log("");
  for (const [name, count] of load.done) console.log(`${String(count).padStart(8)}  ${name}`);
  if (load.heldBack > 0) console.log(`${String(load.heldBack).padStart(8)}  times nothing was sent, because too much was under way`);
  console.log(
    `\n  The gateway took ${round(inside.cpuMs / 1000)} s of processor time; its database has ${round(databaseMb(place.database))} MB.\n`,
  );
  for (const { name, isKept, measured } of verdicts)
    console.log(`${isKept === undefined ? "unsure" : isKept ? "held  " : "BROKEN"}  ${name}: ${measured}`);
  const countOf = (wanted: boolean): number => verdicts.filter(({ isKept }) => isKept === wanted).length;
  const failed = countOf(false);
  console.log(`\n${countOf(true)} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
} finally {
  await place.close();
}
