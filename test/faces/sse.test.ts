/** What a reader of the event stream sees, and what happens when it reads slowly, not at all, or goes away. */
import { get as httpGet, request as httpRequest, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { type Chunk, fold, foldStream, StreamReader } from "./event-stream.ts";
import { type HeldUpstream, startHeldUpstream } from "./held-upstream.ts";
import { gatewayWith, onProvider } from "./provider.ts";

const streamed = (text: string, more: object = {}): object => say(text, { stream: true, ...more });
const withUsage = { stream_options: { include_usage: true } };
const weather = { type: "function", function: { name: "get_weather", parameters: { type: "object" } } };

let stub: StubUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url, {}, { gateway: gatewayWith({ keepAliveMs: 60_000 }) }));
});

afterAll(() => stub.close());

describe("a failure before the first event is an ordinary reply, also for a stream:", () => {
  const plainError = async (response: Response): Promise<{ status: number; code: string; param: string | null }> => {
    expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
    const { error } = (await response.json()) as { error: { code: string; param: string | null } };
    return { status: response.status, code: error.code, param: error.param };
  };

  test("401 for a wrong secret", async () => {
    const response = await gateway.chat(streamed("hi"), { authorization: "Bearer wrong" });
    expect(await plainError(response)).toEqual({ status: 401, code: "invalid_api_key", param: null });
  });

  test("404 for an agent that does not exist", async () => {
    const response = await gateway.chat(streamed("hi", { model: "openclaw:nobody" }));
    expect(await plainError(response)).toEqual({ status: 404, code: "model_not_found", param: "model" });
  });

  test("400 for a body that is not right", async () => {
    const response = await gateway.chat(streamed("hi", { temperature: 3 }));
    expect(await plainError(response)).toEqual({ status: 400, code: "invalid_value", param: "temperature" });
  });

  test("400 for what only shows once the session is open", async () => {
    const body = { model: "openclaw", stream: true, messages: [{ role: "tool", tool_call_id: "nobody-asked", content: "42" }] };
    expect(await plainError(await gateway.chat(body))).toEqual({
      status: 400,
      code: "invalid_value",
      param: "messages[0].tool_call_id",
    });
  });

  test("429 when the provider limits, with its Retry-After", async () => {
    stub.reply({ status: 429, headers: { "retry-after": "7", "x-should-retry": "false" }, body: { error: { message: "Slow down." } } });
    const response = await gateway.chat(streamed("hi"));
    expect(response.headers.get("retry-after")).toBe("7");
    expect(await plainError(response)).toEqual({ status: 429, code: "upstream_rate_limited", param: null });
  });

  test("502 when the provider breaks off before it says anything", async () => {
    stub.reply({ frames: [": nothing yet\n\n"], ending: "cut" });
    expect(await plainError(await gateway.chat(streamed("hi")))).toEqual({ status: 502, code: "upstream_error", param: null });
  });

  test("504 when the run takes longer than its agent may", async () => {
    const held = await startHeldUpstream();
    const impatient = await startGateway(onProvider(held.url, { runTimeoutMs: 50 }));
    expect(await plainError(await impatient.chat(streamed("hi")))).toEqual({ status: 504, code: "run_timeout", param: null });
    await (
      await held.next()
    ).aborted;
  });

  test("429 when the session's queue is full", async () => {
    const held = await startHeldUpstream();
    const narrow = await startGateway(onProvider(held.url, {}, { session: { maxQueued: 0 } }));
    const key = { "x-openclaw-session-key": "narrow" };
    const first = narrow.chat(streamed("first"), key);
    const exchange = await held.next();
    const second = await narrow.chat(streamed("second"), key);
    expect(second.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(await plainError(second)).toEqual({ status: 429, code: "session_busy", param: null });
    exchange.say("done");
    exchange.finish();
    expect((await foldStream(await first)).text).toBe("done");
  });

  test("502 with x-should-retry: false when a tool had been run already", async () => {
    stub.reply({ toolCalls: [{ name: "calculator", arguments: '{"expression":"1+1"}' }] });
    stub.reply({ status: 500, headers: { "x-should-retry": "false" }, body: "" });
    const response = await gateway.chat(streamed("hi"));
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(await plainError(response)).toEqual({ status: 502, code: "upstream_error", param: null });
  });

  test("and names the run that failed, so that its log lines can be found", async () => {
    stub.reply({ status: 500, headers: { "x-should-retry": "false" }, body: "" });
    const runId = (await gateway.chat(say("hi"))).headers.get("x-openclaw-run-id");
    const lines = gateway.log().filter((line) => line["runId"] === runId);
    expect(lines.map((line) => line["msg"])).toEqual(["run begun", "run failed", "request failed"]);
  });
});

describe("the chunks of one stream", () => {
  test("have one id, one time and the model's name as it was sent, and the id names the run", async () => {
    stub.reply({ text: "one two three", chunks: 5 });
    const response = await gateway.chat(streamed("hi", { model: "openclaw/MAIN" }));
    const { chunks, isDone } = await foldStream(response);
    expect(isDone).toBe(true);
    expect(chunks.length).toBeGreaterThan(2);
    expect(new Set(chunks.map(({ id }) => id))).toEqual(new Set([`chatcmpl-${response.headers.get("x-openclaw-run-id")}`]));
    expect(new Set(chunks.map(({ created }) => created)).size).toBe(1);
    expect(new Set(chunks.map(({ model }) => model))).toEqual(new Set(["openclaw/MAIN"]));
    expect(new Set(chunks.map(({ object }) => object))).toEqual(new Set(["chat.completion.chunk"]));
  });

  test("begin with the role, say it once, and end with one finish reason and an empty delta", async () => {
    stub.reply({ text: "one two three", chunks: 5 });
    const { chunks, text } = await foldStream(await gateway.chat(streamed("hi")));
    const choices = chunks.map((chunk) => chunk.choices[0]!);
    expect(choices[0]).toEqual({
      index: 0,
      delta: { role: "assistant", content: "", refusal: null },
      logprobs: null,
      finish_reason: null,
    });
    expect(choices.filter(({ delta }) => "role" in delta)).toHaveLength(1);
    expect(choices.at(-1)).toEqual({ index: 0, delta: {}, logprobs: null, finish_reason: "stop" });
    expect(choices.filter(({ finish_reason }) => finish_reason !== null)).toHaveLength(1);
    expect(text).toBe("one two three");
  });

  test("of an empty answer are the role and the finish reason", async () => {
    stub.reply({ text: "" });
    const { chunks } = await foldStream(await gateway.chat(streamed("hi")));
    expect(chunks.map((chunk) => chunk.choices[0])).toEqual([
      { index: 0, delta: { role: "assistant", content: "", refusal: null }, logprobs: null, finish_reason: null },
      { index: 0, delta: {}, logprobs: null, finish_reason: "stop" },
    ]);
  });

  test("carry reasoning beside the text and never in it", async () => {
    stub.reply({ reasoning: "Thinking.", text: "Speaking." });
    const { reasoning, text, chunks } = await foldStream(await gateway.chat(streamed("hi")));
    expect({ reasoning, text }).toEqual({ reasoning: "Thinking.", text: "Speaking." });
    expect(chunks[1]?.choices[0]?.delta).toEqual({ reasoning_content: "Thinking." });
  });

  test("have no usage and always one choice when it was not asked for", async () => {
    stub.reply({ text: "free" });
    const { chunks } = await foldStream(await gateway.chat(streamed("hi")));
    for (const chunk of chunks) {
      expect(chunk).not.toHaveProperty("usage");
      expect(chunk.choices).toHaveLength(1);
    }
  });

  test("have usage: null and a last one with the usage and no choices when it was asked for", async () => {
    stub.reply({
      text: "counted",
      usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120, prompt_tokens_details: { cached_tokens: 64 } },
    });
    const { chunks } = await foldStream(await gateway.chat(streamed("hi", withUsage)));
    const last = chunks.at(-1) as Chunk;
    expect(last.choices).toEqual([]);
    expect(last.usage).toEqual({
      prompt_tokens: 100,
      completion_tokens: 20,
      total_tokens: 120,
      prompt_tokens_details: { cached_tokens: 64 },
    });
    for (const chunk of chunks.slice(0, -1)) {
      expect(chunk.usage).toBeNull();
      expect(chunk.choices).toHaveLength(1);
    }
  });

  test("have no usage chunk when the provider reports none, never zeros", async () => {
    stub.reply({ text: "uncounted", usage: null });
    const { chunks, finishReason } = await foldStream(await gateway.chat(streamed("hi", withUsage)));
    expect(finishReason).toBe("stop");
    expect(chunks.every((chunk) => chunk.usage === null && chunk.choices.length === 1)).toBe(true);
  });

  test("sum the usage over the turns of the run", async () => {
    stub.reply({ toolCalls: [{ name: "calculator", arguments: '{"expression":"1+1"}' }] }, { text: "2" });
    const { usage } = await foldStream(await gateway.chat(streamed("hi", withUsage)));
    expect(usage).toEqual({ prompt_tokens: 18, completion_tokens: 10, total_tokens: 28 });
  });

  test("give a tool call as a head with id, type and name and then only pieces of its arguments", async () => {
    const delta = (tool: object): object => ({ choices: [{ index: 0, delta: { tool_calls: [tool] }, finish_reason: null }] });
    stub.reply({
      frames: [
        delta({ index: 0, id: "call_a", type: "function", function: { name: "get_weather", arguments: "" } }),
        delta({ index: 0, function: { arguments: '{"city":' } }),
        delta({ index: 0, function: { arguments: '"Seoul"}' } }),
        delta({ index: 1, id: "call_b", type: "function", function: { name: "get_weather", arguments: '{"city":"Busan"}' } }),
        { choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] },
        "data: [DONE]\n\n",
      ],
    });
    const { chunks, finishReason } = await foldStream(await gateway.chat(streamed("hi", { tools: [weather] })));
    expect(finishReason).toBe("tool_calls");
    expect(chunks.map((chunk) => chunk.choices[0]!.delta as object)).toEqual([
      { role: "assistant", content: "", refusal: null },
      { tool_calls: [{ index: 0, id: "call_a", type: "function", function: { name: "get_weather", arguments: "" } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '"Seoul"}' } }] },
      { tool_calls: [{ index: 1, id: "call_b", type: "function", function: { name: "get_weather", arguments: "" } }] },
      { tool_calls: [{ index: 1, function: { arguments: '{"city":"Busan"}' } }] },
      {},
    ]);
  });

  test("say nothing of the agent's own tools", async () => {
    stub.reply({ toolCalls: [{ name: "calculator", arguments: '{"expression":"6*7"}' }] }, { text: "42" });
    const response = await gateway.chat(streamed("hi"));
    const bytes = await response.text();
    expect(bytes).not.toContain("tool_calls");
    expect(bytes).not.toContain("calculator");
  });

  test("count the caller's calls from 0, whatever own tools were called beside them", async () => {
    stub.reply({
      toolCalls: [
        { id: "own", name: "calculator", arguments: '{"expression":"6*7"}' },
        { id: "theirs", name: "get_weather", arguments: "{}" },
      ],
    });
    const { toolCalls, chunks } = await foldStream(await gateway.chat(streamed("hi", { tools: [weather] })));
    expect(toolCalls).toEqual([{ id: "theirs", name: "get_weather", arguments: "{}" }]);
    expect(chunks[1]?.choices[0]?.delta).toMatchObject({ tool_calls: [{ index: 0, id: "theirs" }] });
  });
});

describe("the texts of several turns", () => {
  const turns = [
    { text: "First.", toolCalls: [{ name: "calculator", arguments: '{"expression":"1+1"}' }] },
    { text: "", toolCalls: [{ name: "calculator", arguments: '{"expression":"2+2"}' }] },
    { text: "Second." },
  ];
  const contentOf = async (response: Response): Promise<string> =>
    ((await response.json()) as { choices: [{ message: { content: string } }] }).choices[0].message.content;

  test("are joined by a blank line, the same streamed and folded", async () => {
    stub.reply(...turns);
    expect((await foldStream(await gateway.chat(streamed("hi")))).text).toBe("First.\n\nSecond.");
    stub.reply(...turns);
    expect(await contentOf(await gateway.chat(say("hi")))).toBe("First.\n\nSecond.");
  });

  test("are dropped before own tools when JSON was asked for, so that what remains is JSON", async () => {
    const format = { response_format: { type: "json_object" } };
    const json = [
      { ...turns[0]!, text: "I will calculate:" },
      { text: '{"sum": 2}', chunks: 5 },
    ];
    stub.reply(...json);
    expect((await foldStream(await gateway.chat(streamed("hi", format)))).text).toBe('{"sum": 2}');
    stub.reply(...json);
    expect(await contentOf(await gateway.chat(say("hi", format)))).toBe('{"sum": 2}');
  });

  test("are held until the turn ends when JSON was asked for", async () => {
    const held = await startHeldUpstream();
    const own = await startGateway(onProvider(held.url, {}, { gateway: gatewayWith({ keepAliveMs: 20 }) }));
    const pending = own.chat(streamed("hi", { response_format: { type: "json_object" } }));
    const exchange = await held.next();
    exchange.say('{"a":');
    const reader = new StreamReader(await pending);
    await reader.until(": keepalive\n\n: keepalive\n\n");
    expect(reader.text).not.toContain("data:");
    exchange.say("1}");
    exchange.finish();
    expect(await reader.rest()).toContain(String.raw`"content":"{\"a\":1}"`);
  });
});

describe("while nothing is said", () => {
  let held: HeldUpstream;
  let patient: TestGateway;

  beforeAll(async () => {
    held = await startHeldUpstream();
    patient = await startGateway(onProvider(held.url, {}, { gateway: gatewayWith({ keepAliveMs: 20 }) }));
  });

  test("the headers go out with the first comment, and the stream goes on as if it had not been there", async () => {
    const pending = patient.chat(streamed("hi"));
    const exchange = await held.next();
    const response = await pending;
    expect(response.status).toBe(200);
    const reader = new StreamReader(response);
    await reader.until(": keepalive\n\n");
    expect(reader.text.replaceAll(": keepalive\n\n", "")).toBe("");
    exchange.say("at last");
    await reader.until("at last");
    const before = reader.text.length;
    while (!reader.text.slice(before).includes(": keepalive\n\n")) await reader.until(`${reader.text}:`);
    exchange.finish();
    expect((await reader.rest()).endsWith("data: [DONE]\n\n")).toBe(true);
  });

  test("also not by the queue: a run that waits for its session keeps its reader alive", async () => {
    const key = { "x-openclaw-session-key": "queue" };
    const first = patient.chat(say("first"), key);
    const exchange = await held.next();
    const asked = held.count;
    const reader = new StreamReader(await patient.chat(streamed("second"), key));
    await reader.until(": keepalive\n\n");
    expect(held.count).toBe(asked);
    exchange.say("one");
    exchange.finish();
    expect((await first).status).toBe(200);
    const next = await held.next();
    next.say("two");
    next.finish();
    expect(await reader.rest()).toContain('"content":"two"');
  });

  test("a failure after the first comment is reported in the stream, although there was no chunk yet", async () => {
    const pending = patient.chat(streamed("hi"));
    const exchange = await held.next();
    const reader = new StreamReader(await pending);
    await reader.until(": keepalive\n\n");
    exchange.refuse(404);
    expect((await reader.rest()).replaceAll(": keepalive\n\n", "")).toMatch(/^data: \{"error":\{.*\}\}\n\ndata: \[DONE\]\n\n$/);
  });

  test("a queue that took too long is reported in the stream", async () => {
    const short = await startGateway(onProvider(held.url, {}, { gateway: gatewayWith({ keepAliveMs: 20 }), session: { maxWaitMs: 200 } }));
    const key = { "x-openclaw-session-key": "wait" };
    const gone = new AbortController();
    const first = short.chat(say("first"), key, gone.signal);
    const exchange = await held.next();
    const { error, isDone } = await foldStream(await short.chat(streamed("second"), key));
    expect(isDone).toBe(true);
    expect(error).toMatchObject({ code: "session_busy", type: "rate_limit_error" });
    gone.abort();
    await expect(first).rejects.toThrow();
    await exchange.aborted;
  });
});

describe("a failure after the first text", () => {
  test("is an error frame and [DONE], without a finish reason", async () => {
    const held = await startHeldUpstream();
    const own = await startGateway(onProvider(held.url));
    const pending = own.chat(streamed("hi"));
    const exchange = await held.next();
    exchange.say("so far");
    const response = await pending;
    const reader = new StreamReader(response);
    await reader.until("so far");
    exchange.cut();
    const bytes = await reader.rest();
    expect(bytes.split("\n\n").slice(-3)).toEqual([
      'data: {"error":{"message":"The model provider \'stub\' broke off (UND_ERR_SOCKET).","type":"server_error","param":null,"code":"upstream_error"}}',
      "data: [DONE]",
      "",
    ]);
    expect(bytes).not.toMatch(/"finish_reason":"/);
    expect(own.log().find(({ msg }) => msg === "run failed")).toMatchObject({
      runId: response.headers.get("x-openclaw-run-id"),
      code: "upstream_error",
    });
  });

  test("keeps its own code when a tool was run before it", async () => {
    const held = await startHeldUpstream();
    const own = await startGateway(onProvider(held.url));
    const pending = own.chat(streamed("hi"));
    const first = await held.next();
    first.call("calculator", { expression: "1+1" });
    first.finish();
    const second = await held.next();
    second.say("so far");
    const reader = new StreamReader(await pending);
    await reader.until("so far");
    second.cut();
    expect(await reader.rest()).toContain('"code":"upstream_error"');
  });

  test("is the run's time limit, when that is what it was", async () => {
    const held = await startHeldUpstream();
    const own = await startGateway(onProvider(held.url, { runTimeoutMs: 1000 }));
    const pending = own.chat(streamed("hi"));
    const exchange = await held.next();
    exchange.say("so far");
    const { error, isDone, text } = await foldStream(await pending);
    expect({ text, isDone, code: error?.code }).toEqual({ text: "so far", isDone: true, code: "run_timeout" });
    await exchange.aborted;
  });
});

/** A reader by hand: it takes nothing unless it is told to. */
async function openReader(to: TestGateway, body: object): Promise<IncomingMessage> {
  const request = httpRequest(`${to.url}/v1/chat/completions`, {
    method: "POST",
    agent: false,
    headers: { authorization: `Bearer ${testToken}`, "content-type": "application/json" },
  });
  request.on("error", () => undefined).end(JSON.stringify(body));
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return response.on("error", () => undefined);
}

describe("a slow reader", () => {
  test("gets everything, however long it waits before it reads", async () => {
    const size = 8 * 1024 * 1024;
    const asked = stub.requestCount;
    stub.reply({ text: "x".repeat(size), chunks: 256 });
    const response = await openReader(gateway, streamed("hi"));
    await stub.waitForRequest(asked + 1);
    let bytes = "";
    for await (const piece of response.setEncoding("utf8")) bytes += piece as string;
    const { text, isDone } = fold(bytes);
    expect({ isDone, length: text.length }).toEqual({ isDone: true, length: size });
  });

  test("that takes nothing is cut, its run aborted, and only so much is buffered for it", async () => {
    const short = await startGateway(onProvider(stub.url, {}, { gateway: gatewayWith({ readerTimeoutMs: 300 }) }));
    const before = { aborted: stub.aborted, bytes: stub.bytesWritten };
    stub.reply({ text: "y".repeat(4096), chunks: Infinity });
    const response = await openReader(short, streamed("hi", { user: "idle" }));
    await stub.waitForAbort(before.aborted + 1);
    // What the sockets on the way hold, and no more.
    expect(stub.bytesWritten - before.bytes).toBeLessThan(32 * 1024 * 1024);
    const closed = new Promise((resolve) => response.once("close", resolve));
    response.resume();
    await closed;
    expect(response.complete).toBe(false);
    stub.reply({ text: "free again" });
    expect((await foldStream(await short.chat(streamed("hi", { user: "idle" })))).text).toBe("free again");
  });

  test("that takes nothing of a reply that is not streamed is cut too", async () => {
    const short = await startGateway(onProvider(stub.url, {}, { gateway: gatewayWith({ readerTimeoutMs: 300 }) }));
    const turn = { text: "y".repeat(3 * 1024 * 1024), chunks: 64, toolCalls: [{ name: "current_time" }] };
    stub.reply(turn, turn, turn, turn, turn, turn, { text: "The end." });
    const response = await openReader(short, say("hi"));
    // Who does not read notices a broken connection only by writing.
    const knock = setInterval(() => response.socket.write("\r\n"), 50).unref();
    await new Promise((resolve) => response.socket.once("close", resolve));
    clearInterval(knock);
    expect(response.complete).toBe(false);
  });

  test("can be any number of readers that read: probes answer meanwhile", async () => {
    stub.reply({ text: "z".repeat(4096), chunks: Infinity });
    const aborted = stub.aborted;
    const response = await openReader(gateway, streamed("hi"));
    httpGet(`${gateway.url}/healthz`, { agent: false }, (probe) => {
      expect(probe.statusCode).toBe(200);
      probe.resume();
      response.destroy();
    });
    await stub.waitForAbort(aborted + 1);
  });
});

describe("a caller that goes away", () => {
  let held: HeldUpstream;
  let own: TestGateway;

  beforeAll(async () => {
    held = await startHeldUpstream();
    own = await startGateway(onProvider(held.url, {}, { gateway: gatewayWith({ keepAliveMs: 60_000 }) }));
  });

  /** Would wait for the session if it were not free. */
  const expectFree = async (user: string, seen: object[]): Promise<void> => {
    const pending = own.chat(say("after", { user }));
    const exchange = await held.next();
    expect((exchange.body as { messages: object[] }).messages).toEqual([...seen, { role: "user", content: "after" }]);
    exchange.say("free");
    exchange.finish();
    expect((await pending).status).toBe(200);
  };

  test("is no error in the log", async () => {
    const gone = new AbortController();
    const pending = own.chat(say("hi", { user: "log" }), { "x-request-id": "gone-away" }, gone.signal);
    const exchange = await held.next();
    gone.abort();
    await exchange.aborted;
    await expect(pending).rejects.toThrow();
    await expectFree("log", []);
    const line = own.log().find(({ requestId }) => requestId === "gone-away");
    expect(line).toMatchObject({ aborted: true });
    expect(line?.["level"]).toBeLessThan(50);
  });
});

describe("the event stream's headers", () => {
  test("keep caches and proxies from touching it, and name session and run", async () => {
    stub.reply({ text: "hi" });
    const response = await gateway.chat(streamed("hi", { user: "김철수" }));
    await response.text();
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(response.headers.get("x-accel-buffering")).toBe("no");
    expect(response.headers.get("x-openclaw-run-id")).toMatch(/^[0-9a-f]{32}$/);
    expect(response.headers.get("x-openclaw-session-key")).toBe(`agent:main:openai-user:${encodeURIComponent("김철수")}`);
  });
});
