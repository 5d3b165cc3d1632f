/**
 * The compatibility page is true: what it calls passed on reaches the language model, what it calls refused is refused by
 * name, what it calls without effect goes nowhere. What it calls honoured has suites of its own.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type ChatContract, chatContract, requestRows } from "../../scripts/quotes-tables.ts";
import { expectError, exchangeOf } from "../support/contract-check.ts";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";

const rows = requestRows(chatContract());
const fieldsOf = (kind: string): string[] => rows.filter(({ kinds }) => kinds.includes(kind as never)).map(({ field }) => field);

/** A value that each field takes, or is refused for. */
const values: { readonly [field: string]: unknown } = {
  parallel_tool_calls: false,
  response_format: { type: "json_object" },
  temperature: 0.5,
  top_p: 0.5,
  frequency_penalty: 0.5,
  presence_penalty: 0.5,
  logit_bias: { 42: 1 },
  max_completion_tokens: 7,
  max_tokens: 7,
  stop: ["\n"],
  seed: 7,
  reasoning_effort: "low",
  verbosity: "low",
  service_tier: "default",
  prompt_cache_key: "a",
  prompt_cache_retention: "24h",
  safety_identifier: "a",
  tools: [{ type: "custom", custom: { name: "a" } }],
  tool_choice: { type: "custom", custom: { name: "a" } },
  n: 2,
  modalities: ["audio"],
  logprobs: true,
  top_logprobs: 1,
  metadata: { a: "b" },
  audio: { format: "wav", voice: "a" },
  prediction: { type: "content", content: "a" },
  web_search_options: {},
  moderation: {},
  prompt_cache_options: {},
  functions: [{ name: "a" }],
  function_call: "auto",
};
const weather = { type: "function", function: { name: "get_weather" } };

let stub: StubUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  const agents = { defaults: { model: "stub/any" }, entries: { main: { default: true } } };
  gateway = await startGateway({ agents, models: { providers: { stub: { baseUrl: stub.url } } } });
});

afterAll(() => stub.close());

/** What the language model is sent when the caller sends this. */
async function sentOn(more: object): Promise<{ readonly [field: string]: unknown }> {
  const { status } = await gateway.chat(say("hi", { tools: [weather], ...more }));
  expect(status).toBe(200);
  return (await stub.waitForRequest(stub.requestCount)).body;
}

test.each(fieldsOf("passed on"))("%s, which is passed on, reaches the language model as it was sent", async (field) => {
  // A field without a value here would be compared with nothing.
  expect(Object.keys(values)).toContain(field);
  expect((await sentOn({ [field]: values[field] }))[field]).toEqual(values[field]);
});

test.each(fieldsOf("refused"))("%s is refused by name", async (field) => {
  const exchange = await exchangeOf(await gateway.chat(say("hi", { [field]: values[field] })));
  const { param } = expectError(exchange, { status: 400, code: "unsupported_parameter" });
  expect(param?.split(/[.[]/)[0]).toBe(field);
});

test("what has no effect goes nowhere", async () => {
  expect(fieldsOf("no effect")).toEqual(["stream_options.include_obfuscation", "metadata"]);
  const plain = await sentOn({ stream: true });
  expect(await sentOn({ stream: true, stream_options: { include_obfuscation: true }, metadata: values["metadata"] })).toEqual(plain);
});

test("a field whose prose does not say what becomes of it cannot be described", () => {
  const { components, paths } = chatContract();
  const schemas = { ...components.schemas, ChatCompletionRequest: { properties: { seed: { description: "A number." } } } };
  const silent: ChatContract = { components: { ...components, schemas }, paths };
  expect(() => requestRows(silent)).toThrow("The contract does not say of 'seed'");
});
