/** What goes to a provider and what becomes of its good replies, over real sockets. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { LLMock } from "@copilotkit/aimock";
import type { ModelCatalog, ModelSettings } from "../../src/domain/model.ts";
import { openModelCatalog } from "../../src/model/catalog.ts";
import { startStubUpstream, stubText, type StubScriptOf, type StubUpstream } from "../support/stub-upstream.ts";
import { ask, assistant, call, provider, request, result, system, user } from "./conversation.ts";

let stub: StubUpstream;
let catalog: ModelCatalog;
beforeAll(async () => {
  stub = await startStubUpstream();
  catalog = openModelCatalog([provider(stub.url, { apiKey: "the-key", headers: { "X-Team": "blue" } })]);
});
afterAll(async () => {
  await catalog.close();
  await stub.close();
});

const askStub = (script: StubScriptOf, more = {}) => {
  stub.reply(script);
  return ask(catalog.find("stub/some/model")!, "Hi", more);
};
const chunk = (delta: object, finish_reason: string | null = null) => ({ choices: [{ index: 0, delta, finish_reason }] });
const lastRequest = () => stub.requests.at(-1)!;

describe("a request to a provider", () => {
  test("is a streamed completion with the key, the configured headers and the model's whole id", async () => {
    await ask(catalog.find("stub/some/model")!, "Hi");
    const { path, headers, body } = lastRequest();
    expect(path).toBe("/v1/chat/completions");
    expect(headers).toMatchObject({ authorization: "Bearer the-key", "x-team": "blue", "content-type": "application/json" });
    expect(body).toEqual({
      model: "some/model",
      messages: [{ role: "user", content: "Hi" }],
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  test("has the limit of tokens that the config gives the model, unless it names one itself or there is no such limit", async () => {
    const model = (id: string, more: object) => ({ id, takesImages: false, ...more });
    const listed = openModelCatalog([
      provider(stub.url, {
        models: [
          model("small", { maxTokens: 100, contextWindow: 1000 }),
          model("all", { maxTokens: 1000, contextWindow: 1000 }),
          model("free", {}),
        ],
      }),
    ]);
    const limits = async (id: string, settings: ModelSettings = {}) => {
      await ask(listed.find(`stub/${id}`)!, "Hi", { settings });
      const { max_tokens, max_completion_tokens } = lastRequest().body;
      return [max_tokens, max_completion_tokens];
    };
    expect(await limits("small")).toEqual([100, undefined]);
    expect(await limits("small", { maxTokens: 500 })).toEqual([500, undefined]);
    expect(await limits("small", { maxCompletionTokens: 500 })).toEqual([undefined, 500]);
    expect(await limits("all")).toEqual([undefined, undefined]);
    expect(await limits("free")).toEqual([undefined, undefined]);
    await listed.close();
  });

  test("keeps roles, names, parts, tool calls and tool results as real messages", async () => {
    await ask(catalog.find("stub/m")!, [
      system("Be brief."),
      { role: "developer", content: [{ type: "text", text: "Really." }], name: "dev" },
      { ...user("one", "two"), name: "ada" },
      assistant("", call("call_1", "look_up", { q: "x" }), call("call_2", "wait")),
      result("call_1", "found"),
      result("call_2", ""),
      { ...assistant(""), refusal: "No." },
      assistant(""),
      user("Go on"),
    ]);
    expect(lastRequest().body.messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "developer", content: "Really.", name: "dev" },
      {
        role: "user",
        content: [
          { type: "text", text: "one" },
          { type: "text", text: "two" },
        ],
        name: "ada",
      },
      {
        role: "assistant",
        content: null,
        tool_calls: [
          { id: "call_1", type: "function", function: { name: "look_up", arguments: '{"q":"x"}' } },
          { id: "call_2", type: "function", function: { name: "wait", arguments: "{}" } },
        ],
      },
      { role: "tool", tool_call_id: "call_1", content: "found" },
      { role: "tool", tool_call_id: "call_2", content: "" },
      { role: "assistant", content: null, refusal: "No." },
      { role: "assistant", content: "" },
      { role: "user", content: "Go on" },
    ]);
  });

  test("carries every setting under its wire name, zeros and false included", async () => {
    const settings: Required<ModelSettings> = {
      temperature: 0,
      topP: 0.5,
      frequencyPenalty: -1,
      presencePenalty: 1,
      logitBias: { "50256": -100 },
      maxCompletionTokens: 10,
      maxTokens: 11,
      stop: ["END", "\n"],
      seed: 0,
      responseFormat: { type: "json_schema", name: "answer", description: "d", schema: { type: "object" }, strict: true },
      parallelToolCalls: false,
      reasoningEffort: "low",
      verbosity: "high",
      serviceTier: "flex",
      promptCacheKey: "k",
      promptCacheRetention: "24h",
      safetyIdentifier: "s",
    };
    const tools = [{ name: "f", description: "does", parameters: { type: "object" }, strict: true }, { name: "g" }];
    await ask(catalog.find("stub/m")!, "Hi", { settings, tools, toolChoice: { name: "f" } });
    const { model: _model, messages: _messages, stream: _stream, stream_options: _options, ...rest } = lastRequest().body;
    expect(rest).toEqual({
      temperature: 0,
      top_p: 0.5,
      frequency_penalty: -1,
      presence_penalty: 1,
      logit_bias: { "50256": -100 },
      max_completion_tokens: 10,
      max_tokens: 11,
      stop: ["END", "\n"],
      seed: 0,
      response_format: { type: "json_schema", json_schema: { name: "answer", description: "d", schema: { type: "object" }, strict: true } },
      parallel_tool_calls: false,
      reasoning_effort: "low",
      verbosity: "high",
      service_tier: "flex",
      prompt_cache_key: "k",
      prompt_cache_retention: "24h",
      safety_identifier: "s",
      tools: [
        { type: "function", function: { name: "f", description: "does", parameters: { type: "object" }, strict: true } },
        { type: "function", function: { name: "g" } },
      ],
      tool_choice: { type: "function", function: { name: "f" } },
    });
  });

  test("without tools names neither tool_choice nor parallel_tool_calls", async () => {
    await ask(catalog.find("stub/m")!, "Hi", { toolChoice: "auto", settings: { parallelToolCalls: true } });
    expect(Object.keys(lastRequest().body)).toEqual(["model", "messages", "stream", "stream_options"]);
  });

  test("keeps the query of the base URL and sends nothing before the first next()", async () => {
    const other = openModelCatalog([provider(`${stub.url}/azure/?api-version=1`)]);
    const before = stub.requestCount;
    const events = other.find("stub/m")!.stream(request("Hi"), new AbortController().signal)[Symbol.asyncIterator]();
    expect(stub.requestCount).toBe(before);
    await events.next();
    expect(lastRequest().path).toBe("/v1/azure/chat/completions?api-version=1");
    await events.return!();
    await other.close();
  });

  test("reuses its connections", async () => {
    const own = await startStubUpstream();
    const other = openModelCatalog([provider(own.url)]);
    for (let n = 0; n < 20; n++) await ask(other.find("stub/m")!, "Hi");
    expect(own.requestCount).toBe(20);
    expect(own.openSockets).toBeLessThanOrEqual(3);
    await other.close();
    await own.close();
  });
});

describe("a reply", () => {
  test("arrives in order as text with its usage, and ends once", async () => {
    expect(await askStub({ text: stubText })).toEqual({
      text: stubText,
      reasoning: "",
      refusal: "",
      calls: [],
      reason: "stop",
      usage: { inputTokens: 9, outputTokens: 5 },
    });
  });

  test("survives being torn between any two bytes", async () => {
    const text = "안녕하세요, 세상 🌍! Zażółć gęślą jaźń.";
    for (const pieceBytes of [1, 7]) expect((await askStub({ text, chunks: 9, pieceBytes })).text).toBe(text);
  });

  test("may begin with a byte order mark, use CRLF, comments, ids and event names, and lack its last blank line", async () => {
    const frames = [
      "\uFEFFdata: ",
      JSON.stringify(chunk({ content: "a" })),
      "\r\n\r\n: keep-alive\r\n\r\nid: 7\r\nevent: message\r\ndata:",
    ];
    const last = `${JSON.stringify(chunk({ content: "b" }, "stop"))}\r\n\r\ndata: [DONE]`;
    expect((await askStub({ frames: [...frames, last] })).text).toBe("ab");
  });

  test("keeps reasoning apart, under either of its names", async () => {
    const frames = [chunk({ reasoning_content: "Let me " }), chunk({ reasoning: "think." }), chunk({ content: "Yes." }, "stop")];
    expect(await askStub({ frames })).toMatchObject({ reasoning: "Let me think.", text: "Yes." });
  });

  test("keeps a refusal apart", async () => {
    expect(await askStub({ refusal: "I will not." })).toMatchObject({ refusal: "I will not.", text: "", reason: "stop" });
  });

  test("may send its content in parts", async () => {
    const frames = [chunk({ content: [{ type: "text", text: "a" }, { type: "other" }, { type: "text", text: "b" }] }, "stop")];
    expect((await askStub({ frames })).text).toBe("ab");
  });

  test("reports cached and reasoning tokens", async () => {
    const usage = {
      prompt_tokens: 100,
      completion_tokens: 20,
      prompt_tokens_details: { cached_tokens: 64 },
      completion_tokens_details: { reasoning_tokens: 7 },
    };
    expect((await askStub({ text: "x", usage })).usage).toEqual({
      inputTokens: 100,
      outputTokens: 20,
      cachedInputTokens: 64,
      reasoningTokens: 7,
    });
  });

  test.each([
    ["alongside the finish reason", [{ ...chunk({ content: "x" }, "stop"), usage: { prompt_tokens: 3, completion_tokens: 1 } }]],
    [
      "in the choice",
      [{ choices: [{ delta: { content: "x" }, finish_reason: "stop", usage: { prompt_tokens: 3, completion_tokens: 1 } }] }],
    ],
    [
      "growing with every chunk",
      [
        { ...chunk({ content: "x" }), usage: { prompt_tokens: 3, completion_tokens: 0 } },
        { ...chunk({}, "stop"), usage: { prompt_tokens: 3, completion_tokens: 1 } },
      ],
    ],
  ])("may report its usage %s", async (_where, frames) => {
    expect((await askStub({ frames })).usage).toEqual({ inputTokens: 3, outputTokens: 1 });
  });

  test.each([
    ["none", null],
    ["zeros", { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }],
    ["half of it", { prompt_tokens: 5 }],
    ["nonsense", { prompt_tokens: "many", completion_tokens: -1 }],
  ])("that reports %s as its usage has none", async (_what, usage) => {
    expect((await askStub({ text: "x", usage })).usage).toBeUndefined();
  });

  test.each([
    ["stop", "stop"],
    ["length", "length"],
    ["content_filter", "content_filter"],
    ["tool_calls", "stop"],
    ["end_turn", "stop"],
    ["something new", "stop"],
    ["constructor", "stop"],
  ])("without tool calls that ends with '%s' ended with %s", async (finishReason, reason) => {
    expect((await askStub({ text: "x", finishReason })).reason).toBe(reason);
  });

  test.each(["tool_calls", "function_call", "stop", "something new"])(
    "with tool calls that ends with '%s' ended with tool_calls",
    async (finishReason) => {
      expect((await askStub({ toolCalls: [{ name: "f" }], finishReason })).reason).toBe("tool_calls");
    },
  );

  test("ends at [DONE], whatever comes after it", async () => {
    const frames = [chunk({ content: "x" }, "stop"), "data: [DONE]\n\ndata: garbage\n\n"];
    expect((await askStub({ frames })).text).toBe("x");
    expect((await askStub({ frames, ending: "hang" })).text).toBe("x");
  });

  test("with a finish reason needs no [DONE], even when its connection then breaks", async () => {
    expect((await askStub({ text: "x", done: false })).reason).toBe("stop");
    expect(await askStub({ frames: [chunk({ content: "x" }, "stop")], gapMs: 20, ending: "cut" })).toMatchObject({
      text: "x",
      reason: "stop",
    });
  });

  test("may come whole as JSON in spite of stream: true", async () => {
    const script = {
      text: "Whole.",
      reasoning: "r",
      toolCalls: [
        { name: "f", arguments: "{}" },
        { name: "f", arguments: "" },
      ],
      whole: true,
    };
    expect(await askStub(script)).toEqual({
      text: "Whole.",
      reasoning: "r",
      refusal: "",
      calls: [
        { id: "call_stub_0", name: "f", arguments: "{}" },
        { id: "call_stub_1", name: "f", arguments: "" },
      ],
      reason: "tool_calls",
      usage: { inputTokens: 9, outputTokens: 5 },
    });
  });

  test("that came in one go is said in pieces of up to 256 characters, and one that came piece by piece as it came", async () => {
    const piecesOf = async (script: StubScriptOf): Promise<string[]> => {
      stub.reply(script);
      const pieces: string[] = [];
      for await (const event of catalog.find("stub/some/model")!.stream(request("Hi"), new AbortController().signal))
        if (event.type === "text_delta") pieces.push(event.text);
      return pieces;
    };
    const text = "0123456789".repeat(60);
    expect((await piecesOf({ text, chunks: 60 })).map(({ length }) => length)).toEqual([250, 250, 100]);
    expect(await piecesOf({ frames: [chunk({ content: "x".repeat(300) }), chunk({ content: "y" }), chunk({}, "stop")] })).toHaveLength(2);
    const parts: StubScriptOf = {
      frames: ["a", "b", "c"].map((content) => chunk({ content })).concat(chunk({}, "stop") as never),
      gapMs: 30,
    };
    expect(await piecesOf(parts)).toEqual(["a", "b", "c"]);
  });

  test("of very many chunks arrives whole", async () => {
    const text = "0123456789".repeat(10_000);
    expect((await askStub({ text, chunks: 100_000 })).text).toBe(text);
  });
});

describe("tool calls", () => {
  const entry = (name: string | undefined, args: unknown, more: object = {}) => ({ ...more, function: { name, arguments: args } });
  const callsOf = async (...deltas: object[][]) =>
    (await askStub({ frames: [...deltas.map((tool_calls) => chunk({ tool_calls })), chunk({}, "tool_calls")] })).calls;
  const madeUp = expect.stringMatching(/^call_[0-9a-f]{24}$/u);

  test("come with the provider's ids, byte for byte arguments, and interleave by index", async () => {
    const calls = await callsOf(
      [entry("f", "", { index: 0, id: "A!" })],
      [entry("g", '{"b', { index: 1, id: "B!" })],
      [entry(undefined, "not json", { index: 0 })],
      [entry(undefined, '":1}', { index: 1 })],
    );
    expect(calls).toEqual([
      { id: "A!", name: "f", arguments: "not json" },
      { id: "B!", name: "g", arguments: '{"b":1}' },
    ]);
  });

  test("may repeat their id and name in every chunk", async () => {
    const calls = await callsOf(...['{"a"', ":1", "}"].map((part) => [entry("f", part, { index: 0, id: "x" })]));
    expect(calls).toEqual([{ id: "x", name: "f", arguments: '{"a":1}' }]);
  });

  test("may repeat their name without an id or an index", async () => {
    expect(await callsOf(...['{"a"', ":1", "}"].map((part) => [entry("f", part)]))).toEqual([
      { id: madeUp, name: "f", arguments: '{"a":1}' },
    ]);
  });

  test("get a new random id in every chunk from some providers, and stay one call", async () => {
    const calls = await callsOf([entry("f", '{"a"', { index: 0, id: "x1" })], [entry(undefined, ":1}", { index: 0, id: "x2" })]);
    expect(calls).toEqual([{ id: "x1", name: "f", arguments: '{"a":1}' }]);
  });

  test("may come whole, one per chunk, without index and id", async () => {
    const calls = await callsOf([entry("f", '{"n":1}')], [entry("f", '{"n":2}')], [entry("g", "{}")]);
    expect(calls.map(({ name, arguments: args }) => [name, args])).toEqual([
      ["f", '{"n":1}'],
      ["f", '{"n":2}'],
      ["g", "{}"],
    ]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(3);
  });

  test("may come whole, all in one chunk, without index and id", async () => {
    expect((await callsOf([entry("f", ""), entry("f", ""), entry("g", { a: 1 })])).map(({ arguments: args }) => args)).toEqual([
      "",
      "",
      '{"a":1}',
    ]);
  });

  test("may all claim index 0 under ids of their own", async () => {
    const calls = await callsOf([entry("f", "{}", { index: 0, id: "a" })], [entry("g", "{}", { index: 0, id: "b" })]);
    expect(calls.map(({ id }) => id)).toEqual(["a", "b"]);
  });

  test("under an id that another one of the reply has get an id of their own", async () => {
    const same = { id: "0" };
    const first = { id: "0", name: "f", arguments: '{"n":1}' };
    const second = { id: madeUp, name: "f", arguments: '{"n":2}' };
    const byIndex = [entry("f", '{"n":1}', { ...same, index: 0 }), entry("f", '{"n":2}', { ...same, index: 1 })];
    expect(await callsOf(byIndex)).toEqual([first, second]);
    expect(await callsOf(...byIndex.map((one) => [one]))).toEqual([first, second]);
    expect(await callsOf([entry("f", '{"n":1}', same), entry("f", '{"n":2}', same)])).toEqual([first, second]);
    expect(await callsOf([entry("f", '{"n":1}', same)], [entry("f", '{"n":2}', same)])).toEqual([first, second]);
    expect(await callsOf([entry("f", '{"n":1}', same)], [entry("g", '{"n":2}', same)])).toEqual([first, { ...second, name: "g" }]);
    const toolCalls = [
      { name: "f", id: "0", arguments: '{"n":1}' },
      { name: "f", id: "0", arguments: '{"n":2}' },
    ];
    expect((await askStub({ toolCalls, whole: true })).calls).toEqual([first, second]);
  });

  test("under one id thrice have three, and each gets the arguments of its own index", async () => {
    const begun = [0, 1, 2].map((index) => entry("f", "", { index, id: "0" }));
    const calls = await callsOf(begun, ...[2, 0, 1].map((index) => [entry(undefined, `{"n":${index}}`, { index })]));
    expect(calls.map(({ arguments: args }) => args)).toEqual(['{"n":0}', '{"n":1}', '{"n":2}']);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(3);
    expect(calls[0]!.id).toBe("0");
  });

  test.each([
    ["a brace in a string", ['{"a":"}', '","b":"\\"}', '"}']],
    ["an object in an object", ['{"a":{}', ',"b":[{}', "]}"]],
    ["blanks after its end", ["{}", " ", "\n"]],
    ["no object at all", ["7", "}", "8}"]],
  ])("that repeat their name are one call in spite of %s", async (_what, parts) => {
    expect(await callsOf(...parts.map((part) => [entry("f", part)]))).toEqual([{ id: madeUp, name: "f", arguments: parts.join("") }]);
  });

  test("may name themselves late", async () => {
    expect(await callsOf([entry(undefined, '{"a":', { index: 3, id: "x" })], [entry("f", "1}", { index: 3 })])).toEqual([
      { id: "x", name: "f", arguments: '{"a":1}' },
    ]);
  });

  test("may come in the legacy form", async () => {
    const frames = [
      chunk({ function_call: { name: "f", arguments: "{" } }),
      chunk({ function_call: { arguments: "}" } }),
      chunk({}, "function_call"),
    ];
    expect(await askStub({ frames })).toMatchObject({ calls: [{ id: madeUp, name: "f", arguments: "{}" }], reason: "tool_calls" });
  });
});

test("the adapter talks to aimock: text, then a tool call, then the answer from its result", async () => {
  const mock = new LLMock({ port: 0 });
  mock.on({ userMessage: "weather", hasToolResult: true }, { content: "It is sunny in Seoul." });
  mock.onMessage("weather", { toolCalls: [{ name: "get_weather", arguments: '{"city":"Seoul"}' }] });
  mock.onMessage("hello", { content: "Hi there!" });
  await mock.start();
  const mocked = openModelCatalog([provider(`${mock.url}/v1`, { id: "mock", apiKey: "mock" })]);
  try {
    const model = mocked.find("mock/gpt-5.4")!;
    expect(await ask(model, "hello")).toMatchObject({ text: "Hi there!", reason: "stop" });
    const tools = [{ name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } }];
    const first = await ask(model, "weather in Seoul?", { tools });
    expect(first).toMatchObject({ calls: [{ name: "get_weather", arguments: '{"city":"Seoul"}' }], reason: "tool_calls" });
    const [made] = first.calls;
    const second = await ask(model, [user("weather in Seoul?"), assistant("", made!), result(made!.id, "sunny")], { tools });
    expect(second).toMatchObject({ text: "It is sunny in Seoul.", reason: "stop" });
  } finally {
    await mocked.close();
    await mock.stop();
  }
});
