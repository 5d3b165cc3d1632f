/**
 * The tool loops of real clients, each finishing by itself through the gateway: against models of three wires that ask
 * for two cities one after the other, beside a call of the agent's own tool, and against the built-in model.
 */
import { createOpenAICompatible, type OpenAICompatibleProvider } from "@ai-sdk/openai-compatible";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { AIMessageChunk, type BaseMessage, HumanMessage, type ToolMessage } from "@langchain/core/messages";
import { tool as langchainTool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { Agent, OpenAIChatCompletionsModel, Runner, setTracingDisabled, tool as agentsTool } from "@openai/agents";
import { generateObject, generateText, Output, stepCountIs, streamObject, streamText, tool as aiTool } from "ai";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { providerOf, wireSubjects } from "../faces/wires.ts";
import { startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { readRequest } from "../support/stub-requests.ts";
import { startStubUpstream, type StubRequest, type StubScript, type StubUpstream } from "../support/stub-upstream.ts";

// Traces would be sent to OpenAI.
setTracingDisabled(true);

interface Asked {
  readonly url: string;
  /** What the client calls its model: the agent. */
  readonly model: string;
  readonly question: string;
  readonly headers: Record<string, string>;
  readonly getWeather: (city: string) => string;
}

/** A client as its documentation shows it: asks, runs its tool as often as it is told to, and says what it heard at last. */
type Loop = (asked: Asked) => Promise<string>;

const description = "The weather of a city.";
const schema = z.object({ city: z.string() });
const maxRounds = 5;

function openaiOf({ url, headers }: Asked): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: testToken, maxRetries: 0, defaultHeaders: headers });
}

const runTools =
  (stream: boolean): Loop =>
  async (asked) => {
    const runner = openaiOf(asked).chat.completions.runTools({
      model: asked.model,
      messages: [{ role: "user", content: asked.question }],
      stream: stream as false,
      tools: [
        {
          type: "function",
          function: {
            name: "get_weather",
            description,
            parse: (text: string) => schema.parse(JSON.parse(text)),
            parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
            function: ({ city }: { city: string }) => asked.getWeather(city),
          },
        },
      ],
    });
    return (await runner.finalContent()) ?? "";
  };

function aiSdkOf({ url, headers }: Pick<Asked, "url" | "headers">): OpenAICompatibleProvider {
  return createOpenAICompatible({ name: "clawgate", baseURL: `${url}/v1`, apiKey: testToken, headers, supportsStructuredOutputs: true });
}

const aiSdk =
  (isStreamed: boolean): Loop =>
  async (asked) => {
    const call = {
      model: aiSdkOf(asked)(asked.model),
      prompt: asked.question,
      maxRetries: 0,
      stopWhen: stepCountIs(maxRounds),
      tools: { get_weather: aiTool({ description, inputSchema: schema, execute: ({ city }) => Promise.resolve(asked.getWeather(city)) }) },
    };
    return isStreamed ? streamText(call).text : (await generateText(call)).text;
  };

const langchain =
  (isStreamed: boolean): Loop =>
  async ({ url, model, question, headers, getWeather }) => {
    const weather = langchainTool(({ city }) => getWeather(city), { name: "get_weather", description, schema });
    const bound = new ChatOpenAI({
      model,
      apiKey: testToken,
      maxRetries: 0,
      configuration: { baseURL: `${url}/v1`, defaultHeaders: headers },
    }).bindTools([weather]);
    const messages: BaseMessage[] = [new HumanMessage(question)];
    for (let round = 0; round < maxRounds; round++) {
      const message = isStreamed ? await gather(await bound.stream(messages)) : await bound.invoke(messages);
      messages.push(message);
      if (!message.tool_calls?.length) return message.text;
      for (const call of message.tool_calls) {
        const result: unknown = await weather.invoke(call);
        messages.push(result as ToolMessage);
      }
    }
    throw new Error("The model kept calling tools.");
  };

async function gather(stream: AsyncIterable<AIMessageChunk>): Promise<AIMessageChunk> {
  let whole = new AIMessageChunk("");
  for await (const chunk of stream) whole = whole.concat(chunk);
  return whole;
}

const agents =
  (isStreamed: boolean): Loop =>
  async (asked) => {
    const agent = new Agent({
      name: "Guide",
      model: new OpenAIChatCompletionsModel(openaiOf(asked) as never, asked.model),
      tools: [
        agentsTool({
          name: "get_weather",
          description,
          parameters: schema,
          execute: (input) => asked.getWeather((input as { city: string }).city),
        }),
      ],
    });
    const runner = new Runner({ tracingDisabled: true });
    if (!isStreamed) return String((await runner.run(agent, asked.question, { maxTurns: maxRounds })).finalOutput);
    const result = await runner.run(agent, asked.question, { stream: true, maxTurns: maxRounds });
    await result.completed;
    return String(result.finalOutput);
  };

const clients: [name: string, loop: Loop][] = [
  ["openai's runTools", runTools(false)],
  ["openai's runTools, streamed", runTools(true)],
  ["the AI SDK's generateText", aiSdk(false)],
  ["the AI SDK's streamText", aiSdk(true)],
  ["LangChain's bindTools", langchain(false)],
  ["LangChain's bindTools, streamed", langchain(true)],
  ["@openai/agents", agents(false)],
  ["@openai/agents, streamed", agents(true)],
];

/** Asks for Seoul, with a sum of its own beside it, then for Busan, and then says what it was told. */
function weatherModel(request: StubRequest): StubScript {
  const results = new Map(
    readRequest(request).messages.flatMap(({ parts }) =>
      parts.flatMap((part) => ("result" in part ? [[part.result.id, part.result.text]] : [])),
    ),
  );
  const seoul = results.get("call_seoul");
  const busan = results.get("call_busan");
  const ask = (id: string, city: string): { id: string; name: string; arguments: string } => ({
    id,
    name: "get_weather",
    arguments: JSON.stringify({ city }),
  });
  if (seoul === undefined) {
    const sum = { id: "call_sum", name: "calculator", arguments: '{"expression":"1 + 1"}' };
    return { text: "I shall see.", toolCalls: [sum, ask("call_seoul", "Seoul")] };
  }
  if (busan === undefined) return { toolCalls: [ask("call_busan", "Busan")] };
  return { text: `Seoul: ${seoul}. Busan: ${busan}.` };
}

let stub: StubUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  const entries = wireSubjects.map(({ api, model }) => [api, { model: `${api}/${model}` }] as const);
  gateway = await startGateway({
    models: { providers: Object.fromEntries(wireSubjects.map((subject) => [subject.api, providerOf(subject, stub)])) },
    agents: {
      defaults: { tools: ["calculator"] },
      entries: { ...Object.fromEntries(entries), offline: { model: "builtin/offline" } },
    },
  });
});

beforeEach(() => stub.always(weatherModel));
afterAll(() => stub.close());

const cities: string[] = [];
const asking = (agent: string, question: string, headers = {}): Asked => {
  cities.length = 0;
  return {
    url: gateway.url,
    model: `openclaw:${agent}`,
    question,
    headers,
    getWeather: (city) => {
      cities.push(city);
      return city === "Busan" ? "rain" : "sun";
    },
  };
};

describe.each(clients)("%s finishes its loop", (_, loop) => {
  test.each(wireSubjects)("with a model behind $api", async ({ api }) => {
    expect(await loop(asking(api, "How are Seoul and Busan?"))).toBe("Seoul: sun. Busan: rain.");
    expect(cities).toEqual(["Seoul", "Busan"]);
  });

  test("with the built-in model, which calls the tool that it is told of", async () => {
    const answer = await loop(asking("offline", "What does get_weather say?"));
    expect(cities).toHaveLength(1);
    expect(answer).toContain("get_weather");
    expect(answer).toContain("sun");
  });

  test("undisturbed by the progress it asked for", async () => {
    const asked = asking("openai-completions", "How are Seoul and Busan?", { "x-openclaw-events": "true" });
    expect(await loop(asked)).toBe("Seoul: sun. Busan: rain.");
    expect(cities).toEqual(["Seoul", "Busan"]);
  });
});

describe("a stream with progress is read as one without", () => {
  const headers = { "x-openclaw-events": "true" };
  const ownTool: readonly StubScript[] = [
    { toolCalls: [{ id: "own", name: "calculator", arguments: '{"expression":"6 * 7"}' }] },
    { text: "It is 42.", chunks: 2 },
  ];
  beforeEach(() => stub.reply(...ownTool));

  test("by openai's stream()", async () => {
    const asked = asking("openai-completions", "6 * 7?", headers);
    const runner = openaiOf(asked).chat.completions.stream({
      model: asked.model,
      messages: [{ role: "user", content: asked.question }],
      stream_options: { include_usage: true },
    });
    const told: string[] = [];
    for await (const chunk of runner) if ("openclaw" in chunk) told.push((chunk.openclaw as { type: string }).type);
    expect(told).toEqual(["turn_start", "tool_start", "tool_end", "turn_start", "run_end"]);
    const completion = await runner.finalChatCompletion();
    expect(completion.choices[0]).toMatchObject({ finish_reason: "stop", message: { role: "assistant", content: "It is 42." } });
    expect(completion.usage).toMatchObject({ total_tokens: 28 });
  });

  test("by the AI SDK's streamText", async () => {
    const asked = asking("openai-completions", "6 * 7?", headers);
    const result = streamText({ model: aiSdkOf(asked)(asked.model), prompt: asked.question, maxRetries: 0 });
    const types: string[] = [];
    for await (const { type } of result.fullStream) types.push(type);
    expect(types.filter((type) => type !== "text-delta")).toEqual([
      "start",
      "start-step",
      "text-start",
      "text-end",
      "finish-step",
      "finish",
    ]);
    expect(await result.text).toBe("It is 42.");
  });

  test("by LangChain's stream()", async () => {
    const { url, model, question } = asking("openai-completions", "6 * 7?");
    const configuration = { baseURL: `${url}/v1`, defaultHeaders: headers };
    const message = await gather(await new ChatOpenAI({ model, apiKey: testToken, maxRetries: 0, configuration }).stream(question));
    expect(message.text).toBe("It is 42.");
    expect(message.tool_calls).toEqual([]);
    expect(message.response_metadata).toMatchObject({ finish_reason: "stop" });
  });
});

describe("an object of a schema", () => {
  const city = z.object({ name: z.string(), people: z.number() });
  const seoul = { name: "Seoul", people: 9 };
  beforeEach(() => stub.always({ text: JSON.stringify(seoul) }));

  const readStreamedObject = async (asked: Asked): Promise<unknown> => {
    const result = streamObject({ ...prompt(asked), schema: city });
    const parts: unknown[] = [];
    for await (const part of result.partialObjectStream) parts.push(part);
    expect(parts.at(-1)).toEqual(await result.object);
    return result.object;
  };

  const readers: [name: string, read: (asked: Asked) => Promise<unknown>][] = [
    ["the AI SDK's generateObject", async (asked) => (await generateObject({ ...prompt(asked), schema: city })).object],
    ["the AI SDK's streamObject", readStreamedObject],
    [
      "the AI SDK's Output.object",
      async (asked) => (await generateText({ ...prompt(asked), output: Output.object({ schema: city }) })).output,
    ],
    [
      "openai's parse",
      async (asked) => {
        const messages = [{ role: "user" as const, content: asked.question }];
        const response_format = zodResponseFormat(city, "city");
        const completion = await openaiOf(asked).chat.completions.parse({ model: asked.model, messages, response_format });
        return completion.choices[0]?.message.parsed;
      },
    ],
    [
      "LangChain's withStructuredOutput",
      ({ url, model, question }) =>
        new ChatOpenAI({ model, apiKey: testToken, maxRetries: 0, configuration: { baseURL: `${url}/v1` } })
          .withStructuredOutput(city, { name: "city", method: "jsonSchema" })
          .invoke(question),
    ],
    [
      "@openai/agents' outputType",
      async (asked) => {
        const model = new OpenAIChatCompletionsModel(openaiOf(asked) as never, asked.model);
        const result = await new Runner().run(new Agent({ name: "Guide", model, outputType: city }), asked.question);
        return result.finalOutput as unknown;
      },
    ],
  ];

  const prompt = (asked: Asked) => ({ model: aiSdkOf(asked)(asked.model), prompt: asked.question, maxRetries: 0 });

  describe.each(readers)("is what %s gives", (_, read) => {
    test.each(wireSubjects)("with a model behind $api", async ({ api }) => {
      expect(await read(asking(api, "Which city?"))).toEqual(seoul);
      const { jsonSchema } = readRequest(stub.requests.at(-1)!);
      expect(jsonSchema).toMatchObject({ type: "object", properties: { name: { type: "string" }, people: { type: "number" } } });
    });

    test("with the built-in model, in form at least", async () => {
      expect(city.safeParse(await read(asking("offline", "Which city?")))).toMatchObject({ success: true });
    });
  });
});
