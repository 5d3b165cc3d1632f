/** `Idempotency-Key`: a request that comes again gets the reply of the first and does nothing, whatever has happened to the first. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import OpenAI from "openai";
import { type Exchange, exchangeOf, expectError, problemsOf } from "../support/contract-check.ts";
import { dataLines, makeFolder, say, startGateway, type TestConfig, type TestGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { fold, StreamReader } from "./event-stream.ts";
import { type HeldUpstream, startHeldUpstream } from "./held-upstream.ts";
import { gatewayWith, onProvider } from "./provider.ts";
import { begin, cancelRun, inBackground, keyed, readEvents, type RunObject, showRun } from "./run-requests.ts";

const guest = { authorization: "Bearer guest-secret-0123456789" };
const visitor = { authorization: "Bearer visitor-secret-0123456789" };
const tokens = [
  { name: "guest", token: "guest-secret-0123456789" },
  { name: "visitor", token: "visitor-secret-0123456789" },
];
const calculate = { id: "call_1", name: "calculator", arguments: '{"expression":"6*7"}' };
const broken = { status: 500, headers: { "x-should-retry": "false" }, body: { error: { message: "The model fell over." } } };

function configOn(url: string): TestConfig {
  const auth = { mode: "token", token: testToken, tokens };
  return onProvider(url, {}, { gateway: { ...gatewayWith({ sessionHeader: "x-session-id" }), auth } });
}

let stub: StubUpstream;
let gateway: TestGateway;
let held: HeldUpstream;
let slow: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  held = await startHeldUpstream();
  [gateway, slow] = await Promise.all([startGateway(configOn(stub.url)), startGateway(configOn(held.url))]);
});
afterAll(() => stub.close());

async function ask(body: object | string, headers: { [name: string]: string }, of = gateway): Promise<Exchange> {
  const exchange = await exchangeOf(await of.chat(body, headers));
  expect(problemsOf("createChatCompletion", exchange)).toEqual([]);
  return exchange;
}

/** What a reply says besides when it was sent. */
function contentOf({ status, headers, text }: Exchange): object {
  const kept = ["content-type", "x-openclaw-run-id", "x-openclaw-session-key"].map((name) => headers[name]);
  return { status, kept, text };
}

const isReplay = ({ headers }: Exchange): boolean => headers["idempotency-replayed"] === "true";

async function usersOf(key: string): Promise<unknown[]> {
  const response = await gateway.get(`/v1/sessions/${key}/messages?branches=true`);
  const { data } = (await response.json()) as { data: { role: string; content: unknown }[] };
  return data.filter(({ role }) => role === "user").map(({ content }) => content);
}

describe("the same request with the same key", () => {
  test("gets the same reply, byte for byte, and no model is asked", async () => {
    stub.reply({ toolCalls: [calculate] }, { text: "It is 42 ✓.", reasoning: "Easy." });
    const headers = keyed("json", { "x-openclaw-session-key": "once", "x-openclaw-events": "true" });
    const first = await ask(say("6*7?"), headers);
    const asked = stub.requestCount;
    const second = await ask(say("6*7?"), headers);
    expect(contentOf(second)).toEqual(contentOf(first));
    expect([isReplay(first), isReplay(second)]).toEqual([false, true]);
    expect(stub.requestCount).toBe(asked);
    expect(await usersOf("once")).toEqual(["6*7?"]);
  });

  test("gets the same stream, frame by frame", async () => {
    stub.reply({ text: "Let me see.", toolCalls: [calculate] }, { text: "It is 42 ✓.", chunks: 4, reasoning: "Easy." });
    const body = say("6*7?", { stream: true, stream_options: { include_usage: true } });
    const headers = keyed("stream", { "x-openclaw-events": "true" });
    const first = await ask(body, headers);
    const second = await ask(body, headers);
    expect(fold(first.text)).toMatchObject({ text: "Let me see.\n\nIt is 42 ✓.", isDone: true });
    expect(contentOf(second)).toEqual(contentOf(first));
    expect([isReplay(first), isReplay(second)]).toEqual([false, true]);
  });

  test("is the same however its body is spaced, and whatever other headers it has", async () => {
    const first = await ask(say("hi"), keyed("spaced"));
    const second = await ask(
      JSON.stringify(say("hi"), undefined, 2),
      keyed("spaced", { "x-request-id": "another", "user-agent": "another" }),
    );
    expect(contentOf(second)).toEqual(contentOf(first));
    expect(isReplay(second)).toBe(true);
  });

  test("waits for the first while that is at work", async () => {
    const before = held.count;
    const first = ask(say("hi"), keyed("waiting"), slow);
    const upstream = await held.next();
    const others = [1, 2, 3].map(() => ask(say("hi"), keyed("waiting"), slow));
    upstream.say("Once.");
    upstream.finish();
    const replies = [await first, ...(await Promise.all(others))];
    expect(new Set(replies.map((reply) => JSON.stringify(contentOf(reply)))).size).toBe(1);
    expect(replies.map(isReplay)).toEqual([false, true, true, true]);
    expect(held.count).toBe(before + 1);
  });

  test("waits for the first stream while that is at work", async () => {
    const body = say("hi", { stream: true });
    const pending = slow.chat(body, keyed("waiting-stream"));
    const upstream = await held.next();
    upstream.say("First ");
    const first = new StreamReader(await pending);
    await first.until("First ");
    const second = ask(body, keyed("waiting-stream"), slow);
    upstream.say("half.");
    upstream.finish();
    expect(dataLines((await second).text)).toEqual(dataLines(await first.rest()));
    expect(isReplay(await second)).toBe(true);
  });

  test("is the same and is answered, however deep is nested what nobody reads of it", async () => {
    const nested = (innermost: string): string => `${'{"a":['.repeat(20_000)}${innermost}${"]}".repeat(20_000)}`;
    const deep = (innermost: string): string => JSON.stringify(say("deep")).replace("{", `{"unknown":${nested(innermost)},`);
    const first = await ask(deep("1"), keyed("deep"));
    expect(first.status).toBe(200);
    expect(isReplay(await ask(deep(" 1"), keyed("deep")))).toBe(true);
    for (const other of ["2", "[1]", '"1"', "1,1", '{"1":1}']) {
      expectError(await ask(deep(other), keyed("deep")), { status: 409, code: "idempotency_conflict", param: "idempotency-key" });
    }
  });

  test("sent 50 times at once is one run", async () => {
    const before = stub.requestCount;
    const replies = await Promise.all(Array.from({ length: 50 }, () => ask(say("hi"), keyed("at-once"))));
    expect(new Set(replies.map((reply) => JSON.stringify(contentOf(reply)))).size).toBe(1);
    expect(replies.filter((reply) => !isReplay(reply))).toHaveLength(1);
    expect(stub.requestCount).toBe(before + 1);
  });

  test("gets the failure of the first, and is not to be sent a third time", async () => {
    stub.reply(broken);
    const first = await ask(say("hi"), keyed("failed"));
    expectError(first, { status: 502, code: "upstream_error" });
    const asked = stub.requestCount;
    const second = await ask(say("hi"), keyed("failed"));
    expect(contentOf(second)).toEqual({ ...contentOf(first) });
    expect(second.headers).toMatchObject({ "idempotency-replayed": "true", "x-should-retry": "false" });
    expect(stub.requestCount).toBe(asked);
  });

  test("gets the failure of a stream where it was", async () => {
    stub.reply({ text: "Half of ", ending: "cut" });
    const first = await ask(say("hi", { stream: true }), keyed("failed-stream"));
    const second = await ask(say("hi", { stream: true }), keyed("failed-stream"));
    expect(fold(first.text).error?.code).toBe("upstream_error");
    expect(contentOf(second)).toEqual(contentOf(first));
    expect(isReplay(second)).toBe(true);
  });

  test("in the background is the same run, as it stands by then", async () => {
    const first = await slow.chat(say("hi"), keyed("background", inBackground));
    const { id } = (await first.json()) as RunObject;
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    const again = async (): Promise<RunObject> => {
      const response = await slow.chat(say("hi"), keyed("background", inBackground));
      expect({ status: response.status, replayed: response.headers.get("idempotency-replayed") }).toEqual({
        status: 202,
        replayed: "true",
      });
      return (await response.json()) as RunObject;
    };
    expect(await again()).toMatchObject({ id, status: "running" });
    const upstream = await held.next();
    upstream.say("Done.");
    upstream.finish();
    await readEvents(slow, id);
    expect(await again()).toMatchObject({ id, status: "completed", completion: { choices: [{ message: { content: "Done." } }] } });
  });

  test("in the background is refused like the first, though that was not refused yet", async () => {
    const schema = { type: "object", properties: { a: { $ref: "#/nowhere" } } };
    const refused = say("hi", { response_format: { type: "json_schema", json_schema: { name: "n", schema } } });
    const replies = await Promise.all([1, 2, 3].map(() => ask(refused, keyed("refused-background", inBackground))));
    expect(replies.map(({ status }) => status)).toEqual([400, 400, 400]);
  });

  test("in the background and streamed is read from its beginning", async () => {
    const body = say("hi", { stream: true });
    const first = await ask(body, keyed("background-stream", inBackground));
    const second = await ask(body, keyed("background-stream", inBackground));
    expect(contentOf(second)).toEqual(contentOf(first));
    expect(isReplay(second)).toBe(true);
  });

  test("gets the same reply from the next gateway", async () => {
    const folder = await makeFolder();
    const first = await startGateway(configOn(stub.url), { folder });
    stub.reply({ text: "Kept." }, { text: "Streamed.", chunks: 3 }, broken);
    const requests = [say("json"), say("stream", { stream: true }), say("failing")];
    const before: Exchange[] = [];
    for (const [n, body] of requests.entries()) before.push(await ask(body, keyed(`restart-${n}`), first));
    await first.close();
    const second = await startGateway(configOn(stub.url), { folder });
    const asked = stub.requestCount;
    for (const [n, body] of requests.entries()) {
      const again = await ask(body, keyed(`restart-${n}`), second);
      expect(contentOf(again)).toEqual(contentOf(before[n] as Exchange));
      expect(isReplay(again)).toBe(true);
    }
    expect(stub.requestCount).toBe(asked);
  });

  test("saves the official client's own retries from doing things twice", async () => {
    let isFirst = true;
    const before = stub.requestCount;
    const client = new OpenAI({
      baseURL: `${gateway.url}/v1`,
      apiKey: testToken,
      // The reply is lost on its way back.
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        if (!isFirst) return response;
        isFirst = false;
        await response.arrayBuffer();
        throw new TypeError("fetch failed");
      },
    });
    stub.reply({ text: "Sent." });
    const { data, response } = await client.chat.completions
      .create({ model: "openclaw", messages: [{ role: "user", content: "send it" }] }, { headers: keyed("official") })
      .withResponse();
    expect(data.choices[0]?.message.content).toBe("Sent.");
    expect(response.headers.get("idempotency-replayed")).toBe("true");
    expect(stub.requestCount).toBe(before + 1);
  });
});

describe("another request with the same key", () => {
  test.each<[what: string, body: object, headers: { [name: string]: string }]>([
    ["another text", say("bye"), {}],
    ["another setting", say("hi", { temperature: 0 }), {}],
    ["a stream", say("hi", { stream: true }), {}],
    ["another agent", say("hi"), { "x-openclaw-agent-id": "plain" }],
    ["a session", say("hi"), { "x-openclaw-session-key": "other" }],
    ["a session by the client's own header", say("hi"), { "x-session-id": "other" }],
    ["the background", say("hi"), inBackground],
  ])("is refused: %s", async (what, body, headers) => {
    const key = `conflict-${what.replaceAll(" ", "-")}`;
    const first = await ask(say("hi"), keyed(key));
    const asked = stub.requestCount;
    const exchange = await ask(body, keyed(key, headers));
    expectError(exchange, { status: 409, code: "idempotency_conflict", param: "idempotency-key" });
    expect(exchange.headers["x-should-retry"]).toBe("false");
    expect(stub.requestCount).toBe(asked);
    expect(contentOf(await ask(say("hi"), keyed(key)))).toEqual(contentOf(first));
  });

  test("is refused at once while the first is at work, which goes on", async () => {
    const first = ask(say("hi"), keyed("busy"), slow);
    const upstream = await held.next();
    expectError(await ask(say("bye"), keyed("busy"), slow), { status: 409, code: "idempotency_conflict" });
    upstream.say("Fine.");
    upstream.finish();
    expect((await first).status).toBe(200);
  });

  test("of another token's has nothing to do with it", async () => {
    const replies = [await ask(say("hi"), keyed("shared")), await ask(say("hi"), keyed("shared", guest))];
    replies.push(await ask(say("bye"), keyed("shared", visitor)));
    expect(replies.map(isReplay)).toEqual([false, false, false]);
    expect(new Set(replies.map(({ headers }) => headers["x-openclaw-run-id"])).size).toBe(3);
    expect(isReplay(await ask(say("hi"), keyed("shared", guest)))).toBe(true);
  });
});

describe("a key is free again", () => {
  test.each<[why: string, wrong: object, headers: { [name: string]: string }, status: number]>([
    ["a malformed body", say("hi", { temperature: 9 }), {}, 400],
    ["an unknown agent", { ...say("hi"), model: "openclaw:nobody" }, {}, 404],
    ["an unknown model", say("hi"), { "x-openclaw-model": "no/such" }, 404],
    ["a tool that is named as the agent's own", say("hi", { tools: [{ type: "function", function: { name: "calculator" } }] }), {}, 400],
    [
      "an image that is none",
      say("hi", { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "data:image/png;base64,AA==" } }] }] }),
      {},
      400,
    ],
  ])("after a refusal before the run: %s", async (why, wrong, headers, status) => {
    const key = `refused-${why.replaceAll(" ", "-")}`;
    const refused = await ask(wrong, keyed(key, headers));
    expect(refused.status).toBe(status);
    expect((await ask(wrong, keyed(key, headers))).headers["idempotency-replayed"]).toBeUndefined();
    const mended = await ask(say("hi"), keyed(key));
    expect({ status: mended.status, isReplay: isReplay(mended) }).toEqual({ status: 200, isReplay: false });
  });

  test("after a run that its caller left, which is run anew", async () => {
    const leave = new AbortController();
    const first = slow.chat(say("hi"), keyed("left"), leave.signal).catch(() => undefined);
    const upstream = await held.next();
    leave.abort();
    await first;
    await upstream.aborted;
    const again = ask(say("hi"), keyed("left"), slow);
    const anew = await held.next();
    anew.say("Anew.");
    anew.finish();
    expect(isReplay(await again)).toBe(false);
  });

  test("for the one that waited, when the caller of the first leaves", async () => {
    const leave = new AbortController();
    const first = slow.chat(say("hi"), keyed("left-alone"), leave.signal).catch(() => undefined);
    const upstream = await held.next();
    const second = ask(say("hi"), keyed("left-alone"), slow);
    const third = ask(say("hi"), keyed("left-alone"), slow);
    upstream.say("Never ");
    leave.abort();
    await first;
    const anew = await held.next();
    anew.say("Anew.");
    anew.finish();
    const replies = await Promise.all([second, third]);
    expect(replies.map(({ status }) => status)).toEqual([200, 200]);
    expect(replies.filter(isReplay)).toHaveLength(1);
  });

  test("for the one that waited in another gateway, when the gateway of the first stops", async () => {
    const folder = await makeFolder();
    const first = await startGateway(configOn(held.url), { folder });
    const second = await startGateway(configOn(held.url), { folder });
    const begun = first.chat(say("stops"), keyed("stops"));
    const lost = await held.next();
    const waiting = ask(say("stops"), keyed("stops"), second);
    // By then that one has come.
    for (let requests = 0; requests < 20; requests++) await second.get("/v1/models");
    await first.close();
    await lost.aborted;
    expect((await begun).status).toBe(503);
    const next = await held.next();
    next.say("Here.");
    next.finish();
    const answered = await waiting;
    expect({ status: answered.status, isReplay: isReplay(answered) }).toEqual({ status: 200, isReplay: false });
  });

  test("after a run that was cancelled", async () => {
    const first = ask(say("hi"), keyed("cancelled", { "x-openclaw-session-key": "cancelled" }), slow);
    const upstream = await held.next();
    const { data } = (await (await slow.get("/v1/sessions/cancelled/messages?branches=true")).json()) as { data: { run_id: string }[] };
    await cancelRun(slow, data[0]?.run_id ?? "");
    await upstream.aborted;
    expect((await first).status).toBe(409);
    const again = ask(say("hi"), keyed("cancelled", { "x-openclaw-session-key": "cancelled" }), slow);
    const anew = await held.next();
    anew.say("Anew.");
    anew.finish();
    expect(await again).toMatchObject({ status: 200 });
  });
});

describe("a key", () => {
  test.each(["", "with space", "한글".normalize(), "x".repeat(256)])("that is none is refused: '%s'", async (key) => {
    const sent = Buffer.from(key).toString("latin1");
    const exchange = await ask(say("hi"), keyed(sent));
    expectError(exchange, { status: 400, code: "invalid_value", param: "idempotency-key" });
  });

  test("of 255 characters, some of them odd, is one", async () => {
    const key = `!~"%{}${"x".repeat(249)}`;
    await ask(say("hi"), keyed(key));
    expect(isReplay(await ask(say("hi"), keyed(key)))).toBe(true);
  });

  test("makes its run one that can be looked up, and nothing but its caller may follow", async () => {
    const { headers } = await ask(say("hi"), keyed("looked-up", guest));
    const id = headers["x-openclaw-run-id"] ?? "";
    expect(await showRun(gateway, id, guest)).toMatchObject({ id, status: "completed", background: false, completion: null });
    expectError(await exchangeOf(await gateway.get(`/v1/runs/${id}/events`, guest)), { status: 400, code: "invalid_value", param: "id" });
    expectError(await exchangeOf(await gateway.get(`/v1/runs/${id}`, visitor)), { status: 404, code: "not_found", param: "id" });
  });

  test("belongs to the run in the background until it ends, however its caller fares", async () => {
    const leave = new AbortController();
    const body = say("hi", { stream: true });
    const response = await slow.chat(body, keyed("outlives", inBackground), leave.signal);
    const id = response.headers.get("x-openclaw-run-id") ?? "";
    leave.abort();
    const upstream = await held.next();
    const again = await slow.chat(body, keyed("outlives", inBackground));
    expect(again.headers.get("x-openclaw-run-id")).toBe(id);
    upstream.say("Still here.");
    upstream.finish();
    expect(fold(await again.text()).text).toBe("Still here.");
    expect(await begin(slow, say("hi"), keyed("outlives-2"))).not.toMatchObject({ id });
  });
});
