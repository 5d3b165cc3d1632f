/**
 * The event stream, byte for byte. Clients parse it with code of their own, so a change here is a change for them:
 * did you mean to?
 */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";

let stub: StubUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway({
    models: { providers: { stub: { baseUrl: stub.url } } },
    agents: { defaults: { model: "stub/any" }, entries: { main: { tools: ["calculator"] } } },
  });
});

afterAll(() => stub.close());

/** The reply as it came: names of headers as they were written, and what changes from run to run masked. */
async function ask(body: object): Promise<{ status: number; headers: string[]; bytes: string }> {
  const request = httpRequest(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    agent: false,
    headers: { authorization: `Bearer ${testToken}`, "content-type": "application/json", "x-request-id": "pin" },
  });
  request.end(JSON.stringify(body));
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let bytes = "";
  for await (const piece of response.setEncoding("utf8")) bytes += piece as string;
  const headers: string[] = [];
  for (let at = 0; at < response.rawHeaders.length; at += 2)
    headers.push(mask(`${response.rawHeaders[at]}: ${response.rawHeaders[at + 1]}`));
  return { status: response.statusCode ?? 0, headers, bytes: mask(bytes) };
}

function mask(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "UUID")
    .replaceAll(/[0-9a-f]{32}/g, "RUN")
    .replaceAll(/"created":\d{10}/g, '"created":TIME')
    .replace(/^Date: .*/, "Date: NOW")
    .replace(/^content-length: \d+/i, "Content-Length: N");
}

test("a stream with its headers", async () => {
  stub.reply({ text: "Hi ✓", chunks: 2 });
  const { status, headers, bytes } = await ask(say("hi", { stream: true }));
  expect(status).toBe(200);
  expect(headers).toEqual([
    "x-request-id: pin",
    "x-content-type-options: nosniff",
    "content-type: text/event-stream; charset=utf-8",
    "cache-control: no-cache, no-transform",
    "x-accel-buffering: no",
    "x-openclaw-session-key: agent:main:openai:UUID",
    "x-openclaw-run-id: RUN",
    "Date: NOW",
    "Connection: close",
    "Transfer-Encoding: chunked",
  ]);
  expect(bytes).toBe(
    `data: {"id":"chatcmpl-RUN","object":"chat.completion.chunk","created":TIME,"model":"openclaw","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]}

data: {"id":"chatcmpl-RUN","object":"chat.completion.chunk","created":TIME,"model":"openclaw","choices":[{"index":0,"delta":{"content":"Hi ✓"},"logprobs":null,"finish_reason":null}]}

data: {"id":"chatcmpl-RUN","object":"chat.completion.chunk","created":TIME,"model":"openclaw","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}

data: [DONE]

`,
  );
});

test("a stream with usage, reasoning and a call of the caller's tool", async () => {
  stub.reply({ reasoning: "Hm.", toolCalls: [{ id: "call_1", name: "get_weather", arguments: '{"city":"Seoul"}' }] });
  const tools = [{ type: "function", function: { name: "get_weather" } }];
  const { bytes } = await ask(say("hi", { stream: true, stream_options: { include_usage: true }, tools }));
  expect(bytes).toBe(
    `data: {"id":"chatcmpl-RUN","object":"chat.completion.chunk","created":TIME,"model":"openclaw","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-RUN","object":"chat.completion.chunk","created":TIME,"model":"openclaw","choices":[{"index":0,"delta":{"reasoning_content":"Hm."},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-RUN","object":"chat.completion.chunk","created":TIME,"model":"openclaw","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"get_weather","arguments":""}}]},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-RUN","object":"chat.completion.chunk","created":TIME,"model":"openclaw","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"city\\":\\"Seoul\\"}"}}]},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-RUN","object":"chat.completion.chunk","created":TIME,"model":"openclaw","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}],"usage":null}

data: {"id":"chatcmpl-RUN","object":"chat.completion.chunk","created":TIME,"model":"openclaw","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}}

data: [DONE]

`,
  );
});

test("a reply that is not streamed, with its headers", async () => {
  stub.reply({ text: "Hi ✓", reasoning: "Hm." });
  const { headers, bytes } = await ask(say("hi"));
  expect(headers).toEqual([
    "x-request-id: pin",
    "x-content-type-options: nosniff",
    "x-openclaw-session-key: agent:main:openai:UUID",
    "x-openclaw-run-id: RUN",
    "Content-Type: application/json; charset=utf-8",
    "Content-Length: N",
    "Date: NOW",
    "Connection: close",
  ]);
  expect(bytes).toBe(
    '{"id":"chatcmpl-RUN","object":"chat.completion","created":TIME,"model":"openclaw","choices":[{"index":0,"message":{"role":"assistant","content":"Hi ✓","refusal":null,"reasoning_content":"Hm."},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}}',
  );
});

test("a refusal, with its headers", async () => {
  const { status, headers, bytes } = await ask(say("hi", { model: "openclaw:nobody" }));
  expect(status).toBe(404);
  expect(headers).toEqual([
    "x-request-id: pin",
    "x-content-type-options: nosniff",
    "Content-Type: application/json; charset=utf-8",
    "Content-Length: N",
    "Date: NOW",
    "Connection: close",
  ]);
  expect(bytes).toBe(
    `{"error":{"message":"There is no agent 'nobody'. Configured agents: main.","type":"invalid_request_error","param":"model","code":"model_not_found"}}`,
  );
});
