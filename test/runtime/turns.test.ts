/** The agent loop from the outside: what the provider is asked, turn by turn, and what comes of its answers. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { foldStream } from "../faces/event-stream.ts";
import { onProvider } from "../faces/provider.ts";

interface Asked {
  readonly messages: readonly object[];
  readonly tools?: readonly { readonly function: { readonly name: string } }[];
  readonly tool_choice?: unknown;
  readonly parallel_tool_calls?: boolean;
}

interface Completion {
  readonly choices: readonly [
    {
      readonly finish_reason: string;
      readonly message: { readonly content: string | null; readonly tool_calls?: readonly { id: string; function: object }[] };
    },
  ];
}

const tool = (name: string, more: object = {}) => ({ type: "function", function: { name, ...more } });
const weather = tool("get_weather", {
  description: "The weather of a city.",
  parameters: { type: "object", properties: { city: { type: "string" } } },
  strict: true,
});
const calculate = (expression: string, id = "own") => ({ id, name: "calculator", arguments: JSON.stringify({ expression }) });
const callWeather = { id: "theirs", name: "get_weather", arguments: '{"city":"Seoul"}' };
const own = ["calculator", "current_time", "memory_save", "memory_recall"];

let stub: StubUpstream;
let gateway: TestGateway;
let before: number;

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url, { maxTurns: 3, systemPrompt: "Be exact." }));
});

beforeEach(() => void (before = stub.requestCount));
afterAll(() => stub.close());

/** What the provider was asked since the test began. */
function asked(): Asked[] {
  return stub.requests.slice(before).map((request) => request.body as Asked);
}

const namesOf = ({ tools = [] }: Asked): string[] => tools.map((one) => one.function.name);

async function complete(body: object): Promise<Completion> {
  const response = await gateway.chat(body);
  const completion = (await response.json()) as Completion;
  expect({ status: response.status, completion }).toMatchObject({ status: 200 });
  return completion;
}

async function refused(body: object): Promise<{ status: number; code: string; param: string | null; message: string }> {
  const response = await gateway.chat(body);
  const { error } = (await response.json()) as { error: { code: string; param: string | null; message: string } };
  return { status: response.status, code: error.code, param: error.param, message: error.message };
}

describe("a run of several turns", () => {
  test("goes on with the results of the agent's own tools, after its instructions and the caller's messages", async () => {
    stub.reply({ text: "I calculate.", toolCalls: [calculate("6*7", "a"), calculate("1/0", "b")] }, { text: "42." });
    const { choices } = await complete({
      model: "openclaw",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "6*7?" },
      ],
    });
    expect(choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "I calculate.\n\n42." } });
    expect(asked()[1]?.messages).toEqual([
      { role: "system", content: "Be exact." },
      { role: "system", content: "Be brief." },
      { role: "user", content: "6*7?" },
      {
        role: "assistant",
        content: "I calculate.",
        tool_calls: [
          { id: "a", type: "function", function: { name: "calculator", arguments: '{"expression":"6*7"}' } },
          { id: "b", type: "function", function: { name: "calculator", arguments: '{"expression":"1/0"}' } },
        ],
      },
      { role: "tool", tool_call_id: "a", content: "42" },
      { role: "tool", tool_call_id: "b", content: "Error: '1/0' has no finite value." },
    ]);
  });

  test("tells the model of a tool that does not exist, and goes on", async () => {
    stub.reply({ toolCalls: [{ id: "x", name: "shell", arguments: "{}" }] }, { text: "Then not." });
    expect((await complete(say("hi"))).choices[0].message.content).toBe("Then not.");
    expect(asked()[1]?.messages.at(-1)).toEqual({
      role: "tool",
      tool_call_id: "x",
      content: `Error: There is no tool named 'shell'. Tools: ${own.join(", ")}.`,
    });
  });

  test("tells the model of arguments that are no JSON, byte for byte as it sent them", async () => {
    stub.reply({ toolCalls: [{ id: "x", name: "calculator", arguments: '{"expression": "1+' }] }, { text: "Sorry." });
    await complete(say("hi"));
    expect(asked()[1]?.messages.slice(-2)).toEqual([
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "x", type: "function", function: { name: "calculator", arguments: '{"expression": "1+' } }],
      },
      { role: "tool", tool_call_id: "x", content: "Error: The arguments are not a JSON object." },
    ]);
  });

  test("ends with max_turns_exceeded when the model never answers, after as many calls as are allowed", async () => {
    stub.reply(...["a", "b", "c", "d"].slice(0, 3).map((id) => ({ toolCalls: [calculate("1+1", id)] })));
    expect(await refused(say("hi"))).toEqual({
      status: 500,
      code: "max_turns_exceeded",
      param: null,
      message: "The agent called the model 3 times without reaching an answer (agents.*.maxTurns).",
    });
    expect(asked()).toHaveLength(3);
  });

  test("may answer in the last turn that is allowed", async () => {
    stub.reply({ toolCalls: [calculate("1")] }, { toolCalls: [calculate("2")] }, { text: "Done." });
    expect((await complete(say("hi"))).choices[0].message.content).toBe("Done.");
  });
});

describe("tools of the caller", () => {
  test("are offered beside the agent's own, exactly as they were sent", async () => {
    stub.reply({ text: "ok" });
    await complete(say("hi", { tools: [weather, tool("bare")], parallel_tool_calls: false }));
    const [request] = asked();
    expect(namesOf(request!)).toEqual(["get_weather", "bare", ...own]);
    expect(request?.tools?.slice(0, 2)).toEqual([weather, tool("bare")]);
    expect(request).toMatchObject({ parallel_tool_calls: false });
    expect(request).not.toHaveProperty("tool_choice");
  });

  test("end the run when they are called", async () => {
    stub.reply({ text: "Let me look.", toolCalls: [callWeather] });
    const { choices } = await complete(say("hi", { tools: [weather] }));
    expect(choices[0]).toMatchObject({ finish_reason: "tool_calls", message: { content: "Let me look." } });
    expect(choices[0].message.tool_calls).toEqual([
      { id: "theirs", type: "function", function: { name: "get_weather", arguments: '{"city":"Seoul"}' } },
    ]);
    expect(asked()).toHaveLength(1);
  });

  test("may not have the name of one of the agent's own", async () => {
    expect(await refused(say("hi", { tools: [weather, tool("calculator")] }))).toMatchObject({
      status: 400,
      code: "invalid_value",
      param: "tools[1].function.name",
    });
    stub.reply({ text: "ok" });
    await complete(say("hi", { model: "openclaw:plain", tools: [tool("calculator")] }));
    expect(namesOf(asked()[0]!)).toEqual(["calculator"]);
  });

  test("called in one turn with own ones are handed over after those were run; a session keeps both", async () => {
    stub.reply({ text: "Both.", toolCalls: [calculate("6*7"), callWeather] });
    const { choices } = await complete(say("hi", { user: "mixed", tools: [weather] }));
    expect(choices[0]).toMatchObject({ finish_reason: "tool_calls", message: { content: "Both." } });
    expect(choices[0].message.tool_calls?.map(({ id }) => id)).toEqual(["theirs"]);
    expect(asked()).toHaveLength(1);

    stub.reply({ text: "42 and sunny." });
    const result = { role: "tool", tool_call_id: "theirs", content: "sunny" };
    await complete({ model: "openclaw", user: "mixed", tools: [weather], messages: [result] });
    expect(asked()[1]?.messages.slice(-3)).toEqual([
      {
        role: "assistant",
        content: "Both.",
        tool_calls: [
          { id: "own", type: "function", function: { name: "calculator", arguments: '{"expression":"6*7"}' } },
          { id: "theirs", type: "function", function: { name: "get_weather", arguments: '{"city":"Seoul"}' } },
        ],
      },
      { role: "tool", tool_call_id: "own", content: "42" },
      result,
    ]);
  });

  test("called in one turn with own ones, without a session, are all that the caller has to resend", async () => {
    stub.reply({ toolCalls: [calculate("6*7"), callWeather] });
    const { choices } = await complete(say("hi", { tools: [weather] }));
    stub.reply({ text: "Sunny." });
    await complete({
      model: "openclaw",
      tools: [weather],
      messages: [{ role: "user", content: "hi" }, choices[0].message, { role: "tool", tool_call_id: "theirs", content: "sunny" }],
    });
    expect(JSON.stringify(asked()[1]?.messages)).not.toContain("calculator");
  });
});

describe("tool_choice", () => {
  const forced = { type: "function", function: { name: "get_weather" } };
  const other = tool("other");

  test.each<[string, unknown, unknown, string[]]>([
    ["auto", "auto", "auto", ["get_weather", "other", ...own]],
    ["none", "none", undefined, own],
    ["null", null, undefined, ["get_weather", "other", ...own]],
    ["allowed_tools, auto", { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [forced] } }, "auto", ["get_weather", ...own]],
  ])("%s offers what the caller's words mean", async (_, choice, sent, offered) => {
    stub.reply({ text: "ok" });
    await complete(say("hi", { tools: [weather, other], tool_choice: choice }));
    const [request] = asked();
    expect(namesOf(request!)).toEqual(offered);
    expect(request?.tool_choice).toEqual(sent);
  });

  test.each<[string, unknown, unknown, string[]]>([
    ["required", "required", "required", ["get_weather", "other"]],
    ["a named tool", forced, forced, ["get_weather", "other"]],
    [
      "allowed_tools, required",
      { type: "allowed_tools", allowed_tools: { mode: "required", tools: [forced] } },
      "required",
      ["get_weather"],
    ],
  ])("%s offers the caller's tools only, and their call is the answer", async (_, choice, sent, offered) => {
    stub.reply({ toolCalls: [callWeather] });
    const { choices } = await complete(say("hi", { tools: [weather, other], tool_choice: choice }));
    expect(choices[0].finish_reason).toBe("tool_calls");
    const [request] = asked();
    expect(namesOf(request!)).toEqual(offered);
    expect(request?.tool_choice).toEqual(sent);
  });

  test.each<[string, unknown, object]>([
    ["required, answered with words", "required", { text: "No." }],
    ["a named tool, answered with another one", forced, { toolCalls: [{ name: "other" }] }],
    ["a named tool, answered with words", forced, { text: "No." }],
  ])("%s, is a failure and not a silent text", async (_, choice, reply) => {
    stub.reply(reply);
    expect(await refused(say("hi", { tools: [weather, other], tool_choice: choice }))).toMatchObject({
      status: 502,
      code: "tool_choice_unmet",
      param: "tool_choice",
    });
    stub.reply(reply);
    const streamed = await gateway.chat(say("hi", { tools: [weather, other], tool_choice: choice, stream: true }));
    if (streamed.ok) expect((await foldStream(streamed)).error).toMatchObject({ code: "tool_choice_unmet" });
    else expect(((await streamed.json()) as { error: object }).error).toMatchObject({ code: "tool_choice_unmet" });
  });

  test.each<[string, unknown, string]>([
    ["required", "required", "tool_choice"],
    ["a named tool", forced, "tool_choice"],
  ])("%s without tools is refused", async (_, choice, param) => {
    expect(await refused(say("hi", { tool_choice: choice }))).toMatchObject({ status: 400, param });
    expect(asked()).toHaveLength(0);
  });

  test("of a tool that was not sent is refused", async () => {
    expect(await refused(say("hi", { tools: [other], tool_choice: forced }))).toMatchObject({
      status: 400,
      param: "tool_choice.function.name",
    });
  });

  test("none with an agent without tools sends neither tools nor choice, which providers would refuse", async () => {
    stub.reply({ text: "ok" });
    await complete(say("hi", { model: "openclaw:plain", tools: [weather], tool_choice: "none", parallel_tool_calls: true }));
    const [request] = asked();
    for (const field of ["tools", "tool_choice", "parallel_tool_calls"]) expect(request).not.toHaveProperty(field);
  });
});

describe("a turn that is cut by its token limit", () => {
  const cut = { text: "I was about to", toolCalls: [{ ...calculate("6*7"), arguments: '{"expression":"6' }], finishReason: "length" };

  test("runs no tool and is the answer, as far as it came", async () => {
    stub.reply(cut);
    const { choices } = await complete(say("hi"));
    expect(choices[0]).toMatchObject({ finish_reason: "length", message: { content: "I was about to" } });
    expect(choices[0].message).not.toHaveProperty("tool_calls");
    expect(asked()).toHaveLength(1);
  });

  test("runs no tool either when the arguments happen to be whole", async () => {
    stub.reply({ toolCalls: [{ name: "memory_save", arguments: '{"name":"a","value":"b"}' }], finishReason: "length" });
    await complete(say("hi", { user: "cut" }));
    stub.reply({ toolCalls: [{ id: "recall", name: "memory_recall" }] }, { text: "Nothing." });
    await complete(say("and?", { user: "cut" }));
    expect(asked().at(-1)?.messages.at(-1)).toEqual({ role: "tool", tool_call_id: "recall", content: "{}" });
    // The call that was not run does not stand in the history as one that was.
    expect(JSON.stringify(asked()[1]?.messages)).not.toContain("memory_save");
  });

  test("hands over the caller's call as far as it came", async () => {
    stub.reply({ toolCalls: [{ ...callWeather, arguments: '{"city":' }], finishReason: "length" });
    const { choices } = await complete(say("hi", { tools: [weather] }));
    expect(choices[0].finish_reason).toBe("length");
    expect(choices[0].message.tool_calls?.[0]?.function).toEqual({ name: "get_weather", arguments: '{"city":' });
  });
});

test("a call of the caller's tool that was not offered is not handed over: the model hears that there is no such tool", async () => {
  stub.reply({ toolCalls: [callWeather] }, { text: "I cannot look." });
  const { choices } = await complete(say("hi", { tools: [weather], tool_choice: "none" }));
  expect(choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "I cannot look." } });
  expect(JSON.stringify(asked()[1]?.messages.at(-1))).toContain("There is no tool named 'get_weather'");
});

test("a demanded call that a token limit prevented is an error that says so", async () => {
  stub.reply({ text: "I thi", finishReason: "length" });
  expect(await refused(say("hi", { tools: [weather], tool_choice: "required" }))).toMatchObject({
    status: 502,
    code: "tool_choice_unmet",
    message: "The model came to its token limit before it called a tool, which tool_choice asked for.",
  });
});

describe("settings of the caller", () => {
  test("reach the provider in every turn, and nothing that is not known does", async () => {
    stub.reply({ toolCalls: [calculate("1+1")] }, { text: "2" });
    const settings = {
      temperature: 0.3,
      top_p: 0.9,
      frequency_penalty: 0.1,
      presence_penalty: -0.1,
      logit_bias: { "50256": -100 },
      max_completion_tokens: 100,
      stop: ["END"],
      seed: 7,
      reasoning_effort: "low",
      verbosity: "low",
      response_format: { type: "text" },
    };
    await complete(say("hi", { ...settings, user: "settings", metadata: { a: "b" }, base_url: "http://127.0.0.1:1", made_up: true }));
    expect(asked()).toHaveLength(2);
    for (const [turn, request] of asked().entries()) {
      // The stub's turns write five tokens each.
      expect(request).toMatchObject({ ...settings, max_completion_tokens: 100 - 5 * turn, model: "test-model" });
      for (const field of ["user", "metadata", "base_url", "made_up"]) expect(request).not.toHaveProperty(field);
    }
  });

  test("as explicit nulls are as good as absent", async () => {
    stub.reply({ text: "ok" });
    await complete(
      say("hi", { temperature: null, tools: null, tool_choice: null, stop: null, response_format: null, stream: null, user: null }),
    );
    const [request] = asked();
    for (const field of ["temperature", "tool_choice", "stop", "response_format"]) expect(request).not.toHaveProperty(field);
  });
});
