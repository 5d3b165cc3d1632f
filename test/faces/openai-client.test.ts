/** The official `openai` package against the running gateway, used as its own documentation shows. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import OpenAI, {
  APIConnectionError,
  APIError,
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from "openai";
import type { ChatCompletionMessageParam, ChatCompletionTool } from "openai/resources/chat/completions";
import { startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubRequest, type StubUpstream } from "../support/stub-upstream.ts";
import { startHeldUpstream } from "./held-upstream.ts";
import { onProvider } from "./provider.ts";

const hi: ChatCompletionMessageParam[] = [{ role: "user", content: "hi" }];
const weather: ChatCompletionTool = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather of a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const askWeather = { toolCalls: [{ id: "call_seoul", name: "get_weather", arguments: '{"city":"Seoul"}' }] };

let stub: StubUpstream;
let gateway: TestGateway;
let client: OpenAI;

function clientOf({ url }: TestGateway, apiKey = testToken): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
}

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url));
  client = clientOf(gateway);
});

afterAll(() => stub.close());

function lastMessages(): object[] {
  const request = stub.requests.at(-1) as StubRequest;
  return (request.body as { messages: object[] }).messages;
}

async function thrownBy(call: PromiseLike<unknown>): Promise<unknown> {
  return call.then(
    () => {
      throw new Error("Nothing was thrown.");
    },
    (thrown: unknown) => thrown,
  );
}

describe("chat.completions", () => {
  test("create gives a completion", async () => {
    stub.reply({ text: "Hello!" });
    const completion = await client.chat.completions.create({ model: "openclaw", messages: hi });
    expect(completion.choices[0]?.message.content).toBe("Hello!");
    expect(completion.choices[0]?.finish_reason).toBe("stop");
    expect(completion.usage).toEqual({ prompt_tokens: 9, completion_tokens: 5, total_tokens: 14 });
    expect(completion._request_id).toMatch(/^[\w.-]+$/);
  });

  test("create with stream: true gives chunks", async () => {
    stub.reply({ text: "one two three", chunks: 4, gapMs: 10 });
    const stream = await client.chat.completions.create({ model: "openclaw", messages: hi, stream: true });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    expect(text).toBe("one two three");
  });

  test("stream() gathers content, usage and the final completion", async () => {
    stub.reply({ text: "one two three", chunks: 4, gapMs: 10 });
    const runner = client.chat.completions.stream({ model: "openclaw", messages: hi, stream_options: { include_usage: true } });
    let content = "";
    runner.on("content", (delta) => void (content += delta));
    const completion = await runner.finalChatCompletion();
    expect(content).toBe("one two three");
    expect(completion.choices[0]?.message.content).toBe("one two three");
    expect(await runner.finalContent()).toBe("one two three");
    expect(await runner.totalUsage()).toMatchObject({ total_tokens: 14 });
  });

  test("stream() gathers tool calls", async () => {
    stub.reply(askWeather);
    const runner = client.chat.completions.stream({ model: "openclaw", messages: hi, tools: [weather] });
    const call = await runner.finalFunctionToolCall();
    expect(call).toMatchObject({ name: "get_weather", arguments: '{"city":"Seoul"}' });
  });

  test("withResponse shows the gateway's headers", async () => {
    stub.reply({ text: "Hello!" });
    const { data, response, request_id } = await client.chat.completions
      .create({ model: "openclaw", messages: hi, user: "ada" })
      .withResponse();
    expect(data.id).toBe(`chatcmpl-${response.headers.get("x-openclaw-run-id")}`);
    expect(response.headers.get("x-openclaw-session-key")).toBe("agent:main:openai-user:ada");
    expect(request_id).toBe(response.headers.get("x-request-id"));
  });

  test("parse gives the object of a JSON schema", async () => {
    stub.reply({ text: '{"sum":3}' });
    const schema = { type: "object", properties: { sum: { type: "number" } }, required: ["sum"], additionalProperties: false };
    const completion = await client.chat.completions.parse({
      model: "openclaw",
      messages: hi,
      response_format: { type: "json_schema", json_schema: { name: "sum", schema, strict: true } },
    });
    expect(completion.choices[0]?.message.content).toBe('{"sum":3}');
    expect(stub.requests.at(-1)?.body).toMatchObject({
      response_format: { type: "json_schema", json_schema: { name: "sum", schema, strict: true } },
    });
  });

  test("headers of a single call choose agent and session", async () => {
    stub.reply({ text: "Hello!" });
    const { response } = await client.chat.completions
      .create({ model: "openclaw", messages: hi }, { headers: { "x-openclaw-agent-id": "plain", "x-openclaw-session-key": "kitchen" } })
      .withResponse();
    expect(response.headers.get("x-openclaw-session-key")).toBe("agent:plain:kitchen");
  });
});

describe("tools of the caller", () => {
  test("are called, answered by the next request, and the run goes on", async () => {
    const messages: ChatCompletionMessageParam[] = [{ role: "user", content: "How is Seoul?" }];
    stub.reply(askWeather);
    const first = await client.chat.completions.create({ model: "openclaw", messages, tools: [weather] });
    const [choice] = first.choices;
    expect(choice?.finish_reason).toBe("tool_calls");
    expect(choice?.message.content).toBeNull();
    messages.push(choice!.message, { role: "tool", tool_call_id: "call_seoul", content: "Sunny, 21 °C" });

    stub.reply({ text: "It is sunny." });
    const second = await client.chat.completions.create({ model: "openclaw", messages, tools: [weather] });
    expect(second.choices[0]?.message.content).toBe("It is sunny.");
    expect(lastMessages()).toEqual([
      { role: "user", content: "How is Seoul?" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "call_seoul", type: "function", function: { name: "get_weather", arguments: '{"city":"Seoul"}' } }],
      },
      { role: "tool", tool_call_id: "call_seoul", content: "Sunny, 21 °C" },
    ]);
  });

  test.each([
    ["folded", false],
    ["streamed", true],
  ] as const)("run by themselves with runTools, %s", async (_, stream) => {
    stub.reply(askWeather, { text: "It is sunny in Seoul." });
    const cities: string[] = [];
    const runner = client.chat.completions.runTools({
      model: "openclaw",
      messages: [{ role: "user", content: "How is Seoul?" }],
      stream: stream as false,
      tools: [
        {
          type: "function",
          function: {
            name: "get_weather",
            description: "The weather of a city.",
            parse: (text: string) => JSON.parse(text) as { city: string },
            parameters: { type: "object", properties: { city: { type: "string" } } },
            function: ({ city }: { city: string }) => {
              cities.push(city);
              return "Sunny";
            },
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe("It is sunny in Seoul.");
    expect(cities).toEqual(["Seoul"]);
    expect(lastMessages().at(-1)).toEqual({ role: "tool", tool_call_id: "call_seoul", content: "Sunny" });
  });

  test("are handed over beside the agent's own ones, which are run before", async () => {
    stub.reply({ toolCalls: [{ id: "own", name: "calculator", arguments: '{"expression":"6*7"}' }, ...askWeather.toolCalls] });
    const completion = await client.chat.completions.create({ model: "openclaw", messages: hi, tools: [weather], user: "mixed" });
    expect(completion.choices[0]?.message.tool_calls?.map(({ id }) => id)).toEqual(["call_seoul"]);
    stub.reply({ text: "Both are known." });
    await client.chat.completions.create({
      model: "openclaw",
      messages: [{ role: "tool", tool_call_id: "call_seoul", content: "Sunny" }],
      tools: [weather],
      user: "mixed",
    });
    expect(lastMessages().slice(2)).toEqual([
      { role: "tool", tool_call_id: "own", content: "42" },
      { role: "tool", tool_call_id: "call_seoul", content: "Sunny" },
    ]);
  });
});

describe("models", () => {
  test("list gives the agents", async () => {
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toEqual(["openclaw", "openclaw/default", "openclaw/main", "openclaw/plain"]);
  });

  test("retrieve gives one of them, whose name has a slash", async () => {
    const model = await client.models.retrieve("openclaw/main");
    expect(model).toMatchObject({ id: "openclaw/main", object: "model", owned_by: "openclaw" });
    expect(Math.abs(model.created - Date.now() / 1000)).toBeLessThan(3600);
  });

  test("retrieve of an unknown one is a NotFoundError", async () => {
    expect(await thrownBy(client.models.retrieve("openclaw/nobody"))).toBeInstanceOf(NotFoundError);
  });
});

describe("errors are of the classes that their callers catch:", () => {
  test("AuthenticationError for a wrong key", async () => {
    const thrown = await thrownBy(clientOf(gateway, "wrong").chat.completions.create({ model: "openclaw", messages: hi }));
    expect(thrown).toBeInstanceOf(AuthenticationError);
    expect(thrown).toMatchObject({ status: 401, code: "invalid_api_key", type: "authentication_error" });
  });

  test("NotFoundError for an agent that does not exist", async () => {
    const thrown = await thrownBy(client.chat.completions.create({ model: "openclaw:nobody", messages: hi }));
    expect(thrown).toBeInstanceOf(NotFoundError);
    expect(thrown).toMatchObject({ status: 404, code: "model_not_found", param: "model" });
  });

  test("BadRequestError with param and code for a field that is wrong", async () => {
    const thrown = await thrownBy(client.chat.completions.create({ model: "openclaw", messages: hi, n: 2 }));
    expect(thrown).toBeInstanceOf(BadRequestError);
    expect(thrown).toMatchObject({ status: 400, code: "unsupported_parameter", param: "n", type: "invalid_request_error" });
    expect((thrown as APIError).requestID).toMatch(/^[\w.-]+$/);
  });

  test("RateLimitError when the provider limits", async () => {
    stub.reply({ status: 429, headers: { "retry-after": "30" }, body: { error: { message: "Slow down." } } });
    const thrown = await thrownBy(client.chat.completions.create({ model: "openclaw", messages: hi }));
    expect(thrown).toBeInstanceOf(RateLimitError);
    expect((thrown as APIError).headers?.get("retry-after")).toBe("30");
  });

  test("InternalServerError when the provider fails", async () => {
    stub.reply({ status: 500, headers: { "x-should-retry": "false" }, body: "" });
    const thrown = await thrownBy(client.chat.completions.create({ model: "openclaw", messages: hi, stream: true }));
    expect(thrown).toBeInstanceOf(InternalServerError);
    expect(thrown).toMatchObject({ status: 502, code: "upstream_error" });
  });

  test("nothing is tried again once a tool was run, although the client would", async () => {
    stub.reply(
      { toolCalls: [{ name: "calculator", arguments: '{"expression":"1+1"}' }] },
      { status: 500, headers: { "x-should-retry": "false" }, body: "" },
    );
    const before = stub.requestCount;
    const eager = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: testToken, maxRetries: 2 });
    expect(await thrownBy(eager.chat.completions.create({ model: "openclaw", messages: hi }))).toBeInstanceOf(InternalServerError);
    expect(stub.requestCount - before).toBe(2);
  });
});

describe("a stream that fails on its way raises", () => {
  test("an APIError with the gateway's words, in a for await", async () => {
    const held = await startHeldUpstream();
    const own = clientOf(await startGateway(onProvider(held.url)));
    const pending = own.chat.completions.create({ model: "openclaw", messages: hi, stream: true });
    const exchange = await held.next();
    exchange.say("so far");
    const stream = await pending;
    let text = "";
    const thrown = await thrownBy(
      (async () => {
        for await (const chunk of stream) {
          text += chunk.choices[0]?.delta.content ?? "";
          if (text === "so far") exchange.cut();
        }
      })(),
    );
    expect(text).toBe("so far");
    expect(thrown).toBeInstanceOf(APIError);
    expect(thrown).toMatchObject({ code: "upstream_error", type: "server_error" });
  });

  test("in the stream() helper too", async () => {
    const held = await startHeldUpstream();
    const own = clientOf(await startGateway(onProvider(held.url)));
    const runner = own.chat.completions.stream({ model: "openclaw", messages: hi });
    const exchange = await held.next();
    runner.on("content", () => exchange.cut());
    exchange.say("so far");
    expect(await thrownBy(runner.finalChatCompletion())).toMatchObject({ message: expect.stringContaining("broke off") });
  });

  test("when the gateway itself is stopped, as what it says of that", async () => {
    const held = await startHeldUpstream();
    const doomed = await startGateway(onProvider(held.url));
    const pending = clientOf(doomed).chat.completions.create({ model: "openclaw", messages: hi, stream: true });
    const exchange = await held.next();
    exchange.say("so far");
    const stream = await pending;
    const closing: Promise<void>[] = [];
    const thrown = await thrownBy(
      (async () => {
        for await (const chunk of stream) {
          if (chunk.choices[0]?.delta.content === "so far") closing.push(doomed.close());
        }
      })(),
    );
    expect(thrown).toMatchObject({ message: expect.stringContaining("The gateway is stopping") });
    await Promise.all(closing);
    await exchange.aborted;
  });
});

describe("an abort by the client", () => {
  test("of a call that has no answer yet reaches the provider", async () => {
    const held = await startHeldUpstream();
    const own = clientOf(await startGateway(onProvider(held.url)));
    const stop = new AbortController();
    const pending = thrownBy(own.chat.completions.create({ model: "openclaw", messages: hi }, { signal: stop.signal }));
    const exchange = await held.next();
    stop.abort();
    expect(await pending).toBeInstanceOf(APIUserAbortError);
    await exchange.aborted;
  });

  test("of a stream, by breaking out of its loop, reaches the provider", async () => {
    const held = await startHeldUpstream();
    const own = clientOf(await startGateway(onProvider(held.url)));
    const pending = own.chat.completions.create({ model: "openclaw", messages: hi, stream: true });
    const exchange = await held.next();
    exchange.say("enough");
    for await (const chunk of await pending) if (chunk.choices[0]?.delta.content) break;
    await exchange.aborted;
  });

  test("is told apart from a gateway that cannot be reached", async () => {
    const closed = await startGateway();
    const own = clientOf(closed);
    await closed.close();
    const thrown = await thrownBy(own.chat.completions.create({ model: "openclaw", messages: hi }));
    expect(thrown).toBeInstanceOf(APIConnectionError);
    expect(thrown).not.toBeInstanceOf(APIUserAbortError);
  });
});
