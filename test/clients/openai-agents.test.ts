/** OpenAI's Agents SDK (`@openai/agents`) on its chat completions model, against the running gateway. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Agent, type AgentInputItem, OpenAIChatCompletionsModel, Runner, setTracingDisabled, tool } from "@openai/agents";
import OpenAI, { AuthenticationError, NotFoundError } from "openai";
import { z } from "zod";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { onProvider } from "../faces/provider.ts";
import { startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { askWeather, thrownBy, turns, weatherRoundTrip } from "./conversation.ts";

// Traces would be sent to OpenAI.
setTracingDisabled(true);
const runner = new Runner({ tracingDisabled: true });

let stub: StubUpstream;
let gateway: TestGateway;
/** Addresses that a client was sent to. */
const origins = new Set<string>();

function modelOf({ url }: TestGateway, { name = "openclaw", apiKey = testToken, headers = {} } = {}): OpenAIChatCompletionsModel {
  return new OpenAIChatCompletionsModel(
    new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, defaultHeaders: headers }) as never,
    name,
  );
}

function agentOn(model: OpenAIChatCompletionsModel): Agent {
  return new Agent({ name: "Guide", model });
}

/** Some of the package's types come to nothing without the DOM's. */
const history = (result: { history: unknown }): object[] => result.history as object[];
const texts = (result: { toTextStream(): unknown }): AsyncIterable<string> => result.toTextStream() as AsyncIterable<string>;

const fetchOfNode = globalThis.fetch;

beforeAll(async () => {
  globalThis.fetch = (input, init) => {
    origins.add(new URL(input instanceof Request ? input.url : input).hostname);
    return fetchOfNode(input, init);
  };
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url));
});

afterAll(async () => {
  globalThis.fetch = fetchOfNode;
  await stub.close();
});

describe("run", () => {
  test("gives the final output and usage", async () => {
    stub.reply({ text: "Hello!" });
    const result = await runner.run(new Agent({ name: "Guide", instructions: "Be brief.", model: modelOf(gateway) }), "hi");
    expect(result.finalOutput).toBe("Hello!");
    expect(result.state.usage).toMatchObject({ requests: 1, inputTokens: 9, outputTokens: 5, totalTokens: 14 });
    expect(result.lastResponseId).toMatch(/^chatcmpl-\w+$/);
    expect(turns(stub)).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "hi" },
    ]);
  });

  test("gives the object of a schema", async () => {
    stub.reply({ text: '{"sum":3}' });
    const agent = new Agent({ name: "Adder", model: modelOf(gateway), outputType: z.object({ sum: z.number() }) });
    expect((await runner.run(agent, "1 + 2?")).finalOutput).toEqual({ sum: 3 });
    expect(stub.requests.at(-1)?.body["response_format"]).toMatchObject({ type: "json_schema", json_schema: { strict: true } });
  });

  test("goes on from its history", async () => {
    const agent = agentOn(modelOf(gateway));
    stub.reply({ text: "Noted." }, { text: "You are Ada." });
    const first = await runner.run(agent, "I am Ada.");
    const next = [...history(first), { role: "user", content: "Who am I?" }] as AgentInputItem[];
    expect((await runner.run(agent, next)).finalOutput).toBe("You are Ada.");
    expect(turns(stub)).toEqual([
      { role: "user", content: "I am Ada." },
      { role: "assistant", content: "Noted." },
      { role: "user", content: "Who am I?" },
    ]);
  });

  test("resends its history to a session without doubling it", async () => {
    const agent = agentOn(modelOf(gateway, { name: "openclaw:plain", headers: { "x-openclaw-session-key": "kitchen" } }));
    stub.reply({ text: "Noted." }, { text: "You are Ada." });
    const first = await runner.run(agent, "I am Ada.");
    await runner.run(agent, [...history(first), { role: "user", content: "Who am I?" }] as AgentInputItem[]);
    expect(turns(stub)).toEqual([
      { role: "user", content: "I am Ada." },
      { role: "assistant", content: "Noted." },
      { role: "user", content: "Who am I?" },
    ]);
  });
});

describe("a streamed run", () => {
  test("gives the text piece by piece, then the final output and usage", async () => {
    stub.reply({ text: "one two three", chunks: 4, gapMs: 10 });
    const result = await runner.run(agentOn(modelOf(gateway)), "hi", { stream: true });
    const pieces: string[] = [];
    for await (const piece of texts(result)) pieces.push(piece);
    await result.completed;
    expect(pieces.join("")).toBe("one two three");
    expect(pieces.filter((piece) => piece !== "")).toHaveLength(4);
    expect(result.finalOutput).toBe("one two three");
    expect(result.state.usage).toMatchObject({ requests: 1, inputTokens: 9, outputTokens: 5, totalTokens: 14 });
  });

  test("gives each piece as it comes, before the next one is there", async () => {
    const held = await startHeldUpstream();
    const result = await runner.run(agentOn(modelOf(await startGateway(onProvider(held.url)))), "hi", { stream: true });
    const arrived = held.next();
    void arrived.then((exchange) => exchange.say("one"));
    const read: string[] = [];
    for await (const text of texts(result)) {
      if (text === "") continue;
      read.push(text);
      if (text === "one") (await arrived).say("two");
      else (await arrived).finish();
    }
    expect(read).toEqual(["one", "two"]);
  });
});

describe("tools of the caller", () => {
  const cities: string[] = [];
  const getWeather = tool({
    name: "get_weather",
    description: "The weather of a city.",
    parameters: z.object({ city: z.string() }),
    execute: (input) => {
      cities.push((input as { city: string }).city);
      return "Sunny, 21 °C";
    },
  });

  test.each([false, true])("are run between two requests (stream: %s)", async (stream) => {
    cities.length = 0;
    stub.reply(askWeather, { text: "It is sunny." });
    const agent = new Agent({ name: "Guide", model: modelOf(gateway), tools: [getWeather] });
    const result = stream
      ? await runner.run(agent, "How is Seoul?", { stream: true })
      : await runner.run(agent, "How is Seoul?", { stream: false });
    if ("completed" in result) await result.completed;
    expect(result.finalOutput).toBe("It is sunny.");
    expect(cities).toEqual(["Seoul"]);
    expect(result.state.usage).toMatchObject({ requests: 2, totalTokens: 28 });
    expect(turns(stub)).toEqual(weatherRoundTrip);
  });

  test("take part in a run whose agent has tools of its own", async () => {
    cities.length = 0;
    stub.reply({ toolCalls: [{ id: "own", name: "calculator", arguments: '{"expression":"6*7"}' }] }, askWeather, { text: "It is sunny." });
    const agent = new Agent({ name: "Guide", model: modelOf(gateway), tools: [getWeather] });
    const result = await runner.run(agent, "How is Seoul?");
    expect(result.finalOutput).toBe("It is sunny.");
    expect(cities).toEqual(["Seoul"]);
    expect(result.newItems.map(({ type }) => type)).toEqual(["tool_call_item", "tool_call_output_item", "message_output_item"]);
  });

  test("are handoffs, too", async () => {
    stub.reply({ toolCalls: [{ name: "transfer_to_Poet", arguments: "{}" }] }, { text: "Roses are red." });
    const poet = new Agent({ name: "Poet", instructions: "Rhyme.", model: modelOf(gateway) });
    const agent = Agent.create({ name: "Guide", model: modelOf(gateway), handoffs: [poet] });
    const result = await runner.run(agent, "A poem, please.");
    expect(result.finalOutput).toBe("Roses are red.");
    expect(result.lastAgent?.name).toBe("Poet");
    expect(turns(stub)[0]).toEqual({ role: "system", content: "Rhyme." });
  });
});

describe("errors", () => {
  test("of a wrong key are the openai package's", async () => {
    const thrown = await thrownBy(runner.run(agentOn(modelOf(gateway, { apiKey: "wrong" })), "hi"));
    expect(thrown).toBeInstanceOf(AuthenticationError);
    expect(thrown).toMatchObject({ status: 401, code: "invalid_api_key" });
  });

  test("of a streamed run that is refused are too", async () => {
    const result = await runner.run(agentOn(modelOf(gateway, { name: "openclaw:nobody" })), "hi", { stream: true });
    const thrown = await thrownBy(result.completed);
    expect(thrown).toBeInstanceOf(NotFoundError);
    expect(thrown).toMatchObject({ status: 404, code: "model_not_found" });
  });

  test("of a streamed run that fails on its way are raised after the text so far", async () => {
    const held = await startHeldUpstream();
    const result = await runner.run(agentOn(modelOf(await startGateway(onProvider(held.url)))), "hi", { stream: true });
    const arrived = held.next();
    void arrived.then((exchange) => exchange.say("so far"));
    let text = "";
    const thrown = await thrownBy(
      (async () => {
        for await (const piece of texts(result)) {
          text += piece;
          if (text === "so far") (await arrived).cut();
        }
        await result.completed;
      })(),
    );
    expect(text).toBe("so far");
    expect(thrown).toMatchObject({ code: "upstream_error", message: expect.stringContaining("broke off") });
  });
});

test("an abort by the client reaches the provider", async () => {
  const held = await startHeldUpstream();
  const stop = new AbortController();
  const agent = agentOn(modelOf(await startGateway(onProvider(held.url))));
  const pending = thrownBy(runner.run(agent, "hi", { signal: stop.signal }));
  const exchange = await held.next();
  stop.abort();
  expect(await pending).toBeInstanceOf(Error);
  await exchange.aborted;
  expect(held.count).toBe(1);
});

test("nobody but the gateway was spoken to", () => {
  expect([...origins].filter((hostname) => hostname !== "127.0.0.1")).toEqual([]);
});
