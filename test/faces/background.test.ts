/** Runs in the background: they belong to nobody's connection, and their events can be read from any number on, by anybody who may. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import OpenAI from "openai";
import { Stream } from "openai/streaming";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { exchangeOf, expectError } from "../support/contract-check.ts";
import { makeFolder, say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubScript, type StubUpstream } from "../support/stub-upstream.ts";
import { fold, StreamReader } from "./event-stream.ts";
import { type HeldUpstream, startHeldUpstream } from "./held-upstream.ts";
import { onProvider } from "./provider.ts";
import {
  begin,
  cancelRun,
  expectKept,
  type Frame,
  framesIn,
  inBackground,
  readEvents,
  type RunObject,
  showRun,
  textIn,
} from "./run-requests.ts";

const progress = { "x-openclaw-events": "true" };
const streamedWithUsage = { stream: true, stream_options: { include_usage: true } };
const calculate = { id: "call_1", name: "calculator", arguments: '{"expression":"6*7"}' };
/** All that a run can say: reasoning, text over two turns, a tool of the agent's own, one of the caller's. */
const eventful: readonly StubScript[] = [
  { reasoning: "Hm, hm.", text: "Let me see ✓.", chunks: 3, toolCalls: [calculate] },
  { text: "It is 42, 그렇지.", chunks: 4, toolCalls: [{ id: "call_2", name: "get_weather", arguments: '{"city":"Seoul"}' }] },
];
const weather = { type: "function", function: { name: "get_weather" } };

let stub: StubUpstream;
let gateway: TestGateway;
let held: HeldUpstream;
let slow: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  held = await startHeldUpstream();
  [gateway, slow] = await Promise.all([startGateway(onProvider(stub.url)), startGateway(onProvider(held.url))]);
});
afterAll(() => stub.close());

/** An eventful run that is over. */
async function eventfulRun(): Promise<string> {
  stub.reply(...eventful);
  const { id } = await begin(gateway, say("6*7?", { tools: [weather] }));
  await readEvents(gateway, id);
  return id;
}

/** The same in a gateway of its own, once its events were in the way. */
async function eventfulRunWithoutEvents(): Promise<{ gateway: TestGateway; id: string }> {
  const own = await startGateway(onProvider(stub.url));
  stub.reply(...eventful);
  const { id } = await begin(own, say("6*7?", { tools: [weather] }));
  await readEvents(own, id);
  const store = await openSessionStore(own.program.config.session.database);
  await store.runs.removeOldest(100);
  await store.close();
  return { gateway: own, id };
}

/** What a reader gets who has got everything up to the frame `known` and asks for the rest. */
function after(frames: readonly Frame[], known: number): readonly Frame[] {
  return frames.slice(known + 1);
}

describe("a run in the background", () => {
  test("is answered with 202 at once, can be looked up where the reply says, and has its completion in the end", async () => {
    const response = await slow.chat(say("hi"), { ...inBackground, "x-openclaw-session-key": encodeURIComponent("reports/민지") });
    const location = response.headers.get("location");
    const exchange = expectKept("createChatCompletion", 202, await exchangeOf(response));
    const begun = JSON.parse(exchange.text) as RunObject;
    expect(begun).toMatchObject({ status: "running", background: true, ended_at: null, completion: null, error: null, model: "openclaw" });
    expect(begun).toMatchObject({ session_key: "agent:main:reports/민지", language_model: "stub/test-model", owner: "main" });
    expect(location).toBe(`/v1/runs/${begun.id}`);
    expect(exchange.headers["x-openclaw-run-id"]).toBe(begun.id);
    expect(begun.completion_id).toBe(`chatcmpl-${begun.id}`);

    const upstream = await held.next();
    upstream.say("Here ");
    upstream.say("it is.");
    upstream.finish();
    const frames = await readEvents(slow, begun.id);
    expect(textIn(frames)).toBe("Here it is.");
    const done = await showRun(slow, begun.completion_id);
    expect(done).toMatchObject({ id: begun.id, status: "completed", turns: 1, finish_reason: "stop" });
    expect(done.ended_at).toBeGreaterThan(1_700_000_000);
    expect(done.completion).toMatchObject({ id: begun.completion_id, choices: [{ message: { content: "Here it is." } }] });
  });

  test("is a turn of its session like any other", async () => {
    const session = { "x-openclaw-session-key": "noted" };
    stub.reply({ text: "Noted." });
    const { id } = await begin(gateway, say("My city is Seoul."), session);
    await readEvents(gateway, id);
    await (await gateway.chat(say("And?"), session)).arrayBuffer();
    expect(stub.requests.at(-1)?.body.messages.map(({ content }) => content)).toEqual(["My city is Seoul.", "Noted.", "And?"]);
  });

  test("is refused like any other, before there is a run", async () => {
    for (const stream of [true, false]) {
      const exchange = await exchangeOf(await gateway.chat({ ...say("hi", { stream }), model: "openclaw:nobody" }, inBackground));
      expectError(exchange, { status: 404, code: "model_not_found", param: "model" });
      expect(exchange.headers["x-openclaw-run-id"]).toBeUndefined();
    }
    expectError(await exchangeOf(await gateway.chat(say("hi"), { "x-openclaw-background": "yes" })), {
      status: 400,
      code: "invalid_value",
      param: "x-openclaw-background",
    });
  });

  test("goes on when the reader of its stream leaves in the middle, who then reads the rest from elsewhere", async () => {
    const leave = new AbortController();
    const response = await slow.chat(say("hi", streamedWithUsage), inBackground, leave.signal);
    const id = response.headers.get("x-openclaw-run-id") ?? "";
    const upstream = await held.next();
    const reader = new StreamReader(response);
    upstream.say("One, ");
    await reader.until("One, ");
    const known = framesIn(reader.text);
    leave.abort();
    await reader.rest().catch(() => undefined);

    upstream.say("two, ");
    const elsewhere = await slow.get(`/v1/runs/${id}/events`, { "last-event-id": String(known.at(-1)?.id) });
    const rest = new StreamReader(elsewhere);
    await rest.until("two, ");
    expect((await showRun(slow, id)).status).toBe("running");
    upstream.say("three.");
    upstream.finish();
    const frames = framesIn(await rest.rest());
    expect(textIn(known) + textIn(frames)).toBe("One, two, three.");
    expect(frames.at(-1)?.data).toBe("[DONE]");
    expect([...known, ...frames]).toEqual(await readEvents(slow, id));
  });

  test("begins its stream at once, before anything is said", async () => {
    const response = await slow.chat(say("hi", { stream: true }), inBackground);
    const reader = new StreamReader(response);
    await reader.until('"role":"assistant"');
    expect(framesIn(reader.text)).toMatchObject([{ id: 1 }]);
    const upstream = await held.next();
    upstream.say("Now.");
    upstream.finish();
    expect(textIn(framesIn(await reader.rest()))).toBe("Now.");
  });

  test("is followed by several readers at once, each of whom gets everything", async () => {
    const { id } = await begin(slow, say("hi"));
    const upstream = await held.next();
    const readers = await Promise.all(Array.from({ length: 5 }, async () => new StreamReader(await slow.get(`/v1/runs/${id}/events`))));
    await Promise.all(readers.map((reader) => reader.until('"role"')));
    upstream.say("For all.");
    upstream.finish();
    const texts = await Promise.all(readers.map((reader) => reader.rest()));
    expect(textIn(framesIn(texts[0] ?? ""))).toBe("For all.");
    expect(new Set(texts).size).toBe(1);
  });
});

describe("the events of a run in the background", () => {
  test("are the stream that its caller gets, number by number", async () => {
    stub.reply(...eventful);
    const response = await gateway.chat(say("6*7?", { ...streamedWithUsage, tools: [weather] }), { ...inBackground, ...progress });
    const exchange = expectKept("createChatCompletion", 200, await exchangeOf(response));
    const frames = framesIn(exchange.text);
    expect(frames).toEqual(await readEvents(gateway, exchange.headers["x-openclaw-run-id"] ?? "", "", progress));
    const folded = fold(exchange.text);
    expect(folded).toMatchObject({
      text: "Let me see ✓.\n\nIt is 42, 그렇지.",
      reasoning: "Hm, hm.",
      finishReason: "tool_calls",
      isDone: true,
    });
    expect(folded.toolCalls).toMatchObject([{ name: "get_weather", arguments: '{"city":"Seoul"}' }]);
    expect(folded.usage).toMatchObject({ prompt_tokens: 18 });
  });

  test.each([{}, progress])("can be gone on with after each of them, with nothing missing and nothing twice (%j)", async (headers) => {
    const id = await eventfulRun();
    const frames = await readEvents(gateway, id, "", headers);
    const numbered = frames.slice(0, -1);
    expect(numbered.length).toBeGreaterThan(5);
    expect(numbered.every(({ id: number }, at) => (number ?? 0) > (numbered[at - 1]?.id ?? 0))).toBe(true);
    for (const [at, { id: number }] of numbered.entries()) {
      expect(await readEvents(gateway, id, `?starting_after=${number}`, headers as { [name: string]: string })).toEqual(after(frames, at));
    }
  });

  test("that had to make room are told from those that are all read, and the run can still be looked up", async () => {
    const { gateway: small, id } = await eventfulRunWithoutEvents();
    expect(await showRun(small, id)).toMatchObject({ status: "completed", completion: null, finish_reason: "tool_calls" });
    expect((await cancelRun(small, id)).status).toBe("completed");
    for (const query of ["", "?starting_after=3", "?starting_after=100000"]) {
      const refused = await exchangeOf(await small.get(`/v1/runs/${id}/events${query}`));
      expectError(refused, { status: 400, code: "invalid_value", param: "id" });
    }
  });

  test("say no more than the end to whoever has read beyond it", async () => {
    const id = await eventfulRun();
    expect(await readEvents(gateway, id, "?starting_after=100000")).toEqual([{ id: undefined, data: "[DONE]" }]);
  });

  test("bring the usage without being asked, in their last chunk; the caller's own stream only if asked", async () => {
    stub.reply({ text: "Hi" });
    const exchange = await exchangeOf(await gateway.chat(say("hi", { stream: true }), inBackground));
    const frames = await readEvents(gateway, exchange.headers["x-openclaw-run-id"] ?? "");
    expect(exchange.text).not.toContain("usage");
    expect(JSON.parse(frames.at(-2)?.data ?? "")).toMatchObject({ choices: [], usage: { total_tokens: 14 } });
    // Whoever has all that was asked for has nothing left to read.
    const last = framesIn(exchange.text).at(-2)?.id;
    expect(await readEvents(gateway, exchange.headers["x-openclaw-run-id"] ?? "", `?starting_after=${last}`)).toHaveLength(1);
  });

  test("end with the finish where no provider counts tokens", async () => {
    stub.reply({ text: "Hi", usage: null });
    const { id } = await begin(gateway, say("hi"));
    const frames = await readEvents(gateway, id);
    expect(JSON.parse(frames.at(-2)?.data ?? "")).toMatchObject({ choices: [{ finish_reason: "stop" }] });
    expect(await readEvents(gateway, id, `?starting_after=${frames.at(-3)?.id}`)).toEqual(frames.slice(-2));
    expect(await readEvents(gateway, id, `?starting_after=${frames.at(-2)?.id}`)).toEqual(frames.slice(-1));
  });

  test("begin after starting_after where both it and Last-Event-ID are given", async () => {
    const id = await eventfulRun();
    const frames = await readEvents(gateway, id);
    const both = await readEvents(gateway, id, `?starting_after=${frames[2]?.id}`, { "last-event-id": "1" });
    expect(both).toEqual(after(frames, 2));
  });

  test("end with an error, as an event, when the run fails", async () => {
    stub.reply({ text: "Half of", ending: "cut" });
    const { id } = await begin(gateway, say("hi"));
    const frames = await readEvents(gateway, id);
    const error = JSON.parse(frames.at(-2)?.data ?? "") as { error: { code: string; message: string } };
    expect(error.error.code).toBe("upstream_error");
    expect(frames.at(-2)?.id).toBeGreaterThan(frames.at(-3)?.id ?? 0);
    expect(await readEvents(gateway, id, `?starting_after=${frames.at(-3)?.id}`)).toEqual(frames.slice(-2));
    expect(await readEvents(gateway, id, `?starting_after=${frames.at(-2)?.id}`)).toEqual(frames.slice(-1));
    expect(await showRun(gateway, id)).toMatchObject({ status: "failed", error: error.error, completion: null });
  });

  test("never show what the agent's own tools were told or what they answered", async () => {
    stub.reply({ toolCalls: [{ ...calculate, arguments: '{"expression":"secret"}' }] }, { text: "no" });
    const { id } = await begin(gateway, say("hi"));
    const said = JSON.stringify([await readEvents(gateway, id, "", progress), await showRun(gateway, id)]);
    expect(said).toContain("tool_end");
    expect(said).not.toContain("secret");
  });

  test("are read by the official client's parser", async () => {
    const id = await eventfulRun();
    const controller = new AbortController();
    const response = await gateway.get(`/v1/runs/${id}/events`, { "last-event-id": "1" });
    let text = "";
    for await (const chunk of Stream.fromSSEResponse<OpenAI.Chat.ChatCompletionChunk>(response, controller)) {
      text += chunk.choices[0]?.delta.content ?? "";
    }
    expect(text).toBe("Let me see ✓.\n\nIt is 42, 그렇지.");
  });

  test("are what the official client streams when it asks for the background in a header", async () => {
    stub.reply({ text: "Streamed." });
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: testToken });
    const body = { model: "openclaw", messages: [{ role: "user" as const, content: "hi" }], stream: true as const };
    let text = "";
    for await (const chunk of await client.chat.completions.create(body, { headers: inBackground })) {
      text += chunk.choices[0]?.delta.content ?? "";
    }
    expect(text).toBe("Streamed.");
  });
});

describe("when the gateway stops", () => {
  test("what is over can be read again from the next one, byte for byte", async () => {
    const folder = await makeFolder();
    const first = await startGateway(onProvider(stub.url), { folder });
    stub.reply(...eventful);
    const { id } = await begin(first, say("6*7?", { tools: [weather] }));
    const before = await readEvents(first, id, "", progress);
    const shown = await showRun(first, id);
    await first.close();

    const second = await startGateway(onProvider(stub.url), { folder });
    expect(await readEvents(second, id, "", progress)).toEqual(before);
    expect(await readEvents(second, id, `?starting_after=${before[3]?.id}`, progress)).toEqual(after(before, 3));
    expect(await readEvents(second, id, `?starting_after=${before.at(-2)?.id}`, progress)).toEqual(before.slice(-1));
    expect(await showRun(second, id)).toEqual(shown);
  });

  test("what is at work is interrupted, and whoever follows it later reads what was said and why there is no more", async () => {
    const folder = await makeFolder();
    const first = await startGateway(onProvider(held.url), { folder });
    const session = { "x-openclaw-session-key": "cut-off" };
    const { id } = await begin(first, say("hi"), session);
    const upstream = await held.next();
    const reader = new StreamReader(await first.get(`/v1/runs/${id}/events`));
    upstream.say("As far as ");
    await reader.until("As far as ");
    await first.close();
    await upstream.aborted;

    const second = await startGateway(onProvider(held.url), { folder });
    expect(await showRun(second, id)).toMatchObject({
      status: "interrupted",
      error: { code: "run_interrupted" },
      completion: null,
      finish_reason: null,
    });
    const frames = await readEvents(second, id);
    expect(textIn(frames)).toBe("As far as ");
    expect(JSON.parse(frames.at(-2)?.data ?? "")).toMatchObject({ error: { code: "run_interrupted" } });
    expect(frames.at(-1)?.data).toBe("[DONE]");
    // It is over, so there is nothing to cancel, and its session goes on.
    expect((await cancelRun(second, id)).status).toBe("interrupted");
    const answered = second.chat(say("again"), session);
    const next = await held.next();
    next.say("Yes.");
    next.finish();
    expect((await answered).status).toBe(200);
  });
});
