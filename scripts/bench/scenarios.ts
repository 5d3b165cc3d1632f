/**
 * The scenarios: what is asked of which servers, which replies are right, and the targets. How load is made and
 * measured is in `load.ts` and `throughput.ts`.
 */
import { stubText } from "../../test/support/stub-script.ts";
import { Client, type Check } from "./load.ts";
import { memoryMb } from "../server-process.ts";
import { worstDelay } from "./loop-delay.ts";
import { ask, askInTwoTurns, models } from "./requests.ts";
import { median, round, targetsOf, type LoopDelay, type Row, type ScenarioResult, type Target } from "./report.ts";
import { startGateway, token, type Subjects } from "./subjects.ts";
import { measureThroughput, type Effort } from "./throughput.ts";

const concurrencies = [1, 8, 64] as const;

/** What runs hot is compiled before anything is measured; cold, the first scenario would be measured at a third of its speed. */
export async function warmUp({ gateway, floor, proxy }: Subjects, seconds: number): Promise<void> {
  const pairs = [
    [gateway, ask("openclaw", { token })],
    [gateway, ask("openclaw:plain", { token })],
    [proxy, ask(models.plain)],
    [floor, ask("openclaw")],
  ] as const;
  for (const [server, question] of pairs) {
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

/** (b) The same with a provider behind it: auth, validation, routing, a run that is not kept. */
export async function throughStub({ gateway, stub, proxy }: Subjects, effort: Effort): Promise<ScenarioResult> {
  const rows: Row[] = [];
  const targets: Target[] = [];
  const figures: { [name: string]: number } = {};
  const delays: [string, LoopDelay | undefined][] = [];
  for (const concurrency of concurrencies) {
    const contenders = [
      { name: "gateway", server: gateway, question: ask("openclaw:plain", { token }), isProbed: true },
      { name: "node:http proxy", server: proxy, question: ask(models.plain), isProbed: true },
      { name: "direct", server: stub, question: ask(models.plain) },
    ];
    const measured = await measureThroughput(contenders, concurrency, effort, { check: isStubCompletion });
    const ratio = measured.ratioTo("node:http proxy");
    rows.push(...measured.rows);
    delays.push([`completion, c=${concurrency}`, measured.loopDelay]);
    figures[`req/s, gateway / proxy, c=${concurrency}`] = ratio;
    figures[`CPU, proxy / gateway, c=${concurrency}`] = measured.cpuRatioTo("node:http proxy");
    if (concurrency > 1)
      targets.push(...targetsOf(`req/s, stateless, c=${concurrency}, as a share of the proxy's`, ratio, { floor: 0.25, goal: 0.4 }));
  }
  return { title: "(b) completion, stub upstream, not streamed", rows, targets, figures, loopDelay: worstDelay(delays) };
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
  const [idleMb, answerSeconds] = [median(times.memory), median(times.answer) / 1000];
  return {
    title: "(e) cold start",
    rows: [{ what: `${starts} starts`, server: "gateway", cells }],
    targets: [
      ...targetsOf("RSS idle", idleMb, { floor: 150, goal: 120, unit: " MB", isMost: true }),
      ...targetsOf("cold start to the first answer", answerSeconds, { floor: 1.5, goal: 1, unit: " s", isMost: true }),
    ],
    figures: { "RSS idle, MB": idleMb, "cold start, s": answerSeconds },
  };
}

/** (g) An agent's own tool between two requests to the provider, beside the two requests alone. */
export async function twoTurns({ gateway, stub }: Subjects, effort: Effort): Promise<ScenarioResult> {
  const rows: Row[] = [];
  const delays: [string, LoopDelay | undefined][] = [];
  for (const concurrency of [1, 8]) {
    const contenders = [
      { name: "gateway", server: gateway, question: ask("openclaw:tools", { stream: true, token }), isProbed: true },
      { name: "two requests, direct", server: stub, question: askInTwoTurns() },
    ];
    const measured = await measureThroughput(contenders, concurrency, effort, {
      check: isStubStream(stubText),
      unit: "runs",
    });
    delays.push([`two turns, c=${concurrency}`, measured.loopDelay]);
    const [ours, direct] = [measured.p50Of("gateway"), measured.p50Of("two requests, direct")];
    const overhead = { "overhead p50": `+${round(ours - direct)} ms`, "p50 / direct": round(ours / direct) };
    rows.push(...measured.rows.map((row, n) => (n === 0 ? { ...row, cells: { ...row.cells, ...overhead } } : row)));
  }
  return { title: "(g) run of two turns with one own tool, stub upstream, streamed", rows, targets: [], loopDelay: worstDelay(delays) };
}

export const isCompletion: Check = (text) => {
  const isOne = text.includes('"object":"chat.completion"') && text.includes('"finish_reason":"stop"');
  return isOne && /"content":"[^"]/.test(text) ? undefined : "not a completion with text";
};

export const isStubCompletion: Check = (text) =>
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
