/** LangChain (`@langchain/openai`) against the running gateway, used as its own documentation shows. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { AIMessageChunk, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI, type ChatOpenAIFields } from "@langchain/openai";
import { z } from "zod";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { onProvider } from "../faces/provider.ts";
import { startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { askWeather, thrownBy, turns, weatherRoundTrip } from "./conversation.ts";

let stub: StubUpstream;
let gateway: TestGateway;
let model: ChatOpenAI;

function modelOf({ url }: TestGateway, { configuration, ...fields }: ChatOpenAIFields = {}): ChatOpenAI {
  return new ChatOpenAI({
    model: "openclaw",
    apiKey: testToken,
    maxRetries: 0,
    configuration: { baseURL: `${url}/v1`, ...configuration },
    ...fields,
  });
}

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url));
  model = modelOf(gateway);
});

afterAll(() => stub.close());

const expectedUsage = { input_tokens: 9, output_tokens: 5, total_tokens: 14 };

async function gather(stream: AsyncIterable<AIMessageChunk>): Promise<{ pieces: string[]; whole: AIMessageChunk }> {
  const pieces: string[] = [];
  let whole = new AIMessageChunk("");
  for await (const chunk of stream) {
    if (chunk.text !== "") pieces.push(chunk.text);
    whole = whole.concat(chunk);
  }
  return { pieces, whole };
}

describe("invoke", () => {
  test("gives a message with usage and finish reason", async () => {
    stub.reply({ text: "Hello!" });
    const message = await model.invoke([new SystemMessage("Be brief."), new HumanMessage("hi")]);
    expect(message.content).toBe("Hello!");
    expect(message.usage_metadata).toMatchObject(expectedUsage);
    expect(message.response_metadata).toMatchObject({ finish_reason: "stop", model_name: "openclaw" });
    expect(message.id).toMatch(/^chatcmpl-\w+$/);
    expect(turns(stub)).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "hi" },
    ]);
  });

  test("gives the object of a schema, with withStructuredOutput", async () => {
    stub.reply({ text: '{"sum":3}' });
    const sums = model.withStructuredOutput(z.object({ sum: z.number() }), { name: "sum", method: "jsonSchema" });
    expect(await sums.invoke("1 + 2?")).toEqual({ sum: 3 });
    expect(stub.requests.at(-1)?.body["response_format"]).toMatchObject({
      type: "json_schema",
      json_schema: { name: "sum", schema: { type: "object", required: ["sum"] } },
    });
  });

  test("speaks to the agent and session that its configuration names", async () => {
    const sessionKeys: (string | null)[] = [];
    const own = modelOf(gateway, {
      model: "openclaw/plain",
      configuration: {
        defaultHeaders: { "x-openclaw-session-key": "kitchen" },
        fetch: async (input, init) => {
          const response = await fetch(input, init);
          sessionKeys.push(response.headers.get("x-openclaw-session-key"));
          return response;
        },
      },
    });
    stub.reply({ text: "Noted." }, { text: "You are Ada." });
    await own.invoke("I am Ada.");
    expect((await own.invoke("Who am I?")).content).toBe("You are Ada.");
    expect(sessionKeys).toEqual(["agent:plain:kitchen", "agent:plain:kitchen"]);
    expect(turns(stub)).toEqual([
      { role: "user", content: "I am Ada." },
      { role: "assistant", content: "Noted." },
      { role: "user", content: "Who am I?" },
    ]);
  });
});

describe("stream", () => {
  test("gives the text piece by piece, then finish reason and usage", async () => {
    stub.reply({ text: "one two three", chunks: 4, gapMs: 10 });
    const { pieces, whole } = await gather(await model.stream("hi"));
    expect(pieces.join("")).toBe("one two three");
    expect(pieces).toHaveLength(4);
    expect(whole.usage_metadata).toMatchObject(expectedUsage);
    expect(whole.response_metadata).toMatchObject({ finish_reason: "stop", model_name: "openclaw" });
  });

  test("gives no usage when it is told not to ask for it", async () => {
    stub.reply({ text: "Hello!" });
    const { pieces, whole } = await gather(await modelOf(gateway, { streamUsage: false }).stream("hi"));
    expect(pieces.join("")).toBe("Hello!");
    expect(whole.usage_metadata).toBeUndefined();
  });

  test("gives each piece as it comes, before the next one is there", async () => {
    const held = await startHeldUpstream();
    const opening = modelOf(await startGateway(onProvider(held.url))).stream("hi");
    const exchange = await held.next();
    const texts: string[] = [];
    exchange.say("one");
    for await (const { text } of await opening) {
      if (text === "") continue;
      texts.push(text);
      if (text === "one") exchange.say("two");
      else exchange.finish();
    }
    expect(texts).toEqual(["one", "two"]);
  });
});

describe("tools of the caller", () => {
  const getWeather = tool(() => "Sunny, 21 °C", {
    name: "get_weather",
    description: "The weather of a city.",
    schema: z.object({ city: z.string() }),
  });

  test("are bound, called, answered by the next request, and the run goes on", async () => {
    const bound = model.bindTools([getWeather]);
    stub.reply(askWeather, { text: "It is sunny." });
    const question = new HumanMessage("How is Seoul?");
    const asked = await bound.invoke([question]);
    expect(asked.tool_calls).toEqual([{ id: "call_seoul", name: "get_weather", args: { city: "Seoul" }, type: "tool_call" }]);
    expect(asked.response_metadata).toMatchObject({ finish_reason: "tool_calls" });
    const result: unknown = await getWeather.invoke(asked.tool_calls![0]!);
    expect(result).toBeInstanceOf(ToolMessage);
    const answered = await bound.invoke([question, asked, result as ToolMessage]);
    expect(answered.content).toBe("It is sunny.");
    expect(turns(stub)).toEqual(weatherRoundTrip);
  });

  test("are put together from the pieces of a stream", async () => {
    stub.reply(askWeather);
    const { whole } = await gather(await model.bindTools([getWeather]).stream("How is Seoul?"));
    expect(whole.tool_calls).toEqual([{ id: "call_seoul", name: "get_weather", args: { city: "Seoul" }, type: "tool_call" }]);
    expect(whole.invalid_tool_calls).toEqual([]);
  });

  test("are called when tool_choice names one of them", async () => {
    stub.reply(askWeather);
    const { tool_calls } = await model.bindTools([getWeather], { tool_choice: "get_weather" }).invoke("How is Seoul?");
    expect(tool_calls).toHaveLength(1);
    expect(stub.requests.at(-1)?.body).toMatchObject({
      tool_choice: { type: "function", function: { name: "get_weather" } },
      tools: [{ function: { name: "get_weather" } }],
    });
  });
});

test("the agent's own tools are run without the client's knowing", async () => {
  stub.reply({ toolCalls: [{ name: "calculator", arguments: '{"expression":"6*7"}' }] }, { text: "It is 42." });
  const { whole } = await gather(await model.stream("6 * 7?"));
  expect(whole.text).toBe("It is 42.");
  expect(whole.tool_calls).toEqual([]);
  expect(whole.usage_metadata).toMatchObject({ total_tokens: 28 });
});

describe("errors", () => {
  test("of a wrong key have the status, the code and LangChain's own code", async () => {
    const thrown = await thrownBy(modelOf(gateway, { apiKey: "wrong" }).invoke("hi"));
    expect(thrown).toMatchObject({ status: 401, code: "invalid_api_key", lc_error_code: "MODEL_AUTHENTICATION" });
    expect((thrown as Error).message).toContain("The secret that was sent is wrong.");
  });

  test("of an agent that does not exist have the status, the code and LangChain's own code", async () => {
    const thrown = await thrownBy(modelOf(gateway, { model: "openclaw:nobody" }).invoke("hi"));
    expect(thrown).toMatchObject({ status: 404, code: "model_not_found", param: "model", lc_error_code: "MODEL_NOT_FOUND" });
  });

  test("of a field that is wrong name it", async () => {
    const thrown = await thrownBy(modelOf(gateway, { n: 2 }).invoke("hi"));
    expect(thrown).toMatchObject({ status: 400, code: "unsupported_parameter", param: "n" });
  });

  test("of a provider that limits have Retry-After and LangChain's own code", async () => {
    stub.reply({ status: 429, headers: { "retry-after": "30" }, body: { error: { message: "Slow down." } } });
    const thrown = await thrownBy(model.invoke("hi"));
    expect(thrown).toMatchObject({ status: 429, code: "upstream_rate_limited", lc_error_code: "MODEL_RATE_LIMIT" });
    expect((thrown as { headers: Headers }).headers.get("retry-after")).toBe("30");
  });

  test("of a stream that is refused are thrown when it is opened", async () => {
    expect(await thrownBy(modelOf(gateway, { apiKey: "wrong" }).stream("hi"))).toMatchObject({ status: 401 });
  });

  test("of a stream that fails on its way are thrown after the text so far", async () => {
    const held = await startHeldUpstream();
    const opening = modelOf(await startGateway(onProvider(held.url))).stream("hi");
    const exchange = await held.next();
    exchange.say("so far");
    const stream = await opening;
    let text = "";
    const thrown = await thrownBy(
      (async () => {
        for await (const chunk of stream) {
          text += chunk.text;
          if (text === "so far") exchange.cut();
        }
      })(),
    );
    expect(text).toBe("so far");
    expect(thrown).toMatchObject({ code: "upstream_error", message: expect.stringContaining("broke off") });
  });
});

describe("an abort by the client", () => {
  test("of invoke reaches the provider", async () => {
    const held = await startHeldUpstream();
    const stop = new AbortController();
    const pending = thrownBy(modelOf(await startGateway(onProvider(held.url))).invoke("hi", { signal: stop.signal }));
    const exchange = await held.next();
    stop.abort();
    expect(await pending).toBeInstanceOf(Error);
    await exchange.aborted;
    expect(held.count).toBe(1);
  });

  test("of stream, by its signal, reaches the provider", async () => {
    const held = await startHeldUpstream();
    const stop = new AbortController();
    const opening = modelOf(await startGateway(onProvider(held.url))).stream("hi", { signal: stop.signal });
    const exchange = await held.next();
    exchange.say("enough");
    const stream = await opening;
    const thrown = await thrownBy(
      (async () => {
        for await (const { text } of stream) if (text !== "") stop.abort();
      })(),
    );
    expect(thrown).toBeInstanceOf(Error);
    await exchange.aborted;
  });

  // Inside Jest, the loop is left only with one more piece, so the provider must go on talking. In Node alone it is left at once.
  test("of stream, by breaking out of its loop, reaches a provider that goes on talking", async () => {
    const aborted = stub.aborted;
    stub.reply({ text: "word ", chunks: Infinity });
    for await (const { text } of await model.stream("hi")) if (text !== "") break;
    await stub.waitForAbort(aborted + 1);
  });
});
