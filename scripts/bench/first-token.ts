/**
 * (c) Time to the first token: one stream at a time, by turns; then 64 at a time, of which always some begin while the
 * others run, as callers come; and 64 that begin all at once, which is throughput by another name and has no target.
 */
import { stubText } from "../../test/support/stub-script.ts";
import { Client, type LoadLimits } from "./load.ts";
import { ask, briefText, models } from "./requests.ts";
import { median, quantile, round, targetsOf, type Row, type ScenarioResult } from "./report.ts";
import { isStubStream } from "./scenarios.ts";
import { firstWord } from "./streams.ts";
import { token, type Subjects } from "./subjects.ts";

const many = 64;
/** What one brief stream takes. */
const briefMs = 2_000;

export interface FirstTokenEffort {
  /** By turns. */
  readonly streams: number;
  readonly rounds: number;
  /** Of many at a time. */
  readonly seconds: number;
}

interface Contender {
  readonly name: string;
  readonly url: string;
  readonly ask: (model: "paced" | "brief") => ReturnType<typeof ask>;
}

export async function firstToken({ gateway, stub, proxy }: Subjects, effort: FirstTokenEffort): Promise<ScenarioResult> {
  const contenders: Contender[] = [
    { name: "gateway", url: gateway.url, ask: (model) => ask(`openclaw:${model}`, { stream: true, token }) },
    { name: "node:http proxy", url: proxy.url, ask: (model) => ask(models[model], { stream: true }) },
    { name: "direct", url: stub.url, ask: (model) => ask(models[model], { stream: true }) },
  ];
  const byTurns = await oneAtATime(contenders, effort.streams);
  const whileOthers = await measureMany(contenders.slice(0, 2), effort.rounds, {
    seconds: effort.seconds + briefMs / 1000,
    spreadMs: briefMs,
  });
  const atOnce = await measureMany(contenders.slice(0, 2), effort.rounds, { seconds: 60, maxCount: many });
  const rowsOf = (what: string, times: readonly Times[]): Row[] =>
    times.map(({ name, firsts }) => ({ what, server: name, cells: cellsOf(firsts) }));
  const [ours, proxied, direct] = byTurns.map(({ firsts }) => quantile(firsts, 0.5));
  const added = (ours ?? NaN) - (direct ?? NaN);
  const ratioOf = ([first, second]: readonly Times[]): number =>
    median((first?.p50s ?? []).map((p50, n) => p50 / (second?.p50s[n] ?? NaN)));
  const ratio = ratioOf(whileOthers);
  return {
    title: `(c) time to the first token, stub upstream, streamed, ${effort.streams} each by turns`,
    rows: [
      ...rowsOf("c=1", byTurns),
      ...rowsOf(`c=${many}, some begin while others run`, whileOthers),
      ...rowsOf(`c=${many}, all begin at once`, atOnce),
    ],
    targets: [
      ...targetsOf("first token, c=1, p50 over direct", added, { floor: 1.5, unit: " ms", isMost: true }),
      ...targetsOf(`first token, c=${many}, p50 to the proxy's`, ratio, { floor: 1.5, unit: " ×", isMost: true }),
    ],
    figures: {
      "first token, gateway, c=1, ms": ours ?? NaN,
      "first token, proxy, c=1, ms": proxied ?? NaN,
      "first token, direct, c=1, ms": direct ?? NaN,
      "first token, gateway / proxy, c=64": ratio,
      "first token, gateway / proxy, 64 at once": ratioOf(atOnce),
    },
  };
}

interface Times {
  readonly name: string;
  /** Ascending. */
  readonly firsts: readonly number[];
  /** Of each round. */
  readonly p50s: readonly number[];
}

/** The rest of the text comes 5 ms after its beginning. */
async function oneAtATime(contenders: readonly Contender[], count: number): Promise<Times[]> {
  const subjects = contenders.map((contender) => ({ ...contender, client: new Client(contender.url, 1), firsts: [] as number[] }));
  const warmUps = 20;
  for (let n = 0; n < warmUps + count; n++) {
    for (const { name, client, ask, firsts } of subjects) {
      const { text, firstMs } = await client.send(ask("paced"), '"content":"Hello"');
      const wrong = isStubStream(stubText)(text) ?? (firstMs === 0 ? "the first text is missing" : undefined);
      if (wrong !== undefined) throw new Error(`${name}: a wrong reply: ${wrong}: ${text.slice(0, 500)}`);
      if (n >= warmUps) firsts.push(firstMs);
    }
  }
  for (const { client } of subjects) await client.close();
  return subjects.map(({ name, firsts }) => ({ name, firsts: firsts.sort((a, b) => a - b), p50s: [] }));
}

async function measureMany(
  contenders: readonly Contender[],
  rounds: number,
  limits: Pick<LoadLimits, "seconds" | "maxCount" | "spreadMs">,
): Promise<Times[]> {
  const taken = contenders.map(({ name }) => ({ name, firsts: [] as number[], p50s: [] as number[] }));
  for (let n = 0; n < rounds; n++) {
    for (const [index, { url, ask }] of contenders.entries()) {
      const client = new Client(url, many);
      const { firsts } = await client.load(ask("brief"), { ...limits, concurrency: many, firstMark: firstWord }, isStubStream(briefText));
      await client.close();
      taken[index]?.firsts.push(...firsts);
      taken[index]?.p50s.push(quantile(firsts, 0.5));
    }
  }
  for (const { firsts } of taken) firsts.sort((a, b) => a - b);
  return taken;
}

function cellsOf(firsts: readonly number[]): Row["cells"] {
  return {
    "p50 ms": round(quantile(firsts, 0.5)),
    "p90 ms": round(quantile(firsts, 0.9)),
    "p99 ms": round(quantile(firsts, 0.99)),
    streams: String(firsts.length),
  };
}
