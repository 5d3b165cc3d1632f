/** Vercel's AI SDK (`ai` with `@ai-sdk/openai-compatible`) against the running gateway, used as its own documentation shows. */
import { createOpenAICompatible, type OpenAICompatibleProvider } from "@ai-sdk/openai-compatible";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { APICallError, generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { onProvider } from "../faces/provider.ts";
import { startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { askWeather, thrownBy, turns, weatherRoundTrip } from "./conversation.ts";

let stub: StubUpstream;
let gateway: TestGateway;
let clawgate: OpenAICompatibleProvider;

function providerOf({ url }: TestGateway, apiKey = testToken, headers: { [name: string]: string } = {}): OpenAICompatibleProvider {
  return createOpenAICompatible({
    name: "clawgate",
    baseURL: `${url}/v1`,
    apiKey,
    headers,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
}

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url));
  clawgate = providerOf(gateway);
});

afterAll(() => stub.close());

const expectedUsage = { inputTokens: 9, outputTokens: 5, totalTokens: 14 };

describe("generateText", () => {
  test("gives text, finish reason and usage", async () => {
    stub.reply({ text: "Hello!" });
    const result = await generateText({ model: clawgate("openclaw"), system: "Be brief.", prompt: "hi" });
    expect(result.text).toBe("Hello!");
    expect(result.finishReason).toBe("stop");
    expect(result.usage).toMatchObject(expectedUsage);
    expect(result.warnings).toEqual([]);
    expect(result.response.modelId).toBe("openclaw");
    expect(result.response.id).toBe(`chatcmpl-${result.response.headers?.["x-openclaw-run-id"]}`);
    expect(turns(stub)).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "hi" },
    ]);
  });

  test("gives no usage where the provider reports none", async () => {
    stub.reply({ text: "Hello!", usage: null });
    const { usage } = await generateText({ model: clawgate("openclaw"), prompt: "hi" });
    expect(usage).toMatchObject({ inputTokens: undefined, outputTokens: undefined });
  });

  test("gives the model's reasoning beside the text", async () => {
    stub.reply({ reasoning: "They greet.", text: "Hello!" });
    const result = await generateText({ model: clawgate("openclaw"), prompt: "hi" });
    expect(result.reasoningText).toBe("They greet.");
    expect(result.text).toBe("Hello!");
  });

  test("gives the object of a schema", async () => {
    stub.reply({ text: '{"sum":3}' });
    const result = await generateText({
      model: clawgate("openclaw"),
      prompt: "1 + 2?",
      output: Output.object({ schema: z.object({ sum: z.number() }) }),
    });
    expect(result.output).toEqual({ sum: 3 });
    expect(stub.requests.at(-1)?.body["response_format"]).toMatchObject({
      type: "json_schema",
      json_schema: { schema: { type: "object", properties: { sum: { type: "number" } }, required: ["sum"] } },
    });
  });

  test("speaks to the agent that the model names, in the session that the headers name", async () => {
    stub.reply({ text: "Hello!" });
    const { response } = await generateText({
      model: clawgate("openclaw:plain"),
      prompt: "hi",
      headers: { "x-openclaw-session-key": "kitchen" },
    });
    expect(response.headers?.["x-openclaw-session-key"]).toBe("agent:plain:kitchen");
  });

  test("shares one session with the calls of the same user", async () => {
    const options = { model: clawgate("openclaw"), providerOptions: { clawgate: { user: "ada" } } };
    stub.reply({ text: "Noted." }, { text: "You are Ada." });
    const first = await generateText({ ...options, prompt: "I am Ada." });
    await generateText({ ...options, prompt: "Who am I?" });
    expect(first.response.headers?.["x-openclaw-session-key"]).toBe("agent:main:openai-user:ada");
    expect(turns(stub)).toEqual([
      { role: "user", content: "I am Ada." },
      { role: "assistant", content: "Noted." },
      { role: "user", content: "Who am I?" },
    ]);
  });
});

describe("streamText", () => {
  test("gives the text piece by piece, then finish reason and usage", async () => {
    stub.reply({ text: "one two three", chunks: 4, gapMs: 10 });
    const result = streamText({ model: clawgate("openclaw"), prompt: "hi" });
    const pieces: string[] = [];
    for await (const piece of result.textStream) pieces.push(piece);
    expect(pieces.join("")).toBe("one two three");
    expect(pieces).toHaveLength(4);
    expect(await result.finishReason).toBe("stop");
    expect(await result.usage).toMatchObject(expectedUsage);
    expect(stub.requests.at(-1)?.body).toMatchObject({ stream: true });
  });

  test("gives each piece as it comes, before the next one is there", async () => {
    const held = await startHeldUpstream();
    const result = streamText({ model: providerOf(await startGateway(onProvider(held.url)))("openclaw"), prompt: "hi" });
    const pieces = result.textStream[Symbol.asyncIterator]();
    const first = pieces.next();
    const exchange = await held.next();
    exchange.say("one");
    expect((await first).value).toBe("one");
    exchange.say("two");
    expect((await pieces.next()).value).toBe("two");
    exchange.finish();
    expect((await pieces.next()).done).toBe(true);
  });

  test("gives the model's reasoning as parts of its own", async () => {
    stub.reply({ reasoning: "They greet.", text: "Hello!" });
    const result = streamText({ model: clawgate("openclaw"), prompt: "hi" });
    expect(await result.reasoningText).toBe("They greet.");
    expect(await result.text).toBe("Hello!");
  });
});

describe("tools of the caller", () => {
  const cities: string[] = [];
  const tools = {
    get_weather: tool({
      description: "The weather of a city.",
      inputSchema: z.object({ city: z.string() }),
      execute: ({ city }) => {
        cities.push(city);
        return Promise.resolve("Sunny, 21 °C");
      },
    }),
  };

  test.each(["generateText", "streamText"])("are run between two steps of %s", async (name) => {
    cities.length = 0;
    stub.reply(askWeather, { text: "It is sunny." });
    const call = { model: clawgate("openclaw"), prompt: "How is Seoul?", tools, stopWhen: stepCountIs(3) };
    const { text, steps, totalUsage } = name === "generateText" ? await generateText(call) : streamText(call);
    expect(await text).toBe("It is sunny.");
    expect(cities).toEqual(["Seoul"]);
    expect((await steps).map(({ finishReason }) => finishReason)).toEqual(["tool-calls", "stop"]);
    expect(await totalUsage).toMatchObject({ inputTokens: 18, outputTokens: 10 });
    const [asked, answered] = stub.requests.slice(-2);
    expect((asked?.body["tools"] as { function: { name: string } }[]).map((offered) => offered.function.name)).toContain("get_weather");
    expect(answered?.body.messages).toEqual(weatherRoundTrip);
  });

  test("are called when tool_choice asks for it, and the agent's own ones are not offered then", async () => {
    cities.length = 0;
    stub.reply(askWeather);
    const { toolCalls } = await generateText({ model: clawgate("openclaw"), prompt: "How is Seoul?", tools, toolChoice: "required" });
    expect(toolCalls).toMatchObject([{ toolCallId: "call_seoul", toolName: "get_weather", input: { city: "Seoul" } }]);
    expect(stub.requests.at(-1)?.body).toMatchObject({ tool_choice: "required", tools: [{ function: { name: "get_weather" } }] });
    expect(stub.requests.at(-1)?.body["tools"]).toHaveLength(1);
  });
});

test("the agent's own tools are run without the client's knowing", async () => {
  stub.reply({ toolCalls: [{ name: "calculator", arguments: '{"expression":"6*7"}' }] }, { text: "It is 42." });
  const result = streamText({ model: clawgate("openclaw"), prompt: "6 * 7?" });
  expect(await result.text).toBe("It is 42.");
  expect(await result.toolCalls).toEqual([]);
  expect(await result.steps).toHaveLength(1);
  expect(await result.usage).toMatchObject({ inputTokens: 18, outputTokens: 10 });
});

describe("errors", () => {
  const refusals: [what: string, call: () => Promise<unknown>, error: object][] = [
    [
      "401 for a wrong key, not to be tried again",
      () => generateText({ model: providerOf(gateway, "wrong")("openclaw"), prompt: "hi", maxRetries: 0 }),
      { statusCode: 401, isRetryable: false, data: { error: { code: "invalid_api_key", type: "authentication_error", param: null } } },
    ],
    [
      "404 for an agent that does not exist, not to be tried again",
      () => generateText({ model: clawgate("openclaw:nobody"), prompt: "hi", maxRetries: 0 }),
      { statusCode: 404, isRetryable: false, data: { error: { code: "model_not_found", param: "model" } } },
    ],
    [
      "400 with the field that is wrong",
      () => generateText({ model: clawgate("openclaw"), prompt: "hi", providerOptions: { clawgate: { n: 2 } }, maxRetries: 0 }),
      { statusCode: 400, isRetryable: false, data: { error: { code: "unsupported_parameter", param: "n" } } },
    ],
    [
      "429 with Retry-After when the provider limits, to be tried again",
      () => {
        stub.reply({ status: 429, headers: { "retry-after": "30" }, body: { error: { message: "Slow down." } } });
        return generateText({ model: clawgate("openclaw"), prompt: "hi", maxRetries: 0 });
      },
      { statusCode: 429, isRetryable: true, data: { error: { code: "upstream_rate_limited" } } },
    ],
  ];

  test.each(refusals)("of a refused call are APICallErrors: %s", async (_, call, error) => {
    const thrown = await thrownBy(call());
    expect(APICallError.isInstance(thrown)).toBe(true);
    expect(thrown).toMatchObject(error);
    const { message, data, responseHeaders } = thrown as APICallError;
    expect(message).toBe((data as { error: { message: string } }).error.message);
    expect(responseHeaders?.["x-request-id"]).toMatch(/^[\w.-]+$/);
    if ((thrown as APICallError).statusCode === 429) expect(responseHeaders?.["retry-after"]).toBe("30");
  });

  test("of a stream that is refused are APICallErrors too", async () => {
    const errors: unknown[] = [];
    const result = streamText({
      model: providerOf(gateway, "wrong")("openclaw"),
      prompt: "hi",
      maxRetries: 0,
      onError: ({ error }) => void errors.push(error),
    });
    await result.consumeStream();
    expect(errors).toMatchObject([{ statusCode: 401 }]);
    expect(APICallError.isInstance(errors[0])).toBe(true);
  });

  test("of a stream that fails on its way are an error part after the text so far, and no success", async () => {
    const held = await startHeldUpstream();
    const model = providerOf(await startGateway(onProvider(held.url)))("openclaw");
    const result = streamText({ model, prompt: "hi", maxRetries: 0, onError: () => undefined });
    const arrived = held.next();
    void arrived.then((exchange) => exchange.say("so far"));
    let text = "";
    const errors: unknown[] = [];
    for await (const part of result.fullStream) {
      if (part.type === "text-delta") {
        text += part.text;
        (await arrived).cut();
      }
      if (part.type === "error") errors.push(part.error);
    }
    expect(text).toBe("so far");
    expect(errors).toMatchObject([{ message: expect.stringContaining("broke off"), code: "upstream_error" }]);
    expect(await result.finishReason).toBe("error");
  });
});

describe("an abort by the client", () => {
  test("of generateText reaches the provider", async () => {
    const held = await startHeldUpstream();
    const model = providerOf(await startGateway(onProvider(held.url)))("openclaw");
    const stop = new AbortController();
    const pending = thrownBy(generateText({ model, prompt: "hi", abortSignal: stop.signal }));
    const exchange = await held.next();
    stop.abort();
    expect(await pending).toMatchObject({ name: "AbortError" });
    await exchange.aborted;
    expect(held.count).toBe(1);
  });

  test("of streamText reaches the provider", async () => {
    const held = await startHeldUpstream();
    const model = providerOf(await startGateway(onProvider(held.url)))("openclaw");
    const stop = new AbortController();
    const result = streamText({ model, prompt: "hi", abortSignal: stop.signal });
    const parts: string[] = [];
    const read = (async () => {
      for await (const part of result.fullStream) {
        parts.push(part.type);
        if (part.type === "text-delta") stop.abort();
      }
    })();
    const exchange = await held.next();
    exchange.say("enough");
    await read;
    expect(parts.at(-1)).toBe("abort");
    await exchange.aborted;
  });
});
