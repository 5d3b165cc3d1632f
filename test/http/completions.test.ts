/** Stored completions over HTTP: what is kept of which request, who sees it, how it is found, labelled and done away with. */
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import Database from "libsql";
import { StreamReader } from "../faces/event-stream.ts";
import { type HeldUpstream, startHeldUpstream } from "../faces/held-upstream.ts";
import { onProvider } from "../faces/provider.ts";
import { filePart, imagePart, pngOf, textPart } from "../support/attachments.ts";
import { exchangeOf, expectError, problemsOf } from "../support/contract-check.ts";
import { makeFolder, say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";

interface Completion {
  readonly id: string;
  readonly object: string;
  readonly created: number;
  readonly model: string;
  readonly choices: readonly { readonly message: { readonly content: string | null } }[];
  readonly metadata?: { readonly [key: string]: string };
}
interface Message {
  readonly id: string;
  readonly role: string;
  readonly content: string | null;
  readonly content_parts: readonly object[] | null;
}
interface List<Item> {
  readonly data: readonly Item[];
  readonly first_id: string | null;
  readonly last_id: string | null;
  readonly has_more: boolean;
}
type Headers = { readonly [name: string]: string };

const guest = { authorization: "Bearer guest-secret-0123456789" };
const tokens = [{ name: "guest", token: "guest-secret-0123456789" }];
const auth = { mode: "token", token: testToken, tokens };
const endpoints = { chatCompletions: { enabled: true } };
const agents = {
  defaults: { model: "stub/any" },
  entries: { main: { default: true, tools: ["calculator"], systemPrompt: "Be the agent." }, beta: {} },
};
const dayMs = 24 * 60 * 60 * 1000;

let stub: StubUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  const providers = { stub: { baseUrl: stub.url, models: [{ id: "any", input: ["text", "image"] }] } };
  gateway = await startGateway({ gateway: { auth, http: { endpoints } }, agents, models: { providers } });
});

afterAll(() => stub.close());

/** Each test finds nothing but its own. */
afterEach(() => withDatabase((database) => void database.exec("delete from completions")));

function withDatabase<T>(work: (database: Database.Database) => T, { folder } = gateway): T {
  const database = new Database(join(folder, "clawgate.db"));
  try {
    return work(database);
  } finally {
    database.close();
  }
}

function countOf(table: string): number {
  return withDatabase((database) => (database.prepare(`select count(*) as n from "${table}"`).get([]) as { n: number }).n);
}

async function chat(body: object, headers: Headers = {}): Promise<Completion> {
  const exchange = await exchangeOf(await gateway.chat(body, headers));
  expect({ status: exchange.status, problems: problemsOf("createChatCompletion", exchange) }).toEqual({ status: 200, problems: [] });
  return JSON.parse(exchange.text) as Completion;
}

/** A completion that was stored. */
async function store(text: string, more: object = {}, headers: Headers = {}): Promise<Completion> {
  stub.reply({ text });
  return chat(say(`Say ${text}.`, { store: true, ...more }), headers);
}

function send(method: string, path: string, body?: unknown, headers: Headers = {}, of = gateway): Promise<Response> {
  const json = body === undefined ? {} : { "content-type": "application/json" };
  const init = { method, headers: { authorization: `Bearer ${testToken}`, ...json, ...headers } };
  return fetch(`${of.url}/v1/chat/completions${path}`, body === undefined ? init : { ...init, body: JSON.stringify(body) });
}

/** A reply that keeps the contract. */
async function ask<T>(
  operation: string,
  method: string,
  path: string,
  { body, headers = {}, of = gateway }: { body?: unknown; headers?: Headers; of?: TestGateway } = {},
): Promise<T> {
  const exchange = await exchangeOf(await send(method, path, body, headers, of));
  expect({ status: exchange.status, problems: problemsOf(operation, exchange) }).toEqual({ status: 200, problems: [] });
  return JSON.parse(exchange.text) as T;
}

const list = (query = "", headers: Headers = {}) => ask<List<Completion>>("listChatCompletions", "GET", query, { headers });
const show = (id: string, headers: Headers = {}) => ask<Completion>("getChatCompletion", "GET", `/${id}`, { headers });
const read = (id: string, query = "", headers: Headers = {}) =>
  ask<List<Message>>("listChatCompletionMessages", "GET", `/${id}/messages${query}`, { headers });
const label = (id: string, metadata: object | null, headers: Headers = {}) =>
  ask<Completion>("updateChatCompletion", "POST", `/${id}`, { body: { metadata }, headers });
const remove = (id: string, headers: Headers = {}) => ask<object>("deleteChatCompletion", "DELETE", `/${id}`, { headers });
const textsOf = ({ data }: List<Completion>) => data.map(({ choices }) => choices[0]?.message.content);

async function refused(
  method: string,
  path: string,
  wanted: { status: number; code: string; param?: string | null },
  { body, headers = {} }: { body?: unknown; headers?: Headers } = {},
) {
  return expectError(await exchangeOf(await send(method, path, body, headers)), wanted);
}

/** It is not there in any operation. */
async function isNowhere(id: string, headers: Headers = {}): Promise<void> {
  const wanted = { status: 404, code: "not_found", param: "completion_id" };
  await refused("GET", `/${id}`, wanted, { headers });
  await refused("GET", `/${id}/messages`, wanted, { headers });
  await refused("POST", `/${id}`, wanted, { headers, body: { metadata: {} } });
  await refused("DELETE", `/${id}`, wanted, { headers });
}

describe("what is kept", () => {
  test("is the reply that its caller got, with its metadata, which the reply does not have", async () => {
    const reply = await store("hello", { metadata: { ticket: "4711" }, model: "openclaw:main" });
    expect(reply).not.toHaveProperty("metadata");
    expect(await show(reply.id)).toEqual({ ...reply, metadata: { ticket: "4711" } });
    expect((await list()).data).toEqual([{ ...reply, metadata: { ticket: "4711" } }]);
  });

  test("has empty metadata where none was given", async () => {
    for (const more of [{}, { metadata: null }, { metadata: {} }]) {
      const { id } = await store("hello", more);
      expect((await show(id)).metadata).toEqual({});
    }
  });

  test("of a streamed reply is what a reply in one piece would have been", async () => {
    stub.reply({ text: "one two three", chunks: 4, reasoning: "Counting." });
    const response = await gateway.chat(say("count", { store: true, stream: true, stream_options: { include_usage: true } }));
    const runId = response.headers.get("x-openclaw-run-id");
    await response.text();
    const completion = await show(`chatcmpl-${runId}`);
    expect(completion).toMatchObject({
      choices: [{ message: { content: "one two three", reasoning_content: "Counting." }, finish_reason: "stop" }],
      usage: { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14 },
    });
  });

  test("of a refusal, and of calls of the caller's tools, is the same as the reply", async () => {
    stub.reply({ refusal: "No." });
    const refusal = await chat(say("hi", { store: true }));
    expect(await show(refusal.id)).toEqual({ ...refusal, metadata: {} });
    const tools = [{ type: "function", function: { name: "get_weather" } }];
    stub.reply({ toolCalls: [{ id: "call_1", name: "get_weather", arguments: '{"city":"Seoul"}' }], usage: null });
    const calls = await chat(say("hi", { store: true, tools }));
    expect(calls.choices).toMatchObject([{ finish_reason: "tool_calls", message: { content: null } }]);
    expect(await show(calls.id)).toEqual({ ...calls, metadata: {} });
  });

  test("tells nothing of the agent's own tools, nor of what x-openclaw-events showed", async () => {
    stub.reply({ toolCalls: [{ id: "own", name: "calculator", arguments: '{"expression":"6*7"}' }] }, { text: "It is 42." });
    const reply = await chat(say("what is 6 * 7?", { store: true }), { "x-openclaw-events": "true" });
    expect(reply).toHaveProperty("openclaw");
    const { openclaw: _shown, ...rest } = reply as Completion & { openclaw: object };
    expect(await show(reply.id)).toEqual({ ...rest, metadata: {} });
    expect(JSON.stringify(await read(reply.id))).not.toContain("calculator");
  });

  test("is kept for 30 days, and then it is gone", async () => {
    const { id, created } = await store("hello");
    const { created_at, expires_at } = withDatabase(
      (database) =>
        database.prepare("select created_at, expires_at from completions").get([]) as { created_at: string; expires_at: string },
    );
    expect(Math.floor(Date.parse(created_at) / 1000)).toBe(created);
    expect(Date.parse(expires_at) - Date.parse(created_at)).toBe(30 * dayMs);
    withDatabase((database) => database.prepare("update completions set expires_at = ?").run(new Date(Date.now() - 1).toISOString()));
    await isNowhere(id);
    expect((await list()).data).toEqual([]);
  });

  test("stays when the gateway is started anew", async () => {
    const folder = await makeFolder();
    const first = await startGateway(onProvider(stub.url), { folder });
    stub.reply({ text: "still here" });
    const { id } = (await (await first.chat(say("hi", { store: true, metadata: { a: "b" } }))).json()) as Completion;
    await first.close();
    const second = await startGateway(onProvider(stub.url), { folder });
    const found = await ask<Completion>("getChatCompletion", "GET", `/${id}`, { of: second });
    expect(found).toMatchObject({ id, metadata: { a: "b" }, choices: [{ message: { content: "still here" } }] });
  });
});

describe("a run that goes on by itself", () => {
  const background = { "x-openclaw-background": "true" };
  let held: HeldUpstream;
  let own: TestGateway;

  beforeAll(async () => {
    held = await startHeldUpstream();
    own = await startGateway(onProvider(held.url));
  });

  test("is kept as a completion once it is completed, and not before", async () => {
    const { completion_id: id } = (await (await own.chat(say("hi", { store: true }), background)).json()) as { completion_id: string };
    const exchange = await held.next();
    exchange.say("at last");
    expectError(await exchangeOf(await send("GET", `/${id}`, undefined, {}, own)), { status: 404, code: "not_found" });
    exchange.finish();
    await own.program.runs.settled();
    const found = await ask<Completion>("getChatCompletion", "GET", `/${id}`, { of: own });
    expect(found).toMatchObject({ id, model: "openclaw", choices: [{ message: { content: "at last" } }] });
  });

  test("is not kept when it is cancelled", async () => {
    const run = (await (await own.chat(say("hi", { store: true }), background)).json()) as { id: string; completion_id: string };
    (await held.next()).say("half of it");
    const headers = { authorization: `Bearer ${testToken}` };
    expect((await fetch(`${own.url}/v1/runs/${run.id}/cancel`, { method: "POST", headers })).status).toBe(200);
    expectError(await exchangeOf(await send("GET", `/${run.completion_id}`, undefined, {}, own)), { status: 404, code: "not_found" });
  });
});

test("a request that is sent again with its Idempotency-Key is kept once", async () => {
  const key = { "idempotency-key": "once" };
  const first = await store("hello", {}, key);
  expect(await chat(say("Say hello.", { store: true }), key)).toEqual(first);
  expect((await list()).data).toHaveLength(1);
});

describe("nothing is kept", () => {
  test("unless store is true, whatever the metadata", async () => {
    for (const more of [{}, { store: false }, { store: null }, { metadata: { a: "b" } }, { store: false, metadata: { a: "b" } }]) {
      stub.reply({ text: "hello" });
      await isNowhere((await chat(say("hi", more))).id);
    }
    expect(countOf("completions")).toBe(0);
  });

  test("of a run that fails", async () => {
    stub.reply({ status: 400, body: { error: { message: "no" } } });
    const response = await gateway.chat(say("hi", { store: true, metadata: { a: "b" } }));
    expect(response.status).toBe(400);
    await isNowhere(`chatcmpl-${response.headers.get("x-openclaw-run-id")}`);
    expect(countOf("completions")).toBe(0);
  });

  test("of a run whose caller goes away", async () => {
    const held = await startHeldUpstream();
    const own = await startGateway(onProvider(held.url));
    const response = own.chat(say("hi", { store: true, stream: true }));
    const exchange = await held.next();
    exchange.say("half of it");
    const reader = new StreamReader(await response);
    await reader.until("half of it");
    await reader.cancel();
    await exchange.aborted;
    await own.program.runs.settled();
    const path = `/chatcmpl-${(await response).headers.get("x-openclaw-run-id")}`;
    expectError(await exchangeOf(await send("GET", path, undefined, {}, own)), { status: 404, code: "not_found" });
  });

  test("of what is refused", async () => {
    const many = Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`key${n}`, "x"]));
    for (const [metadata, param, code] of [
      [many, "metadata", "invalid_value"],
      [{ ["k".repeat(65)]: "x" }, "metadata", "invalid_value"],
      [{ a: "v".repeat(513) }, "metadata.a", "invalid_value"],
      [{ a: 1 }, "metadata.a", "invalid_type"],
      [{ a: null }, "metadata.a", "invalid_type"],
      [["a"], "metadata", "invalid_type"],
    ] as const) {
      expectError(await exchangeOf(await gateway.chat(say("hi", { store: true, metadata }))), { status: 400, code, param });
    }
    expect(countOf("completions")).toBe(0);
  });
});

describe("a stored completion and sessions", () => {
  test("have nothing to do with one another: a stateless request stays one", async () => {
    const before = { sessions: countOf("sessions"), messages: countOf("messages") };
    await store("hello");
    expect({ sessions: countOf("sessions"), messages: countOf("messages") }).toEqual(before);
    expect(countOf("completions")).toBe(1);
  });

  test("go each by themselves", async () => {
    const session = { "x-openclaw-session-key": "kept" };
    const [first, second] = [await store("one", {}, session), await store("two", {}, session)];
    await remove(first.id);
    expect((await gateway.get("/v1/sessions/kept")).status).toBe(200);
    const gone = await fetch(`${gateway.url}/v1/sessions/kept`, { method: "DELETE", headers: { authorization: `Bearer ${testToken}` } });
    expect(gone.status).toBe(200);
    await isNowhere(first.id);
    expect((await show(second.id)).choices[0]?.message.content).toBe("two");
    expect((await read(second.id)).data).toHaveLength(1);
  });
});

describe("the messages of a completion", () => {
  test("are those of its request, instructions included, and nothing from its session", async () => {
    const session = { "x-openclaw-session-key": "talk" };
    await store("first", {}, session);
    stub.reply({ text: "second" });
    const messages = [
      { role: "system", content: "Be brief." },
      { role: "developer", content: "Be kind.", name: "team" },
      { role: "user", content: "and now?", name: "민지" },
    ];
    const { id } = await chat({ model: "openclaw", messages, store: true }, session);
    const common = { content_parts: null, refusal: null };
    expect((await read(id)).data).toEqual(messages.map((message, index) => ({ id: `${id}-${index}`, ...common, ...message })));
  });

  test("have their parts: texts, images, and files as the text that was read", async () => {
    const png = imagePart(pngOf(), "image/png", { detail: "low" });
    const content = [textPart("Look:"), png, filePart(Buffer.from("milk"), "text/plain", "list.txt")];
    stub.reply({ text: "I see." });
    const { id } = await chat({
      model: "openclaw",
      store: true,
      messages: [
        { role: "user", content },
        { role: "user", content: [textPart("alone")] },
      ],
    });
    const [first, second] = (await read(id)).data;
    expect(first).toMatchObject({ content: null, content_parts: [textPart("Look:"), png, { type: "text" }] });
    expect(JSON.stringify(first?.content_parts?.[2])).toContain("milk");
    expect(second).toMatchObject({ content: "alone", content_parts: null });
  });

  test("have their calls, results and refusals", async () => {
    const call = { id: "call_1", type: "function", function: { name: "get_weather", arguments: '{"city":"Seoul"}' } };
    stub.reply({ text: "Sunny." });
    const { id } = await chat({
      model: "openclaw",
      store: true,
      messages: [
        { role: "user", content: "the weather?" },
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: "call_1", content: "sunny" },
        { role: "assistant", content: null, refusal: "I'd rather not." },
        { role: "user", content: "please" },
      ],
    });
    expect((await read(id)).data).toMatchObject([
      { role: "user", content: "the weather?", refusal: null },
      { role: "assistant", content: null, content_parts: null, refusal: null, tool_calls: [call] },
      { role: "tool", content: "sunny", tool_call_id: "call_1" },
      { role: "assistant", content: null, refusal: "I'd rather not." },
      { role: "user", content: "please" },
    ]);
  });

  test("come page by page, from either end", async () => {
    stub.reply({ text: "ok" });
    const messages = Array.from({ length: 25 }, (_, n) => ({ role: "user", content: `message ${n}` }));
    const { id } = await chat({ model: "openclaw", store: true, messages });
    const first = await read(id);
    expect(first).toMatchObject({ first_id: `${id}-0`, last_id: `${id}-19`, has_more: true });
    expect(first.data).toHaveLength(20);
    const rest = await read(id, `?after=${first.last_id}`);
    expect(rest).toMatchObject({ first_id: `${id}-20`, last_id: `${id}-24`, has_more: false });
    expect((await read(id, "?order=desc&limit=2")).data.map(({ content }) => content)).toEqual(["message 24", "message 23"]);
    expect((await read(id, `?order=desc&after=${id}-1`)).data.map(({ content }) => content)).toEqual(["message 0"]);
    expect(await read(id, `?after=${id}-24`)).toMatchObject({ data: [], first_id: null, last_id: null, has_more: false });
    await refused("GET", `/${id}/messages?after=${id}-25`, { status: 400, code: "invalid_value", param: "after" });
    await refused("GET", `/${id}/messages?after=message`, { status: 400, code: "invalid_value", param: "after" });
    await refused("GET", `/${id}/messages?limit=101`, { status: 400, code: "invalid_value", param: "limit" });
  });
});

describe("the list", () => {
  test("is in the order in which completions were made, oldest first unless asked otherwise", async () => {
    for (const text of ["one", "two", "three"]) await store(text);
    expect(textsOf(await list())).toEqual(["one", "two", "three"]);
    expect(textsOf(await list("?order=desc"))).toEqual(["three", "two", "one"]);
  });

  test("comes page by page, also while completions go and others are made", async () => {
    for (const text of ["1", "2", "3", "4", "5"]) await store(text);
    const first = await list("?limit=2");
    expect([textsOf(first), first.has_more, first.last_id]).toEqual([["1", "2"], true, first.data[1]?.id]);
    await remove(first.data[0]?.id as string);
    await store("6");
    const second = await list(`?limit=2&after=${first.last_id}`);
    expect([textsOf(second), second.has_more]).toEqual([["3", "4"], true]);
    const third = await list(`?limit=2&after=${second.last_id}`);
    expect([textsOf(third), third.has_more]).toEqual([["5", "6"], false]);
    expect(await list(`?after=${third.last_id}`)).toEqual({ object: "list", data: [], first_id: null, last_id: null, has_more: false });
    expect(textsOf(await list(`?limit=2&order=desc&after=${second.last_id}`))).toEqual(["3", "2"]);
  });

  test("has 20 on a page unless told, and 100 at most", async () => {
    for (let n = 0; n < 21; n++) await store(`${n}`);
    const page = await list();
    expect([page.data.length, page.has_more]).toEqual([20, true]);
    expect((await list("?limit=100")).data).toHaveLength(21);
    for (const limit of ["0", "101", "many", ""]) {
      await refused("GET", `?limit=${limit}`, { status: 400, code: limit === "0" || limit === "101" ? "invalid_value" : "invalid_type" });
    }
    await refused("GET", "?order=newest", { status: 400, code: "invalid_value", param: "order" });
  });

  test("goes on only after what is there", async () => {
    const { id } = await store("gone");
    await remove(id);
    for (const after of [id, "chatcmpl-0", "nonsense", "", "%00", id.slice("chatcmpl-".length)]) {
      await refused("GET", `?after=${after}`, { status: 400, code: "invalid_value", param: "after" });
    }
  });

  test("can be of one model, by the name that the request gave it", async () => {
    for (const model of ["openclaw", "openclaw/beta", "openclaw"]) await store(model, { model });
    expect(textsOf(await list("?model=openclaw"))).toEqual(["openclaw", "openclaw"]);
    expect(textsOf(await list("?model=openclaw%2Fbeta"))).toEqual(["openclaw/beta"]);
    for (const model of ["openclaw:beta", "OPENCLAW", "stub/any", "openclaw%00", ""]) {
      expect(textsOf(await list(`?model=${model}`))).toEqual([]);
    }
  });

  test("can be of those with certain metadata, all of it", async () => {
    await store("both", { metadata: { team: "blue", ticket: "1", more: "x" } });
    await store("team", { metadata: { team: "blue" } });
    await store("other", { metadata: { team: "red", ticket: "1" } });
    await store("none");
    expect(textsOf(await list("?metadata[team]=blue"))).toEqual(["both", "team"]);
    expect(textsOf(await list("?metadata%5Bteam%5D=blue&metadata%5Bticket%5D=1"))).toEqual(["both"]);
    expect(textsOf(await list("?metadata[ticket]=1&order=desc"))).toEqual(["other", "both"]);
    for (const query of ["metadata[team]=BLUE", "metadata[Team]=blue", "metadata[team]=", "metadata[toString]=x", "metadata[]=blue"]) {
      expect([query, textsOf(await list(`?${query}`))]).toEqual([query, []]);
    }
    // Neither of these names a key.
    expect((await list("?metadata=blue&metadata[team=x&metadatas[team]=x")).data).toHaveLength(4);
  });

  test("finds metadata of any text", async () => {
    const odd = { "a.b": "1", "a[b]": "2", '"': "3", 민지: "서울 %", $: "4", "": "5", constructor: "6", "it's": "7" };
    const { id } = await store("odd", { metadata: odd });
    await store("other", { metadata: { a: "1" } });
    expect((await show(id)).metadata).toEqual(odd);
    for (const [key, value] of Object.entries(odd)) {
      const query = `?metadata[${encodeURIComponent(key)}]=${encodeURIComponent(value)}`;
      expect([key, textsOf(await list(query))]).toEqual([key, ["odd"]]);
    }
    expect(textsOf(await list("?metadata[__proto__]=x"))).toEqual([]);
  });

  test("keeps its pages full and in order under a filter that few fit", async () => {
    for (let n = 0; n < 12; n++) await store(`${n}`, { metadata: { third: String(n % 3 === 0) } });
    const first = await list("?metadata[third]=true&limit=3");
    expect([textsOf(first), first.has_more]).toEqual([["0", "3", "6"], true]);
    const rest = await list(`?metadata[third]=true&limit=3&after=${first.last_id}`);
    expect([textsOf(rest), rest.has_more]).toEqual([["9"], false]);
    const whole = await list("?metadata[third]=true&limit=4");
    expect([textsOf(whole), whole.has_more]).toEqual([["0", "3", "6", "9"], false]);
  });

  test("refuses metadata that no completion can have", async () => {
    const many = Array.from({ length: 17 }, (_, n) => `metadata[k${n}]=x`).join("&");
    for (const [query, code, param] of [
      [many, "invalid_value", "metadata"],
      [`metadata[${"k".repeat(65)}]=x`, "invalid_value", "metadata"],
      [`metadata[a]=${"v".repeat(513)}`, "invalid_value", "metadata.a"],
      ["metadata[a]=1&metadata[a]=2", "invalid_type", "metadata.a"],
    ] as const) {
      await refused("GET", `?${query}`, { status: 400, code, param });
    }
  });
});

describe("metadata", () => {
  test("is replaced as a whole, and nothing else changes", async () => {
    const before = await store("hello", { metadata: { team: "blue", ticket: "1" } });
    expect(await label(before.id, { ticket: "2" })).toEqual({ ...before, metadata: { ticket: "2" } });
    expect(await show(before.id)).toEqual({ ...before, metadata: { ticket: "2" } });
    expect(textsOf(await list("?metadata[team]=blue"))).toEqual([]);
    expect((await label(before.id, null)).metadata).toEqual({});
    expect((await show(before.id)).metadata).toEqual({});
  });

  test("has bounds, which a refused change leaves as they were", async () => {
    const { id } = await store("hello", { metadata: { a: "1" } });
    const full = Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`${n}`.padEnd(64, "가"), "나".repeat(512)]));
    const path = `/${id}`;
    await refused("POST", path, { status: 400, code: "missing_required_parameter", param: "metadata" }, { body: {} });
    await refused("POST", path, { status: 400, code: "invalid_value", param: "metadata" }, { body: { metadata: { ...full, more: "x" } } });
    await refused("POST", path, { status: 400, code: "invalid_type", param: "metadata.a" }, { body: { metadata: { a: [] } } });
    expect((await show(id)).metadata).toEqual({ a: "1" });
    expect((await label(id, full)).metadata).toEqual(full);
    expect((await show(id)).metadata).toEqual(full);
  });
});

describe("a completion", () => {
  test("is deleted with its messages, once", async () => {
    const [{ id }, other] = [await store("one"), await store("two")];
    expect(await remove(id)).toEqual({ id, object: "chat.completion.deleted", deleted: true });
    await isNowhere(id);
    expect(textsOf(await list())).toEqual(["two"]);
    expect((await read(other.id)).data).toHaveLength(1);
  });

  test("is not found by anything but its id", async () => {
    const { id } = await store("hello");
    const hex = id.slice("chatcmpl-".length);
    for (const other of [
      hex,
      `CHATCMPL-${hex}`,
      `chatcmpl-${hex.toUpperCase()}x`,
      `${id}0`,
      id.slice(0, -1),
      "chatcmpl-",
      `${id}%00`,
      "x".repeat(3000),
    ]) {
      await isNowhere(other);
    }
    expect(await show(id)).toMatchObject({ id });
  });
});

describe("whose it is", () => {
  test("decides who sees it: everybody their own, the gateway's own secret all", async () => {
    const [mine, theirs] = [await store("main's"), await store("the guest's", {}, guest)];
    expect(textsOf(await list("", guest))).toEqual(["the guest's"]);
    expect(textsOf(await list())).toEqual(["main's", "the guest's"]);
    expect((await show(theirs.id, guest)).id).toBe(theirs.id);
    await isNowhere(mine.id, guest);
    await refused("GET", `?after=${mine.id}`, { status: 400, code: "invalid_value", param: "after" }, { headers: guest });
    expect(await show(mine.id)).toMatchObject({ metadata: {} });
  });

  test("does not keep the gateway's own secret from labelling and deleting it", async () => {
    const { id } = await store("the guest's", {}, guest);
    expect((await read(id)).data).toHaveLength(1);
    expect((await label(id, { seen: "yes" })).metadata).toEqual({ seen: "yes" });
    expect((await show(id, guest)).metadata).toEqual({ seen: "yes" });
    await remove(id);
    await isNowhere(id, guest);
  });
});
