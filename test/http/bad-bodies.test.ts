/**
 * What is wrong inside a body, and how the error says where: status 400, a code, and the path as OpenAI spells it.
 * The other side too: an explicit null is an absent field, and what nobody knows is ignored.
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { beforeAll, describe, expect, test } from "@jest/globals";
import Koa from "koa";
import { readBody } from "../../src/http/body.ts";
import type { State } from "../../src/http/state.ts";
import { contract, exchangeOf, expectError } from "../support/contract-check.ts";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import { connectRaw, head } from "../support/raw-http.ts";

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    agents: { defaults: { model: "builtin/offline" }, entries: { main: { tools: ["calculator"] }, beta: {} } },
  });
});

type Row = readonly [body: object, code: string, param: string | null];

const user = { role: "user", content: "hi" };
const tool = (name: string, more: object = {}) => ({ type: "function", function: { name, ...more } });
const tools = [tool("one"), tool("two")];
const call = { id: "call_1", type: "function", function: { name: "one", arguments: "{}" } };
const image = { type: "image_url", image_url: { url: "https://example.org/a.png" } };

/** One message instead of a good one. */
const message = (wrong: unknown) => say("hi", { messages: [wrong] });
const part = (wrong: unknown) => message({ role: "user", content: [wrong] });
const allowed = (more: object) => say("hi", { tools, tool_choice: { type: "allowed_tools", allowed_tools: { mode: "auto", ...more } } });
const format = (wrong: unknown) => say("hi", { response_format: wrong });

const fields: { readonly [what: string]: Row } = {
  "an empty object": [{}, "missing_required_parameter", "model"],
  "no model": [{ messages: [user] }, "missing_required_parameter", "model"],
  "no messages": [{ model: "openclaw" }, "missing_required_parameter", "messages"],
  "a model that is null": [say("hi", { model: null }), "invalid_type", "model"],
  "a model that is a number": [say("hi", { model: 5 }), "invalid_type", "model"],
  "messages that are null": [say("hi", { messages: null }), "invalid_type", "messages"],
  "messages that are text": [say("hi", { messages: "hi" }), "invalid_type", "messages"],
  "messages that are empty": [say("hi", { messages: [] }), "empty_array", "messages"],
  "a stream that is text": [say("hi", { stream: "true" }), "invalid_type", "stream"],
  "a stream that is a number": [say("hi", { stream: 1 }), "invalid_type", "stream"],
  "stream options without a stream": [say("hi", { stream_options: {} }), "invalid_value", "stream_options"],
  "stream options with stream: false": [say("hi", { stream: false, stream_options: {} }), "invalid_value", "stream_options"],
  "stream options with stream: null": [say("hi", { stream: null, stream_options: {} }), "invalid_value", "stream_options"],
  "stream options that are a list": [say("hi", { stream: true, stream_options: [] }), "invalid_type", "stream_options"],
  "a wish for usage that is text": [
    say("hi", { stream: true, stream_options: { include_usage: "yes" } }),
    "invalid_type",
    "stream_options.include_usage",
  ],
  "a user that is a number": [say("hi", { user: 5 }), "invalid_type", "user"],
  "a user with a line break": [say("hi", { user: "a\nb" }), "invalid_value", "user"],
  "a user with half a character": [say("hi", { user: "a\ud800" }), "invalid_value", "user"],
  "a user that is too long": [say("hi", { user: "a".repeat(500) }), "invalid_value", "user"],
  "a temperature over 2": [say("hi", { temperature: 2.1 }), "invalid_value", "temperature"],
  "a temperature below 0": [say("hi", { temperature: -0.1 }), "invalid_value", "temperature"],
  "a temperature that is text": [say("hi", { temperature: "1" }), "invalid_type", "temperature"],
  "a top_p over 1": [say("hi", { top_p: 1.1 }), "invalid_value", "top_p"],
  "a frequency penalty over 2": [say("hi", { frequency_penalty: 2.1 }), "invalid_value", "frequency_penalty"],
  "a presence penalty below -2": [say("hi", { presence_penalty: -2.1 }), "invalid_value", "presence_penalty"],
  "a bias over 100": [say("hi", { logit_bias: { "5": 101 } }), "invalid_value", "logit_bias[5]"],
  "no tokens at all": [say("hi", { max_tokens: 0 }), "invalid_value", "max_tokens"],
  "half a token": [say("hi", { max_completion_tokens: 1.5 }), "invalid_type", "max_completion_tokens"],
  "no stop sequences": [say("hi", { stop: [] }), "empty_array", "stop"],
  "five stop sequences": [say("hi", { stop: ["a", "b", "c", "d", "e"] }), "invalid_value", "stop"],
  "a stop sequence that is a number": [say("hi", { stop: ["a", 1] }), "invalid_type", "stop[1]"],
  "a seed that is a fraction": [say("hi", { seed: 1.5 }), "invalid_type", "seed"],
  "an effort that nobody knows": [say("hi", { reasoning_effort: "heroic" }), "invalid_value", "reasoning_effort"],
  "a verbosity that nobody knows": [say("hi", { verbosity: "chatty" }), "invalid_value", "verbosity"],
  "a service tier that nobody knows": [say("hi", { service_tier: "gold" }), "invalid_value", "service_tier"],
  "a cache retention that nobody knows": [say("hi", { prompt_cache_retention: "1h" }), "invalid_value", "prompt_cache_retention"],
  "a safety identifier that is too long": [say("hi", { safety_identifier: "a".repeat(65) }), "invalid_value", "safety_identifier"],
  "parallel calls that are text": [say("hi", { parallel_tool_calls: "no" }), "invalid_type", "parallel_tool_calls"],
  "metadata that is text": [say("hi", { metadata: "x" }), "invalid_type", "metadata"],
  "metadata with a number": [say("hi", { metadata: { a: 1 } }), "invalid_type", "metadata.a"],
  "metadata with a long value": [say("hi", { metadata: { a: "x".repeat(513) } }), "invalid_value", "metadata.a"],
  "metadata with a long key": [say("hi", { metadata: { ["k".repeat(65)]: "x" } }), "invalid_value", "metadata"],
  "metadata with too many keys": [
    say("hi", { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`k${n}`, "x"])) }),
    "invalid_value",
    "metadata",
  ],
  "n: 0": [say("hi", { n: 0 }), "invalid_value", "n"],
  "n: 129": [say("hi", { n: 129 }), "invalid_value", "n"],
  "a modality that nobody knows": [say("hi", { modalities: ["smell"] }), "invalid_value", "modalities[0]"],
  "top_logprobs over 20": [say("hi", { top_logprobs: 21 }), "invalid_value", "top_logprobs"],
};

const messages: { readonly [what: string]: Row } = {
  null: [message(null), "invalid_type", "messages[0]"],
  text: [message("hi"), "invalid_type", "messages[0]"],
  "a list": [message([]), "invalid_type", "messages[0]"],
  "nothing in the second": [say("hi", { messages: [user, {}] }), "missing_required_parameter", "messages[1].role"],
  "a role that nobody knows": [message({ role: "bot", content: "hi" }), "invalid_value", "messages[0].role"],
  "a role in capitals": [message({ role: "User", content: "hi" }), "invalid_value", "messages[0].role"],
  "a role that is a number": [message({ role: 5, content: "hi" }), "invalid_type", "messages[0].role"],
  "a role that is null": [message({ role: null, content: "hi" }), "missing_required_parameter", "messages[0].role"],
  "the role function": [message({ role: "function", name: "f", content: "x" }), "unsupported_parameter", "messages[0].role"],
  "no content": [message({ role: "user" }), "missing_required_parameter", "messages[0].content"],
  "content that is null": [message({ role: "user", content: null }), "invalid_type", "messages[0].content"],
  "content that is a number": [message({ role: "system", content: 5 }), "invalid_type", "messages[0].content"],
  "content without parts": [message({ role: "user", content: [] }), "empty_array", "messages[0].content"],
  "a name that is a number": [message({ ...user, name: 5 }), "invalid_type", "messages[0].name"],
  "a part that is text": [part("hi"), "invalid_type", "messages[0].content[0]"],
  "a part that is null": [part(null), "invalid_type", "messages[0].content[0]"],
  "a part without a type": [part({ text: "hi" }), "missing_required_parameter", "messages[0].content[0].type"],
  "a part of a type that nobody knows": [part({ type: "video" }), "invalid_value", "messages[0].content[0].type"],
  "a text part without text": [part({ type: "text" }), "missing_required_parameter", "messages[0].content[0].text"],
  "a text part that is a number": [part({ type: "text", text: 5 }), "invalid_type", "messages[0].content[0].text"],
  "an image for a model without eyes": [
    message({ role: "user", content: [{ type: "text", text: "what is it?" }, image] }),
    "unsupported_parameter",
    "messages[0].content[1]",
  ],
  "a sound": [part({ type: "input_audio", input_audio: { data: "", format: "wav" } }), "unsupported_parameter", "messages[0].content[0]"],
  "a file by its id": [part({ type: "file", file: { file_id: "f" } }), "unsupported_parameter", "messages[0].content[0].file.file_id"],
  "a mark for the cache": [
    part({ type: "text", text: "hi", prompt_cache_breakpoint: { mode: "explicit" } }),
    "unsupported_parameter",
    "messages[0].content[0].prompt_cache_breakpoint",
  ],
  "an image in instructions": [message({ role: "developer", content: [image] }), "invalid_value", "messages[0].content[0].type"],
  "an assistant that says nothing": [
    say("hi", { messages: [{ role: "assistant" }, user] }),
    "missing_required_parameter",
    "messages[0].content",
  ],
  "an assistant with a voice": [
    say("hi", { messages: [{ role: "assistant", content: "a", audio: { id: "x" } }, user] }),
    "unsupported_parameter",
    "messages[0].audio",
  ],
  "an assistant with a function call": [
    say("hi", { messages: [{ role: "assistant", function_call: { name: "f", arguments: "" } }, user] }),
    "unsupported_parameter",
    "messages[0].function_call",
  ],
  "a call without an id": [
    say("hi", { messages: [user, { role: "assistant", tool_calls: [{ ...call, id: undefined }] }] }),
    "missing_required_parameter",
    "messages[1].tool_calls[0].id",
  ],
  "a call of a custom tool": [
    say("hi", { messages: [user, { role: "assistant", tool_calls: [{ id: "c", type: "custom", custom: {} }] }] }),
    "unsupported_parameter",
    "messages[1].tool_calls[0]",
  ],
  "a call with arguments that are an object": [
    say("hi", { messages: [user, { role: "assistant", tool_calls: [{ ...call, function: { name: "one", arguments: {} } }] }] }),
    "invalid_type",
    "messages[1].tool_calls[0].function.arguments",
  ],
  "a result without the id of its call": [
    message({ role: "tool", content: "21 °C" }),
    "missing_required_parameter",
    "messages[0].tool_call_id",
  ],
  "a result of no call": [
    say("hi", { messages: [user, { role: "tool", tool_call_id: "call_1", content: "21 °C" }] }),
    "invalid_value",
    "messages[1].tool_call_id",
  ],
  "a second result of one call": [
    say("hi", {
      messages: [
        user,
        { role: "assistant", tool_calls: [call] },
        { role: "tool", tool_call_id: "call_1", content: "1" },
        { role: "tool", tool_call_id: "call_1", content: "2" },
      ],
    }),
    "invalid_value",
    "messages[3].tool_call_id",
  ],
};

const toolRows: { readonly [what: string]: Row } = {
  "an object": [say("hi", { tools: {} }), "invalid_type", "tools"],
  null: [say("hi", { tools: [null] }), "invalid_type", "tools[0]"],
  "one without a type": [say("hi", { tools: [{ function: { name: "f" } }] }), "missing_required_parameter", "tools[0].type"],
  "one of a type that nobody knows": [say("hi", { tools: [{ type: "browser" }] }), "invalid_value", "tools[0].type"],
  "a custom one": [
    say("hi", { tools: [tool("one"), { type: "custom", custom: { name: "f" } }] }),
    "unsupported_parameter",
    "tools[1].type",
  ],
  "one without a function": [say("hi", { tools: [{ type: "function" }] }), "missing_required_parameter", "tools[0].function"],
  "one without a name": [
    say("hi", { tools: [{ type: "function", function: {} }] }),
    "missing_required_parameter",
    "tools[0].function.name",
  ],
  "a name with a blank": [say("hi", { tools: [tool("get weather")] }), "invalid_value", "tools[0].function.name"],
  "a name of 65 characters": [say("hi", { tools: [tool("a".repeat(65))] }), "invalid_value", "tools[0].function.name"],
  "parameters that are text": [say("hi", { tools: [tool("f", { parameters: "{}" })] }), "invalid_type", "tools[0].function.parameters"],
  "the same name twice": [say("hi", { tools: [tool("f"), tool("g"), tool("f")] }), "invalid_value", "tools[2].function.name"],
  "more than 128": [say("hi", { tools: Array.from({ length: 129 }, (_, n) => tool(`f${n}`)) }), "invalid_value", "tools"],
  "the name of a tool of the agent's own": [
    say("hi", { tools: [tool("f"), tool("calculator")] }),
    "invalid_value",
    "tools[1].function.name",
  ],
  "a choice that nobody knows": [say("hi", { tools, tool_choice: "sometimes" }), "invalid_value", "tool_choice"],
  "a choice that is a number": [say("hi", { tools, tool_choice: 5 }), "invalid_value", "tool_choice"],
  "a choice without a type": [say("hi", { tools, tool_choice: {} }), "missing_required_parameter", "tool_choice.type"],
  "a choice of a type that nobody knows": [say("hi", { tools, tool_choice: { type: "any" } }), "invalid_value", "tool_choice.type"],
  "a choice that is required without tools": [say("hi", { tool_choice: "required" }), "invalid_value", "tool_choice"],
  "a choice that is required with no tools": [say("hi", { tools: [], tool_choice: "required" }), "invalid_value", "tool_choice"],
  "a named choice without tools": [say("hi", { tool_choice: tool("one") }), "invalid_value", "tool_choice"],
  "a named choice of no tool": [say("hi", { tools, tool_choice: tool("three") }), "invalid_value", "tool_choice.function.name"],
  "a named choice without a function": [
    say("hi", { tools, tool_choice: { type: "function" } }),
    "missing_required_parameter",
    "tool_choice.function",
  ],
  "a custom choice": [
    say("hi", { tools, tool_choice: { type: "custom", custom: { name: "one" } } }),
    "unsupported_parameter",
    "tool_choice",
  ],
  "a choice among none": [allowed({ tools: [] }), "empty_array", "tool_choice.allowed_tools.tools"],
  "a choice among others": [allowed({ tools: [tool("one"), tool("three")] }), "invalid_value", "tool_choice.allowed_tools.tools[1]"],
  "a choice among things that are no tools": [allowed({ tools: [{ name: "one" }] }), "invalid_value", "tool_choice.allowed_tools.tools[0]"],
  "a choice in a mode that nobody knows": [allowed({ mode: "never", tools }), "invalid_value", "tool_choice.allowed_tools.mode"],
};

const formats: { readonly [what: string]: Row } = {
  text: [format("json"), "invalid_type", "response_format"],
  "an object without a type": [format({}), "missing_required_parameter", "response_format.type"],
  "a type that nobody knows": [format({ type: "xml" }), "invalid_value", "response_format.type"],
  "a schema that is missing": [format({ type: "json_schema" }), "missing_required_parameter", "response_format.json_schema"],
  "a schema without a name": [
    format({ type: "json_schema", json_schema: { schema: {} } }),
    "missing_required_parameter",
    "response_format.json_schema.name",
  ],
  "a schema with a bad name": [
    format({ type: "json_schema", json_schema: { name: "a b" } }),
    "invalid_value",
    "response_format.json_schema.name",
  ],
  "a schema that is a list": [
    format({ type: "json_schema", json_schema: { name: "a", schema: [] } }),
    "invalid_type",
    "response_format.json_schema.schema",
  ],
};

/** A value of each field that the contract refuses. */
const refused: { readonly [field: string]: unknown } = {
  n: 2,
  logprobs: true,
  top_logprobs: 0,
  audio: { voice: "alloy", format: "wav" },
  modalities: ["text", "audio"],
  functions: [{ name: "f" }],
  function_call: "auto",
  prediction: { type: "content", content: "hi" },
  web_search_options: {},
  moderation: { model: "any" },
  prompt_cache_options: { mode: "explicit" },
};

interface SchemaOf {
  readonly components: {
    readonly schemas: {
      readonly ChatCompletionRequest: {
        readonly required: readonly string[];
        readonly properties: { readonly [name: string]: { readonly description: string } };
      };
    };
  };
}
const { required, properties } = (contract as unknown as SchemaOf).components.schemas.ChatCompletionRequest;
const optional = Object.keys(properties).filter((name) => !required.includes(name));

async function expectRefusal([body, code, param]: Row): Promise<void> {
  const error = expectError(await exchangeOf(await gateway.chat(body)), { status: 400, code, param });
  expect(error.type).toBe("invalid_request_error");
}

describe.each([
  ["a body with", fields],
  ["messages with", messages],
  ["tools with", toolRows],
  ["a response format with", formats],
])("%s", (_where, rows) => {
  test.each(Object.keys(rows))("%s is refused with the path to it", async (what) => {
    await expectRefusal(rows[what] as Row);
  });
});

describe("a field that the contract refuses", () => {
  test.each(Object.keys(refused))("is refused and not dropped in silence: %s", async (field) => {
    await expectRefusal([say("hi", { [field]: refused[field] }), "unsupported_parameter", field]);
  });

  test("is in the table above", () => {
    const named = Object.keys(properties).filter((name) =>
      /\*\*refused\*\*/i.test((properties[name]?.description ?? "").replaceAll(/[.,:]/g, "")),
    );
    expect(Object.keys(refused).sort()).toEqual(named.filter((name) => name !== "tools" && name !== "tool_choice").sort());
  });

  test.each([
    ["n", 1],
    ["logprobs", false],
    ["store", false],
    ["store", true],
    ["modalities", ["text"]],
    ["metadata", { team: "a" }],
    ["stop", "never"],
    ["tool_choice", "none"],
    ["tools", []],
  ])("has a value that asks for nothing special: %s: %j", async (field, value) => {
    expect((await gateway.chat(say("hi", { [field]: value }))).status).toBe(200);
  });
});

describe("a null", () => {
  test.each(optional)("is an absent field: %s", async (field) => {
    const reply = await gateway.chat(say("hi", { [field]: null }));
    expect([reply.status, reply.headers.get("content-type")]).toEqual([200, "application/json; charset=utf-8"]);
  });

  test("is an absent field in all of them at once", async () => {
    const nulls = Object.fromEntries(optional.map((field) => [field, null]));
    expect((await gateway.chat(say("hi", nulls))).status).toBe(200);
    expect((await gateway.chat(say("hi", { ...nulls, stream: true }))).status).toBe(200);
  });

  test("is an absent field inside messages, tools and options", async () => {
    const body = say("hi", {
      stream: true,
      stream_options: { include_usage: null, include_obfuscation: null },
      tools: [tool("f", { description: null, parameters: null, strict: null })],
      messages: [
        { role: "system", content: "Be brief.", name: null },
        { role: "developer", content: [{ type: "text", text: "Be kind.", prompt_cache_breakpoint: null }], name: null },
        { role: "user", content: "hi", name: null },
        { role: "assistant", content: "a", refusal: null, name: null, tool_calls: null, audio: null, function_call: null },
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: "call_1", content: "x" },
      ],
    });
    expect((await gateway.chat(body)).status).toBe(200);
  });
});

test("a field that nobody knows is ignored wherever it stands", async () => {
  const unknown = { base_url: "http://127.0.0.1:1/v1", api_key: "x", extra_body: { a: [1, { b: null }] } };
  const body = { ...say("hi", { ...unknown, tools: [{ ...tool("f", unknown), ...unknown }] }), messages: [{ ...user, ...unknown }] };
  const reply = await gateway.chat(body);
  expect(reply.status).toBe(200);
  expect(await reply.json()).toMatchObject({ choices: [{ finish_reason: "stop" }] });
});

test.each(["temperature", "max_tokens", "max_completion_tokens", "n"])("%s that no JSON number can hold is refused", async (param) => {
  const body = JSON.stringify(say("hi", { [param]: 0 })).replace(`"${param}":0`, `"${param}":1e999`);
  expectError(await exchangeOf(await gateway.chat(body)), { status: 400, code: "invalid_value", param });
});

test("a type that none of the parts has is answered with all of theirs", async () => {
  const { error } = (await (await gateway.chat(part({ type: "picture" }))).json()) as { error: { message: string } };
  expect(error.message).toBe(`'messages[0].content[0].type' must be one of: "text", "image_url", "input_audio", "file".`);
});

test("a body whose client leaves in the middle is no fault of the gateway's, although its connection may still have another reply", async () => {
  const app = new Koa<State>();
  const failed = new Promise<unknown>((resolve) => {
    app.use(async (ctx, next) => {
      ctx.state.route = { hasBody: true } as State["route"];
      // As Node says it of a request, while the connection is not closed yet.
      setImmediate(() => ctx.req.emit("aborted"));
      await next().catch(resolve);
      ctx.body = "";
    });
  });
  app.use(readBody(1_000));
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const headers = { "content-type": "application/json", "content-length": "100" };
  const raw = await connectRaw(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  raw.send(head("POST /", headers), "{");
  expect(await failed).toMatchObject({ code: "invalid_json", message: "The connection ended before the body was complete." });
  raw.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
