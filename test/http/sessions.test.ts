/** The operations on sessions over HTTP: what is listed and shown, to whom, and how sessions go while others are at work. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import Database from "libsql";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { exchangeOf, expectError, problemsOf } from "../support/contract-check.ts";
import { say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";

interface Session {
  readonly id: string;
  readonly agent: string;
  readonly owner?: string;
  readonly created: number;
  readonly last_active_at: number;
  readonly message_count: number;
  readonly bytes: number;
}
interface Message {
  readonly id: string;
  readonly parent_id: string | null;
  readonly role: string;
  readonly content: unknown;
  readonly origin: string;
  readonly state: string;
  readonly tool_calls?: readonly { readonly id: string; readonly function: { readonly name: string } }[];
}
interface List<Item> {
  readonly data: readonly Item[];
  readonly first_id: string | null;
  readonly last_id: string | null;
  readonly has_more: boolean;
}

const guest = { authorization: "Bearer guest-secret-0123456789" };
const tokens = [{ name: "guest", token: "guest-secret-0123456789" }];
const auth = { mode: "token", token: testToken, tokens };
const endpoints = { chatCompletions: { enabled: true } };
const agents = {
  defaults: { model: "stub/any" },
  entries: { main: { default: true, tools: ["calculator", "memory_save"] }, beta: {} },
};

let stub: StubUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway({ gateway: { auth, http: { endpoints } }, agents, models: { providers: { stub: { baseUrl: stub.url } } } });
});

afterAll(() => stub.close());

type Headers = { readonly [name: string]: string };
const inSession = (key: string, headers: Headers = {}): { [name: string]: string } => ({
  "x-openclaw-session-key": encodeURIComponent(key),
  ...headers,
});

async function chat(key: string, text: string, headers: Headers = {}): Promise<void> {
  const response = await gateway.chat(say(text), inSession(key, headers));
  expect({ status: response.status, text: response.ok ? "" : await response.text() }).toEqual({ status: 200, text: "" });
  await response.arrayBuffer();
}

/** A reply that keeps the contract. */
async function ask<T>(operation: string, method: string, path: string, headers: Headers = {}, of = gateway): Promise<T> {
  const init = { method, headers: { authorization: `Bearer ${testToken}`, ...headers } };
  const exchange = await exchangeOf(await fetch(`${of.url}/v1/sessions${path}`, init));
  expect({ status: exchange.status, problems: problemsOf(operation, exchange) }).toEqual({ status: 200, problems: [] });
  return JSON.parse(exchange.text) as T;
}

const list = (query = "", headers: Headers = {}) => ask<List<Session>>("listSessions", "GET", query, headers);
const show = (key: string, headers: Headers = {}) => ask<Session>("getSession", "GET", `/${key}`, headers);
const read = (key: string, query = "", headers: Headers = {}) =>
  ask<List<Message>>("listSessionMessages", "GET", `/${key}/messages${query}`, headers);
const remove = (key: string, headers: Headers = {}) => ask<object>("deleteSession", "DELETE", `/${key}`, headers);
const reset = (key: string, headers: Headers = {}) => ask<Session>("resetSession", "POST", `/${key}/reset`, headers);

async function refused(
  method: string,
  path: string,
  wanted: { status: number; code: string; param?: string | null },
  headers: Headers = {},
) {
  const init = { method, headers: { authorization: `Bearer ${testToken}`, ...headers } };
  return expectError(await exchangeOf(await fetch(`${gateway.url}/v1/sessions${path}`, init)), wanted);
}

/** Rows of every table. */
function countRows({ folder }: TestGateway): { [table: string]: number } {
  const database = new Database(join(folder, "clawgate.db"));
  const names = database.prepare("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'").all([]) as {
    name: string;
  }[];
  const counts = names.map(
    ({ name }) => [name, (database.prepare(`select count(*) c from "${name}"`).get([]) as { c: number }).c] as const,
  );
  database.close();
  return Object.fromEntries(counts);
}

describe("a session", () => {
  test("is listed and shown with its agent, its owner, its times and its size", async () => {
    const before = Math.floor(Date.now() / 1000);
    await chat("facts", "hi");
    const session = await show("facts");
    expect(session).toEqual({
      id: "agent:main:facts",
      object: "session",
      agent: "main",
      owner: "main",
      created: expect.any(Number),
      last_active_at: expect.any(Number),
      message_count: 2,
      bytes: expect.any(Number),
    });
    expect(session.created).toBeGreaterThanOrEqual(before);
    expect(session.bytes).toBeGreaterThan(2 * 256);
    expect((await list()).data[0]).toEqual(session);
  });

  test("is found by its full key, by a short one, encoded or not, with slashes and in Korean", async () => {
    const key = "agent:main:민지/집 100%";
    await chat(key, "hi");
    const short = encodeURIComponent("민지/집 100%");
    for (const path of [encodeURIComponent(key), short, short.replaceAll("%2F", "/")]) {
      expect((await show(path)).id).toBe(key);
      expect((await read(path)).data).toHaveLength(2);
    }
    await chat("agent:beta:kitchen", "hi");
    expect((await show("agent:beta:kitchen")).agent).toBe("beta");
    await refused("GET", "/kitchen", { status: 404, code: "not_found", param: "key" });
  });

  test("whose key ends like an operation is found by its encoded key", async () => {
    await chat("odd/messages", "hi");
    expect((await show(encodeURIComponent("odd/messages"))).id).toBe("agent:main:odd/messages");
    await refused("GET", "/odd/messages", { status: 404, code: "not_found" });
  });

  test("that is not there is 404 in every operation, whatever its key", async () => {
    for (const [method, path] of [
      ["GET", "/nowhere"],
      ["GET", "/nowhere/messages"],
      ["DELETE", "/nowhere"],
      ["POST", "/nowhere/reset"],
      ["GET", "/agent%3Anobody%3Ax"],
      ["GET", `/${"x".repeat(2000)}`],
      ["GET", "/a%00b"],
    ] as const) {
      await refused(method, path, { status: 404, code: "not_found", param: "key" });
    }
  });
});

describe("the list", () => {
  test("is paged, and filtered by agent", async () => {
    for (const name of ["p1", "p2", "p3"]) await chat(`agent:beta:${name}`, "hi");
    const first = await list("?agent=BETA&limit=2");
    expect(first.data.map(({ id }) => id)).toEqual(["agent:beta:p3", "agent:beta:p2"]);
    expect(first).toMatchObject({ first_id: "agent:beta:p3", last_id: "agent:beta:p2", has_more: true });
    const next = await list(`?agent=beta&limit=1&after=${first.last_id}`);
    expect(next.data.map(({ id }) => id)).toEqual(["agent:beta:p1"]);
    const turned = await list("?agent=beta&order=asc&limit=100");
    expect(turned.data.map(({ id }) => id).slice(-3)).toEqual(["agent:beta:p1", "agent:beta:p2", "agent:beta:p3"]);
    expect(await list("?agent=nobody")).toEqual({ object: "list", data: [], first_id: null, last_id: null, has_more: false });
  });

  test("takes what is active to the front", async () => {
    await chat("agent:beta:p1", "again");
    expect((await list("?agent=beta&limit=1")).last_id).toBe("agent:beta:p1");
  });

  test.each([
    ["limit=0", "limit", "invalid_value"],
    ["limit=101", "limit", "invalid_value"],
    ["limit=many", "limit", "invalid_type"],
    ["limit=", "limit", "invalid_type"],
    ["limit=1.5", "limit", "invalid_type"],
    ["limit=1&limit=2", "limit", "invalid_type"],
    ["order=up", "order", "invalid_value"],
    ["after=nowhere", "after", "invalid_value"],
  ])("?%s is refused, naming %s", async (query, param, code) => {
    await refused("GET", `?${query}`, { status: 400, code, param });
  });

  test("unknown query parameters are ignored", async () => {
    expect((await list("?limit=1&colour=blue&__proto__=1&constructor=x&branches=maybe")).data).toHaveLength(1);
  });
});

describe("a transcript", () => {
  test("is what goes on, oldest first; with branches everything, with the place and state of each message", async () => {
    stub.reply({ text: "one" }, { text: "two" }, { text: "two again" }, { status: 400, body: { error: { message: "no" } } });
    await chat("tree", "1");
    await chat("tree", "2");
    const history = [
      { role: "user", content: "1" },
      { role: "assistant", content: "one" },
      { role: "user", content: "2" },
    ];
    await (await gateway.chat({ model: "openclaw", messages: history }, inSession("tree"))).arrayBuffer();
    await (await gateway.chat(say("3"), inSession("tree"))).arrayBuffer();
    const { data } = await read("tree");
    expect(data.map(({ role, content, origin }) => [role, content, origin])).toEqual([
      ["user", "1", "caller"],
      ["assistant", "one", "run"],
      ["user", "2", "caller"],
      ["assistant", "two again", "run"],
    ]);
    expect(data.map(({ parent_id }) => parent_id)).toEqual([null, data[0]!.id, data[1]!.id, data[2]!.id]);
    const all = (await read("tree", "?branches=true")).data;
    expect(all.map(({ content, state }) => [content, state])).toEqual([
      ["1", "active"],
      ["one", "active"],
      ["2", "active"],
      ["two", "superseded"],
      ["two again", "active"],
      ["3", "unanswered"],
    ]);
    expect([all[3]!.parent_id, all[4]!.parent_id]).toEqual([all[2]!.id, all[2]!.id]);
  });

  test("is paged", async () => {
    const all = (await read("tree")).data.map(({ id }) => id);
    const page = await read("tree", "?limit=3");
    expect({ ids: page.data.map(({ id }) => id), last: page.last_id, more: page.has_more }).toEqual({
      ids: all.slice(0, 3),
      last: all[2],
      more: true,
    });
    expect((await read("tree", `?limit=3&after=${page.last_id}`)).data.map(({ id }) => id)).toEqual(all.slice(3));
    expect((await read("tree", "?order=desc")).data.map(({ id }) => id)).toEqual(all.toReversed());
    await refused("GET", "/tree/messages?after=x", { status: 400, code: "invalid_value", param: "after" });
    await refused("GET", "/tree/messages?branches=yes", { status: 400, code: "invalid_type", param: "branches" });
  });

  test("has images, refusals and calls, in the words of chat completions", async () => {
    const url = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
    const parts = [
      { type: "text", text: "Look:" },
      { type: "image_url", image_url: { url, detail: "low" } },
    ];
    const tools = [{ type: "function", function: { name: "get_weather" } }];
    stub.reply({ toolCalls: [{ id: "call_9", name: "get_weather", arguments: '{"city":"서울"}' }] }, { refusal: "No." });
    const body = { model: "openclaw", messages: [{ role: "user", content: parts }], tools };
    await (await gateway.chat(body, inSession("parts"))).arrayBuffer();
    const result = { role: "tool", tool_call_id: "call_9", content: "21 °C" };
    await (await gateway.chat({ model: "openclaw", messages: [result], tools }, inSession("parts"))).arrayBuffer();
    const call = { id: "call_9", type: "function", function: { name: "get_weather", arguments: '{"city":"서울"}' } };
    expect((await read("parts")).data).toMatchObject([
      { role: "user", content: parts },
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", content: "21 °C", tool_call_id: "call_9", origin: "caller" },
      { role: "assistant", content: null, refusal: "No." },
    ]);
  });

  test("shows the agent's own calls to the main secret only", async () => {
    const own = { toolCalls: [{ id: "own_1", name: "calculator", arguments: '{"expression":"6 * 7"}' }] };
    for (const [key, headers] of [
      ["ours", {}],
      ["theirs", guest],
    ] as const) {
      stub.reply(own, { text: "42" });
      await chat(key, "6 * 7?", headers);
    }
    const shown = (await read("ours")).data;
    expect(shown[1]?.tool_calls).toMatchObject([{ id: "own_1" }]);
    expect(shown[2]).toMatchObject({ role: "tool", origin: "run", content: expect.stringContaining("42") });
    const guests = (await read("theirs", "", guest)).data;
    expect(guests.map(({ role, content }) => [role, content])).toEqual([
      ["user", "6 * 7?"],
      ["assistant", ""],
      ["tool", null],
      ["assistant", "42"],
    ]);
    expect(JSON.stringify(guests)).not.toContain("calculator");
    expect(JSON.stringify((await read("theirs")).data)).toContain("calculator");
  });
});

describe("whose it is", () => {
  test("a named token sees its own, the main secret all; another's is like one that is not there", async () => {
    await chat("for-main", "hi");
    await chat("for-guest", "hi", guest);
    const guests = await list("?limit=100", guest);
    expect(guests.data.map(({ id }) => id)).toContain("agent:main:for-guest");
    expect(guests.data.map(({ id }) => id)).not.toContain("agent:main:for-main");
    expect(guests.data.every((session) => !("owner" in session))).toBe(true);
    expect((await show("for-guest")).owner).toBe("guest");
    expect(await show("for-guest", guest)).not.toHaveProperty("owner");
    for (const [method, path] of [
      ["GET", "/for-main"],
      ["GET", "/for-main/messages"],
      ["DELETE", "/for-main"],
      ["POST", "/for-main/reset"],
    ] as const) {
      const foreign = await refused(method, path, { status: 404, code: "not_found", param: "key" }, guest);
      const unknown = await refused(method, path.replace("for-main", "unknown"), { status: 404, code: "not_found", param: "key" }, guest);
      expect(foreign.message).toBe(unknown.message.replace("unknown", "for-main"));
    }
    await refused("GET", "?after=for-main", { status: 400, code: "invalid_value", param: "after" }, guest);
    expect((await show("for-main")).message_count).toBe(2);
  });

  test("its owner may delete it, and so may the main secret", async () => {
    await chat("g1", "hi", guest);
    await chat("g2", "hi", guest);
    expect(await remove("g1", guest)).toEqual({ id: "agent:main:g1", object: "session.deleted", deleted: true });
    expect(await remove("g2")).toMatchObject({ deleted: true });
    expect(await reset("for-guest")).toMatchObject({ owner: "guest", message_count: 0 });
    await chat("for-guest", "I am still its owner", guest);
  });
});

describe("deleting and resetting", () => {
  const remembering = { toolCalls: [{ id: "m", name: "memory_save", arguments: '{"name":"city","value":"Seoul"}' }] };

  test("takes messages, memory and runs; the next request begins anew", async () => {
    const before = countRows(gateway);
    stub.reply(remembering, { text: "noted" });
    await chat("gone", "My city is Seoul.");
    expect(countRows(gateway)).toEqual({
      ...before,
      sessions: before["sessions"]! + 1,
      messages: before["messages"]! + 4,
      memories: before["memories"]! + 1,
      runs: before["runs"]! + 1,
    });
    await remove("gone");
    expect(countRows(gateway)).toEqual(before);
    await refused("DELETE", "/gone", { status: 404, code: "not_found", param: "key" });
    await chat("gone", "Which city?");
    expect(stub.requests.at(-1)?.body).toMatchObject({ messages: [{ role: "user", content: "Which city?" }] });
  });

  test("a reset session stays, with nothing in it", async () => {
    stub.reply(remembering, { text: "noted" });
    await chat("emptied", "My city is Seoul.");
    const { created } = await show("emptied");
    const rows = countRows(gateway);
    expect(await reset("emptied")).toMatchObject({ id: "agent:main:emptied", owner: "main", created, message_count: 0, bytes: 0 });
    expect(countRows(gateway)).toMatchObject({
      messages: rows["messages"]! - 4,
      memories: rows["memories"]! - 1,
      sessions: rows["sessions"]!,
      runs: rows["runs"]! - 1,
    });
    expect(await read("emptied", "?branches=true")).toMatchObject({ data: [], has_more: false });
    await chat("emptied", "Which city?");
    expect(stub.requests.at(-1)?.body).toMatchObject({ messages: [{ role: "user", content: "Which city?" }] });
  });

  test("a session at work goes when its run is over, and what waits behind begins it anew", async () => {
    const held = await startHeldUpstream();
    const busy = await startGateway({ agents, models: { providers: { stub: { baseUrl: held.url } } } });
    const first = busy.chat(say("first"), inSession("busy"));
    const firstModel = await held.next();
    firstModel.say("one");
    firstModel.finish();
    await (await first).arrayBuffer();
    const second = busy.chat(say("second"), inSession("busy"));
    const secondModel = await held.next();
    const deleted = ask<object>("deleteSession", "DELETE", "/busy", {}, busy);
    // A second deletion is behind the first.
    const again = fetch(`${busy.url}/v1/sessions/busy`, { method: "DELETE", headers: { authorization: `Bearer ${testToken}` } });
    expect(await ask<List<Message>>("listSessionMessages", "GET", "/busy/messages", {}, busy)).toMatchObject({ data: [{}, {}] });
    secondModel.say("two");
    secondModel.finish();
    expect((await second).status).toBe(200);
    expect(await deleted).toMatchObject({ deleted: true });
    expect((await again).status).toBe(404);
    expect(countRows(busy)).toMatchObject({ sessions: 0, messages: 0, leases: 0 });
    const third = busy.chat(say("third"), inSession("busy"));
    const thirdModel = await held.next();
    expect(thirdModel.body).toMatchObject({ messages: [{ content: "third" }] });
    thirdModel.say("three");
    thirdModel.finish();
    expect((await third).status).toBe(200);
  });

  test("one whose caller goes away while it waits deletes nothing", async () => {
    const held = await startHeldUpstream();
    const busy = await startGateway({ agents, models: { providers: { stub: { baseUrl: held.url } } }, session: { maxQueued: 1 } });
    const run = busy.chat(say("hi"), inSession("busy"));
    const model = await held.next();
    model.say("one");
    model.finish();
    await (await run).arrayBuffer();
    const second = busy.chat(say("hi"), inSession("busy"));
    const secondModel = await held.next();
    const leave = new AbortController();
    const init = { method: "DELETE", headers: { authorization: `Bearer ${testToken}` } };
    const left = fetch(`${busy.url}/v1/sessions/busy`, { ...init, signal: leave.signal }).catch(() => "left");
    // Its place is taken: one more is refused.
    await until(async () => (await fetch(`${busy.url}/v1/sessions/busy/reset`, { ...init, method: "POST" })).status === 429);
    leave.abort();
    expect(await left).toBe("left");
    await until(() => Promise.resolve(busy.log().some(({ method }) => method === "DELETE")));
    secondModel.say("two");
    secondModel.finish();
    expect((await second).status).toBe(200);
    expect((await ask<Session>("getSession", "GET", "/busy", {}, busy)).message_count).toBe(4);
  });
});

test("a gateway keeps to the limits of session.maintenance from its start", async () => {
  const models = { providers: { stub: { baseUrl: stub.url } } };
  const before = await startGateway({ agents, models });
  for (const name of ["a", "b", "c"]) {
    await (await before.chat(say("hi"), inSession(name))).arrayBuffer();
  }
  await before.close();
  const after = await startGateway({ agents, models, session: { maintenance: { maxEntries: 1 } } }, { folder: before.folder });
  const known = async (key: string) => (await after.get(`/v1/sessions/${key}`)).status;
  await until(() => Promise.resolve(after.log().some(({ msg }) => msg === "old sessions removed")));
  expect([await known("a"), await known("b"), await known("c")]).toEqual([404, 404, 200]);
});

describe("stateless requests", () => {
  test("leave no row in any table", async () => {
    const before = countRows(gateway);
    expect(Object.keys(before)).toEqual(expect.arrayContaining(["sessions", "messages", "memories", "leases"]));
    stub.reply({ toolCalls: [{ id: "m", name: "memory_save", arguments: '{"name":"city","value":"Seoul"}' }] }, { text: "noted" });
    for (const body of [say("one"), say("two", { stream: true }), say("three", { user: " " })]) {
      expect(await (await gateway.chat(body)).text()).not.toContain('"error"');
    }
    stub.reply({ status: 400, body: { error: { message: "no" } } });
    expect((await gateway.chat(say("four"))).status).toBe(400);
    const leave = new AbortController();
    const seen = stub.requestCount;
    stub.reply("hang");
    const left = gateway.chat(say("five"), {}, leave.signal).catch(() => "left");
    await stub.waitForRequest(seen + 1);
    leave.abort();
    await left;
    await gateway.program.runs.settled();
    expect(countRows(gateway)).toEqual(before);
  });
});

/** Asks again until it is so; the test's own time limit ends it otherwise. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}
