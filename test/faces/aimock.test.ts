/**
 * The same conversation over three wires once more, with a mock that others wrote in the provider's place: what our own
 * stub says of Anthropic's and Google's wire is not only what we think of them.
 */
import { LLMock } from "@copilotkit/aimock";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import { foldStream } from "./event-stream.ts";

const wires = [
  { api: "openai-completions", model: "gpt-test", path: "/v1" },
  { api: "anthropic-messages", model: "claude-sonnet-4-5", path: "/v1" },
  { api: "google-generative-ai", model: "gemini-2.5-flash", path: "/v1beta" },
];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { type: "function", function: { name: "get_weather", description: "The weather of a city.", parameters } };

describe.each(wires)("$api", ({ api, model, path }) => {
  const mock = new LLMock({ port: 0, logLevel: "silent", chunkSize: 5 });
  let gateway: TestGateway;

  beforeAll(async () => {
    mock.onToolResult("call_calc", { content: "It is 42." });
    mock.onToolResult("call_seoul", { content: "It is sunny." });
    mock.onMessage("hello", { content: "Hello, 세상 ✓" });
    mock.onMessage("multiply", { toolCalls: [{ id: "call_calc", name: "calculator", arguments: '{"expression":"6 * 7"}' }] });
    mock.onMessage("weather", { toolCalls: [{ id: "call_seoul", name: "get_weather", arguments: '{"city":"Seoul"}' }] });
    mock.onMessage("think", { reasoning: "First this.", content: "Then that." });
    mock.onMessage("broken", { error: { message: "Overloaded.", type: "server_error" }, status: 503 });
    mock.onMessage("limited", { error: { message: "Slow down.", type: "rate_limit_error" }, status: 429, retryAfter: 30 });
    const url = await mock.start();
    const provider = { baseUrl: `${url}${path}`, apiKey: "sk-mock-0123456789", api, models: [{ id: model, input: ["text", "image"] }] };
    gateway = await startGateway({
      models: { providers: { mock: provider } },
      agents: { defaults: { model: `mock/${model}` }, entries: { main: { default: true, tools: ["calculator"] } } },
    });
  });

  afterAll(() => mock.stop());

  async function ask(body: object): Promise<object> {
    const response = await gateway.chat({ ...body, stream: true });
    if (!response.ok) {
      const { error } = (await response.json()) as { error: { code: string; message: string } };
      return { status: response.status, code: error.code, retryAfter: response.headers.get("retry-after") };
    }
    const { text, reasoning, toolCalls, finishReason, error, isDone } = await foldStream(response);
    return { text, reasoning, toolCalls, finishReason, error, isDone };
  }

  const good = { text: "", reasoning: "", toolCalls: [] as object[], finishReason: "stop", error: undefined, isDone: true };

  test("a text", async () => {
    expect(await ask(say("hello"))).toEqual({ ...good, text: "Hello, 세상 ✓" });
  });

  test("the agent's own tool, then a text", async () => {
    expect(await ask(say("multiply"))).toEqual({ ...good, text: "It is 42." });
  });

  test("the caller's tool, whose result continues the turn", async () => {
    const call = { id: "call_seoul", name: "get_weather", arguments: '{"city":"Seoul"}' };
    expect(await ask(say("weather", { tools: [weather] }))).toEqual({ ...good, toolCalls: [call], finishReason: "tool_calls" });
    const messages = [
      { role: "user", content: "weather" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: call.id, type: "function", function: { name: call.name, arguments: call.arguments } }],
      },
      { role: "tool", tool_call_id: call.id, content: "Sunny" },
    ];
    expect(await ask({ model: "openclaw", messages, tools: [weather] })).toEqual({ ...good, text: "It is sunny." });
  });

  test("reasoning apart from the text", async () => {
    expect(await ask(say("think"))).toEqual({ ...good, reasoning: "First this.", text: "Then that." });
  });

  test("a provider that is limiting", async () => {
    expect(await ask(say("limited"))).toEqual({ status: 429, code: "upstream_rate_limited", retryAfter: "30" });
  });

  test("a provider that is failing", async () => {
    expect(await ask(say("broken"))).toMatchObject({ status: 502, code: "upstream_error" });
  });
});
