/**
 * (h) What one chunk of a provider's stream costs the gateway in CPU, from the provider's socket to the caller's, beside
 * undici and eventsource-parser alone on the same stream. Other processes' time is not in it, so the ratio holds on a busy
 * machine.
 */
import { cpuMs, type ServerProcess } from "../server-process.ts";
import { Client, type Check } from "./load.ts";
import { median, round, type Row, type ScenarioResult, type Target } from "./report.ts";
import { ask, longText, models, type Question } from "./requests.ts";
import { isStubStream } from "./scenarios.ts";
import { token, type Subjects } from "./subjects.ts";

/** Of one stream of the stub's. */
const chunks = 500;
const most = 3;

interface Contender {
  readonly name: string;
  readonly server: ServerProcess;
  readonly question: Question;
  readonly check: Check;
  readonly microseconds: number[];
}

export interface ChunkEffort {
  readonly rounds: number;
  /** At the same time, in one round. */
  readonly streams: number;
}

export async function chunkCpu(subjects: Subjects, effort: ChunkEffort): Promise<ScenarioResult> {
  const steady = await compare(subjects, "steady", `${effort.streams} streams, a chunk every 2 ms`, effort);
  const atOnce = await compare(subjects, "long", `${effort.streams} streams, all chunks at once`, effort);
  return {
    title: `(h) CPU per chunk, streams of ${chunks} chunks, ${effort.rounds} rounds, interleaved`,
    rows: [...steady.rows, ...atOnce.rows],
    targets: [steady.target],
  };
}

async function compare(
  { gateway, reader }: Subjects,
  model: "steady" | "long",
  what: string,
  { rounds, streams }: ChunkEffort,
): Promise<{ rows: Row[]; target: Target }> {
  const contenders: readonly [Contender, Contender] = [
    {
      name: "gateway",
      server: gateway,
      question: ask(`openclaw:${model}`, { stream: true, token }),
      check: isStubStream(longText),
      microseconds: [],
    },
    {
      name: "undici + eventsource-parser",
      server: reader,
      question: ask(models[model], { stream: true }),
      check: (text) => ((JSON.parse(text) as { events: number }).events >= chunks ? undefined : "events are missing"),
      microseconds: [],
    },
  ];
  // All chunks at once are over so soon that the clock's steps of 10 ms would show: more of them, then.
  const repeats = model === "long" ? 4 : 1;
  for (let n = -1; n < rounds; n++) {
    for (const { server, question, check, microseconds } of contenders) {
      const client = new Client(server.url, streams);
      const before = cpuMs(server.pid) ?? NaN;
      const { count } = await client.load(question, { concurrency: streams, seconds: 60, maxCount: streams * repeats }, check);
      const used = (cpuMs(server.pid) ?? NaN) - before;
      await client.close();
      // The first round only warms up.
      if (n >= 0) microseconds.push((used * 1000) / (count * chunks));
    }
  }
  const [ours, alone] = contenders;
  const ratio = median(ours.microseconds.map((cost, n) => cost / (alone.microseconds[n] ?? NaN)));
  const rows = contenders.map(({ name, microseconds }) => ({
    what,
    server: name,
    cells: { "CPU µs/chunk": round(median(microseconds)), ...(name === ours.name ? { "gateway / alone": round(ratio) } : {}) },
  }));
  return {
    rows,
    target: {
      name: `CPU per chunk at most ${most} × undici + eventsource-parser alone`,
      isMet: ratio <= most,
      measured: `${round(ratio)} ×`,
    },
  };
}
