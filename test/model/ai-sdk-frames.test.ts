/** What Anthropic, Google and servers that are like them may send besides what their packages know, over real sockets. */
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Model, ModelCatalog } from "../../src/domain/model.ts";
import { openModelCatalog } from "../../src/model/catalog.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { ask, provider, type Folded } from "./conversation.ts";

let stub: StubUpstream;
let catalog: ModelCatalog;
let claude: Model;
let gemini: Model;
beforeEach(async () => {
  stub = await startStubUpstream();
  catalog = openModelCatalog([
    provider(stub.anthropicUrl, { id: "anthropic", api: "anthropic-messages", apiKey: "key-a" }),
    provider(stub.googleUrl, { id: "google", api: "google-generative-ai", apiKey: "key-g" }),
  ]);
  claude = catalog.find("anthropic/claude-3-5-haiku")!;
  gemini = catalog.find("google/gemini-2.5-flash")!;
});
afterEach(async () => {
  await catalog.close();
  await stub.close();
});

type Frames = readonly (object | string)[];
const reply = (model: Model, frames: Frames, more: Parameters<typeof ask>[2] = {}): Promise<Folded> => {
  stub.reply({ frames });
  return ask(model, "Hi", more);
};

const start = (usage?: unknown) => ({
  type: "message_start",
  message: { id: "m", role: "assistant", content: [], ...(usage === undefined ? {} : { usage }) },
});
const open = (index: number, content_block: object) => ({ type: "content_block_start", index, content_block });
const delta = (index: number, fields: object) => ({ type: "content_block_delta", index, delta: fields });
const stop = (index: number) => ({ type: "content_block_stop", index });
const said = (index: number, text: string) => [
  open(index, { type: "text", text: "" }),
  delta(index, { type: "text_delta", text }),
  stop(index),
];
const end = (usage?: unknown, stop_reason: string | null = "end_turn") => [
  { type: "message_delta", delta: { stop_reason }, ...(usage === undefined ? {} : { usage }) },
  { type: "message_stop" },
];
const input = { input_tokens: 10, output_tokens: 1 };

describe("a reply on Anthropic's wire", () => {
  test("may have events, blocks and deltas that nobody knows yet: they are skipped", async () => {
    const { text, reasoning, reason, usage } = await reply(claude, [
      start(input),
      { type: "weather", sky: "blue" },
      open(0, { type: "crystal_ball", glow: 1 }),
      delta(0, { type: "glow_delta", glow: 2 }),
      delta(0, { type: "text_delta", text: "of the ball" }),
      stop(0),
      open(1, { type: "server_tool_use", id: "s1", name: "sandbox", input: 7 }),
      delta(1, { type: "input_json_delta", partial_json: "{" }),
      stop(1),
      open(2, { type: "sandbox_tool_result", tool_use_id: "s1", content: { type: "new" } }),
      stop(2),
      open(3, { type: "text", text: "" }),
      delta(3, { type: "citations_delta", citation: { type: "star_location" } }),
      delta(3, { type: "text_delta", text: "hello" }),
      stop(3),
      {
        type: "message_delta",
        delta: { stop_reason: "end_turn", container: 7, stop_details: 8 },
        usage: { output_tokens: 5, iterations: [{ type: "dream" }] },
      },
      { type: "message_stop" },
    ]);
    expect({ text, reasoning, reason, usage }).toEqual({
      text: "hello",
      reasoning: "",
      reason: "stop",
      usage: { inputTokens: 10, outputTokens: 5 },
    });
  });

  test("may say text and thoughts at the start of a block", async () => {
    const { text, reasoning, replay } = await reply(claude, [
      start(input),
      open(0, { type: "thinking", thinking: "Hm", signature: "S1" }),
      delta(0, { type: "thinking_delta", thinking: "m." }),
      stop(0),
      open(1, { type: "text", text: "Hel" }),
      delta(1, { type: "text_delta", text: "lo" }),
      stop(1),
      ...end({ output_tokens: 5 }),
    ]);
    expect({ text, reasoning, replay }).toEqual({
      text: "Hello",
      reasoning: "Hmm.",
      replay: [{ type: "reasoning", text: "Hmm.", metadata: { anthropic: { signature: "S1" } } }, { type: "text" }],
    });
  });

  const none = { text: "hello", reason: "stop", usage: undefined };
  const full = { text: "hello", reason: "stop", usage: { inputTokens: 3, outputTokens: 5 } };
  test.each<[string, unknown, unknown, object]>([
    ["nowhere", undefined, undefined, none],
    ["empty", {}, {}, none],
    ["null", null, null, none],
    ["as text", { input_tokens: "3", output_tokens: "1" }, { output_tokens: "5" }, none],
    ["negative", { input_tokens: -3, output_tokens: -1 }, { output_tokens: -5 }, none],
    ["of the input only", { input_tokens: 3, cache_read_input_tokens: 4 }, undefined, none],
    ["of the output only", { cache_read_input_tokens: 4 }, { output_tokens: 5 }, none],
    ["at its end only", undefined, { input_tokens: 3, output_tokens: 5 }, full],
    [
      "with odd details",
      { input_tokens: 3, cache_creation: 7, cache_read_input_tokens: "4" },
      { output_tokens: 5, output_tokens_details: 7 },
      full,
    ],
  ])("may count its tokens %s", async (_where, first, last, expected) => {
    expect(await reply(claude, [start(first), ...said(0, "hello"), ...end(last)])).toMatchObject(expected);
  });

  test("may say its end in several frames", async () => {
    const frames = [start(input), ...said(0, "hello"), end({ output_tokens: 5 }, "max_tokens")[0]!, ...end(undefined, null)];
    expect(await reply(claude, frames)).toMatchObject({ reason: "length", usage: { outputTokens: 5 } });
  });

  test("may be torn anywhere, have comments, a mark of byte order and no blank line at its end", async () => {
    const frames = [start(input), ...said(0, "한국 🌍"), ...end({ output_tokens: 5 })].map(
      (frame) => `data: ${JSON.stringify(frame)}\r\n\r\n`,
    );
    stub.reply({ frames: ["\uFEFF: hi\n\n", ...frames.slice(0, -1), frames.at(-1)!.trimEnd()], pieceBytes: 7 });
    expect(await ask(claude, "Hi")).toMatchObject({ text: "한국 🌍", reason: "stop" });
  });

  test("may make calls without an id, which get one", async () => {
    const call = (index: number, name: string) => [
      open(index, { type: "tool_use", name, input: {}, caller: { type: "new" } }),
      delta(index, { type: "input_json_delta", partial_json: `{"n":${index}}` }),
      stop(index),
    ];
    const { calls } = await reply(claude, [start(input), ...call(0, "a"), ...call(1, "b"), ...end({ output_tokens: 5 }, "tool_use")]);
    expect(calls).toMatchObject([
      { name: "a", arguments: '{"n":0}' },
      { name: "b", arguments: '{"n":1}' },
    ]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
  });
});

describe("a reply on Google's wire", () => {
  const text = (part: object, more: object = {}) => ({ candidates: [{ content: { parts: [part] }, ...more }] });

  test("may have frames, parts and details that nobody knows yet: they are skipped", async () => {
    const odd = { safetyRatings: 7, groundingMetadata: { groundingChunks: 7 }, urlContextMetadata: 7, finishMessage: 7 };
    const { text: whole, reason } = await reply(gemini, [
      { weather: "blue" },
      text({ crystalBall: { glow: 1 } }, odd),
      { ...text({ text: "hello" }, { ...odd, finishReason: "STOP" }), promptFeedback: { safetyRatings: 7 }, responseId: 7 },
    ]);
    expect({ whole, reason }).toEqual({ whole: "hello", reason: "stop" });
  });

  test.each<[string, unknown, object | undefined]>([
    ["nowhere", undefined, undefined],
    ["as text", { promptTokenCount: "3", candidatesTokenCount: "4" }, undefined],
    ["negative", { promptTokenCount: -3, candidatesTokenCount: -4 }, undefined],
    ["of the input only", { promptTokenCount: 3 }, undefined],
    [
      "with odd details",
      { promptTokenCount: 3, candidatesTokenCount: 4, promptTokensDetails: 7, trafficType: 7 },
      { inputTokens: 3, outputTokens: 4 },
    ],
    ["of a reply without words", { promptTokenCount: 3, totalTokenCount: 3 }, { inputTokens: 3, outputTokens: 0 }],
  ])("may count its tokens %s", async (_where, usageMetadata, usage) => {
    const frame = { ...text({ text: "hello" }, { finishReason: "STOP" }), usageMetadata };
    expect(await reply(gemini, [frame])).toMatchObject({ text: "hello", reason: "stop", usage });
  });
});
