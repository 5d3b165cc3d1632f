/**
 * (d), (l) Streams of 500 chunks, as fast as the provider can and at a pace, beside a proxy that parses each chunk and writes
 * it anew, and beside none. Counted are the provider's chunks: the gateway may join some.
 */
import { cpuMs, type ServerProcess } from "../server-process.ts";
import { Client, type Check } from "./load.ts";
import { beginDelays, DelayCounts, summaryOf, worstDelay } from "./loop-delay.ts";
import { ask, briefText, longText, models, type Question } from "./requests.ts";
import { median, quantile, round, targetsOf, type LoopDelay, type Row, type ScenarioResult } from "./report.ts";
import { isStubStream } from "./scenarios.ts";
import { token, type Subjects } from "./subjects.ts";
import { measureThroughput, type Effort } from "./throughput.ts";

/** Characters, of each chunk. */
const wordLength = 7;
/** The text's first chunk, be it that more was joined to it. */
export const firstWord = `"content":"${longText.slice(0, wordLength)}`;
/** Beyond it the stub cannot keep its pace, and more streams would show nothing but that. */
const slowest = 1.5;

interface Pace {
  readonly model: "steady" | "slow" | "brief";
  readonly gapMs: number;
  readonly text: string;
  readonly concurrencies: readonly number[];
  readonly rounds: number;
}

/** A stream of fewer chunks where there is not the time for all of them. */
export const paces: { readonly quick: readonly Pace[]; readonly full: readonly Pace[] } = {
  quick: [
    { model: "steady", gapMs: 2, text: longText, concurrencies: [1, 8, 64], rounds: 1 },
    { model: "brief", gapMs: 20, text: briefText, concurrencies: [8, 64], rounds: 1 },
  ],
  full: [
    { model: "steady", gapMs: 2, text: longText, concurrencies: [1, 8, 64, 500], rounds: 2 },
    { model: "slow", gapMs: 20, text: longText, concurrencies: [1, 8, 64, 500], rounds: 1 },
  ],
};

/** (d) */
export async function longStreams({ gateway, stub, proxy }: Subjects, effort: Effort): Promise<ScenarioResult> {
  const rows: Row[] = [];
  const ratios: number[] = [];
  const figures: { [name: string]: number } = {};
  const delays: [string, LoopDelay | undefined][] = [];
  for (const concurrency of [1, 8, 64]) {
    const contenders = [
      { name: "gateway", server: gateway, question: ask("openclaw:long", { stream: true, token }), isProbed: true },
      { name: "node:http proxy", server: proxy, question: ask(models.long, { stream: true }), isProbed: true },
      { name: "direct", server: stub, question: ask(models.long, { stream: true }) },
    ];
    const check = checkFirstThoroughly(longText);
    const measured = await measureThroughput(contenders, concurrency, effort, { check, unit: "chunks", unitsPerRequest: 500 });
    rows.push(...measured.rows);
    ratios.push(measured.ratioTo("node:http proxy"));
    figures[`chunks/s, gateway / proxy, c=${concurrency}`] = measured.ratioTo("node:http proxy");
    delays.push([`unpaced streams, c=${concurrency}`, measured.loopDelay]);
  }
  return {
    title: "(d) stream of 500 chunks, stub upstream, unpaced",
    rows,
    targets: targetsOf("unpaced chunks/s as a share of the proxy's, least of c=1, 8 and 64", Math.min(...ratios), { floor: 0.6 }),
    figures,
    loopDelay: worstDelay(delays),
  };
}

/** (l) */
export async function pacedStreams(subjects: Subjects, wanted: readonly Pace[]): Promise<ScenarioResult> {
  const rows: Row[] = [];
  const delays: [string, LoopDelay | undefined][] = [];
  for (const pace of wanted) {
    let direct = 1;
    for (const concurrency of pace.concurrencies) {
      const what = `${chunksOf(pace)} chunks, ${pace.gapMs} ms, c=${concurrency}`;
      if (direct > slowest) {
        rows.push({ what, server: `not run: direct took ${round(direct)} × the pace already`, cells: {} });
        continue;
      }
      const measured = await measurePace(subjects, pace, concurrency);
      direct = measured.find(({ name }) => name === "direct")?.toPace ?? 1;
      for (const { name, cells, delay } of measured) {
        rows.push({ what, server: name, cells });
        if (name === "gateway") delays.push([`paced streams, ${what}`, delay]);
      }
    }
  }
  return { title: "(l) paced streams, stub upstream", rows, targets: [], loopDelay: worstDelay(delays) };
}

interface Measured {
  readonly name: string;
  readonly toPace: number;
  readonly cells: Row["cells"];
  readonly delay: LoopDelay | undefined;
}

interface Round {
  readonly perSecond: number;
  readonly microseconds: number;
  readonly toPace: number;
  readonly firsts: readonly number[];
}

async function measurePace(subjects: Subjects, pace: Pace, concurrency: number): Promise<Measured[]> {
  const { model } = pace;
  const contenders: { name: string; server: ServerProcess; question: Question; isProbed: boolean }[] = [
    { name: "gateway", server: subjects.gateway, question: ask(`openclaw:${model}`, { stream: true, token }), isProbed: true },
    { name: "node:http proxy", server: subjects.proxy, question: ask(models[model], { stream: true }), isProbed: true },
    { name: "direct", server: subjects.stub, question: ask(models[model], { stream: true }), isProbed: false },
  ];
  const rounds = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]));
  const delays = new Map(contenders.filter(({ isProbed }) => isProbed).map(({ name }) => [name, new DelayCounts()]));
  for (let n = 0; n < pace.rounds; n++) {
    for (const { name, server, question, isProbed } of n % 2 === 0 ? contenders : contenders.toReversed()) {
      const endDelays = isProbed ? await beginDelays(server) : undefined;
      rounds.get(name)?.push(await measureRound(server, question, pace, concurrency));
      if (endDelays) delays.get(name)?.add(await endDelays());
    }
  }
  return contenders.map(({ name }) => {
    const all = rounds.get(name) ?? [];
    const of = (pick: (one: Round) => number): number => median(all.map(pick));
    const firsts = all.flatMap((one) => one.firsts).sort((a, b) => a - b);
    const cells = {
      "chunks/s": round(of(({ perSecond }) => perSecond)),
      "CPU µs/chunk": round(of(({ microseconds }) => microseconds)),
      "first p50 ms": round(quantile(firsts, 0.5)),
      "first p99 ms": round(quantile(firsts, 0.99)),
      "time / pace": round(of(({ toPace }) => toPace)),
      ...delays.get(name)?.cells(),
    };
    const toPace = of((one) => one.toPace);
    return { name, toPace, cells, delay: summaryOf(delays, name) };
  });
}

async function measureRound(server: ServerProcess, question: Question, pace: Pace, concurrency: number): Promise<Round> {
  const client = new Client(server.url, concurrency);
  const before = cpuMs(server.pid) ?? NaN;
  const limits = { concurrency, seconds: 60, maxCount: concurrency, firstMark: firstWord };
  const { count, seconds, latencies, firsts } = await client.load(question, limits, checkFirstThoroughly(pace.text));
  const used = (cpuMs(server.pid) ?? NaN) - before;
  await client.close();
  const chunks = count * chunksOf(pace);
  return {
    perSecond: chunks / seconds,
    microseconds: (used * 1000) / chunks,
    toPace: quantile(latencies, 0.5) / (chunksOf(pace) * pace.gapMs),
    firsts,
  };
}

function chunksOf({ text }: Pace): number {
  return text.length / wordLength;
}

/** Reads every 50th stream whole, of the others only the end: the generator has one CPU, and the servers need the other. */
function checkFirstThoroughly(expected: string): Check {
  let seen = 0;
  return (text) => {
    if (seen++ % 50 === 0) return isStubStream(expected)(text);
    return text.endsWith("data: [DONE]\n\n") ? undefined : "it does not end with [DONE]";
  };
}
