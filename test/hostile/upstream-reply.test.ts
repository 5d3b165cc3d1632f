/** Replies that arrive whole and say odd things: what of them the caller gets, the same as JSON and as a stream, or why nothing. */
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { providerKey } from "../faces/provider.ts";
import { chunk, chunkedStream, eventStream, head, lastBytes, type Play, whole } from "./upstream-raw.ts";
import { expectBoth, expectUnharmed, type Seen, startSubject, type Subject } from "./upstream-view.ts";

let subject: Subject;
beforeAll(async () => {
  subject = await startSubject();
});

const done = "data: [DONE]\n\n";
const delta = (fields: object, finish_reason: string | null = null) => ({ choices: [{ index: 0, delta: fields, finish_reason }] });
const say = (content: unknown) => delta({ content });
const stop = delta({}, "stop");
const calls = (...tool_calls: object[]) => delta({ tool_calls });
const usage = (prompt_tokens: unknown, completion_tokens: unknown) => ({ choices: [], usage: { prompt_tokens, completion_tokens } });
const bytesOf = (frames: readonly (string | object)[]): string =>
  frames.map((frame) => (typeof frame === "string" ? frame : `data: ${JSON.stringify(frame)}\n\n`)).join("");
const stream =
  (...frames: (string | object)[]): Play =>
  (socket) =>
    void socket.write(Buffer.concat([Buffer.from(head(200, chunkedStream)), chunk(bytesOf(frames)), Buffer.from("0\r\n\r\n")]));
const json = (body: unknown): Play => whole(200, typeof body === "string" ? body : JSON.stringify(body));
const weather = { type: "function", function: { name: "get_weather", parameters: { type: "object" } } };

type Good = Partial<Pick<Seen, "text" | "finish" | "usage" | "reasoning">>;
const called = (...args: string[]) => args.map((one) => ({ id: expect.stringMatching(/./), name: "get_weather", arguments: one }));
const tokens = (input: number, output: number) => expect.objectContaining({ prompt_tokens: input, completion_tokens: output });
const call = (index: unknown, id: unknown, args: unknown, name: unknown = "get_weather") => ({
  index,
  id,
  function: { name, arguments: args },
});

const good: readonly (readonly [what: string, play: Play, seen: Good])[] = [
  ["no [DONE] after the finish", stream(say("Hi"), stop), { text: "Hi" }],
  ["much after [DONE]", stream(say("Hi"), stop, done, say(providerKey), "junk\n\n", { error: { message: providerKey } }), { text: "Hi" }],
  ["[DONE] twice", stream(say("Hi"), stop, done, done), { text: "Hi" }],
  ["two finish reasons, of which the last counts", stream(say("Hi"), delta({}, "length"), stop, done), { text: "Hi", finish: "stop" }],
  ["text after the finish", stream(say("Hi"), stop, say(" there"), done), { text: "Hi there" }],
  ["a finish reason nobody knows", stream(say("Hi"), delta({}, "because"), done), { text: "Hi", finish: "stop" }],
  [
    "a finish reason that is no text, before a good one",
    stream(say("Hi"), { choices: [{ delta: {}, finish_reason: 7 }] }, stop, done),
    { text: "Hi" },
  ],
  ["tool_calls as its reason and no call", stream(say("Hi"), delta({}, "tool_calls"), done), { text: "Hi", finish: "stop" }],
  ["no text at all", stream(stop, done), { text: "" }],
  ["roles that change", stream(delta({ role: "user", content: "H" }), delta({ role: "system", content: "i" }), stop, done), { text: "Hi" }],
  ["content of parts", stream(say([{ type: "text", text: "H" }, null, 5, { text: "i" }, { image_url: {} }]), stop, done), { text: "Hi" }],
  ["content of numbers and objects", stream(say(5), say({ text: "no" }), say(true), say(null), say("Hi"), stop, done), { text: "Hi" }],
  [
    "choices that are empty, absent, null and of nulls",
    stream({}, { choices: [] }, { choices: null }, { choices: [null] }, { choices: "x" }, say("Hi"), stop, done),
    { text: "Hi" },
  ],
  [
    "two choices, the other one first",
    stream(
      {
        choices: [
          { index: 1, delta: { content: "No" } },
          { index: 0, delta: { content: "Hi" } },
        ],
      },
      stop,
      done,
    ),
    { text: "Hi" },
  ],
  [
    "a second choice that ends first",
    stream(say("Hi"), { choices: [{ index: 1, delta: {}, finish_reason: "length" }] }, stop, done),
    { text: "Hi" },
  ],
  [
    "deltas that are null, a text or a list",
    stream({ choices: [{ delta: null }] }, { choices: [{ delta: "x" }] }, { choices: [{ delta: [] }] }, say("Hi"), stop, done),
    { text: "Hi" },
  ],
  [
    "NUL and half characters",
    stream('data: {"choices":[{"delta":{"content":"a\\u0000b\\ud800c\\udc00"}}]}\n\n', stop, done),
    { text: "a\0b\ud800c\udc00" },
  ],
  [
    "bytes that are no UTF-8",
    (socket) =>
      void socket.end(
        Buffer.concat([
          Buffer.from(`${head(200, eventStream)}data: {"choices":[{"delta":{"content":"a`),
          Buffer.of(0xff, 0xc0),
          Buffer.from(`b"}}]}\n\n${bytesOf([stop, done])}`),
        ]),
      ),
    { text: "a\ufffd\ufffdb" },
  ],
  [
    "__proto__ and its like",
    stream(
      'data: {"__proto__":{"choices":7},"constructor":{},"choices":[{"delta":{"__proto__":{"content":"No"},"content":"Hi"}}]}\n\n',
      stop,
      done,
    ),
    { text: "Hi" },
  ],
  [
    "a hundred thousand levels in a field of nobody's",
    stream(`data: {"x":${"[".repeat(100_000)}${"]".repeat(100_000)},"choices":[{"delta":{"content":"Hi"}}]}\n\n`, stop, done),
    { text: "Hi" },
  ],
  ["thoughts as reasoning_content", stream(delta({ reasoning_content: "Hm" }), say("Hi"), stop, done), { text: "Hi", reasoning: "Hm" }],
  ["thoughts as reasoning", stream(delta({ reasoning: "Hm" }), say("Hi"), stop, done), { text: "Hi", reasoning: "Hm" }],
  [
    "thoughts in both, which are one",
    stream(delta({ reasoning: "Hm", reasoning_content: "Hm" }), say("Hi"), stop, done),
    { text: "Hi", reasoning: "Hm" },
  ],
  [
    "thoughts that are no text",
    stream(delta({ reasoning: { a: 1 }, reasoning_content: null }), say("Hi"), stop, done),
    { text: "Hi", reasoning: "" },
  ],
  [
    "other fields of events",
    stream("id: 1\0\nretry: -1\nevent: message\n: x\nfoo\nfoo: bar\ndata\n\n", say("Hi"), stop, done),
    { text: "Hi" },
  ],
  ["a frame of many lines", stream(`data: {"choices":\ndata: [{"delta":\ndata:{"content":"Hi"}}]}\n\n`, stop, done), { text: "Hi" }],
  ["usage that is negative", stream(say("Hi"), stop, usage(-1, 5), done), { text: "Hi", usage: undefined }],
  ["usage in text", stream(say("Hi"), stop, usage("1", "5"), done), { text: "Hi", usage: undefined }],
  [
    "usage past counting",
    stream(say("Hi"), stop, 'data: {"choices":[],"usage":{"prompt_tokens":1e999,"completion_tokens":1}}\n\n', done),
    { text: "Hi", usage: undefined },
  ],
  ["usage in fractions", stream(say("Hi"), stop, usage(0.5, 1), done), { text: "Hi", usage: undefined }],
  [
    "usage that is no object",
    stream(say("Hi"), stop, { choices: [], usage: [1, 2] }, { usage: "much" }, done),
    { text: "Hi", usage: undefined },
  ],
  [
    "usage twice, of which the last counts",
    stream({ ...say("Hi"), usage: { prompt_tokens: 1, completion_tokens: 1 } }, stop, usage(9, 5), done),
    { text: "Hi", usage: tokens(9, 5) },
  ],
  ["usage, then one that is none", stream(say("Hi"), stop, usage(9, 5), usage(null, -1), done), { text: "Hi", usage: tokens(9, 5) }],
  ["a completion in place of a stream", json({ choices: [{ message: { content: "Hi" }, finish_reason: "stop" }] }), { text: "Hi" }],
];

const tools: readonly (readonly [what: string, play: Play, seen: { readonly toolCalls: readonly object[] }])[] = [
  [
    "without indexes",
    stream(calls({ id: "a", function: { name: "get_weather", arguments: "{" } }), calls({ function: { arguments: "}" } }), stop, done),
    { toolCalls: called("{}") },
  ],
  [
    "with indexes of every kind",
    stream(calls(call(-1, "a", "{}"), call(1.5, "b", "{}"), call(1e300, "c", "{}"), call("7", "d", "{}")), stop, done),
    { toolCalls: called("{}", "{}", "{}", "{}") },
  ],
  [
    "with one id for two",
    stream(calls(call(0, "a", '{"a":1}')), calls(call(1, "a", '{"b":2}')), stop, done),
    { toolCalls: called('{"a":1}', '{"b":2}') },
  ],
  [
    "with ids that are none",
    stream(calls(call(0, 7, "{}"), call(1, null, "{}"), call(2, "", "{}")), stop, done),
    { toolCalls: called("{}", "{}", "{}") },
  ],
  [
    "whose name comes last",
    stream(calls({ index: 0, id: "a", function: { arguments: "{}" } }), calls({ index: 0, function: { name: "get_weather" } }), stop, done),
    { toolCalls: called("{}") },
  ],
  ["whose arguments are an object", stream(calls(call(0, "a", { city: "Seoul" })), stop, done), { toolCalls: called('{"city":"Seoul"}') }],
  ["whose arguments are no JSON", stream(calls(call(0, "a", '{"city": ')), stop, done), { toolCalls: called('{"city": ') }],
  [
    "whose arguments are three megabytes",
    stream(calls(call(0, "a", `{"x":"${"y".repeat(3_000_000)}"}`)), stop, done),
    { toolCalls: called(`{"x":"${"y".repeat(3_000_000)}"}`) },
  ],
  [
    "with a name of another kind in between",
    stream(calls(call(0, "a", "{", "get_weather")), calls(call(0, "a", "}", 5)), stop, done),
    { toolCalls: called("{}") },
  ],
  [
    "as one function_call",
    stream(delta({ function_call: { name: "get_weather", arguments: "{}" } }), delta({}, "function_call"), done),
    { toolCalls: called("{}") },
  ],
  [
    "that are nulls and texts besides",
    stream(calls(null as unknown as object, "x" as unknown as object, call(0, "a", "{}")), stop, done),
    { toolCalls: called("{}") },
  ],
];

describe("a good reply with", () => {
  test.each(good)("%s", async (_what, play, { text = "", finish = "stop", ...more }) => {
    const views = await expectBoth(subject, "openai", { play }, { status: 200, text, finish });
    for (const seen of views) expect(seen).toMatchObject(more);
    await expectUnharmed(subject, "openai", views, false);
  });

  test.each(tools)("tool calls %s", async (_what, play, { toolCalls }) => {
    const views = await expectBoth(subject, "openai", { play }, { status: 200, finish: "tool_calls" }, { tools: [weather] });
    for (const seen of views) expect(seen.toolCalls).toEqual(toolCalls);
    for (const seen of views) expect(new Set(seen.toolCalls.map(({ id }) => id)).size).toBe(toolCalls.length);
    await expectUnharmed(subject, "openai", views, false);
  });

  test("half characters and NUL is kept in a session as it was said", async () => {
    const odd = "a\0b\ud800c";
    subject.upstream.always(stream('data: {"choices":[{"delta":{"content":"a\\u0000b\\ud800c"}}]}\n\n', stop, done));
    const headers = { "x-openclaw-session-key": "odd" };
    const body = { model: "openclaw:openai", messages: [{ role: "user", content: "Say it." }] };
    const reply = await subject.gateway.chat(body, headers);
    expect(await reply.json()).toMatchObject({ choices: [{ message: { content: odd } }] });
    expect((await subject.gateway.chat(body, headers)).status).toBe(200);
    const asked = subject.upstream.requests.at(-1)!;
    const { messages } = JSON.parse(asked.slice(asked.indexOf("\r\n\r\n"))) as { messages: object[] };
    expect(messages).toContainEqual({ role: "assistant", content: odd });
  });
});

const garbage: readonly (readonly [what: string, play: Play])[] = [
  ["of [DONE] alone", stream(done)],
  ["of text and [DONE]", stream(say("Hi"), done)],
  ["of random bytes", stream(gzipSync(Buffer.from(providerKey)).toString("latin1"))],
  ["of a frame that is cut short", stream('data: {"choices":[{"delta":{"content":"Hi"\n\n', stop, done)],
  ["of single quotes", stream("data: {'choices': []}\n\n", stop, done)],
  ["of NaN", stream('data: {"usage":{"prompt_tokens":NaN}}\n\n', stop, done)],
  ["of a list", stream("data: [1,2,3]\n\n", done)],
  ["of an error a hundred thousand levels deep", stream(`data: ${'{"error":'.repeat(100_000)}1${"}".repeat(100_000)}\n\n`, stop, done)],
  ["of an error of a megabyte", stream({ error: { message: `${"word".repeat(250_000)} ${providerKey}`, code: 500 } })],
  ["of an error of a megabyte of stars", stream({ error: { message: `${"**".repeat(500_000)} ${providerKey}` } })],
  ["of HTML as JSON", json("<html></html>")],
  ["of JSON that is cut short", json('{"choices":[{"message":{"content":"Hi"}')],
  ["of JSON that is null", json("null")],
  ["of a completion without a finish reason", json({ choices: [{ message: { content: "Hi" } }] })],
  ["of nothing, as JSON", json("")],
  ["of nothing", stream("")],
  ["of one call without a name", stream(calls({ index: 0, id: "a", function: { arguments: "{}" } }), stop, done)],
];

test.each(garbage)("a reply %s is upstream_error", async (_what, play) => {
  const views = await expectBoth(
    subject,
    "openai",
    { play },
    { status: 502, code: "upstream_error", says: /^The model provider 'openai' .{1,600}$/ },
  );
  await expectUnharmed(subject, "openai", views, false);
});

test.each(["openai", "anthropic"])("a refusal by %s with words of sixty kilobytes is cut", async (agent) => {
  const play = lastBytes(head(400, { "content-type": "application/json" }), JSON.stringify({ error: { message: "x".repeat(60_000) } }));
  const views = await expectBoth(subject, agent, { play }, { status: 400, code: "upstream_rejected", says: /: x{400,600}…$/ });
  await expectUnharmed(subject, agent, views, true);
});
