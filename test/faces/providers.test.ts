/**
 * One suite, many providers: the same conversation over OpenAI's, Anthropic's and Google's wire. Whoever answers, the
 * caller reads the same chunks, the run has the same events, and the provider was asked the same.
 */
import { EventEmitter, once } from "node:events";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { type NeutralRequest, readRequest } from "../support/stub-requests.ts";
import { startStubUpstream, stubText, type StubReply, type StubScript, type StubUpstream } from "../support/stub-upstream.ts";
import { StreamReader } from "./event-stream.ts";
import { gatewayWith, providerKey } from "./provider.ts";
import { eventsOf, framesOf, providerOf, wireSubjects } from "./wires.ts";

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather of a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const city = { type: "object", properties: { city: { type: "string" }, people: { type: "integer" } }, required: ["city", "people"] };
const format = { type: "json_schema", json_schema: { name: "city", schema: { ...city, additionalProperties: false }, strict: true } };
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const calculate = { id: "own", name: "calculator", arguments: '{"expression":"6 * 7"}' };
const askWeather = { id: "theirs", name: "get_weather", arguments: '{"city":"Seoul"}' };
const ownCall = { id: "own", name: "calculator", arguments: { expression: "6 * 7" } };
const theirCall = { id: "theirs", name: "get_weather", arguments: { city: "Seoul" } };

const begin = { role: "assistant", content: "", refusal: null };
const total = (times: number) => ({ usage: { input: 9 * times, output: 5 * times, total: 14 * times } });
const spoken = (text: string, times = 1, finish = "stop") => [begin, { content: text }, { finish }, total(times), "[DONE]"];
const callFrames = [
  { tool_calls: [{ index: 0, id: "theirs", type: "function", function: { name: "get_weather", arguments: "" } }] },
  { tool_calls: [{ index: 0, function: { arguments: askWeather.arguments } }] },
];

const usage = { inputTokens: 9, outputTokens: 5 };
const start = (turn: number, model: string) => ({ type: "turn_start", turn, model });
const text = (value: string) => ({ type: "text_delta", text: value });
const reply = (content: string, toolCalls: object[] = []) => ({ role: "assistant", content, toolCalls });
const result = (call: { id: string }, content: string) => ({
  role: "tool",
  toolCallId: call.id,
  content: [{ type: "text", text: content }],
});
const turnEnd = (finishReason: string, ...messages: object[]) => ({ type: "turn_end", messages, finishReason, usage });
const runEnd = (model: string, finishReason: string, turns = 1) => ({
  type: "run_end",
  status: "completed",
  finishReason,
  model,
  turns,
  usage: { inputTokens: 9 * turns, outputTokens: 5 * turns },
});
const called = (owner: string, call: typeof calculate) => {
  const whole = [{ type: "tool_call_delta", owner, index: 0, arguments: call.arguments }];
  return [{ type: "tool_call_start", owner, index: 0, id: call.id, name: call.name }, ...whole];
};
const callEnd = (owner: string, call: object) => ({ type: "tool_call_end", owner, index: 0, call });

const user = (...parts: object[]) => ({ role: "user", parts });
const assistant = (...parts: object[]) => ({ role: "assistant", parts });

interface Scenario {
  readonly it: string;
  readonly body: { readonly model: string; readonly messages: object[] };
  readonly turns: readonly StubReply[];
  /** What the caller's stream holds. */
  readonly frames: readonly unknown[];
  readonly events: (model: string) => readonly object[];
  /** What the provider was asked, turn by turn; `Be exact.`, and no tools, unless told. */
  readonly asked: readonly (Partial<Pick<NeutralRequest, "toolChoice" | "jsonSchema" | "isSerial">> & {
    readonly tools?: readonly string[];
    readonly messages: readonly object[];
  })[];
}

const plain = { model: "openclaw:plain" };

const scenarios: readonly Scenario[] = [
  {
    it: "a text",
    body: say("Hello?", plain),
    turns: [{ text: "Hello, 세상 ✓ 👩‍🚀\n", chunks: 5 }],
    frames: spoken("Hello, 세상 ✓ 👩‍🚀\n"),
    events: (model) => [
      { type: "run_start" },
      start(1, model),
      text("Hello, 세상 ✓ 👩‍🚀\n"),
      turnEnd("stop", reply("Hello, 세상 ✓ 👩‍🚀\n")),
      runEnd(model, "stop"),
    ],
    asked: [{ messages: [user({ text: "Hello?" })] }],
  },
  {
    it: "a text that the token limit cut",
    body: say("Hello?", plain),
    turns: [{ text: "Once upon", finishReason: "length" }],
    frames: spoken("Once upon", 1, "length"),
    events: (model) => [
      { type: "run_start" },
      start(1, model),
      text("Once upon"),
      turnEnd("length", reply("Once upon")),
      runEnd(model, "length"),
    ],
    asked: [{ messages: [user({ text: "Hello?" })] }],
  },
  {
    it: "the agent's own tool, then a text",
    body: say("6 * 7?"),
    turns: [{ text: "Let me see.", toolCalls: [calculate] }, { text: "It is 42." }],
    frames: spoken("Let me see.\n\nIt is 42.", 2),
    events: (model) => [
      { type: "run_start" },
      start(1, model),
      text("Let me see."),
      ...called("agent", calculate),
      callEnd("agent", calculate),
      { type: "tool_start", call: calculate },
      { type: "tool_result", call: calculate, content: "42", isError: false },
      turnEnd("tool_calls", reply("Let me see.", [calculate]), result(calculate, "42")),
      start(2, model),
      text("\n\nIt is 42."),
      turnEnd("stop", reply("It is 42.")),
      runEnd(model, "stop", 2),
    ],
    asked: [
      { tools: ["calculator"], messages: [user({ text: "6 * 7?" })] },
      {
        tools: ["calculator"],
        messages: [
          user({ text: "6 * 7?" }),
          assistant({ text: "Let me see." }, { call: ownCall }),
          user({ result: { id: "own", text: "42" } }),
        ],
      },
    ],
  },
  {
    it: "the caller's tool, handed over",
    body: say("How is Seoul?", { ...plain, tools: [weather] }),
    turns: [{ toolCalls: [askWeather] }],
    frames: [begin, ...callFrames, { finish: "tool_calls" }, total(1), "[DONE]"],
    events: (model) => [
      { type: "run_start" },
      start(1, model),
      ...called("caller", askWeather),
      callEnd("caller", askWeather),
      turnEnd("tool_calls", reply("", [askWeather])),
      runEnd(model, "tool_calls"),
    ],
    asked: [{ tools: ["get_weather"], messages: [user({ text: "How is Seoul?" })] }],
  },
  {
    it: "a call without arguments",
    body: say("How is it?", { ...plain, tools: [{ type: "function", function: { name: "get_weather" } }] }),
    turns: [{ toolCalls: [{ ...askWeather, arguments: "{}" }] }],
    frames: [
      begin,
      callFrames[0],
      { tool_calls: [{ index: 0, function: { arguments: "{}" } }] },
      { finish: "tool_calls" },
      total(1),
      "[DONE]",
    ],
    events: (model) => [
      { type: "run_start" },
      start(1, model),
      ...called("caller", { ...askWeather, arguments: "{}" }),
      callEnd("caller", { ...askWeather, arguments: "{}" }),
      turnEnd("tool_calls", reply("", [{ ...askWeather, arguments: "{}" }])),
      runEnd(model, "tool_calls"),
    ],
    asked: [{ tools: ["get_weather"], messages: [user({ text: "How is it?" })] }],
  },
  {
    it: "a mixed turn: the agent's tool is run, the caller's handed over",
    body: say("How is Seoul, and 6 * 7?", { tools: [weather] }),
    turns: [{ toolCalls: [calculate, askWeather] }],
    frames: [begin, ...callFrames, { finish: "tool_calls" }, total(1), "[DONE]"],
    events: (model) => [
      { type: "run_start" },
      start(1, model),
      ...called("agent", calculate),
      ...called("caller", askWeather),
      callEnd("agent", calculate),
      callEnd("caller", askWeather),
      { type: "tool_start", call: calculate },
      { type: "tool_result", call: calculate, content: "42", isError: false },
      turnEnd("tool_calls", reply("", [calculate, askWeather]), result(calculate, "42")),
      runEnd(model, "tool_calls"),
    ],
    asked: [{ tools: ["get_weather", "calculator"], messages: [user({ text: "How is Seoul, and 6 * 7?" })] }],
  },
  {
    it: "the results of the caller's tools, which continue the turn",
    body: {
      ...plain,
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "How are Seoul and Busan?" },
        {
          role: "assistant",
          content: "I look.",
          tool_calls: [
            { id: "c1", type: "function", function: { name: "get_weather", arguments: '{"city":"Seoul"}' } },
            { id: "c2", type: "function", function: { name: "get_weather", arguments: '{"city":"Busan"}' } },
          ],
        },
        { role: "tool", tool_call_id: "c1", content: "Sunny" },
        { role: "tool", tool_call_id: "c2", content: [{ type: "text", text: "Rain" }] },
      ],
      tools: [weather],
    } as Scenario["body"],
    turns: [{ text: "Sun and rain." }],
    frames: spoken("Sun and rain."),
    events: (model) => [
      { type: "run_start" },
      start(1, model),
      text("Sun and rain."),
      turnEnd("stop", reply("Sun and rain.")),
      runEnd(model, "stop"),
    ],
    asked: [
      {
        tools: ["get_weather"],
        messages: [
          user({ text: "How are Seoul and Busan?" }),
          assistant(
            { text: "I look." },
            { call: { id: "c1", name: "get_weather", arguments: { city: "Seoul" } } },
            { call: { id: "c2", name: "get_weather", arguments: { city: "Busan" } } },
          ),
          user({ result: { id: "c1", text: "Sunny" } }, { result: { id: "c2", text: "Rain" } }),
        ],
      },
    ],
  },
  {
    it: "an image among the texts",
    body: {
      ...plain,
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            { type: "image_url", image_url: { url: `data:image/png;base64,${pixel}` } },
          ],
        },
      ],
    },
    turns: [{ text: "A pixel." }],
    frames: spoken("A pixel."),
    events: (model) => [
      { type: "run_start" },
      start(1, model),
      text("A pixel."),
      turnEnd("stop", reply("A pixel.")),
      runEnd(model, "stop"),
    ],
    asked: [{ messages: [user({ text: "What is this?" }, { image: { mediaType: "image/png", data: pixel } })] }],
  },
  {
    it: "an object of a schema",
    body: say("Which city?", { ...plain, response_format: format }),
    turns: [{ text: '{"city":"Seoul","people":9}' }],
    frames: spoken('{"city":"Seoul","people":9}'),
    events: (model) => [
      { type: "run_start" },
      start(1, model),
      text('{"city":"Seoul","people":9}'),
      turnEnd("stop", reply('{"city":"Seoul","people":9}')),
      runEnd(model, "stop"),
    ],
    asked: [{ jsonSchema: city, messages: [user({ text: "Which city?" })] }],
  },
  {
    it: "reasoning before the text",
    body: say("Hello?", plain),
    turns: [{ reasoning: "They greet.", text: "Hello!" }],
    frames: [begin, { reasoning_content: "They greet." }, { content: "Hello!" }, { finish: "stop" }, total(1), "[DONE]"],
    events: (model) => [
      { type: "run_start" },
      start(1, model),
      { type: "reasoning_delta", text: "They greet." },
      text("Hello!"),
      turnEnd("stop", reply("Hello!")),
      runEnd(model, "stop"),
    ],
    asked: [{ messages: [user({ text: "Hello?" })] }],
  },
];

describe.each(wireSubjects)("$api", (subject) => {
  let stub: StubUpstream;
  let gateway: TestGateway;
  let before: number;

  beforeAll(async () => {
    stub = await startStubUpstream();
    gateway = await startGateway({
      gateway: gatewayWith({ readerTimeoutMs: 500 }),
      models: { providers: { stub: providerOf(subject, stub), hasty: providerOf(subject, stub, { timeoutMs: 150 }) } },
      agents: {
        defaults: { model: `stub/${subject.model}`, systemPrompt: "Be exact." },
        entries: {
          main: { default: true, tools: ["calculator"] },
          plain: { tools: [] },
          hasty: { tools: [], model: `hasty/${subject.model}` },
        },
      },
    });
  });

  beforeEach(() => {
    before = stub.requestCount;
    stub.always({ text: stubText });
  });
  afterAll(() => stub.close());

  const asked = (): NeutralRequest[] => stub.requests.slice(before).map(readRequest);
  const stream = (body: object): Promise<Response> => gateway.chat({ ...body, stream: true, stream_options: { include_usage: true } });
  const errorOf = async (response: Response): Promise<{ code: string; message: string }> =>
    ((await response.json()) as { error: { code: string; message: string } }).error;

  describe.each(scenarios)("$it", ({ body, turns, frames, events, asked: expected }) => {
    beforeEach(() => stub.reply(...turns));

    test("is streamed in the same chunks", async () => {
      const response = await stream(body);
      const content = await response.text();
      expect({ status: response.status, frames: framesOf(content) }).toEqual({ status: 200, frames });
    });

    test("has the same run events", async () => {
      expect(await eventsOf(gateway, body)).toEqual(events(`stub/${subject.model}`));
    });

    test("asks the provider the same", async () => {
      expect((await gateway.chat(body)).status).toBe(200);
      const system = body.messages.flatMap((message) => ("role" in message && message.role === "system" ? ["Be brief."] : []));
      expect(asked().map(({ settings: _, tools, ...request }) => ({ ...request, tools: tools.map(({ name }) => name) }))).toEqual(
        expected.map((request) => ({ isSerial: false, tools: [], ...request, model: subject.model, system: ["Be exact.", ...system] })),
      );
    });
  });

  test("the provider is asked with its key, and the tools as the caller described them", async () => {
    stub.reply({ text: "Hello!" });
    await gateway.chat(say("Hello?", { ...plain, tools: [weather] }));
    expect(stub.requests.at(-1)?.headers).toMatchObject(subject.credentials);
    expect(asked()[0]?.tools).toEqual([weather.function]);
  });

  test("what the caller sets is passed on", async () => {
    stub.reply({ text: "Hello!" });
    await gateway.chat(say("Hello?", { ...plain, temperature: 0.3, max_completion_tokens: 77, stop: ["END"] }));
    expect(asked()[0]?.settings).toEqual({ temperature: 0.3, maxTokens: 77, stop: ["END"] });
  });

  describe("tool_choice reaches the provider", () => {
    const choices: [choice: unknown, tools: string[], said: unknown][] = [
      ["required", ["get_weather"], "required"],
      [{ type: "function", function: { name: "get_weather" } }, ["get_weather"], { name: "get_weather" }],
      ["none", ["calculator"], undefined],
      ["auto", ["get_weather", "calculator"], "auto"],
    ];

    test.each(choices)("%j", async (choice, tools, said) => {
      stub.reply({ toolCalls: choice === "none" ? [] : [askWeather], text: "Hm." });
      const response = await gateway.chat(say("How is Seoul?", { tools: [weather], tool_choice: choice }));
      expect(response.status).toBe(200);
      const [request] = asked();
      expect(request?.tools.map(({ name }) => name)).toEqual(tools);
      expect(request?.toolChoice).toEqual(said);
    });

    test("and a model that does not keep to it is an error, not a text", async () => {
      stub.reply({ text: "I would rather not." });
      const response = await gateway.chat(say("How is Seoul?", { tools: [weather], tool_choice: "required" }));
      expect({ status: response.status, ...(await errorOf(response)) }).toMatchObject({ status: 502, code: "tool_choice_unmet" });
    });
  });

  test("JSON without a schema is asked for, by a field or in words", async () => {
    stub.reply({ text: '{"city":"Seoul"}' });
    expect((await gateway.chat(say("Which city?", { ...plain, response_format: { type: "json_object" } }))).status).toBe(200);
    const [request] = asked();
    if (subject.knowsJson) expect(request?.jsonSchema).toEqual({});
    else expect(request?.system.join("\n")).toContain("one JSON object");
  });

  test("JSON of another form than was asked for is an error, not a text", async () => {
    stub.reply({ text: '{"town":"Seoul"}' });
    const response = await gateway.chat(say("Which city?", { ...plain, response_format: format }));
    expect({ status: response.status, ...(await errorOf(response)) }).toMatchObject({ status: 502, code: "response_format_mismatch" });
  });

  test("parallel_tool_calls: false reaches a provider that can be told", async () => {
    stub.reply({ text: "Hello!" });
    await gateway.chat(say("Hello?", { ...plain, tools: [weather], parallel_tool_calls: false }));
    expect(asked()[0]?.isSerial).toBe(subject.knowsSerial);
  });

  test("a mixed turn goes on in its session when the caller brings its result", async () => {
    const session = { "x-openclaw-session-key": "mixed" };
    stub.reply({ toolCalls: [calculate, askWeather] }, { text: "Sunny, and 42." });
    await gateway.chat(say("How is Seoul, and 6 * 7?", { tools: [weather] }), session);
    const answer = { model: "openclaw", messages: [{ role: "tool", tool_call_id: "theirs", content: "Sunny" }], tools: [weather] };
    expect((await gateway.chat(answer, session)).status).toBe(200);
    const [, { messages } = { messages: [] }] = asked();
    expect(messages.slice(0, 2)).toEqual([user({ text: "How is Seoul, and 6 * 7?" }), assistant({ call: ownCall }, { call: theirCall })]);
    expect(messages).toHaveLength(3);
    const results = [{ result: { id: "own", text: "42" } }, { result: { id: "theirs", text: "Sunny" } }];
    expect(messages[2]?.parts).toHaveLength(2);
    expect(messages[2]?.parts).toEqual(expect.arrayContaining(results));
  });

  test("what the model thought before a call goes back to it as it wants it, and the caller's next request carries on", async () => {
    const session = { "x-openclaw-session-key": "thoughtful" };
    stub.reply({ reasoning: "Multiply.", toolCalls: [calculate] }, { text: "It is 42." }, { text: "You are welcome." });
    expect((await gateway.chat(say("6 * 7?"), session)).status).toBe(200);
    expect((await gateway.chat(say("Thanks."), session)).status).toBe(200);
    const [, second, third] = asked();
    const turn = [
      user({ text: "6 * 7?" }),
      assistant(...subject.replay("Multiply.", ownCall)),
      user({ result: { id: "own", text: "42" } }),
    ];
    expect(second?.messages).toEqual(turn);
    expect(third?.messages).toEqual([...turn, assistant({ text: "It is 42." }), user({ text: "Thanks." })]);
  });

  describe("a reply that breaks off", () => {
    const broken: [how: string, script: StubReply][] = [
      ["is cut", { text: "so far", chunks: 1, ending: "cut" }],
      ["tells of an error", { text: "so far", chunks: 1, error: "Overloaded." }],
      ["ends without saying why", { text: "so far", chunks: 1, finishReason: null, done: false }],
    ];

    test.each(broken)("because it %s is an error after the text so far, and no success", async (_, script) => {
      const hasBeenRead = new EventEmitter();
      stub.reply({ ...script, endsWhen: once(hasBeenRead, "yes") });
      const reader = new StreamReader(await stream(say("Hello?", plain)));
      await reader.until("so far");
      hasBeenRead.emit("yes");
      const error = { code: "upstream_error", type: "server_error", param: null, message: expect.stringContaining("'stub'") as unknown };
      expect(framesOf(await reader.rest())).toEqual([begin, { content: "so far" }, { error }, "[DONE]"]);
      expect(stub.requestCount).toBe(before + 1);
    });

    test.each(broken)("because it %s is a 502 when nothing was streamed", async (_, script) => {
      stub.reply(script);
      const response = await gateway.chat(say("Hello?", plain));
      expect({ status: response.status, ...(await errorOf(response)) }).toMatchObject({ status: 502, code: "upstream_error" });
    });
  });

  test("an error in the place of a reply is told in the provider's words", async () => {
    stub.reply({ error: `Overloaded, ${providerKey}.` });
    const response = await stream(say("Hello?", plain));
    const { code, message } = await errorOf(response);
    expect({ status: response.status, code }).toEqual({ status: 502, code: "upstream_error" });
    expect(message).toContain("Overloaded, [key].");
  });

  test("a provider that hangs up before it answers is asked again", async () => {
    stub.reply("cut", { text: "Hello!" });
    expect((await gateway.chat(say("Hello?", plain))).status).toBe(200);
    expect(stub.requestCount).toBe(before + 2);
  });

  test.each<StubScript>(["hang", { text: "", ending: "hang" }])(
    "a provider that says nothing any more is a timeout: %j",
    async (script) => {
      stub.reply(script);
      const response = await gateway.chat(say("Hello?", { model: "openclaw:hasty" }));
      expect({ status: response.status, ...(await errorOf(response)) }).toMatchObject({ status: 504, code: "upstream_timeout" });
      expect(stub.requestCount).toBe(before + 1);
    },
  );

  const refusals: [status: number, ours: number, code: string, requests: number][] = [
    [400, 400, "upstream_rejected", 1],
    [401, 502, "upstream_error", 1],
    [403, 502, "upstream_error", 1],
    [404, 502, "upstream_error", 1],
    [429, 429, "upstream_rate_limited", 3],
    [500, 502, "upstream_error", 3],
    [503, 502, "upstream_error", 3],
  ];

  test.each(refusals)("a provider's %i is a %i %s, and it was asked this often: %i", async (status, ours, code, requests) => {
    const script = { status, message: `No, ${providerKey}.`, headers: { "retry-after": "0" } };
    stub.always(script);
    const response = await stream(say("Hello?", plain));
    const error = await errorOf(response);
    expect({ status: response.status, ...error }).toMatchObject({ status: ours, code });
    expect(error.message).toContain(`(status ${status}): No, [key].`);
    expect(stub.requestCount).toBe(before + requests);
  });

  test("a provider's 429 comes back with its Retry-After at once when that is long", async () => {
    stub.reply({ status: 429, message: "Slow down.", headers: { "retry-after": "30" } });
    const response = await gateway.chat(say("Hello?", plain));
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("30");
    expect(stub.requestCount).toBe(before + 1);
  });

  test("an input that is too long for the model is said to be that", async () => {
    stub.reply({ status: 400, message: "prompt is too long: 210000 tokens > 200000 maximum" });
    const response = await gateway.chat(say("Hello?", plain));
    expect({ status: response.status, ...(await errorOf(response)) }).toMatchObject({ status: 400, code: "context_length_exceeded" });
  });

  test("a caller that takes nothing of a stream holds the provider back, and is cut in the end", async () => {
    const [aborted, bytes] = [stub.aborted, stub.bytesWritten];
    stub.reply({ text: "again and ".repeat(400), chunks: Infinity });
    const headers = { authorization: `Bearer ${testToken}`, "content-type": "application/json" };
    const request = httpRequest(`${gateway.url}/v1/chat/completions`, { method: "POST", agent: false, headers });
    request.on("error", () => undefined).end(JSON.stringify(say("Hello?", { ...plain, stream: true })));
    const [response] = (await once(request, "response")) as [IncomingMessage];
    response.on("error", () => undefined);
    await stub.waitForAbort(aborted + 1);
    // What the sockets on the way hold, and no more.
    expect(stub.bytesWritten - bytes).toBeLessThan(32 * 1024 * 1024);
    response.destroy();
  });

  describe("a caller that goes away closes the provider's connection", () => {
    test("before the reply", async () => {
      const aborted = stub.aborted;
      stub.reply("hang");
      const stop = new AbortController();
      const pending = gateway.chat(say("Hello?", plain), {}, stop.signal).catch((error: unknown) => error);
      await stub.waitForRequest(before + 1);
      stop.abort();
      await pending;
      await stub.waitForAbort(aborted + 1);
      await gateway.program.runs.settled();
    });

    test("in the middle of it", async () => {
      const aborted = stub.aborted;
      stub.reply({ text: "so far", chunks: 1, ending: "hang" });
      const reader = new StreamReader(await stream(say("Hello?", plain)));
      await reader.until("so far");
      await reader.cancel();
      await stub.waitForAbort(aborted + 1);
      await gateway.program.runs.settled();
    });

    test("however much is on its way", async () => {
      const aborted = stub.aborted;
      stub.reply({ text: "again and ", chunks: Infinity });
      const reader = new StreamReader(await stream(say("Hello?", plain)));
      await reader.until("again");
      await reader.cancel();
      await stub.waitForAbort(aborted + 1);
      await gateway.program.runs.settled();
    });
  });
});
