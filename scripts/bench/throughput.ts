/**
 * Requests per second of several servers for one question each, in interleaved rounds: a neighbour's load on the
 * machine meets all of them, so that the ratios hold where the absolute numbers do not.
 */
import { type Asker, Client, keepAsking, type Check, type Load, type Questions } from "./load.ts";
import { cpuMs, cpuTicks, type ServerProcess } from "../server-process.ts";
import { beginDelays, DelayCounts, summaryOf } from "./loop-delay.ts";
import { type LoopDelay, median, quantile, round, type Row } from "./report.ts";

export interface Contender {
  readonly name: string;
  readonly server: ServerProcess;
  readonly question: Questions;
  /** It was started with the probe, which tells its event-loop delay. */
  readonly isProbed?: boolean;
  /** Opens so many connections; HTTP unless told. */
  readonly connect?: (connections: number) => Promise<Asker>;
}

export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
}

export interface Throughput {
  readonly rows: readonly Row[];
  /** First contender's requests per second over another's: the median of the rounds' ratios. */
  ratioTo(name: string): number;
  /** Another contender's CPU per request over the first one's, which like `ratioTo` is better when it is higher. */
  cpuRatioTo(name: string): number;
  /** Milliseconds per request: the median of the rounds' medians. */
  p50Of(name: string): number;
  /** The first contender's, of all rounds together. */
  readonly loopDelay: LoopDelay | undefined;
}

interface Sample extends Load {
  readonly perSecond: number;
  readonly cpuMsPerRequest: number;
  readonly idleShare: number;
}

export async function measureThroughput(
  contenders: readonly Contender[],
  concurrency: number,
  { rounds, seconds }: Effort,
  { check, unit = "req", unitsPerRequest = 1 }: { check: Check; unit?: string; unitsPerRequest?: number },
): Promise<Throughput> {
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]));
  const delays = new Map(contenders.filter(({ isProbed }) => isProbed).map(({ name }) => [name, new DelayCounts()]));
  const sample = async (contender: Contender, forSeconds: number, isKept: boolean): Promise<void> => {
    const { name, server, question, isProbed = false, connect } = contender;
    const client = connect ? await connect(concurrency) : new Client(server.url, concurrency);
    const endDelays = isProbed && isKept ? await beginDelays(server) : undefined;
    const before = { cpu: cpuMs(server.pid), ticks: cpuTicks() };
    const load = await keepAsking(client, question, { concurrency, seconds: forSeconds }, check).catch((error: unknown) => {
      throw new Error(`${name} at concurrency ${concurrency}`, { cause: error });
    });
    const cpuMsPerRequest = ((cpuMs(server.pid) ?? NaN) - (before.cpu ?? NaN)) / load.count;
    const idleShare = idleSince(before.ticks);
    if (endDelays) delays.get(name)?.add(await endDelays());
    await client.close();
    if (isKept) samples.get(name)?.push({ ...load, perSecond: (load.count / load.seconds) * unitsPerRequest, cpuMsPerRequest, idleShare });
  };
  for (const contender of contenders) await sample(contender, Math.max(seconds, 0.5), false);
  // Every other round backwards: none is always the one that comes after the busiest.
  for (let n = 0; n < rounds; n++)
    for (const contender of n % 2 === 0 ? contenders : contenders.toReversed()) await sample(contender, seconds, true);

  const of = (name: string): Sample[] => samples.get(name) ?? [];
  const first = contenders[0]?.name ?? "";
  const ratioTo = (name: string): number => median(of(first).map(({ perSecond }, n) => perSecond / (of(name)[n]?.perSecond ?? NaN)));
  const p50Of = (name: string): number => median(of(name).map(({ latencies }) => quantile(latencies, 0.5)));
  const cpuRatioTo = (name: string): number =>
    median(of(first).map(({ cpuMsPerRequest }, n) => (of(name)[n]?.cpuMsPerRequest ?? NaN) / cpuMsPerRequest));
  const delayCells = (name: string): Row["cells"] => delays.get(name)?.cells() ?? {};
  const ratioCells = (name: string): Row["cells"] =>
    name === first ? {} : { [`${first} / it`]: round(ratioTo(name)), "its CPU / ours": round(cpuRatioTo(name)) };
  const rows = contenders.map(({ name }) => ({
    what: `c=${concurrency}`,
    server: name,
    cells: { ...cellsOf(of(name), unit), ...delayCells(name), ...ratioCells(name) },
  }));
  return { rows, ratioTo, cpuRatioTo, p50Of, loopDelay: summaryOf(delays, first) };
}

function cellsOf(samples: readonly Sample[], unit: string): Row["cells"] {
  const of = (pick: (sample: Sample) => number): string => {
    const value = median(samples.map(pick));
    return Number.isNaN(value) ? "–" : round(value);
  };
  return {
    [`${unit}/s`]: of(({ perSecond }) => perSecond),
    "p50 ms": of(({ latencies }) => quantile(latencies, 0.5)),
    "p99 ms": of(({ latencies }) => quantile(latencies, 0.99)),
    "CPU ms/req": of(({ cpuMsPerRequest }) => cpuMsPerRequest),
    "idle %": of(({ idleShare }) => idleShare * 100),
  };
}

/** Of all CPUs together; NaN where there is no /proc. */
export function idleSince(before: { idle: number; all: number } | undefined): number {
  const now = cpuTicks();
  return before && now ? (now.idle - before.idle) / (now.all - before.all) : NaN;
}
