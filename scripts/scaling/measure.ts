/**
 * Runs per second of several fleets in interleaved rounds, and whose CPU time went into them: gateways, Postgres, and what stands
 * in for provider and callers. On a machine where all of these share the cores, CPU per run says what more cores would give.
 */
import { keepAsking, type Check } from "../bench/load.ts";
import { median, quantile, round, type Row } from "../bench/report.ts";
import type { Question } from "../bench/requests.ts";
import { idleSince, type Effort } from "../bench/throughput.ts";
import { cpuTicks, type ServerProcess } from "../server-process.ts";
import { SpreadClient } from "./fleet.ts";
import { treeCpuMs } from "./processes.ts";

export interface Contender {
  readonly name: string;
  readonly gateways: readonly ServerProcess[];
  /** That answer, workers included. */
  readonly processes: number;
  readonly question: () => Question;
}

/** Whose CPU time is told apart from that of the gateways. */
export interface Others {
  /** Undefined: on another machine. */
  readonly postgres: number | undefined;
  readonly stub: number;
}

export interface Sample {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU milliseconds per run. */
  readonly gatewayMs: number;
  readonly postgresMs: number;
  readonly restMs: number;
  readonly idleShare: number;
}

export interface Measured {
  /** How many were answered, those before measuring included. */
  readonly answered: ReadonlyMap<string, number>;
  readonly of: (name: string) => readonly Sample[];
  readonly medianOf: (name: string, pick: (sample: Sample) => number) => number;
  /** How much more one gets through than another: the median of the rounds' ratios. */
  readonly ratio: (name: string, to: string) => number;
  readonly rows: (what: string, to: string) => Row[];
}

export async function measure(
  contenders: readonly Contender[],
  others: Others,
  { concurrency, rounds, seconds, warmUpSeconds, check }: Effort & { concurrency: number; warmUpSeconds: number; check: Check },
): Promise<Measured> {
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]));
  const answered = new Map<string, number>();
  const take = async ({ name, gateways, question }: Contender, forSeconds: number): Promise<Sample> => {
    const client = new SpreadClient(gateways, concurrency);
    const cpu = watchCpu(gateways, others);
    const load = await keepAsking(client, question, { concurrency, seconds: forSeconds }, check).catch((error: unknown) => {
      throw new Error(`${name}, ${concurrency} at a time`, { cause: error });
    });
    const spent = cpu(load.count);
    await client.close();
    answered.set(name, (answered.get(name) ?? 0) + load.count);
    const latency = (share: number): number => quantile(load.latencies, share);
    return { perSecond: load.count / load.seconds, p50Ms: latency(0.5), p99Ms: latency(0.99), ...spent };
  };
  // What runs hot is compiled in each process by itself.
  for (const contender of contenders) await take(contender, warmUpSeconds * contender.processes);
  // Every other round backwards: none is always the one that comes after the busiest.
  for (let n = 0; n < rounds; n++)
    for (const contender of n % 2 === 0 ? contenders : contenders.toReversed())
      samples.get(contender.name)?.push(await take(contender, seconds));
  return summarize(contenders, samples, answered);
}

function summarize(contenders: readonly Contender[], samples: ReadonlyMap<string, Sample[]>, answered: Measured["answered"]): Measured {
  const of = (name: string): readonly Sample[] => samples.get(name) ?? [];
  const medianOf = (name: string, pick: (sample: Sample) => number): number => median(of(name).map(pick));
  const ratio = (name: string, to: string): number => median(of(name).map(({ perSecond }, n) => perSecond / (of(to)[n]?.perSecond ?? NaN)));
  const rows = (what: string, to: string): Row[] =>
    contenders.map(({ name }) => ({
      what,
      server: name,
      cells: {
        "runs/s": round(medianOf(name, ({ perSecond }) => perSecond)),
        [`to ${to}`]: name === to ? "1" : round(ratio(name, to)),
        "p50 ms": round(medianOf(name, ({ p50Ms }) => p50Ms)),
        "p99 ms": round(medianOf(name, ({ p99Ms }) => p99Ms)),
        "gateway CPU ms/run": round(medianOf(name, ({ gatewayMs }) => gatewayMs)),
        "Postgres CPU ms/run": round(medianOf(name, ({ postgresMs }) => postgresMs)),
        "rest CPU ms/run": round(medianOf(name, ({ restMs }) => restMs)),
        "idle %": round(medianOf(name, ({ idleShare }) => idleShare * 100)),
      },
    }));
  return { answered, of, medianOf, ratio, rows };
}

/** The function it returns says what was spent on each of so many runs. */
function watchCpu(
  gateways: readonly ServerProcess[],
  { postgres, stub }: Others,
): (runs: number) => Omit<Sample, "perSecond" | "p50Ms" | "p99Ms"> {
  const look = (): readonly number[] => {
    const { user, system } = process.cpuUsage();
    const database = postgres === undefined ? NaN : treeCpuMs([postgres]);
    return [treeCpuMs(gateways.map(({ pid }) => pid)), database, treeCpuMs([stub]) + (user + system) / 1000];
  };
  const ticks = cpuTicks();
  const before = look();
  return (runs) => {
    const idleShare = idleSince(ticks);
    const [gatewayMs = NaN, postgresMs = NaN, restMs = NaN] = look().map((ms, n) => (ms - (before[n] ?? NaN)) / runs);
    return { gatewayMs, postgresMs, restMs, idleShare };
  };
}
