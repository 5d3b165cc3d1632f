/** What the offline model says and calls. */
import { afterAll, describe, expect, test } from "@jest/globals";
import { z } from "zod";
import type { Message } from "../../src/domain/message.ts";
import type { JsonObject, ModelEvent, ModelRequest, ResponseFormat, ToolDefinition } from "../../src/domain/model.ts";
import { builtinModel } from "../../src/model/builtin.ts";
import { ReplyFormatChecker } from "../../src/runtime/reply-format.ts";
import { ask, assistant, call, fold, request, result, system, user } from "./conversation.ts";

const model = builtinModel();
const offer = (name: string, properties: object = {}, more: object = {}): ToolDefinition => ({
  name,
  parameters: { type: "object", properties, ...more },
});
const tools = [
  offer("calculator", { expression: { type: "string" } }, { required: ["expression"] }),
  offer("current_time"),
  offer("memory_save", { name: { type: "string" }, value: { type: "string" } }, { required: ["name", "value"] }),
  offer("memory_recall"),
];
const callsFor = async (text: string | Message[], more: Partial<ModelRequest> = {}) => {
  const { calls, reason } = await ask(model, text, { tools, ...more });
  expect(reason).toBe(calls.length > 0 ? "tool_calls" : "stop");
  return calls.map(({ name, arguments: args }) => [name, JSON.parse(args) as unknown]);
};
const textFor = async (messages: string | Message[], more: Partial<ModelRequest> = {}) => (await ask(model, messages, more)).text;

describe("without anything it can do, the offline model", () => {
  test("greets and says that no language model is configured and how to set one", async () => {
    expect(await textFor("hi")).toBe(
      "Hello! No language model is configured, so this is only Clawgate's built-in offline reply. To talk to a real model, set " +
        "agents.defaults.model and models.providers in the config file, or start the gateway with OPENAI_API_KEY.",
    );
    expect(await textFor("안녕")).toMatch(
      /^안녕하세요! 설정된 언어 모델이 없어 .*OPENAI_API_KEY.*agents\.defaults\.model.*models\.providers/u,
    );
  });

  test("echoes briefly", async () => {
    expect(await textFor("Tell me\n a   story")).toMatch(/^You said: “Tell me a story”\. No language model/u);
    expect(await textFor("이야기 해줘")).toMatch(/^이렇게 말씀하셨습니다: “이야기 해줘”\./u);
    expect(await textFor("🌍".repeat(10_000))).toMatch(new RegExp(`“${"🌍".repeat(200)}…”`, "u"));
    expect(await textFor([system("Only instructions.")])).toMatch(/^You said nothing\./u);
    expect(await textFor("hidden treasure")).toMatch(/^You said/u);
  });

  test("streams word by word, nothing lost", async () => {
    const events: ModelEvent[] = [];
    for await (const event of model.stream(request("hi"), new AbortController().signal)) events.push(event);
    expect(events.slice(0, 3)).toEqual([
      { type: "text_delta", text: "Hello!" },
      { type: "text_delta", text: " No" },
      { type: "text_delta", text: " language" },
    ]);
    expect(events.at(-1)!.type).toBe("finish");
    const content = "  a \n b\t";
    const answered = [user("?"), assistant("", call("1", "x")), result("1", content)];
    expect(await textFor(answered)).toBe(`The tool x answered: ${content}`);
  });

  test("is a pure function of the request", async () => {
    const more = { tools };
    expect(await ask(model, "What is 2 + 2?", more)).toEqual(await ask(model, "What is 2 + 2?", more));
    expect(await ask(model, "hi")).toEqual(await ask(model, "hi"));
  });

  test("counts words as tokens", async () => {
    expect((await ask(model, [system("Be brief."), user("one two", " three")], { settings: { maxTokens: 4 } })).usage).toEqual({
      inputTokens: 5,
      outputTokens: 4,
    });
    expect((await ask(model, "What is 1+1?", { tools })).usage).toEqual({ inputTokens: 3, outputTokens: 4 });
  });
});

describe("the offline model understands", () => {
  test.each([
    ["What is 2 + 2?", "2 + 2"],
    ["2+2", "2 + 2"],
    ["please compute (1 + 2) * -3.5 for me", "(1 + 2) * -3.5"],
    ["1,000,000 / 4 = ?", "1000000 / 4"],
    ["How much is 12 × 3?", "12 * 3"],
    ["3 x 4", "3 * 4"],
    ["What is 7 divided by 2 plus 1", "7 / 2 + 1"],
    ["15% of 80", "15 / 100 * 80"],
    ["2^10 or 2**10", "2 ^ 10"],
    ["17 mod, no: 17 % 5", "17 % 5"],
    ["10-3", "10 - 3"],
    ["What is 10-3?", "10 - 3"],
    ["Sum (2+3", "2 + 3"],
    ["3 더하기 4는 얼마야?", "3 + 4"],
    ["12 나누기 4", "12 / 4"],
    ["12*7 계산해줘", "12 * 7"],
  ])("the sum in '%s'", async (text, expression) => {
    expect(await callsFor(text)).toEqual([["calculator", { expression }]]);
  });

  test.each([
    "On 2024-01-05 it rained",
    "Call 010-1234-5678",
    "open 24/7",
    "in 3-5 days",
    "version 1.2.3",
    "a + b",
    "I have 3 cats",
    "1 + + ",
    "5!",
  ])("that there is no sum in '%s'", async (text) => {
    expect(await callsFor(text)).toEqual([]);
  });

  test.each([
    "What time is it?",
    "what's the date today",
    "What day is it?",
    "tell me the current time",
    "지금 몇 시야?",
    "오늘 날짜 알려줘",
    "오늘 무슨 요일이야?",
  ])("the question for the time in '%s'", async (text) => {
    expect(await callsFor(text)).toEqual([["current_time", {}]]);
  });

  test.each([
    ["Remember that my name is Ada.", "name", "Ada"],
    ["remember my Favourite Colour is dark blue!", "favourite colour", "dark blue"],
    ["Please remember: the code is 12-34 + 5", "code", "12-34 + 5"],
    ["내 이름은 민수야. 기억해줘", "이름", "민수"],
    ["제 생일은 5월 3일이라고 기억해", "생일", "5월 3일"],
  ])("what to remember from '%s'", async (text, name, value) => {
    expect(await callsFor(text)).toEqual([["memory_save", { name, value }]]);
  });

  test.each([
    "What do you remember?",
    "what is my name?",
    "What's my favourite colour",
    "Do you remember my name?",
    "who am I?",
    "내 이름이 뭐야?",
    "뭘 기억하고 있어?",
    "내 생일 기억하니?",
  ])("the question for its memory in '%s'", async (text) => {
    expect(await callsFor(text)).toEqual([["memory_recall", {}]]);
  });

  test("several wishes at once, or one at a time where parallel calls are not wanted", async () => {
    const text = "What is 6*7, and what time is it?";
    expect(await callsFor(text)).toEqual([
      ["calculator", { expression: "6 * 7" }],
      ["current_time", {}],
    ]);
    const settings = { parallelToolCalls: false };
    expect(await callsFor(text, { settings })).toEqual([["calculator", { expression: "6 * 7" }]]);
    const halfway = [user(text), assistant("", call("1", "calculator", { expression: "6 * 7" })), result("1", "42")];
    expect(await callsFor(halfway, { settings })).toEqual([["current_time", {}]]);
  });

  test("only the last user message, and calls only what is offered", async () => {
    expect(await callsFor([user("What is 2+2?"), assistant("4"), user("thanks")])).toEqual([]);
    expect(await callsFor("What is 2+2?", { tools: [] })).toEqual([]);
    expect(await callsFor("What is 2+2?", { toolChoice: "none" })).toEqual([]);
  });
});

describe("after tool results the offline model", () => {
  const after = (question: string, name: string, args: object, content: string) => [
    user(question),
    assistant("", call("call_1", name, args)),
    result("call_1", content),
  ];

  test.each<[string, Message[]]>([
    ["6 * 7 = 42.", after("What is 6*7?", "calculator", { expression: "6 * 7" }, "42")],
    ["It is 2026-01-02T03:04:05.000Z.", after("What time is it?", "current_time", {}, "2026-01-02T03:04:05.000Z")],
    ["지금은 2026-01-02T03:04:05.000Z입니다.", after("지금 몇 시야?", "current_time", {}, "2026-01-02T03:04:05.000Z")],
    [
      "I will remember that your name is Ada.",
      after("Remember my name is Ada", "memory_save", { name: "name", value: "Ada" }, "Saved 'name'."),
    ],
    ["Your name is Ada.", after("What is my name?", "memory_recall", {}, '{"colour":"blue","name":"Ada"}')],
    ["I remember: colour = blue, name = Ada.", after("What do you remember?", "memory_recall", {}, '{"colour":"blue","name":"Ada"}')],
    [
      "I do not know your name: you have not told me. I remember: colour = blue.",
      after("What is my name?", "memory_recall", {}, '{"colour":"blue"}'),
    ],
    ["I do not remember anything yet.", after("What do you remember?", "memory_recall", {}, "{}")],
    ["이름은 민수입니다.", after("내 이름이 뭐야?", "memory_recall", {}, '{"이름":"민수"}')],
    ["The tool get_weather answered: sunny", after("Weather?", "get_weather", {}, "sunny")],
    [
      "The tool calculator failed: '1 / 0' has no finite value.",
      after("1/0", "calculator", { expression: "1 / 0" }, "Error: '1 / 0' has no finite value."),
    ],
    ["The tool call_9 answered: late", [user("x"), result("call_9", "late")]],
  ])("says: %s", async (sentence, messages) => {
    expect(await textFor(messages, { tools })).toBe(sentence);
  });

  test("answers from all of them", async () => {
    const calls = assistant("", call("a", "calculator", { expression: "1 + 1" }), call("b", "current_time"));
    expect(await textFor([user("1+1 and what time is it"), calls, result("a", "2"), result("b", "noon")], { tools })).toBe(
      "1 + 1 = 2. It is noon.",
    );
  });
});

describe("from the conversation the offline model", () => {
  test("says what the user said", async () => {
    const messages = [user("My dog is Rex"), assistant("…"), user("I like tea"), assistant("…"), user("What did I say?")];
    expect(await textFor(messages)).toBe("You said: “My dog is Rex”, then “I like tea”.");
    expect(await textFor([user("고양이가 좋아"), assistant("…"), user("내가 뭐라고 했지?")])).toBe(
      "이렇게 말씀하셨습니다: “고양이가 좋아”.",
    );
    expect(await textFor("What did I just say?")).toBe("This is the first message of yours that I can see.");
  });

  test("knows what the user said about themselves", async () => {
    const messages = [user("Hello, my name is Ada."), assistant("…"), user("What is my name?")];
    expect(await textFor(messages)).toBe("You said that your name is Ada.");
    const recalled = [...messages, assistant("", call("1", "memory_recall")), result("1", "{}")];
    expect(await textFor(recalled, { tools })).toBe("You said that your name is Ada.");
    expect(await textFor([user("내 이름은 민수야"), assistant("…"), user("내 이름이 뭐야?")])).toContain("민수");
    expect(await textFor("What is my name?")).toMatch(/^I do not know your name: you have not told me\. No language model/u);
  });
});

describe("a caller's tool", () => {
  const weather = offer("get_weather", { city: { type: "string" }, days: { type: "integer" } }, { required: ["city"] });

  test("is called when it is required, with the least that its schema asks for", async () => {
    expect(await callsFor("Weather in Seoul?", { tools: [weather], toolChoice: "required" })).toEqual([
      ["get_weather", { city: "Weather in Seoul?" }],
    ]);
    expect(await callsFor("hi", { tools: [offer("a"), weather], toolChoice: { name: "get_weather" } })).toEqual([
      ["get_weather", { city: "hi" }],
    ]);
    expect(await callsFor("hi", { tools: [{ name: "bare" }], toolChoice: "required" })).toEqual([["bare", {}]]);
  });

  test("is called when it is mentioned", async () => {
    expect(await callsFor("please use get_weather", { tools: [weather] })).toEqual([["get_weather", { city: "please use get_weather" }]]);
    expect(await callsFor("Get weather now", { tools: [weather] })).toEqual([["get_weather", { city: "Get weather now" }]]);
    expect(await callsFor("weather?", { tools: [weather] })).toEqual([]);
  });

  test("is called again after its result only when that is demanded", async () => {
    const messages = [user("hi"), assistant("", call("1", "get_weather", { city: "hi" })), result("1", "sunny")];
    expect(await callsFor(messages, { tools: [weather] })).toEqual([]);
    expect(await callsFor(messages, { tools: [weather], toolChoice: "required" })).toHaveLength(1);
    expect(await callsFor(messages, { tools: [weather], toolChoice: { name: "get_weather" } })).toHaveLength(1);
    expect(await callsFor(messages, { tools: [weather, offer("other")], toolChoice: { name: "other" } })).toEqual([["other", {}]]);
    expect(await callsFor([...messages, user("again")], { tools: [weather], toolChoice: "required" })).toHaveLength(1);
  });

  test("that shares a name with one of the agent's is filled in by its own schema", async () => {
    const own = offer("calculator", { a: { type: "number" } }, { required: ["a"] });
    expect(await callsFor("What is 2+2?", { tools: [own] })).toEqual([["calculator", { a: 0 }]]);
  });

  test.each<[string, object, unknown]>([
    ["an enum", { enum: ["b", "a"] }, "b"],
    ["a constant", { const: 7 }, 7],
    ["a default", { type: "string", default: "d" }, "d"],
    ["a boolean", { type: "boolean" }, false],
    ["a nullable integer", { type: ["integer", "null"] }, 0],
    ["a bounded number", { type: "number", minimum: 2.5 }, 2.5],
    ["an integer above a bound", { type: "integer", exclusiveMinimum: 3 }, 4],
    ["an integer above zero", { type: "integer", exclusiveMinimum: 0 }, 1],
    ["a negative number", { type: "integer", maximum: -2 }, -2],
    ["an array", { type: "array", items: { type: "boolean" }, minItems: 2 }, [false, false]],
    ["an object", { type: "object", properties: { a: { type: "null" }, b: {} }, required: ["a"] }, { a: null }],
    ["a date", { type: "string", format: "date" }, "1970-01-01"],
    ["a short string", { type: "string", maxLength: 1 }, "h"],
    ["a long string", { type: "string", minLength: 4 }, "hi--"],
    ["a choice", { anyOf: [{ type: "boolean" }, { type: "string" }] }, false],
    ["all of several", { allOf: [{ type: "integer" }, { minimum: 5 }] }, 5],
    ["a reference", { $ref: "#/$defs/Flag" }, false],
  ])("gets a value that fits %s", async (_what, schema, value) => {
    const tool = offer("f", { x: schema }, { required: ["x"], $defs: { Flag: { type: "boolean" } } });
    expect(await callsFor("hi", { tools: [tool], toolChoice: "required" })).toEqual([["f", { x: value }]]);
  });

  test("may have a schema that contains itself", async () => {
    const self = { $ref: "#" };
    const tool = offer("f", { a: self, b: self, c: { type: "array", minItems: 100, items: self } }, { required: ["a", "b", "c"] });
    expect(await callsFor("hi", { tools: [tool], toolChoice: "required" })).toHaveLength(1);
  });
});

describe("a caller's schema that wants too much", () => {
  const required = (parameters: object) => ({ tools: [{ name: "tool_a", parameters } as ToolDefinition], toolChoice: "required" as const });
  const listOf = (items: object) => ({ type: "array", minItems: 100, items });
  const askFor = async (schema: object, more: object = {}) => {
    const { calls } = await ask(model, "y".repeat(2000), required({ type: "object", properties: { a: schema }, required: ["a"], ...more }));
    return calls[0]!.arguments;
  };

  test("of very many tools with lists of lists gets 16 calls that share one budget", async () => {
    const own = listOf({ $ref: "#/$defs/A" });
    const parameters = { type: "object", required: ["a"], properties: { a: { $ref: "#/$defs/A" } }, $defs: { A: own } };
    const many = Array.from({ length: 128 }, (_, n) => ({ name: `t${100 + n}`, parameters }));
    const { calls } = await ask(model, many.map(({ name }) => name).join(" "), { tools: many });
    expect(calls.map(({ name }) => name)).toEqual(many.slice(0, 16).map(({ name }) => name));
    expect(calls.reduce((sum, { arguments: args }) => sum + args.length, 0)).toBeLessThan(600_000);
    expect(calls.at(-1)!.arguments).toBe("{}");
  });

  test("with the rest of the tools gets their calls once the first have their results", async () => {
    const many = Array.from({ length: 20 }, (_, n) => offer(`tool_${100 + n}`));
    const text = many.map(({ name }) => name).join(" ");
    const first = many.slice(0, 16).map(({ name }) => call(name, name));
    const messages = [user(text), assistant("", ...first), ...first.map(({ id }) => result(id, "done"))];
    expect((await callsFor(messages, { tools: many })).map(([name]) => name)).toEqual(["tool_116", "tool_117", "tool_118", "tool_119"]);
  });

  test.each([
    ["a constant", { const: "z".repeat(700_000) }],
    ["a default", { default: ["z".repeat(700_000)] }],
    ["an enum", { enum: [{ ["z".repeat(700_000)]: 1 }] }],
  ])("in lists of lists of %s that is very long gets none", async (_what, schema) => {
    expect(await askFor(listOf(listOf(schema)))).toBe('{"a":[[""]]}');
  });

  test("in lists of constants that are not so long gets some of them", async () => {
    const made = JSON.parse(await askFor(listOf(listOf({ const: "z".repeat(10_000) })))) as { a: string[][] };
    expect(made.a[0]!.filter((item) => item.length === 10_000)).toHaveLength(26);
    expect(made.a).toHaveLength(1);
  });

  test("in a constant that is nested without end gets an empty value", async () => {
    const deep = JSON.parse(`${"[".repeat(200_000)}${"]".repeat(200_000)}`) as unknown;
    expect(await askFor({ const: deep })).toBe('{"a":""}');
  });

  test("in a very long allOf or list of required names gets the first hundred", async () => {
    const parts = Array.from({ length: 200_000 }, (_, n) => (n === 99 ? { required: ["a"] } : n === 100 ? { required: ["b"] } : {}));
    const { calls } = await ask(model, "hi", required({ type: "object", allOf: parts }));
    expect(calls[0]!.arguments).toBe('{"a":"hi"}');
    const names = Array.from({ length: 200_000 }, (_, n) => `n${n}`);
    const made = JSON.parse(await askFor({ type: "object", required: names })) as { a: object };
    expect(Object.keys(made.a)).toEqual(names.slice(0, 100));
  });

  test("with very many other keywords costs no more where it refers to itself", async () => {
    const padding = Object.fromEntries(Array.from({ length: 200_000 }, (_, n) => [`x-${n}`, n]));
    const node = { ...padding, anyOf: [{ type: "array", minItems: 100, items: { $ref: "#/$defs/Node" } }] };
    const start = performance.now();
    await askFor({ $ref: "#/$defs/Node" }, { $defs: { Node: node } });
    await askFor({ $ref: `#${"/a".repeat(500_000)}` });
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

describe("the offline model's limits", () => {
  test("end a reply with length", async () => {
    const limited = await ask(model, "hi", { settings: { maxTokens: 5, maxCompletionTokens: 3 } });
    expect(limited).toMatchObject({ text: "Hello! No language", reason: "length" });
    const { usage } = await ask(model, "hi");
    expect((await ask(model, "hi", { settings: { maxTokens: usage!.outputTokens } })).reason).toBe("stop");
  });

  test("end a reply before a stop sequence", async () => {
    expect(await ask(model, "hi", { settings: { stop: ["", "model", " lang"] } })).toMatchObject({ text: "Hello! No", reason: "stop" });
    expect(await ask(model, "hi", { settings: { stop: ["Hello"] } })).toMatchObject({
      text: "",
      reason: "stop",
      usage: { outputTokens: 0 },
    });
  });
});

describe("asked for JSON, the offline model", () => {
  const checker = new ReplyFormatChecker();
  afterAll(() => checker.close());

  /** The reply, once the gateway's own check has found that it fits. */
  const jsonFor = async (responseFormat: ResponseFormat, messages: string | Message[] = "hi", more: Partial<ModelRequest> = {}) => {
    const { text, reason } = await ask(model, messages, { settings: { responseFormat }, ...more });
    expect(reason).toBe("stop");
    await checker.check(text, responseFormat, new AbortController().signal);
    return JSON.parse(text) as unknown;
  };
  const ofSchema = (schema: JsonObject): ResponseFormat => ({ type: "json_schema", name: "answer", schema });
  const objectOf = (properties: object) => ({ type: "object", properties, required: Object.keys(properties), additionalProperties: false });

  test.each<ResponseFormat>([{ type: "json_object" }, { type: "json_schema", name: "any" }])(
    "puts its sentence into an object where that is all that is asked: %j",
    async (format) => {
      expect(await jsonFor(format, "hi")).toEqual({ reply: await textFor("hi") });
      expect(await textFor("hi", { settings: { responseFormat: { type: "text" } } })).toBe(await textFor("hi"));
    },
  );

  test("says what the user said where the schema wants a string", async () => {
    const schema = objectOf({ name: { type: "string" }, age: { type: "integer" }, tags: { type: "array", items: { type: "string" } } });
    expect(await jsonFor(ofSchema(schema), "I am Ada.")).toEqual({ name: "I am Ada.", age: 0, tags: [] });
  });

  test("calls its tools first and then says what they answered", async () => {
    const format = ofSchema(objectOf({ answer: { type: "string" } }));
    const settings = { responseFormat: format };
    expect(await callsFor("What is 6*7?", { settings })).toEqual([["calculator", { expression: "6 * 7" }]]);
    const messages = [user("What is 6*7?"), assistant("", call("1", "calculator", { expression: "6 * 7" })), result("1", "42")];
    expect(await jsonFor(format, messages, { tools, settings })).toEqual({ answer: "6 * 7 = 42." });
  });

  const point = objectOf({ x: { type: "number" }, y: { type: "number" } });
  test.each<[string, JsonObject, unknown]>([
    ["anything", {}, {}],
    ["a string", { type: "string" }, "hi"],
    ["a list", { type: "array", items: { type: "boolean" }, minItems: 2 }, [false, false]],
    [
      "a choice of objects",
      { anyOf: [objectOf({ kind: { const: "a" }, a: { type: "integer", minimum: 3 } }), point] },
      { kind: "a", a: 3 },
    ],
    ["a nullable object", objectOf({ at: { anyOf: [point, { type: "null" }] } }), { at: { x: 0, y: 0 } }],
    [
      "two objects in one",
      {
        allOf: [
          { type: "object", properties: { a: { type: "boolean" } }, required: ["a"] },
          { properties: { b: { type: "null" } }, required: ["b"] },
        ],
      },
      { a: false, b: null },
    ],
    [
      "one property that two schemas speak of",
      { type: "object", properties: { n: { type: "integer" } }, allOf: [{ properties: { n: { minimum: 7 } }, required: ["n"] }] },
      { n: 7 },
    ],
    [
      "a reference with more beside it",
      { $ref: "#/$defs/p", required: ["z"], $defs: { p: { ...point, additionalProperties: true } } },
      { z: "hi", x: 0, y: 0 },
    ],
    ["a tuple", { type: "array", prefixItems: [{ type: "string" }, { type: "integer" }], items: false }, ["hi", 0]],
    [
      "a tuple of draft 07",
      { $schema: "http://json-schema.org/draft-07/schema#", items: [{ type: "null" }], additionalItems: false },
      [null],
    ],
    [
      "formats",
      objectOf({ at: { type: "string", format: "date-time" }, of: { type: "string", format: "uri" } }),
      { at: "1970-01-01T00:00:00Z", of: "https://example.com/" },
    ],
  ])("fits %s", async (_what, schema, value) => {
    expect(await jsonFor(ofSchema(schema))).toEqual(value);
  });

  test("fits what zod makes of a form", async () => {
    const form = z.strictObject({
      title: z.string().min(1).max(5),
      mail: z.email(),
      link: z.url(),
      id: z.uuid(),
      day: z.iso.date(),
      at: z.iso.datetime(),
      count: z.int().positive(),
      share: z.number().gt(0).lt(1),
      kind: z.enum(["b", "a"]),
      note: z.string().nullable(),
      extra: z.record(z.string(), z.number()),
      pair: z.tuple([z.string(), z.boolean()]),
      shape: z.discriminatedUnion("type", [
        z.strictObject({ type: z.literal("dot") }),
        z.strictObject({ type: z.literal("disc"), radius: z.number() }),
      ]),
      get children() {
        return z.array(form);
      },
    });
    for (const target of ["draft-7", "draft-2020-12"] as const) {
      const made = await jsonFor(ofSchema(z.toJSONSchema(form, { target })), "hello there");
      expect(form.parse(made)).toMatchObject({ title: "hello", kind: "b", count: 1, children: [] });
    }
  });

  test("does not do what it cannot, and says nothing of it: a pattern", async () => {
    const schema = { type: "string", pattern: "^x$" };
    expect((await ask(model, "hi", { settings: { responseFormat: ofSchema(schema) } })).text).toBe('"hi"');
  });

  test("is cut by a token limit as any reply is", async () => {
    const settings = { responseFormat: { type: "json_object" }, maxTokens: 1 } as const;
    expect(await ask(model, "hi", { settings })).toMatchObject({ text: '{"reply":"Hello!', reason: "length" });
  });

  test("costs no more when the schema repeats without end", async () => {
    const schema = { type: "array", minItems: 100, items: { $ref: "#" } };
    const { text } = await ask(model, "y".repeat(2000), { settings: { responseFormat: ofSchema(schema) } });
    expect(text.length).toBeLessThan(600_000);
  });
});

describe("a long reply of the offline model", () => {
  const long = [user("x"), assistant("", call("1", "f")), result("1", "word ".repeat(20_000))];

  test("lets other work happen while it streams", async () => {
    let isRunning = true;
    let turns = 0;
    const count = (): void => {
      turns++;
      if (isRunning) setImmediate(count);
    };
    setImmediate(count);
    const { usage } = await fold(model.stream(request(long), new AbortController().signal));
    isRunning = false;
    expect(usage!.outputTokens).toBeGreaterThan(20_000);
    expect(turns).toBeGreaterThan(100);
  });

  test("stops at an abort with its reason", async () => {
    const reason = new Error("The caller went away.");
    const controller = new AbortController();
    let words = 0;
    const reading = (async () => {
      for await (const _event of model.stream(request(long), controller.signal)) if (++words === 10) controller.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
    expect(words).toBe(10);
    await expect(fold(model.stream(request("hi"), AbortSignal.abort(reason)))).rejects.toBe(reason);
  });

  test("costs no more to understand when the message is hostile", async () => {
    const hostile = ["remember my is ", "my is ", "(", "1-", "내 은 ", "what is my ", " \n", "9"].map((piece) => piece.repeat(200_000));
    for (const text of hostile) expect((await ask(model, text, { tools })).reason).toBeDefined();
  });
});
