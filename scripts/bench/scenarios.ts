/**
 * The scenarios: what is asked of which servers, which replies are right, and the targets. How load is made and
 * measured is in `load.ts` and `throughput.ts`.
 */
import { stubText } from "../../test/support/stub-script.ts";
import { Client, type Check } from "./load.ts";
import { memoryMb } from "../server-process.ts";
import { ask, askInTwoTurns, longText, models } from "./requests.ts";
import { median, quantile, round, type Row, type ScenarioResult } from "./report.ts";
import { startGateway, token, type Subjects } from "./subjects.ts";
import { measureThroughput, type Effort } from "./throughput.ts";

const concurrencies = [1, 8, 64] as const;

/** What runs hot is compiled before anything is measured; cold, the first scenario would be measured at a third of its speed. */
export async function warmUp({ gateway, floor }: Subjects, seconds: number): Promise<void> {
  const questions = [ask("openclaw", { token }), ask("openclaw:plain", { token })];
  for (const [server, question] of [...questions.map((question) => [gateway, question] as const), [floor, ask("openclaw")] as const]) {
    const client = new Client(server.url, 8);
    await client.load(question, { concurrency: 8, seconds }, isCompletion);
    await client.close();
  }
}

/** (a) The gateway's own cost: no network behind it. */
export async function builtinModel({ gateway, floor }: Subjects, effort: Effort): Promise<ScenarioResult> {
  const rows: Row[] = [];
  const ratios = new Map<number, number>();
  for (const concurrency of concurrencies) {
    const contenders = [
      { name: "gateway", server: gateway, question: ask("openclaw", { token }) },
      { name: "node:http floor", server: floor, question: ask("openclaw") },
    ];
    const measured = await measureThroughput(contenders, concurrency, effort, { check: isCompletion });
    rows.push(...measured.rows);
    ratios.set(concurrency, measured.ratioTo("node:http floor"));
  }
  const ratio = ratios.get(64) ?? NaN;
  return {
    title: "(a) completion, builtin model, not streamed",
    rows,
    targets: [{ name: "c=64: at least 0.08 of the floor", isMet: ratio >= 0.08, measured: round(ratio) }],
  };
}

/** (b) The same with a provider behind it. */
export async function throughStub({ gateway, stub, proxy }: Subjects, effort: Effort): Promise<ScenarioResult> {
  const rows: Row[] = [];
  for (const concurrency of concurrencies) {
    const contenders = [
      { name: "gateway", server: gateway, question: ask("openclaw:plain", { token }) },
      { name: "node:http proxy", server: proxy, question: ask(models.plain) },
      { name: "direct", server: stub, question: ask(models.plain) },
    ];
    rows.push(...(await measureThroughput(contenders, concurrency, effort, { check: isStubCompletion })).rows);
  }
  return { title: "(b) completion, stub upstream, not streamed", rows, targets: [] };
}

/** (c) One stream at a time, by turns. The rest of the text comes 5 ms after its beginning. */
export async function firstToken({ gateway, stub }: Subjects, count: number): Promise<ScenarioResult> {
  const contenders = [
    {
      name: "gateway",
      client: new Client(gateway.url, 1),
      question: ask("openclaw:paced", { stream: true, token }),
      times: [] as number[],
    },
    { name: "direct", client: new Client(stub.url, 1), question: ask(models.paced, { stream: true }), times: [] as number[] },
  ];
  const warmUps = 20;
  for (let n = 0; n < warmUps + count; n++) {
    for (const { name, client, question, times } of contenders) {
      const { text, firstMs } = await client.send(question, '"content":"Hello"');
      const wrong = isStubStream(stubText)(text) ?? (firstMs === 0 ? "the first text is missing" : undefined);
      if (wrong !== undefined) throw new Error(`${name}: a wrong reply: ${wrong}: ${text.slice(0, 500)}`);
      if (n >= warmUps) times.push(firstMs);
    }
  }
  for (const { client, times } of contenders) {
    await client.close();
    times.sort((a, b) => a - b);
  }
  const cellsOf = (times: readonly number[]): Row["cells"] => ({
    "p50 ms": round(quantile(times, 0.5)),
    "p90 ms": round(quantile(times, 0.9)),
    "p99 ms": round(quantile(times, 0.99)),
  });
  const [ours = NaN, direct = NaN] = contenders.map(({ times }) => quantile(times, 0.5));
  return {
    title: `(c) time to the first token, stub upstream, streamed, ${count} each`,
    rows: contenders.map(({ name, times }) => ({ what: "c=1", server: name, cells: cellsOf(times) })),
    targets: [{ name: "median within 3 ms of direct", isMet: ours - direct <= 3, measured: `+${round(ours - direct)} ms` }],
  };
}

/** (d) What goes through per second when the provider sends all at once. Counted are the provider's chunks: the gateway may join some. */
export async function longStream({ gateway, stub }: Subjects, effort: Effort): Promise<ScenarioResult> {
  const rows: Row[] = [];
  for (const concurrency of [1, 8]) {
    const contenders = [
      { name: "gateway", server: gateway, question: ask("openclaw:long", { stream: true, token }) },
      { name: "direct", server: stub, question: ask(models.long, { stream: true }) },
    ];
    const check = checkFirstThoroughly();
    rows.push(...(await measureThroughput(contenders, concurrency, effort, { check, unit: "chunks", unitsPerRequest: 500 })).rows);
  }
  return { title: "(d) stream of 500 chunks, stub upstream, unpaced", rows, targets: [] };
}

/** (e) A start as a user waits for it; the memory is that of a gateway that has answered once. */
export async function coldStart(configPath: string, starts: number, loaded: number): Promise<ScenarioResult> {
  const times = { healthz: [] as number[], answer: [] as number[], memory: [] as number[] };
  for (let n = 0; n < starts; n++) {
    const startedAt = performance.now();
    const gateway = await startGateway(configPath);
    const health = await fetch(`${gateway.url}/healthz`);
    if (health.status !== 200) throw new Error(`/healthz answered ${health.status}`);
    await health.body?.cancel();
    times.healthz.push(performance.now() - startedAt);
    times.memory.push(memoryMb(gateway.pid) ?? NaN);
    const client = new Client(gateway.url, 1);
    const { text } = await client.send(ask("openclaw", { token }));
    const wrong = isCompletion(text);
    if (wrong !== undefined) throw new Error(`A wrong reply: ${wrong}: ${text.slice(0, 500)}`);
    times.answer.push(performance.now() - startedAt);
    await client.close();
    const code = await gateway.stop();
    if (code !== 0) throw new Error(`The gateway ended with ${code} after SIGTERM.`);
  }
  const megabytes = (value: number): string => (Number.isNaN(value) ? "–" : `${round(value)} MB`);
  const cells = {
    "to /healthz": `${round(median(times.healthz))} ms`,
    "to the first answer": `${round(median(times.answer))} ms`,
    "RSS idle": megabytes(median(times.memory)),
    "RSS peak under load": megabytes(loaded),
  };
  return { title: "(e) cold start", rows: [{ what: `${starts} starts`, server: "gateway", cells }], targets: [] };
}

/** (g) An agent's own tool between two requests to the provider, beside the two requests alone. */
export async function twoTurns({ gateway, stub }: Subjects, effort: Effort): Promise<ScenarioResult> {
  const rows: Row[] = [];
  for (const concurrency of [1, 8]) {
    const contenders = [
      { name: "gateway", server: gateway, question: ask("openclaw:tools", { stream: true, token }) },
      { name: "two requests, direct", server: stub, question: askInTwoTurns() },
    ];
    const measured = await measureThroughput(contenders, concurrency, effort, {
      check: isStubStream(stubText),
      unit: "runs",
    });
    const [ours, direct] = [measured.p50Of("gateway"), measured.p50Of("two requests, direct")];
    const overhead = { "overhead p50": `+${round(ours - direct)} ms`, "p50 / direct": round(ours / direct) };
    rows.push(...measured.rows.map((row, n) => (n === 0 ? { ...row, cells: { ...row.cells, ...overhead } } : row)));
  }
  return { title: "(g) run of two turns with one own tool, stub upstream, streamed", rows, targets: [] };
}

export const isCompletion: Check = (text) => {
  const isOne = text.includes('"object":"chat.completion"') && text.includes('"finish_reason":"stop"');
  return isOne && /"content":"[^"]/.test(text) ? undefined : "not a completion with text";
};

const isStubCompletion: Check = (text) =>
  isCompletion(text) ?? (text.includes(`"content":"${stubText}"`) ? undefined : "not the stub's text");

export const isStubStream =
  (expected: string): Check =>
  (text) => {
    const lines = text.split("\n").flatMap((line) => (line.startsWith("data: ") ? [line.slice("data: ".length)] : []));
    if (lines.pop() !== "[DONE]") return "it does not end with [DONE]";
    const chunks = lines.map((line) => JSON.parse(line) as { choices: { delta: { content?: string } }[] });
    const content = chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
    return content === expected ? undefined : `its text is ${content.length} characters, not the ${expected.length} expected`;
  };

/** Reads every 50th stream whole, of the others only the end: the generator has one CPU, and the servers need the other. */
function checkFirstThoroughly(): Check {
  let seen = 0;
  return (text) => {
    if (seen++ % 50 === 0) return isStubStream(longText)(text);
    return text.endsWith("data: [DONE]\n\n") ? undefined : "it does not end with [DONE]";
  };
}
