/** `x-openclaw-events: true`: what a run does besides talking, and what it came to, beside chunks that any client can read. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { exchangeOf, problemsOf } from "../support/contract-check.ts";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { type Chunk, fold, StreamReader } from "./event-stream.ts";
import { startHeldUpstream } from "./held-upstream.ts";
import { onProvider } from "./provider.ts";

type Progress = { readonly type: string; readonly [key: string]: unknown };
type ProgressChunk = Chunk & { readonly openclaw?: Progress };

const asking = { "x-openclaw-events": "true" };
const calculate = { id: "call_1", name: "calculator", arguments: '{"expression":"6*7"}' };
const usage = { prompt_tokens: 1000, completion_tokens: 200, total_tokens: 1200, prompt_tokens_details: { cached_tokens: 600 } };

let stub: StubUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  stub = await startStubUpstream();
  const priced = { id: "priced", cost: { input: 2, output: 10, cacheRead: 0.5 } };
  gateway = await startGateway({
    ...onProvider(stub.url, { model: { primary: "stub/priced", fallbacks: ["stub/plain"] } }),
    models: { providers: { stub: { baseUrl: stub.url, models: [priced, { id: "plain" }] } } },
  });
});
afterAll(() => stub.close());

async function streamed(body: object = {}, headers: { [name: string]: string } = asking): Promise<readonly ProgressChunk[]> {
  const response = await gateway.chat(say("6*7?", { stream: true, ...body }), headers);
  const exchange = await exchangeOf(response);
  expect({ status: exchange.status, problems: problemsOf("createChatCompletion", exchange) }).toEqual({ status: 200, problems: [] });
  const folded = fold(exchange.text);
  expect(folded.isDone).toBe(true);
  return folded.chunks;
}

const progressOf = (chunks: readonly ProgressChunk[]): Progress[] => chunks.flatMap(({ openclaw }) => (openclaw ? [openclaw] : []));

describe("a stream that was asked for progress", () => {
  test("says when a model is asked and when a tool works, in chunks that add nothing, and sums up in the last one", async () => {
    stub.reply({ toolCalls: [calculate], usage }, { text: "42.", usage });
    const chunks = await streamed();
    const summed = {
      prompt_tokens: 2000,
      completion_tokens: 400,
      total_tokens: 2400,
      prompt_tokens_details: { cached_tokens: 1200 },
    };
    expect(progressOf(chunks)).toEqual([
      { type: "turn_start", turn: 1, model: "stub/priced" },
      { type: "tool_start", id: "call_1", name: "calculator" },
      { type: "tool_end", id: "call_1", name: "calculator", is_error: false },
      { type: "turn_start", turn: 2, model: "stub/priced" },
      // 800 plain input tokens at 2, 1200 cached at 0.5, 400 written at 10, per million.
      { type: "run_end", model: "stub/priced", turns: 2, usage: summed, cost: 0.0062 },
    ]);
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: "assistant", content: "", refusal: null });
    const withProgress = chunks.filter(({ openclaw }) => openclaw);
    expect(withProgress.map(({ choices }) => choices[0]?.delta as object)).toEqual(withProgress.map(() => ({})));
    expect(withProgress.map(({ choices }) => choices[0]?.finish_reason)).toEqual([null, null, null, null, "stop"]);
  });

  test("never shows what a tool was told or what it answered", async () => {
    stub.reply({ toolCalls: [{ ...calculate, arguments: '{"expression":"secret"}' }] }, { text: "no" });
    const chunks = await streamed();
    expect(progressOf(chunks)[2]).toEqual({ type: "tool_end", id: "call_1", name: "calculator", is_error: true });
    expect(JSON.stringify(chunks)).not.toContain("secret");
  });

  test("names a model that failed and the one that is asked instead", async () => {
    stub.reply({ status: 500 }, { status: 500 }, { status: 500 }, { text: "42." });
    expect(progressOf(await streamed())).toMatchObject([
      { type: "turn_start", turn: 1, model: "stub/priced" },
      { type: "model_fallback", from: "stub/priced", to: "stub/plain", code: "upstream_error" },
      { type: "turn_start", turn: 1, model: "stub/plain" },
      // What an unpriced model costs is not known.
      { type: "run_end", model: "stub/plain", turns: 1 },
    ]);
  });

  test("says that it waits for its session, before the model is asked", async () => {
    const held = await startHeldUpstream();
    const other = await startGateway(onProvider(held.url));
    const session = { ...asking, "x-openclaw-session-key": "busy" };
    const first = other.chat(say("one"), session);
    const exchange = await held.next();
    const second = await other.chat(say("two", { stream: true }), session);
    const reader = new StreamReader(second);
    await reader.until('"openclaw":{"type":"run_queued"}');
    expect(reader.text).not.toContain("turn_start");
    exchange.say("done");
    exchange.finish();
    expect((await first).status).toBe(200);
    await reader.until("turn_start");
    await reader.cancel();
  });
});

describe("without the header", () => {
  test.each([{}, { "x-openclaw-events": "false" }])("neither a stream nor a whole reply has the key (%o)", async (headers) => {
    stub.reply({ toolCalls: [calculate], usage }, { text: "42.", usage }, { text: "42.", usage });
    expect(progressOf(await streamed({}, headers as { [name: string]: string }))).toEqual([]);
    const whole = await gateway.chat(say("hi"), headers);
    expect(await whole.json()).not.toHaveProperty("openclaw");
  });
});

test("a reply that is not streamed sums the run up", async () => {
  stub.reply({ toolCalls: [calculate], usage }, { text: "42.", usage });
  const exchange = await exchangeOf(await gateway.chat(say("6*7?"), asking));
  expect(problemsOf("createChatCompletion", exchange)).toEqual([]);
  const reply = JSON.parse(exchange.text) as { usage: object; openclaw: object };
  expect(reply.openclaw).toEqual({ type: "run_end", model: "stub/priced", turns: 2, usage: reply.usage, cost: 0.0062 });
});

test("the log line of the run has its cost, and no cost where one turn's is not known", async () => {
  const lines = () => gateway.log().filter(({ msg }) => msg === "run ended");
  stub.reply({ text: "42.", usage }, { text: "42.", usage: null });
  await gateway.chat(say("hi"));
  expect(lines().at(-1)).toMatchObject({ cost: 0.0031, turns: 1 });
  await gateway.chat(say("hi"));
  expect(lines().at(-1)).not.toHaveProperty("cost");
});

test("another value than true and false is refused", async () => {
  const response = await gateway.chat(say("hi"), { "x-openclaw-events": "yes" });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { param: "x-openclaw-events", code: "invalid_value" } });
});
