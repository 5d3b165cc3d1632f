/** What Anthropic and Google are asked, and what of their replies reaches the run, over real sockets. */
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { ProviderConfig } from "../../src/config/config.ts";
import type { AssistantMessage, UserMessage } from "../../src/domain/message.ts";
import type { Model, ModelCatalog, ModelRequest, ModelSettings } from "../../src/domain/model.ts";
import { openModelCatalog } from "../../src/model/catalog.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { ask, assistant, call, failureOf, provider, request, result, system, user } from "./conversation.ts";

interface Body {
  readonly [key: string]: unknown;
  readonly generationConfig?: { readonly [key: string]: unknown };
}

let stub: StubUpstream;
let catalog: ModelCatalog;
let claude: Model;
let gemini: Model;
beforeEach(async () => {
  stub = await startStubUpstream();
  catalog = openModelCatalog([
    onAnthropic({
      models: [
        { id: "claude-sonnet-4-6", takesImages: true, maxTokens: 777, price: { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 } },
      ],
    }),
    onAnthropic({ id: "open" }),
    onGoogle(),
  ]);
  claude = catalog.find("anthropic/claude-sonnet-4-6")!;
  gemini = catalog.find("google/gemini-2.5-flash")!;
});
afterEach(async () => {
  await catalog.close();
  await stub.close();
});

function onAnthropic(more: Partial<ProviderConfig> = {}): ProviderConfig {
  return provider(stub.anthropicUrl, {
    id: "anthropic",
    api: "anthropic-messages",
    apiKey: "key-a",
    headers: { "X-Team": "blue" },
    ...more,
  });
}

function onGoogle(more: Partial<ProviderConfig> = {}): ProviderConfig {
  return provider(stub.googleUrl, { id: "google", api: "google-generative-ai", apiKey: "key-g", ...more });
}

async function bodyFor(model: Model, messages: Parameters<typeof request>[0], more: Partial<ModelRequest> = {}): Promise<Body> {
  await ask(model, messages, more);
  return JSON.parse(stub.requests.at(-1)!.text) as Body;
}

const withSettings = (model: Model, settings: ModelSettings) => bodyFor(model, "Hi", { settings });
const addTool = {
  name: "add",
  description: "Adds.",
  parameters: { type: "object", properties: { a: { type: "number" } }, required: ["a"] },
};
const photo: UserMessage = {
  role: "user",
  content: [
    { type: "text", text: "What is it?" },
    { type: "image", mediaType: "image/png", data: "iVBORw0KGgo=" },
  ],
};
const toolTurn = [
  user("1+1?"),
  assistant("", call("c1", "add", { a: 1 }), call("c2", "add", { a: 2 })),
  result("c1", "2"),
  result("c2", ""),
];

describe("Anthropic is asked", () => {
  test("at its address, with the key and the provider's own headers, for a stream", async () => {
    const body = await bodyFor(claude, [system("Be brief."), user("Hi")]);
    const { path, headers } = stub.requests[0]!;
    expect(path).toBe("/v1/messages");
    expect(headers).toMatchObject({
      "x-api-key": "key-a",
      "x-team": "blue",
      "anthropic-version": "2023-06-01",
      "content-type": "application/json",
      "accept-encoding": "identity",
    });
    expect(body).toEqual({
      model: "claude-sonnet-4-6",
      max_tokens: 777,
      stream: true,
      system: [{ type: "text", text: "Be brief." }],
      messages: [{ role: "user", content: [{ type: "text", text: "Hi" }] }],
    });
  });

  test("without any key when the provider has none, whatever the environment of the process holds", async () => {
    const known = { ANTHROPIC_API_KEY: "of-the-environment", ANTHROPIC_BASE_URL: "http://127.0.0.1:1" };
    const before = { ...process.env };
    Object.assign(process.env, known);
    const open = openModelCatalog([provider(stub.anthropicUrl, { api: "anthropic-messages" })]);
    try {
      await ask(open.find("stub/m")!, "Hi");
    } finally {
      for (const name of Object.keys(known)) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
      await open.close();
    }
    expect(stub.requests[0]!.headers).not.toHaveProperty("x-api-key");
    expect(stub.requests[0]!.headers).not.toHaveProperty("authorization");
  });

  test("with all instructions first, also those that came in the middle", async () => {
    const body = await bodyFor(claude, [system("One."), user("Hi"), { ...system("Two."), role: "developer" }, user("Well?")]);
    expect(body["system"]).toEqual([
      { type: "text", text: "One." },
      { type: "text", text: "Two." },
    ]);
    expect(body["messages"]).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "Hi" },
          { type: "text", text: "Well?" },
        ],
      },
    ]);
  });

  test("with images, tool calls and their results, all results of a turn together", async () => {
    const body = await bodyFor(claude, [photo, assistant("A dot."), ...toolTurn], { tools: [addTool] });
    expect(body["messages"]).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "What is it?" },
          { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } },
        ],
      },
      { role: "assistant", content: [{ type: "text", text: "A dot." }] },
      { role: "user", content: [{ type: "text", text: "1+1?" }] },
      {
        role: "assistant",
        content: [
          { type: "tool_use", id: "c1", name: "add", input: { a: 1 } },
          { type: "tool_use", id: "c2", name: "add", input: { a: 2 } },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "c1", content: "2" },
          { type: "tool_result", tool_use_id: "c2", content: "" },
        ],
      },
    ]);
    expect(body["tools"]).toMatchObject([{ name: "add", description: "Adds.", input_schema: addTool.parameters }]);
  });

  test.each<[ModelRequest["toolChoice"], object | undefined]>([
    [undefined, undefined],
    ["auto", { type: "auto" }],
    ["none", { type: "none" }],
    ["required", { type: "any" }],
    [{ name: "add" }, { type: "tool", name: "add" }],
  ])("with the tool choice %j", async (toolChoice, expected) => {
    const body = await bodyFor(claude, "Hi", { tools: [addTool], ...(toolChoice && { toolChoice }) });
    expect(body["tool_choice"]).toEqual(expected);
  });

  test("in words for a call that its newest models cannot be forced to", async () => {
    const newest = catalog.find("open/claude-sonnet-5-5")!;
    const body = await bodyFor(newest, "Hi", { tools: [addTool], toolChoice: { name: "add" } });
    expect(body["system"]).toEqual([{ type: "text", text: "Reply with a call of the tool add." }]);
    const any = await bodyFor(newest, "Hi", { tools: [addTool], toolChoice: "required" });
    expect(any["system"]).toEqual([{ type: "text", text: "Reply with a call of one of your tools." }]);
    expect(await bodyFor(newest, "Hi", { tools: [addTool], toolChoice: "auto" })).not.toHaveProperty("system");
  });

  test("for one call at a time, and for neither tools nor a choice when there are none", async () => {
    const settings = { parallelToolCalls: false };
    const body = await bodyFor(claude, "Hi", { tools: [addTool], settings });
    expect(body["tool_choice"]).toEqual({ type: "auto", disable_parallel_tool_use: true });
    expect(Object.keys(await bodyFor(claude, "Hi", { toolChoice: "required", settings })).sort()).toEqual(
      ["max_tokens", "messages", "model", "stream"].sort(),
    );
  });

  test("with the settings it has", async () => {
    const settings = { temperature: 0.5, stop: ["X"], maxTokens: 20, maxCompletionTokens: 10, seed: 1, logitBias: { "1": 2 } };
    expect(await withSettings(claude, settings)).toMatchObject({ temperature: 0.5, stop_sequences: ["X"], max_tokens: 10 });
    expect(await withSettings(claude, { topP: 0.5, maxTokens: 20 })).toMatchObject({ top_p: 0.5, max_tokens: 20 });
  });

  test("for JSON: of a schema in its own way, without one in words", async () => {
    const schema = { type: "object", properties: { a: { type: "number" } }, required: ["a"], additionalProperties: false };
    const body = await withSettings(claude, { responseFormat: { type: "json_schema", name: "n", schema, strict: true } });
    expect(body["output_config"]).toEqual({ format: { type: "json_schema", schema } });
    const free = await withSettings(claude, { responseFormat: { type: "json_object" } });
    expect(free["system"]).toEqual([{ type: "text", text: "Reply with one JSON object and with nothing else." }]);
    expect((await withSettings(claude, { responseFormat: { type: "text" } }))["system"]).toBeUndefined();
  });

  test.each([
    ["claude-sonnet-4-6", "high", { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "high" } }],
    ["claude-sonnet-5-5", "minimal", { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "low" } }],
    ["claude-opus-4-7", "none", { thinking: { type: "disabled" } }],
    ["claude-sonnet-4-20250514", "low", { thinking: { type: "enabled", budget_tokens: 2048 } }],
    ["claude-3-7-sonnet-latest", "medium", { thinking: { type: "enabled", budget_tokens: 8192 } }],
    ["claude-haiku-4-5", "minimal", { thinking: { type: "enabled", budget_tokens: 1024 } }],
    ["other-model", "low", { thinking: { type: "enabled", budget_tokens: 2048 } }],
  ])("to reason: %s, %s", async (id, reasoningEffort, expected) => {
    expect(await withSettings(catalog.find(`open/${id}`)!, { reasoningEffort, maxTokens: 100_000 })).toMatchObject(expected);
  });

  test("not to reason on, where it would refuse: the thoughts behind the last calls are gone, or a call is demanded", async () => {
    const old = catalog.find("open/claude-sonnet-4-20250514")!;
    expect(await bodyFor(old, toolTurn, { settings: { reasoningEffort: "low" }, tools: [addTool] })).not.toHaveProperty("thinking");
    expect(await bodyFor(old, [...toolTurn, user("Go on.")], { settings: { reasoningEffort: "low" } })).toHaveProperty("thinking");
    const forced = { tools: [addTool], toolChoice: "required" as const, settings: { reasoningEffort: "low" } };
    expect(await bodyFor(old, "Hi", forced)).toMatchObject({ tool_choice: { type: "any" } });
  });
});

describe("Google is asked", () => {
  test("at its address, with the key, for a stream", async () => {
    const body = await bodyFor(gemini, [system("Be brief."), user("Hi"), system("Be kind."), user("Well?")]);
    const { path, headers } = stub.requests[0]!;
    expect(path).toBe("/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse");
    expect(headers["x-goog-api-key"]).toBe("key-g");
    expect(body).toEqual({
      generationConfig: {},
      systemInstruction: { parts: [{ text: "Be brief." }, { text: "Be kind." }] },
      contents: [
        { role: "user", parts: [{ text: "Hi" }] },
        { role: "user", parts: [{ text: "Well?" }] },
      ],
    });
  });

  test("with images, tool calls and their results under the tool's name", async () => {
    const body = await bodyFor(gemini, [photo, ...toolTurn], { tools: [addTool] });
    expect(body["contents"]).toEqual([
      { role: "user", parts: [{ text: "What is it?" }, { inlineData: { mimeType: "image/png", data: "iVBORw0KGgo=" } }] },
      { role: "user", parts: [{ text: "1+1?" }] },
      {
        role: "model",
        parts: [{ functionCall: { id: "c1", name: "add", args: { a: 1 } } }, { functionCall: { id: "c2", name: "add", args: { a: 2 } } }],
      },
      {
        role: "user",
        parts: [
          { functionResponse: { id: "c1", name: "add", response: { name: "add", content: "2" } } },
          { functionResponse: { id: "c2", name: "add", response: { name: "add", content: "" } } },
        ],
      },
    ]);
    expect(body["tools"]).toEqual([{ functionDeclarations: [addTool] }]);
  });

  test.each<[NonNullable<ModelRequest["toolChoice"]>, object]>([
    ["auto", { mode: "AUTO" }],
    ["none", { mode: "NONE" }],
    ["required", { mode: "ANY" }],
    [{ name: "add" }, { mode: "ANY", allowedFunctionNames: ["add"] }],
  ])("with the tool choice %j", async (toolChoice, functionCallingConfig) => {
    expect((await bodyFor(gemini, "Hi", { tools: [addTool], toolChoice }))["toolConfig"]).toEqual({ functionCallingConfig });
  });

  test("with the settings it has", async () => {
    const settings = { temperature: 1.5, topP: 0.5, stop: ["X"], maxTokens: 10, seed: 7 };
    expect((await withSettings(gemini, settings)).generationConfig).toEqual({
      temperature: 1.5,
      topP: 0.5,
      stopSequences: ["X"],
      maxOutputTokens: 10,
      seed: 7,
    });
  });

  test("for JSON, with and without a schema", async () => {
    const schema = { type: "object", properties: { a: { type: "number" } }, required: ["a"] };
    const config = async (responseFormat: ModelSettings["responseFormat"]) =>
      (await withSettings(gemini, { ...(responseFormat && { responseFormat }) })).generationConfig;
    expect(await config({ type: "json_object" })).toEqual({ responseMimeType: "application/json" });
    expect(await config({ type: "json_schema", name: "n", schema })).toEqual({
      responseMimeType: "application/json",
      responseSchema: schema,
    });
  });

  test.each([
    ["gemini-2.5-pro", "low", { thinkingBudget: 2048, includeThoughts: true }],
    ["gemini-2.5-flash", "none", { thinkingBudget: 0, includeThoughts: false }],
    ["gemini-3.8-flash", "medium", { thinkingLevel: "medium", includeThoughts: true }],
    ["gemini-3.8-flash", "xhigh", { thinkingLevel: "high", includeThoughts: true }],
    ["gemini-3.8-flash", "none", { thinkingLevel: "minimal", includeThoughts: false }],
  ])("to reason: %s, %s", async (id, reasoningEffort, thinkingConfig) => {
    const body = await withSettings(catalog.find(`google/${id}`)!, { reasoningEffort });
    expect(body.generationConfig?.["thinkingConfig"]).toEqual(thinkingConfig);
  });
});

/** Both, by name, so that a test can look one up when it runs. */
const both = ["claude", "gemini"] as const;
const modelOf = (name: (typeof both)[number]): Model => ({ claude, gemini })[name];

describe.each(both)("a reply of %s", (name) => {
  test("streams its text, and says how many tokens it cost", async () => {
    const usage = {
      prompt_tokens: 90,
      completion_tokens: 8,
      prompt_tokens_details: { cached_tokens: 30 },
      completion_tokens_details: { reasoning_tokens: 3 },
    };
    stub.reply({ text: "one two three", chunks: 4, usage });
    const texts: string[] = [];
    let finish: object | undefined;
    for await (const event of modelOf(name).stream(request("Hi"), new AbortController().signal)) {
      if (event.type === "text_delta") texts.push(event.text);
      else finish = event;
    }
    expect(texts).toEqual(["one ", "two ", "thre", "e"]);
    expect(finish).toEqual({
      type: "finish",
      reason: "stop",
      usage: { inputTokens: 90, outputTokens: 8, cachedInputTokens: 30, reasoningTokens: 3 },
    });
  });

  test("makes tool calls with the ids and arguments that the model gave them", async () => {
    const calls = [
      { id: "toolu_1", name: "add", arguments: '{"a":1}' },
      { id: "toolu_2", name: "now", arguments: "{}" },
    ];
    stub.reply({ text: "Well.", toolCalls: calls });
    expect(await ask(modelOf(name), "Hi", { tools: [addTool] })).toMatchObject({ text: "Well.", calls, reason: "tool_calls" });
  });

  test("gives an id that came twice to one call only", async () => {
    stub.reply({
      toolCalls: [
        { id: "same", name: "add", arguments: '{"a":1}' },
        { id: "same", name: "add", arguments: '{"a":2}' },
      ],
    });
    const { calls } = await ask(modelOf(name), "Hi", { tools: [addTool] });
    expect(calls.map((one) => one.arguments)).toEqual(['{"a":1}', '{"a":2}']);
    expect(calls[0]!.id).toBe("same");
    expect(calls[1]!.id).toMatch(/^call_[\da-f]{24}$/u);
  });

  test.each([
    ["length", "length"],
    ["content_filter", "content_filter"],
  ])("that ended by %s says so", async (finishReason, reason) => {
    stub.reply({ text: "some", finishReason });
    expect(await ask(modelOf(name), "Hi")).toMatchObject({ text: "some", reason });
  });

  test("that has nothing to say is a reply", async () => {
    stub.reply({ text: "" });
    expect(await ask(modelOf(name), "Hi")).toMatchObject({ text: "", reason: "stop" });
  });

  test("that was thought about is played back with its signature in the next turn, to that model only", async () => {
    stub.reply({ reasoning: "Let me see.", text: "Wait.", toolCalls: [{ id: "c1", name: "add", arguments: '{"a":1}' }] });
    const first = await ask(modelOf(name), "1+1?", { tools: [addTool] });
    expect(first).toMatchObject({ reasoning: "Let me see.", text: "Wait.", reason: "tool_calls" });
    // As the session store keeps it.
    const content: unknown = JSON.parse(JSON.stringify(first.replay));
    const said: AssistantMessage = { ...assistant("Wait.", call("c1", "add", { a: 1 })), replay: { model: modelOf(name).ref, content } };
    const turn = (replayed: AssistantMessage) => [user("1+1?"), replayed, result("c1", "2")];
    const own = await bodyFor(modelOf(name), turn(said), { tools: [addTool] });
    const parts = playedBack[name];
    expect(own[name === "claude" ? "messages" : "contents"]).toContainEqual(parts.own);
    const other = await bodyFor(modelOf(name), turn({ ...said, replay: { model: "other/m", content } }), { tools: [addTool] });
    expect(other[name === "claude" ? "messages" : "contents"]).toContainEqual(parts.other);
  });

  test("without signatures wants nothing back", async () => {
    stub.reply({ text: "Hi." });
    expect((await ask(modelOf(name), "Hi")).replay).toBeUndefined();
  });

  test("is made from calls whose arguments were no JSON object without complaint", async () => {
    const broken = { id: "c1", name: "add", arguments: "{oops" };
    const body = await bodyFor(modelOf(name), [user("Hi"), assistant("", broken), result("c1", "no JSON")], { tools: [addTool] });
    expect(JSON.stringify(body)).toContain('{"arguments":"{oops"}');
  });
});

const signature = "c3R1YiBzaWduYXR1cmU=";
const playedBack = {
  claude: {
    own: {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "Let me see.", signature },
        { type: "text", text: "Wait." },
        { type: "tool_use", id: "c1", name: "add", input: { a: 1 } },
      ],
    },
    other: {
      role: "assistant",
      content: [
        { type: "text", text: "Wait." },
        { type: "tool_use", id: "c1", name: "add", input: { a: 1 } },
      ],
    },
  },
  gemini: {
    own: {
      role: "model",
      parts: [
        { text: "Let me see.", thought: true },
        { text: "Wait." },
        { functionCall: { id: "c1", name: "add", args: { a: 1 } }, thoughtSignature: signature },
      ],
    },
    other: { role: "model", parts: [{ text: "Wait." }, { functionCall: { id: "c1", name: "add", args: { a: 1 } } }] },
  },
};

test("Anthropic's redacted thoughts and interleaved parts come back as they were, in their order", async () => {
  const block = (index: number, content_block: object, ...deltas: object[]) => [
    { type: "content_block_start", index, content_block },
    ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
    { type: "content_block_stop", index },
  ];
  const usage = { input_tokens: 10, cache_read_input_tokens: 4, cache_creation_input_tokens: 6, output_tokens: 1 };
  stub.reply({
    frames: [
      { type: "message_start", message: { id: "m", type: "message", role: "assistant", model: "c", content: [], usage } },
      ...block(0, { type: "redacted_thinking", data: "ENCRYPTED" }),
      ...block(1, { type: "text", text: "" }, { type: "text_delta", text: "First. " }),
      ...block(
        2,
        { type: "thinking", thinking: "" },
        { type: "thinking_delta", thinking: "Hm." },
        { type: "signature_delta", signature: "S2" },
      ),
      ...block(3, { type: "text", text: "" }, { type: "text_delta", text: "Second." }),
      ...block(4, { type: "tool_use", id: "c1", name: "add", input: {} }, { type: "input_json_delta", partial_json: '{"a":1}' }),
      { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 9 } },
      { type: "message_stop" },
    ],
  });
  const first = await ask(claude, "Hi", { tools: [addTool] });
  expect(first).toMatchObject({
    text: "First. Second.",
    usage: { inputTokens: 20, outputTokens: 9, cachedInputTokens: 4, cacheWriteTokens: 6 },
  });
  const said = { ...assistant(first.text, call("c1", "add", { a: 1 })), replay: { model: claude.ref, content: first.replay } };
  const body = await bodyFor(claude, [user("Hi"), said, result("c1", "1")], { tools: [addTool] });
  expect((body["messages"] as object[])[1]).toEqual({
    role: "assistant",
    content: [
      { type: "redacted_thinking", data: "ENCRYPTED" },
      { type: "text", text: "First. " },
      { type: "thinking", thinking: "Hm.", signature: "S2" },
      { type: "text", text: "Second." },
      { type: "tool_use", id: "c1", name: "add", input: { a: 1 } },
    ],
  });
});

test("a replay that is no replay is left alone", async () => {
  for (const content of [null, 7, "x", [null, { type: "reasoning" }, { type: "x" }, { type: "tool-call", id: "gone" }]]) {
    const body = await bodyFor(claude, [user("Hi"), { ...assistant("Ho."), replay: { model: claude.ref, content } }, user("Hm?")]);
    expect((body["messages"] as object[])[1]).toEqual({ role: "assistant", content: [{ type: "text", text: "Ho." }] });
  }
});

test("Google's calls without an id get one, which is theirs in the next turn", async () => {
  stub.reply({ frames: [{ candidates: [{ content: { parts: [{ functionCall: { name: "now" } }] }, finishReason: "STOP" }] }] });
  const { calls, usage } = await ask(gemini, "Hi", { tools: [addTool] });
  expect(calls).toMatchObject([{ name: "now", arguments: "{}", id: expect.stringMatching(/^\w+$/u) }]);
  expect(usage).toBeUndefined();
});

test("a prompt that Google blocks ends by its content filter", async () => {
  stub.reply({ frames: [{ promptFeedback: { blockReason: "SAFETY" } }] });
  expect(await ask(gemini, "Hi")).toMatchObject({ text: "", reason: "content_filter" });
});

test("a model knows its name, its price, and whether it takes images", () => {
  expect(claude).toMatchObject({ ref: "anthropic/claude-sonnet-4-6", takesImages: true, price: { input: 3, cacheWrite: 3.75 } });
  expect(gemini).toMatchObject({ ref: "google/gemini-2.5-flash", takesImages: true });
  expect(gemini.price).toBeUndefined();
});

test("an effort that no model knows is refused by name", async () => {
  const error = await failureOf(ask(claude, "Hi", { settings: { reasoningEffort: "colossal" } }));
  expect(error).toMatchObject({ code: "unsupported_parameter", param: "reasoning_effort" });
  expect(stub.requestCount).toBe(0);
});
