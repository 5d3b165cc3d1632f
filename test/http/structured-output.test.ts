/** `response_format`, through the whole gateway: what fits is answered, what does not is said, and no schema harms another caller. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { generateObject } from "ai";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { fold, foldStream, StreamReader } from "../faces/event-stream.ts";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { gatewayWith, onProvider } from "../faces/provider.ts";
import { exchangeOf, expectError } from "../support/contract-check.ts";
import { say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";

const person = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name", "age"],
  additionalProperties: false,
};
const asked = (schema: object | undefined, more: object = {}) => ({
  response_format: { type: "json_schema", json_schema: { name: "person", ...(schema ? { schema } : {}) } },
  ...more,
});
const asPerson = asked(person);
const asObject = { response_format: { type: "json_object" } };
const ada = '{"name": "Ada", "age": 36}\n';
const mismatch = { status: 502, code: "response_format_mismatch", param: "response_format" };

let stub: StubUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url));
});

afterAll(() => stub.close());

interface Completion {
  readonly choices: [
    { readonly message: { readonly content: string | null; readonly refusal: string | null }; readonly finish_reason: string },
  ];
}

const choiceOf = async (response: Response) => {
  expect(response.status).toBe(200);
  return ((await response.json()) as Completion).choices[0];
};
const contentOf = async (response: Response) => (await choiceOf(response)).message.content;
const ask = (more: object, text = "Who?") => gateway.chat(say(text, more));
const failureOf = async (more: object) => expectError(await exchangeOf(await ask(more)), mismatch).message;

describe("a reply that fits", () => {
  test.each([
    ["its schema", asPerson, ada],
    ["json_object", asObject, ' {"anything": [1]}'],
    ["a schema that is not said", asked(undefined), "[1]"],
    ["text", { response_format: { type: "text" } }, "no JSON"],
  ])("%s is answered as the model wrote it, streamed and not", async (_what, format, text) => {
    stub.reply({ text }, { text, chunks: 4 });
    expect(await contentOf(await ask(format))).toBe(text);
    const streamed = await foldStream(await ask({ ...format, stream: true }));
    expect({ text: streamed.text, finishReason: streamed.finishReason, isDone: streamed.isDone }).toEqual({
      text,
      finishReason: "stop",
      isDone: true,
    });
  });

  test("goes to the model with the schema as it was sent", async () => {
    stub.reply({ text: ada });
    await ask(
      asked(person, {
        response_format: { type: "json_schema", json_schema: { name: "p", description: "d", strict: true, schema: person } },
      }),
    );
    expect(stub.requests.at(-1)!.body["response_format"]).toEqual({
      type: "json_schema",
      json_schema: { name: "p", description: "d", strict: true, schema: person },
    });
  });

  test("may come after turns with the agent's own tools, whose texts are no part of it", async () => {
    const calls = [{ name: "calculator", arguments: '{"expression":"6*6"}' }];
    for (const stream of [false, true]) {
      stub.reply({ text: "Let me see:", toolCalls: calls }, { text: ada });
      const response = await ask({ ...asPerson, stream });
      expect(stream ? (await foldStream(response)).text : await contentOf(response)).toBe(ada);
    }
  });
});

describe("a reply that does not fit", () => {
  test.each([
    ["a wrong type", '{"name": 7, "age": 1}', "'/name' must be string."],
    ["a property too few", '{"name": "Ada"}', "it must have required property 'age'."],
    ["no JSON", "My name is Ada.", "it is not JSON."],
    ["JSON in a fence", `\`\`\`json\n${ada}\`\`\``, "it is not JSON."],
    ["nothing", "", "it is not JSON."],
  ])("because of %s is a 502 that says so, streamed and not", async (_what, text, why) => {
    const message = `The model's reply does not fit response_format: ${why}`;
    stub.reply({ text }, { text });
    expect(await failureOf(asPerson)).toBe(message);
    // Nothing was sent yet, so the status can still tell.
    expect(await failureOf({ ...asPerson, stream: true })).toBe(message);
  });

  test("is not remembered as an answer", async () => {
    const headers = { "x-openclaw-session-key": "forms" };
    stub.reply({ text: "no JSON" }, { text: ada });
    expect((await gateway.chat(say("one", asPerson), headers)).status).toBe(502);
    expect(await contentOf(await gateway.chat(say("two", asPerson), headers))).toBe(ada);
    expect(stub.requests.at(-1)!.body.messages).toEqual([{ role: "user", content: "two" }]);
  });

  test("leaves none of its words in the log", async () => {
    stub.reply({ text: '{"name": "Ada", "age": 1, "a secret of hers": 2}' });
    expect(await failureOf(asPerson)).toContain("it must NOT have additional properties.");
    expect(gateway.logText()).not.toContain("a secret of hers");
  });
});

describe("a reply is not checked", () => {
  test.each([
    ["when a token limit cut it", { text: '{"name": "A', finishReason: "length" }, "length"],
    ["when a filter cut it", { text: '{"name": "A', finishReason: "content_filter" }, "content_filter"],
    ["when the model refuses", { refusal: "I will not." }, "stop"],
  ])("%s", async (_when, script, reason) => {
    stub.reply(script, script);
    const choice = await choiceOf(await ask(asPerson));
    expect(choice.finish_reason).toBe(reason);
    expect(choice.message).toMatchObject({ refusal: "refusal" in script ? script.refusal : null });
    const streamed = await foldStream(await ask({ ...asPerson, stream: true }));
    expect({ reason: streamed.finishReason, error: streamed.error }).toEqual({ reason, error: undefined });
  });

  test("when it calls the caller's tools", async () => {
    stub.reply({ text: "Just a moment.", toolCalls: [{ name: "look_up" }] });
    const choice = await choiceOf(await ask({ ...asPerson, tools: [{ type: "function", function: { name: "look_up" } }] }));
    expect(choice).toMatchObject({ finish_reason: "tool_calls", message: { content: "Just a moment." } });
  });
});

describe("while the model still speaks", () => {
  test("a streamed JSON reply is held until it is known to fit", async () => {
    const held = await startHeldUpstream();
    const own = await startGateway(onProvider(held.url, {}, { gateway: gatewayWith({ keepAliveMs: 20 }) }));
    const pending = own.chat(say("Who?", { ...asPerson, stream: true }));
    const exchange = await held.next();
    exchange.say('{"name":');
    const reader = new StreamReader(await pending);
    await reader.until(": keepalive\n\n: keepalive\n\n");
    expect(reader.text).not.toContain("data:");
    exchange.say('7, "age": 1}');
    exchange.finish();
    // The stream has begun, so the error is in it.
    const { text, error, isDone } = fold(await reader.rest());
    expect({ text, isDone }).toEqual({ text: "", isDone: true });
    expect(error).toEqual({
      message: "The model's reply does not fit response_format: '/name' must be string.",
      type: "server_error",
      param: "response_format",
      code: "response_format_mismatch",
    });
  });
});

describe("a schema is refused before the model is asked", () => {
  const param = "response_format.json_schema.schema";

  test.each<[string, object, string]>([
    [
      "that is none",
      { type: "strin" },
      `'${param}' cannot be used: '/type' must be one of: "array", "boolean", "integer", "null", "number", "object", "string".`,
    ],
    [
      "that leads elsewhere",
      { $ref: "http://127.0.0.1:1/x" },
      `'${param}' cannot be used: can't resolve reference http://127.0.0.1:1/x from id #.`,
    ],
    ["that leads nowhere", { $ref: "#/$defs/x" }, `'${param}' cannot be used: can't resolve reference #/$defs/x from id #.`],
    [
      "that is too long",
      { description: "x".repeat(256 * 1024) },
      `'${param}' is longer than 256 KiB. Leave out of it what the reply does not need.`,
    ],
    [
      "that is too long in bytes",
      { description: "가".repeat(90_000) },
      `'${param}' is longer than 256 KiB. Leave out of it what the reply does not need.`,
    ],
  ])("%s", async (_what, schema, message) => {
    const before = stub.requestCount;
    for (const stream of [false, true]) {
      const error = expectError(await exchangeOf(await ask(asked(schema, { stream }))), { status: 400, code: "invalid_value", param });
      expect(error.message).toBe(message);
    }
    expect(stub.requestCount).toBe(before);
  });

  test("but not one that is as long as may be", async () => {
    const schema = { description: "x".repeat(256 * 1024 - '{"description":""}'.length) };
    stub.reply({ text: "1" });
    expect(await contentOf(await ask(asked(schema)))).toBe("1");
  });
});

test("a schema whose check never ends costs its own caller a 502, and the others nothing", async () => {
  stub.reply({ text: JSON.stringify(`${"a".repeat(60)}!`) });
  const order: string[] = [];
  const nth = stub.requestCount + 1;
  const slow = ask(asked({ type: "string", pattern: "^(a+)+$" })).then(async (response) => {
    order.push("slow");
    return expectError(await exchangeOf(response), mismatch).message;
  });
  await stub.waitForRequest(nth);
  stub.reply({ text: "Hello!" }, { text: "{}" });
  expect(await contentOf(await ask({}))).toBe("Hello!");
  expect(await contentOf(await ask(asObject))).toBe("{}");
  order.push("others");
  expect(await slow).toBe("The model's reply does not fit response_format: the schema takes too long, or too much memory, to check.");
  expect(order).toEqual(["others", "slow"]);
  stub.reply({ text: '"aaa"' });
  expect(await contentOf(await ask(asked({ type: "string", pattern: "^(a+)+$" })))).toBe('"aaa"');
});

describe("real clients get the object of their form", () => {
  const form = z.object({ name: z.string(), age: z.int(), friends: z.array(z.object({ name: z.string() })) });
  const value = { name: "Ada", age: 36, friends: [{ name: "Charles" }] };

  test("openai's parse with zodResponseFormat, and its error for what does not fit", async () => {
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: testToken, maxRetries: 0 });
    const parse = () =>
      client.chat.completions.parse({
        model: "openclaw",
        messages: [{ role: "user", content: "Who?" }],
        response_format: zodResponseFormat(form, "form"),
      });
    stub.reply({ text: JSON.stringify(value) }, { text: '{"name":"Ada"}' });
    expect((await parse()).choices[0]?.message.parsed).toEqual(value);
    expect(stub.requests.at(-1)!.body).toMatchObject({
      response_format: { json_schema: { schema: { $schema: "http://json-schema.org/draft-07/schema#" } } },
    });
    await expect(parse()).rejects.toMatchObject({ status: 502, code: "response_format_mismatch" });
  });

  test("openai's stream with zodResponseFormat", async () => {
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: testToken, maxRetries: 0 });
    stub.reply({ text: JSON.stringify(value), chunks: 5 });
    const stream = client.chat.completions.stream({
      model: "openclaw",
      messages: [{ role: "user", content: "Who?" }],
      response_format: zodResponseFormat(form, "form"),
    });
    expect((await stream.finalChatCompletion()).choices[0]?.message.parsed).toEqual(value);
  });

  test("ai-sdk's generateObject", async () => {
    const clawgate = createOpenAICompatible({
      name: "clawgate",
      baseURL: `${gateway.url}/v1`,
      apiKey: testToken,
      supportsStructuredOutputs: true,
    });
    stub.reply({ text: JSON.stringify(value) });
    expect((await generateObject({ model: clawgate("openclaw"), schema: form, prompt: "Who?" })).object).toEqual(value);
  });

  test("and all of them from the built-in model", async () => {
    const offline = await startGateway();
    const client = new OpenAI({ baseURL: `${offline.url}/v1`, apiKey: testToken, maxRetries: 0 });
    const request = { model: "openclaw", messages: [{ role: "user", content: "I am Ada." }] } as const;
    const response_format = zodResponseFormat(form, "form");
    const expected = { name: "I am Ada.", age: 0, friends: [] };
    expect(
      (await client.chat.completions.parse({ ...request, messages: [...request.messages], response_format })).choices[0]?.message.parsed,
    ).toEqual(expected);
    const clawgate = createOpenAICompatible({
      name: "clawgate",
      baseURL: `${offline.url}/v1`,
      apiKey: testToken,
      supportsStructuredOutputs: true,
    });
    expect((await generateObject({ model: clawgate("openclaw"), schema: form, prompt: "I am Ada." })).object).toEqual(expected);
    const plain = await offline.chat(say("hi", asObject));
    expect(JSON.parse((await contentOf(plain))!)).toEqual({ reply: expect.stringContaining("No language model is configured") as unknown });
  });

  test("and a 502 from the built-in model where it cannot make up what fits", async () => {
    const offline = await startGateway();
    const exchange = await exchangeOf(await offline.chat(say("hi", asked({ type: "string", pattern: "^\\d+$" }))));
    expect(expectError(exchange, mismatch).message).toBe(
      'The model\'s reply does not fit response_format: it must match pattern "^\\d+$".',
    );
  });
});
