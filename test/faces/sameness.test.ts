/**
 * One suite, many subjects: whichever face carries a message, its caller gets the same answer and the session keeps
 * the same transcript, which is what the model reads on the next request.
 */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import { startStubUpstream, stubUsage, type StubScript, type StubUpstream } from "../support/stub-upstream.ts";
import { onProvider } from "./provider.ts";
import { type Answer, subjects } from "./subjects.ts";

interface Scenario {
  readonly it: string;
  /** Faces that show nothing but text have nothing new to say about the other scenarios. */
  readonly isAboutText?: boolean;
  /** What the provider answers, turn by turn. */
  readonly turns: readonly StubScript[];
  readonly answer: Answer;
  /** What the model reads when the session goes on with `And then?`, before that message. */
  readonly transcript: readonly object[];
}

const message = "Say something.";
const asked = { role: "user", content: message };
const once = { input: 9, output: 5 };
const spoken = { reasoning: "", refusal: "", finishReason: "stop", tools: [], usage: once };
const call = (id: string, name: string, args: object) => ({ id, name, arguments: JSON.stringify(args) });
const wire = ({ id, name, arguments: text }: ReturnType<typeof call>) => ({ id, type: "function", function: { name, arguments: text } });

const sum = call("c1", "calculator", { expression: "6 * 7" });
const next = call("c2", "calculator", { expression: "42 + 1" });
const save = call("c3", "memory_save", { name: "colour", value: "green" });
const recall = call("c4", "memory_recall", {});

const scenarios: readonly Scenario[] = [
  {
    it: "a plain text, byte for byte",
    isAboutText: true,
    turns: [{ text: "  Hello, 세상 ✓ 👩‍🚀\n\n```ts\nconst a = 1;\n```\n  " }],
    answer: { ...spoken, text: "  Hello, 세상 ✓ 👩‍🚀\n\n```ts\nconst a = 1;\n```\n  " },
    transcript: [asked, { role: "assistant", content: "  Hello, 세상 ✓ 👩‍🚀\n\n```ts\nconst a = 1;\n```\n  " }],
  },
  {
    it: "the agent's own calculator over several turns, whose texts are joined by a blank line",
    isAboutText: true,
    turns: [{ text: "Let me see.", toolCalls: [sum] }, { toolCalls: [next] }, { text: "It is 43." }],
    answer: { ...spoken, text: "Let me see.\n\nIt is 43.", tools: ["calculator", "calculator"], usage: { input: 27, output: 15 } },
    transcript: [
      asked,
      { role: "assistant", content: "Let me see.", tool_calls: [wire(sum)] },
      { role: "tool", tool_call_id: "c1", content: "42" },
      { role: "assistant", content: null, tool_calls: [wire(next)] },
      { role: "tool", tool_call_id: "c2", content: "43" },
      { role: "assistant", content: "It is 43." },
    ],
  },
  {
    it: "the agent's own memory, saved and recalled in one run",
    turns: [{ toolCalls: [save] }, { toolCalls: [recall] }, { text: "Green it is." }],
    answer: { ...spoken, text: "Green it is.", tools: ["memory_save", "memory_recall"], usage: { input: 27, output: 15 } },
    transcript: [
      asked,
      { role: "assistant", content: null, tool_calls: [wire(save)] },
      { role: "tool", tool_call_id: "c3", content: "Saved 'colour'." },
      { role: "assistant", content: null, tool_calls: [wire(recall)] },
      { role: "tool", tool_call_id: "c4", content: '{"colour":"green"}' },
      { role: "assistant", content: "Green it is." },
    ],
  },
  {
    it: "reasoning, kept apart from the text and out of the transcript",
    isAboutText: true,
    turns: [
      {
        reasoning: "First I think.",
        text: "Then I speak.",
        usage: {
          ...stubUsage,
          prompt_tokens_details: { cached_tokens: 4 },
          completion_tokens_details: { reasoning_tokens: 3 },
        },
      },
    ],
    answer: { ...spoken, reasoning: "First I think.", text: "Then I speak.", usage: { ...once, cached: 4, reasoning: 3 } },
    transcript: [asked, { role: "assistant", content: "Then I speak." }],
  },
  {
    it: "an empty answer",
    isAboutText: true,
    turns: [{ text: "" }],
    answer: { ...spoken, text: "" },
    transcript: [asked, { role: "assistant", content: "" }],
  },
  {
    it: "a refusal, apart from the text",
    turns: [{ refusal: "That I will not do." }],
    answer: { ...spoken, text: "", refusal: "That I will not do." },
    transcript: [asked, { role: "assistant", content: null, refusal: "That I will not do." }],
  },
  {
    it: "an answer cut by the length limit",
    turns: [{ text: "Once upon", finishReason: "length" }],
    answer: { ...spoken, text: "Once upon", finishReason: "length" },
    transcript: [asked, { role: "assistant", content: "Once upon" }],
  },
  {
    it: "an answer without any usage reported",
    turns: [{ text: "Free of charge.", usage: null }],
    answer: { ...spoken, text: "Free of charge.", usage: null },
    transcript: [asked, { role: "assistant", content: "Free of charge." }],
  },
  {
    it: "a usage that is left out when one of several turns reports none",
    turns: [{ toolCalls: [sum], usage: null }, { text: "It is 42." }],
    answer: { ...spoken, text: "It is 42.", tools: ["calculator"], usage: null },
    transcript: [
      asked,
      { role: "assistant", content: null, tool_calls: [wire(sum)] },
      { role: "tool", tool_call_id: "c1", content: "42" },
      { role: "assistant", content: "It is 42." },
    ],
  },
  {
    it: "a provider that fails, and a transcript without the message that got no answer",
    isAboutText: true,
    turns: [{ status: 500, headers: { "x-should-retry": "false" }, body: { error: { message: "The model fell over." } } }],
    answer: { error: { code: "upstream_error", message: "The model provider 'stub' failed (status 500): The model fell over." } },
    transcript: [],
  },
  {
    it: "a provider that refuses the request",
    turns: [{ status: 400, body: { error: { message: "No such setting.", type: "invalid_request_error" } } }],
    answer: {
      error: { code: "upstream_rejected", message: "The model provider 'stub' rejected the request (status 400): No such setting." },
    },
    transcript: [],
  },
  {
    it: "a provider that breaks off in the middle of its answer",
    isAboutText: true,
    turns: [{ text: "Half of an ans", ending: "cut" }],
    answer: { error: { code: "upstream_error", message: "The model provider 'stub' broke off (UND_ERR_SOCKET)." } },
    transcript: [],
  },
  {
    it: "a provider that fails in the second turn",
    turns: [{ toolCalls: [sum] }, { status: 500, headers: { "x-should-retry": "false" }, body: "" }],
    answer: { error: { code: "upstream_error", message: "The model provider 'stub' failed (status 500)." } },
    transcript: [],
  },
];

let stub: StubUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url));
});

afterAll(() => stub.close());

describe.each(subjects)("$name gives", ({ name, shows, ask }) => {
  test.each(scenarios.filter(({ isAboutText }) => isAboutText || shows.includes("usage")))(
    "$it",
    async ({ it, turns, answer, transcript }) => {
      const sessionKey = `${name}: ${it}`.replaceAll(/[^a-z]+/gi, "-");
      stub.reply(...turns);
      const before = stub.requestCount;
      const expected = Object.fromEntries(Object.entries(answer).filter(([key]) => shows.includes(key as keyof Answer))) as Answer;
      const given = await ask(gateway, message, sessionKey);

      const isCodeShown = given.error?.code !== null;
      expect(given).toEqual(expected.error && !isCodeShown ? { error: { ...expected.error, code: null } } : expected);
      expect(stub.requestCount - before).toBe(turns.length);

      stub.reply({ text: "No more." });
      expect((await gateway.chat(say("And then?"), { "x-openclaw-session-key": sessionKey })).status).toBe(200);
      const { messages } = stub.requests.at(-1)?.body as { messages: object[] };
      expect(messages).toEqual([...transcript, { role: "user", content: "And then?" }]);
    },
  );

  test("a conversation that goes on, with what was said before", async () => {
    const sessionKey = `${name}-goes-on`.replaceAll(/[^a-z]+/gi, "-");
    stub.reply({ text: "Pleased to meet you." }, { text: "Ada." });
    await ask(gateway, "I am Ada.", sessionKey);
    const answer = await ask(gateway, "Who am I?", sessionKey);
    expect(answer.text).toBe("Ada.");
    expect((stub.requests.at(-1)?.body as { messages: object[] }).messages).toEqual([
      { role: "user", content: "I am Ada." },
      { role: "assistant", content: "Pleased to meet you." },
      { role: "user", content: "Who am I?" },
    ]);
  });

  test("a refusal of an agent that does not exist, before any model is asked", async () => {
    const before = stub.requestCount;
    const { error } = await ask(gateway, message, "agent:nobody:key");
    expect(error?.message).toBe("There is no agent 'nobody'. Configured agents: main, plain.");
    expect(stub.requestCount).toBe(before);
  });
});
