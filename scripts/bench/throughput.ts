/**
 * Requests per second of several servers for one question each, in interleaved rounds: a neighbour's load on the
 * machine meets all of them, so that the ratios hold where the absolute numbers do not.
 */
import { Client, type Check, type Load } from "./load.ts";
import { cpuMs, cpuTicks, type ServerProcess } from "../server-process.ts";
import type { Question } from "./requests.ts";
import { median, quantile, round, type Row } from "./report.ts";

export interface Contender {
  readonly name: string;
  readonly server: ServerProcess;
  /** Several are asked one after the other and count as one. */
  readonly question: Question | readonly Question[];
}

export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
}

export interface Throughput {
  readonly rows: readonly Row[];
  /** First contender's requests per second over another's: the median of the rounds' ratios. */
  ratioTo(name: string): number;
  /** Milliseconds per request: the median of the rounds' medians. */
  p50Of(name: string): number;
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
  const sample = async ({ name, server, question }: Contender, forSeconds: number, isKept: boolean): Promise<void> => {
    const client = new Client(server.url, concurrency);
    const before = { cpu: cpuMs(server.pid), ticks: cpuTicks() };
    const load = await client.load(question, { concurrency, seconds: forSeconds }, check).catch((error: unknown) => {
      throw new Error(`${name} at concurrency ${concurrency}`, { cause: error });
    });
    const cpuMsPerRequest = ((cpuMs(server.pid) ?? NaN) - (before.cpu ?? NaN)) / load.count;
    const idleShare = idleSince(before.ticks);
    await client.close();
    if (isKept) samples.get(name)?.push({ ...load, perSecond: (load.count / load.seconds) * unitsPerRequest, cpuMsPerRequest, idleShare });
  };
  for (const contender of contenders) await sample(contender, Math.min(seconds, 0.5), false);
  // Every other round backwards: none is always the one that comes after the busiest.
  for (let n = 0; n < rounds; n++)
    for (const contender of n % 2 === 0 ? contenders : contenders.toReversed()) await sample(contender, seconds, true);

  const of = (name: string): Sample[] => samples.get(name) ?? [];
  const first = contenders[0]?.name ?? "";
  const ratioTo = (name: string): number => median(of(first).map(({ perSecond }, n) => perSecond / (of(name)[n]?.perSecond ?? NaN)));
  const p50Of = (name: string): number => median(of(name).map(({ latencies }) => quantile(latencies, 0.5)));
  const rows = contenders.map(({ name }) => ({
    what: `c=${concurrency}`,
    server: name,
    cells: { ...cellsOf(of(name), unit), ...(name === first ? {} : { [`${first} / it`]: round(ratioTo(name)) }) },
  }));
  return { rows, ratioTo, p50Of };
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
