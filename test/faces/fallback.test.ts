/**
 * An agent with fallbacks: who answers when its model fails, who is not asked, and what the caller, the log and the bill
 * say of it. The primary and its fallback speak different wires.
 */
import { EventEmitter, once } from "node:events";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import { readRequest } from "../support/stub-requests.ts";
import { startStubUpstream, stubText, type StubReply, type StubScript, type StubUpstream } from "../support/stub-upstream.ts";
import { fold, foldStream, StreamReader } from "./event-stream.ts";
import { providerOf, type WireSubject, wireSubjects } from "./wires.ts";

const [openai, anthropic, google] = wireSubjects as [WireSubject, WireSubject, WireSubject];
const calculate = { id: "own", name: "calculator", arguments: '{"expression":"6 * 7"}' };
const weather = { type: "function", function: { name: "get_weather", parameters: { type: "object", properties: {} } } };

let first: StubUpstream;
let second: StubUpstream;
let before: { first: number; second: number };

beforeAll(async () => {
  first = await startStubUpstream();
  second = await startStubUpstream();
});

beforeEach(() => {
  before = { first: first.requestCount, second: second.requestCount };
  first.always({ text: stubText });
  second.always({ text: "Here I am." });
});

afterAll(() => Promise.all([first.close(), second.close()]));

/** `main` asks `first`, then `second`. Prices are per million tokens. */
function startWith(primary: WireSubject, fallback: WireSubject): Promise<TestGateway> {
  const priced = ({ model }: WireSubject, input: number, output: number): object => ({
    models: [{ id: model, input: ["text", "image"], cost: { input, output } }],
  });
  return startGateway({
    models: {
      providers: {
        first: providerOf(primary, first, priced(primary, 100_000, 200_000)),
        hasty: providerOf(primary, first, { timeoutMs: 150 }),
        second: providerOf(fallback, second, priced(fallback, 1_000_000, 0)),
        nobody: { ...providerOf(primary, first), baseUrl: "http://127.0.0.1:1/v1" },
      },
    },
    agents: {
      defaults: { model: { primary: `first/${primary.model}`, fallbacks: [`second/${fallback.model}`] }, tools: ["calculator"] },
      entries: {
        main: { default: true },
        hasty: { model: { primary: `hasty/${primary.model}`, fallbacks: [`second/${fallback.model}`] } },
        unreachable: { model: { primary: `nobody/${primary.model}`, fallbacks: [`second/${fallback.model}`] } },
        long: { model: { primary: `nobody/${primary.model}`, fallbacks: [`first/${primary.model}`, `second/${fallback.model}`] } },
      },
    },
  });
}

const asked = () => ({ first: first.requestCount - before.first, second: second.requestCount - before.second });
const fallbackLines = (gateway: TestGateway) => gateway.log().filter(({ msg }) => msg === "model failed, its fallback is asked");

async function errorOf(response: Response): Promise<{ status: number; code: string; message: string }> {
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  return { status: response.status, ...error };
}

describe.each([
  { primary: openai, fallback: anthropic },
  { primary: anthropic, fallback: google },
  { primary: google, fallback: openai },
])("$primary.api, then $fallback.api", ({ primary, fallback }) => {
  let gateway: TestGateway;

  beforeAll(async () => {
    gateway = await startWith(primary, fallback);
  });

  const failures: [what: string, script: StubScript, code: string][] = [
    ["fails with 500", { status: 500, headers: { "retry-after": "0" } }, "upstream_error"],
    ["does not accept the key", { status: 401 }, "upstream_error"],
    ["does not know the model", { status: 404 }, "upstream_error"],
    ["limits requests", { status: 429, headers: { "retry-after": "60" } }, "upstream_rate_limited"],
    ["hangs up", "cut", "upstream_error"],
    ["breaks off before it has said anything", { text: "", ending: "cut" }, "upstream_error"],
    ["ends before it has said anything", { text: "", finishReason: null }, "upstream_error"],
  ];

  test.each(failures)("when the model %s, its fallback answers, and the log says why", async (_, script, code) => {
    const lines = fallbackLines(gateway).length;
    first.always(script);
    const response = await gateway.chat(say("Hello?", { stream: true }));
    const { text, finishReason, error, isDone } = await foldStream(response);
    expect({ status: response.status, text, finishReason, error, isDone }).toEqual({
      status: 200,
      text: "Here I am.",
      finishReason: "stop",
      error: undefined,
      isDone: true,
    });
    expect(asked().second).toBe(1);
    expect(fallbackLines(gateway).slice(lines)).toMatchObject([
      { level: 40, from: `first/${primary.model}`, to: `second/${fallback.model}`, code, count: expect.any(Number) as unknown },
    ]);
  });

  test("when the model does not answer in time, its fallback answers, and the log says why", async () => {
    first.reply("hang");
    const { text } = await foldStream(await gateway.chat(say("Hello?", { model: "openclaw:hasty", stream: true })));
    expect(text).toBe("Here I am.");
    expect(asked()).toEqual({ first: 1, second: 1 });
    expect(fallbackLines(gateway).at(-1)).toMatchObject({ from: `hasty/${primary.model}`, code: "upstream_timeout" });
  });

  test("when the model cannot be reached, its fallback answers", async () => {
    const { text } = await foldStream(await gateway.chat(say("Hello?", { model: "openclaw:unreachable", stream: true })));
    expect(text).toBe("Here I am.");
    expect(asked()).toEqual({ first: 0, second: 1 });
  });

  test("when the fallback fails too, the next one answers", async () => {
    first.always({ status: 401 });
    const lines = fallbackLines(gateway).length;
    const { text } = await foldStream(await gateway.chat(say("Hello?", { model: "openclaw:long", stream: true })));
    expect(text).toBe("Here I am.");
    expect(
      fallbackLines(gateway)
        .slice(lines)
        .map(({ from, to }) => ({ from, to })),
    ).toEqual([
      { from: `nobody/${primary.model}`, to: `first/${primary.model}` },
      { from: `first/${primary.model}`, to: `second/${fallback.model}` },
    ]);
  });

  test("it is asked what the model was asked", async () => {
    first.always({ status: 401 });
    await gateway.chat(say("Hello?", { temperature: 0.3, max_completion_tokens: 50, tools: [weather] }));
    for (const [stub, { model }] of [[first, primary] as const, [second, fallback] as const]) {
      const { tools, ...request } = readRequest(stub.requests.at(-1)!);
      expect(tools.map(({ name }) => name)).toEqual(["get_weather", "calculator"]);
      expect(request).toEqual({
        model,
        system: [],
        messages: [{ role: "user", parts: [{ text: "Hello?" }] }],
        isSerial: false,
        settings: { temperature: 0.3, maxTokens: 50 },
      });
    }
  });

  test("the next request goes to the model again", async () => {
    first.reply({ status: 401 });
    await gateway.chat(say("Hello?"));
    await gateway.chat(say("Hello?"));
    expect(asked()).toEqual({ first: 2, second: 1 });
  });

  test("in a later turn it goes on with what the agent's tools have answered, without running them again", async () => {
    first.reply({ toolCalls: [calculate] }, { status: 401 });
    second.reply({ toolCalls: [{ ...calculate, id: "again", arguments: '{"expression":"42 + 1"}' }] }, { text: "It is 43." });
    const { text } = await foldStream(await gateway.chat(say("6 * 7 + 1?", { stream: true })));
    expect(text).toBe("It is 43.");
    expect(asked()).toEqual({ first: 2, second: 2 });
    const [third, fourth] = second.requests.slice(-2).map((request) => readRequest(request).messages);
    const turn = [
      { role: "user", parts: [{ text: "6 * 7 + 1?" }] },
      { role: "assistant", parts: [{ call: { id: "own", name: "calculator", arguments: { expression: "6 * 7" } } }] },
      { role: "user", parts: [{ result: { id: "own", text: "42" } }] },
    ];
    expect(third).toEqual(turn);
    expect(fourth).toEqual([
      ...turn,
      { role: "assistant", parts: [{ call: { id: "again", name: "calculator", arguments: { expression: "42 + 1" } } }] },
      { role: "user", parts: [{ result: { id: "again", text: "43" } }] },
    ]);
  });

  const seen: [what: string, reply: StubReply, mark: string][] = [
    ["a piece of text", { text: "so far", chunks: 1 }, "so far"],
    ["a piece of reasoning", { reasoning: "so far" }, "so far"],
    ["a call of the caller's tool", { toolCalls: [{ name: "get_weather" }] }, "get_weather"],
  ];

  test.each(seen)("once the caller has seen %s, a failure is an error", async (_, reply, mark) => {
    const hasBeenRead = new EventEmitter();
    first.reply({ ...reply, ending: "cut", endsWhen: once(hasBeenRead, "yes") });
    const reader = new StreamReader(await gateway.chat(say("Hello?", { stream: true, tools: [weather] })));
    await reader.until(mark);
    hasBeenRead.emit("yes");
    const { error, finishReason, isDone } = fold(await reader.rest());
    expect({ code: error?.code, finishReason, isDone }).toEqual({ code: "upstream_error", finishReason: undefined, isDone: true });
    expect(asked()).toEqual({ first: 1, second: 0 });
  });

  test("what was held back of a reply that failed is gone, and its calls are not run", async () => {
    first.reply({ text: '{"city":', toolCalls: [calculate], ending: "cut" });
    second.reply({ text: '{"city":"Seoul"}' });
    const { text } = await foldStream(await gateway.chat(say("Which?", { stream: true, response_format: { type: "json_object" } })));
    expect(text).toBe('{"city":"Seoul"}');
    expect(readRequest(second.requests.at(-1)!).messages).toEqual([{ role: "user", parts: [{ text: "Which?" }] }]);
  });

  test("a request that the model rejects is not asked again of another", async () => {
    first.reply({ status: 400, message: "No such setting." });
    expect(await errorOf(await gateway.chat(say("Hello?")))).toMatchObject({ status: 400, code: "upstream_rejected" });
    expect(asked()).toEqual({ first: 1, second: 0 });
  });

  test("a model that the caller named is the only one asked", async () => {
    first.reply({ status: 401 });
    const response = await gateway.chat(say("Hello?"), { "x-openclaw-model": `first/${primary.model}` });
    expect(await errorOf(response)).toMatchObject({ status: 502, code: "upstream_error" });
    expect(asked()).toEqual({ first: 1, second: 0 });
  });

  test("whoever reads the whole reply has seen nothing of it before its end: what the failed one said is gone", async () => {
    first.reply({ text: "I calculate.", toolCalls: [calculate] }, { text: "It is forty", reasoning: "Hm.", ending: "cut" });
    second.reply({ text: "It is 42." });
    const response = await gateway.chat(say("6 * 7?"));
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: "I calculate.\n\nIt is 42." } }] });
    first.reply({ text: "It is", toolCalls: [{ name: "get_weather" }], ending: "cut" });
    second.reply({ text: "Sunny." });
    const other = (await (await gateway.chat(say("Weather?", { tools: [weather] }))).json()) as { choices: [{ message: object }] };
    expect(other.choices[0].message).toEqual({ role: "assistant", content: "Sunny.", refusal: null });
  });

  test("what a fallback has against the request does not hide that the model failed", async () => {
    first.always({ status: 503 });
    second.reply({ status: 400, message: "No such setting." });
    const { status, code, message } = await errorOf(await gateway.chat(say("Hello?")));
    expect({ status, code }).toEqual({ status: 502, code: "upstream_error" });
    expect(message).toMatch(/status 503.*Its fallback .* failed too: .*No such setting\.$/);
  });

  test("when all fail, the caller hears of the first failure", async () => {
    first.reply({ status: 429, message: "Slow down.", headers: { "retry-after": "60" } });
    second.reply({ status: 401 });
    const response = await gateway.chat(say("Hello?", { stream: true }));
    expect(response.headers.get("retry-after")).toBe("60");
    const { status, code, message } = await errorOf(response);
    expect({ status, code }).toEqual({ status: 429, code: "upstream_rate_limited" });
    expect(message).toContain("Slow down.");
    expect(message).toContain(`second/${fallback.model}`);
  });

  test("each turn costs what the model that answered it costs", async () => {
    first.reply({ toolCalls: [calculate] }, { status: 401 });
    const response = await gateway.chat(say("6 * 7?"), { "x-openclaw-events": "true" });
    const { usage, openclaw } = (await response.json()) as { usage: object; openclaw: object };
    expect(usage).toMatchObject({ prompt_tokens: 18, completion_tokens: 10 });
    // 9 tokens in at 0.1 and 5 out at 0.2; then 9 in at 1 and 5 out for nothing.
    expect(openclaw).toMatchObject({ type: "run_end", turns: 2, cost: 10.9 });
    expect(gateway.log().findLast(({ msg }) => msg === "run ended")).toMatchObject({ cost: 10.9, fallbacks: 1, turns: 2 });
  });

  test("a caller that asked for it is told of the change while it waits", async () => {
    first.reply({ status: 401 });
    const { chunks } = await foldStream(await gateway.chat(say("Hello?", { stream: true }), { "x-openclaw-events": "true" }));
    const told = chunks.flatMap((chunk) => ("openclaw" in chunk ? [chunk.openclaw] : []));
    expect(told).toMatchObject([
      { type: "turn_start", turn: 1, model: `first/${primary.model}` },
      { type: "model_fallback", from: `first/${primary.model}`, to: `second/${fallback.model}`, code: "upstream_error" },
      { type: "turn_start", turn: 1, model: `second/${fallback.model}` },
      { type: "run_end", turns: 1 },
    ]);
  });
});

test("one provider's failure leaves the callers of another alone", async () => {
  const gateway = await startWith(openai, anthropic);
  first.always("hang");
  const stuck = gateway.chat(say("Hello?"), { "x-openclaw-model": `hasty/${openai.model}` });
  await first.waitForRequest(before.first + 1);
  const answers = Array.from({ length: 20 }, () => gateway.chat(say("Hello?"), { "x-openclaw-model": `second/${anthropic.model}` }));
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
  expect(await errorOf(await stuck)).toMatchObject({ status: 504, code: "upstream_timeout" });
});
