/** What a session keeps and what it does not, as its callers notice: by what the model reads next, and in the database file. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import Database from "libsql";
import { makeFolder, say, startGateway, type TestGateway } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { foldStream, StreamReader } from "./event-stream.ts";
import { startHeldUpstream } from "./held-upstream.ts";
import { gatewayWith, onProvider } from "./provider.ts";

interface Spoken {
  readonly role: string;
  readonly content: string | null;
}

const user = (content: string): Spoken => ({ role: "user", content });
const assistant = (content: string): Spoken => ({ role: "assistant", content });
const tool = (tool_call_id: string, content: string) => ({ role: "tool", tool_call_id, content });
const toolCalls = (...calls: { id: string; name: string; arguments: string }[]) => ({
  role: "assistant",
  content: null,
  tool_calls: calls.map(({ id, name, arguments: text }) => ({ id, type: "function", function: { name, arguments: text } })),
});
const seoul = { id: "call_seoul", name: "get_weather", arguments: '{"city":"Seoul"}' };
const busan = { id: "call_busan", name: "get_weather", arguments: '{"city":"Busan"}' };
const weather = { type: "function", function: { name: "get_weather", parameters: { type: "object" } } };
const key = (value: string): { [name: string]: string } => ({ "x-openclaw-session-key": value });
const chat = (messages: readonly object[], more: object = {}): object => ({ model: "openclaw", messages, ...more });

let stub: StubUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url));
});

afterAll(() => stub.close());

/** Asks, and returns what the model read in the last turn. */
async function readBy(text: string, body: object, headers: { [name: string]: string } = {}): Promise<object[]> {
  stub.reply({ text });
  const response = await gateway.chat(body, headers);
  expect({ status: response.status, body: await response.json() }).toMatchObject({ status: 200 });
  return (stub.requests.at(-1)?.body as { messages: object[] }).messages;
}

/** Rows by table, all tables. */
function countRows({ folder }: TestGateway): { [table: string]: number } {
  const database = new Database(join(folder, "clawgate.db"), { readonly: true });
  try {
    const tables = database.prepare("select name from sqlite_master where type = 'table'").all([]) as { name: string }[];
    return Object.fromEntries(
      tables.map(({ name }) => [name, (database.prepare(`select count(*) as n from "${name}"`).get([]) as { n: number }).n]),
    );
  } finally {
    database.close();
  }
}

describe("a request without user and session key", () => {
  test("leaves nothing in any table, whatever becomes of it", async () => {
    const before = countRows(gateway);
    expect(Object.keys(before)).toEqual(expect.arrayContaining(["sessions", "messages", "memories"]));

    await readBy("Hello.", say("hi"));
    stub.reply({ text: "Hello." });
    await (await gateway.chat(say("hi", { stream: true }))).text();
    stub.reply({ toolCalls: [{ name: "memory_save", arguments: '{"name":"a","value":"b"}' }] }, { text: "Saved." });
    await (await gateway.chat(say("remember"))).text();
    stub.reply({ toolCalls: [seoul] });
    await (await gateway.chat(say("weather?", { tools: [weather] }))).text();
    stub.reply({ status: 500, headers: { "x-should-retry": "false" }, body: "" });
    expect((await gateway.chat(say("hi"))).status).toBe(502);
    const gone = new AbortController();
    stub.reply("hang");
    const [asked, aborted] = [stub.requestCount, stub.aborted];
    const pending = gateway.chat(say("hi"), {}, gone.signal);
    await stub.waitForRequest(asked + 1);
    gone.abort();
    await expect(pending).rejects.toThrow();
    await stub.waitForAbort(aborted + 1);
    await readBy("Hello.", say("hi", { user: "   " }));

    expect(countRows(gateway)).toEqual(before);
  });

  test("has a session of its own each time, which the next one does not continue", async () => {
    stub.always({ text: "Hello." });
    const keys = await Promise.all(
      [1, 2, 3].map(async () => (await gateway.chat(say("hi"))).headers.get("x-openclaw-session-key") as string),
    );
    expect(new Set(keys).size).toBe(3);
    for (const one of keys) expect(one).toMatch(/^agent:main:openai:[0-9a-f-]{36}$/);
    expect(await readBy("Hello.", say("again"))).toEqual([user("again")]);
  });

  test("forgets what its own tools remembered", async () => {
    stub.reply({ toolCalls: [{ name: "memory_save", arguments: '{"name":"colour","value":"green"}' }] });
    stub.reply({ toolCalls: [{ id: "recall", name: "memory_recall" }] }, { text: "Green." });
    await (await gateway.chat(say("My colour is green. What is it?"))).text();
    expect((stub.requests.at(-1)?.body as { messages: object[] }).messages).toContainEqual(tool("recall", '{"colour":"green"}'));

    stub.reply({ toolCalls: [{ id: "later", name: "memory_recall" }] }, { text: "I do not know." });
    await (await gateway.chat(say("What is it?"))).text();
    expect((stub.requests.at(-1)?.body as { messages: object[] }).messages).toContainEqual(tool("later", "{}"));
  });
});

describe.each([
  ["user", (name: string) => ({ more: { user: name }, headers: {} })],
  ["x-openclaw-session-key", (name: string) => ({ more: {}, headers: key(`by-header-${name}`) })],
])("with %s", (_, as) => {
  test("one conversation goes on from request to request", async () => {
    const { more, headers } = as("goes-on");
    expect(await readBy("I am well.", say("How are you?", more), headers)).toEqual([user("How are you?")]);
    expect(await readBy("Yes.", say("Really?", more), headers)).toEqual([user("How are you?"), assistant("I am well."), user("Really?")]);
  });

  test("it goes on after a restart of the program", async () => {
    const { more, headers } = as("restart");
    const folder = await makeFolder();
    const config = onProvider(stub.url);
    const first = await startGateway(config, { folder });
    stub.reply({ text: "I am well." });
    expect((await first.chat(say("How are you?", more), headers)).status).toBe(200);
    await first.close();

    const second = await startGateway(config, { folder });
    stub.reply({ text: "Yes." });
    expect((await second.chat(say("Really?", more), headers)).status).toBe(200);
    expect((stub.requests.at(-1)?.body as { messages: object[] }).messages).toEqual([
      user("How are you?"),
      assistant("I am well."),
      user("Really?"),
    ]);
    await second.close();
  });

  test("history is never sent twice to a model, although the client resends all of it", async () => {
    const { more, headers } = as("resends");
    const conversation: Spoken[] = [];
    for (const turn of ["one", "two", "three", "four"]) {
      conversation.push(user(turn));
      expect(await readBy(`answer ${turn}`, chat(conversation, more), headers)).toEqual(conversation);
      conversation.push(assistant(`answer ${turn}`));
    }
  });

  test("system messages shape one run and are not kept", async () => {
    const { more, headers } = as("system");
    const system = { role: "system", content: "Be brief." };
    const developer = { role: "developer", content: "In English." };
    expect(await readBy("Hello.", chat([system, user("hi"), developer], more), headers)).toEqual([system, developer, user("hi")]);
    expect(await readBy("Fine.", say("And you?", more), headers)).toEqual([user("hi"), assistant("Hello."), user("And you?")]);
  });

  test("a failed run leaves the transcript as it was", async () => {
    const { more, headers } = as("failed");
    await readBy("Hello.", say("hi", more), headers);
    stub.reply({ status: 500, headers: { "x-should-retry": "false" }, body: "" });
    expect((await gateway.chat(say("lost", more), headers)).status).toBe(502);
    stub.reply({ toolCalls: [{ name: "calculator", arguments: '{"expression":"1"}' }] }, { text: "half", ending: "cut" });
    expect((await gateway.chat(say("lost too", more), headers)).status).toBe(502);
    expect(await readBy("Here.", say("Still there?", more), headers)).toEqual([user("hi"), assistant("Hello."), user("Still there?")]);
  });

  test("an aborted run leaves the transcript as it was", async () => {
    const { more, headers } = as("aborted");
    await readBy("Hello.", say("hi", more), headers);
    const gone = new AbortController();
    const aborted = stub.aborted;
    stub.reply({ text: "Well, ", chunks: 1, ending: "hang" });
    const reader = new StreamReader(await gateway.chat(say("lost", { ...more, stream: true }), headers, gone.signal));
    await reader.until("Well, ");
    gone.abort();
    await stub.waitForAbort(aborted + 1);
    expect(await readBy("Here.", say("Still there?", more), headers)).toEqual([user("hi"), assistant("Hello."), user("Still there?")]);
  });

  test("results of the caller's tools are matched by id, in any order, with only the new messages sent", async () => {
    const { more, headers } = as("tools");
    stub.reply({ toolCalls: [seoul, busan] });
    expect((await gateway.chat(say("Weather?", { ...more, tools: [weather] }), headers)).status).toBe(200);
    const results = [tool("call_busan", "rain"), tool("call_seoul", "sun")];
    expect(await readBy("Sun and rain.", chat(results, { ...more, tools: [weather] }), headers)).toEqual([
      user("Weather?"),
      toolCalls(seoul, busan),
      ...results,
    ]);
  });

  test("results of the caller's tools are matched by id when the client resends everything", async () => {
    const { more, headers } = as("tools-resent");
    stub.reply({ toolCalls: [seoul] });
    expect((await gateway.chat(say("Weather?", { ...more, tools: [weather] }), headers)).status).toBe(200);
    const conversation = [user("Weather?"), toolCalls(seoul), tool("call_seoul", "sun")];
    expect(await readBy("Sun.", chat(conversation, { ...more, tools: [weather] }), headers)).toEqual(conversation);
  });

  test.each([
    ["in a new session", []],
    ["after an answer", [say("hi")]],
  ])("a tool result that nobody waits for is refused, %s", async (when, before) => {
    const { more, headers } = as(`unknown ${when}`.replaceAll(" ", "-"));
    for (const body of before) await readBy("Hello.", { ...body, ...more }, headers);
    const response = await gateway.chat(chat([user("hm"), tool("call_nobody", "42")], more), headers);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: object }).error).toMatchObject({
      code: "invalid_value",
      param: "messages[1].tool_call_id",
    });
  });

  test("a tool call that the caller walks away from does not poison the session", async () => {
    const { more, headers } = as("abandoned");
    stub.reply({ toolCalls: [seoul, busan] });
    expect((await gateway.chat(say("Weather?", { ...more, tools: [weather] }), headers)).status).toBe(200);
    const messages = await readBy("Never mind then.", chat([tool("call_busan", "rain"), user("Never mind.")], more), headers);
    // Providers refuse a history in which a call has no result.
    expect(messages).toHaveLength(5);
    expect(messages.slice(0, 2)).toEqual([user("Weather?"), toolCalls(seoul, busan)]);
    expect(messages.slice(2, 4)).toEqual(
      expect.arrayContaining([tool("call_busan", "rain"), expect.objectContaining({ role: "tool", tool_call_id: "call_seoul" })]),
    );
    expect(messages.at(-1)).toEqual(user("Never mind."));
    expect(await readBy("Fine.", say("How are you?", more), headers)).toHaveLength(7);
  });

  test("memory lasts from request to request", async () => {
    const { more, headers } = as("memory");
    stub.reply({ toolCalls: [{ name: "memory_save", arguments: '{"name":"colour","value":"green"}' }] }, { text: "Noted." });
    expect((await gateway.chat(say("Green!", more), headers)).status).toBe(200);
    stub.reply({ toolCalls: [{ id: "recall", name: "memory_recall" }] }, { text: "Green." });
    expect((await gateway.chat(say("Which?", more), headers)).status).toBe(200);
    expect((stub.requests.at(-1)?.body as { messages: object[] }).messages.at(-1)).toEqual(tool("recall", '{"colour":"green"}'));

    const others = as("memory-of-somebody-else");
    stub.reply({ toolCalls: [{ id: "other", name: "memory_recall" }] }, { text: "No idea." });
    expect((await gateway.chat(say("Which?", others.more), others.headers)).status).toBe(200);
    expect((stub.requests.at(-1)?.body as { messages: object[] }).messages.at(-1)).toEqual(tool("other", "{}"));
  });
});

describe("tool results without a session", () => {
  test("are taken with the call that they answer", async () => {
    const conversation = [user("Weather?"), toolCalls(seoul), tool("call_seoul", "sun")];
    expect(await readBy("Sun.", chat(conversation, { tools: [weather] }))).toEqual(conversation);
  });

  test("are refused without it", async () => {
    const response = await gateway.chat(chat([user("Weather?"), tool("call_seoul", "sun")]));
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: object }).error).toMatchObject({ param: "messages[1].tool_call_id" });
  });

  test("are refused a second time", async () => {
    const conversation = [user("Weather?"), toolCalls(seoul), tool("call_seoul", "sun"), tool("call_seoul", "rain")];
    const response = await gateway.chat(chat(conversation));
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: object }).error).toMatchObject({ param: "messages[3].tool_call_id" });
  });
});

describe("who is who:", () => {
  test("Alice is not alice, and spaces around a name do not matter", async () => {
    await readBy("Hello, Alice.", say("I am Alice.", { user: "Alice" }));
    expect(await readBy("Hello, alice.", say("hi", { user: "alice" }))).toEqual([user("hi")]);
    expect(await readBy("Yes.", say("Still?", { user: " Alice " }))).toHaveLength(3);
  });

  test("one name is another person to another agent", async () => {
    await readBy("Hello.", say("I am Bob.", { user: "bob" }));
    expect(await readBy("Hello.", say("hi", { user: "bob", model: "openclaw:plain" }))).toEqual([user("hi")]);
  });

  test("the header wins over user, and a key with the agent's prefix is the one without it", async () => {
    await readBy("Hello.", say("in the kitchen", { user: "carol" }), key("kitchen"));
    expect(await readBy("Hello.", say("hi", { user: "carol" }))).toEqual([user("hi")]);
    expect(await readBy("Yes.", say("again"), key("agent:main:kitchen"))).toHaveLength(3);
    expect(await readBy("Yes.", say("again", { model: "openclaw" }), key("agent:plain:kitchen"))).toEqual([user("again")]);
  });

  test("a Korean name travels in the reply's header and back in a request's", async () => {
    stub.reply({ text: "안녕하세요." });
    const response = await gateway.chat(say("안녕", { user: "김철수" }));
    const given = response.headers.get("x-openclaw-session-key") as string;
    expect(decodeURIComponent(given)).toBe("agent:main:openai-user:김철수");
    expect(await readBy("네.", say("또"), key(given))).toEqual([user("안녕"), assistant("안녕하세요."), user("또")]);
  });
});

describe("runs on one session", () => {
  test("never interleave: the second one's model call begins when the first one is over", async () => {
    const held = await startHeldUpstream();
    const own = await startGateway(onProvider(held.url, {}, { gateway: gatewayWith({ keepAliveMs: 20 }) }));
    const first = own.chat(say("first", { stream: true }), key("lane"));
    const one = await held.next();
    const second = new StreamReader(await own.chat(say("second", { stream: true }), key("lane")));
    // It is queued: that is what it is kept alive for.
    await second.until(": keepalive\n\n");
    one.say("One.");
    one.call("calculator", { expression: "1+1" });
    one.finish();
    const more = await held.next();
    expect((more.body as { messages: object[] }).messages[0]).toEqual(user("first"));
    more.say("Two.");
    more.finish();
    expect((await foldStream(await first)).text).toBe("One.\n\nTwo.");
    const two = await held.next();
    const { messages } = two.body as { messages: object[] };
    expect([messages[0], messages.at(-2), messages.at(-1)]).toEqual([user("first"), assistant("Two."), user("second")]);
    two.say("Second.");
    two.finish();
    expect(await second.rest()).toContain("Second.");
  });

  test("come in the order in which they were asked", async () => {
    const held = await startHeldUpstream();
    const own = await startGateway(onProvider(held.url, {}, { gateway: gatewayWith({ keepAliveMs: 20 }) }));
    const names = ["a", "b", "c", "d"];
    const readers: StreamReader[] = [];
    for (const name of names) {
      const reader = new StreamReader(await own.chat(say(name, { stream: true }), key("order")));
      await reader.until(": keepalive\n\n");
      readers.push(reader);
    }
    const seen: object[] = [];
    for (const [index, name] of names.entries()) {
      const exchange = await held.next();
      seen.push(user(name));
      expect((exchange.body as { messages: object[] }).messages).toEqual(seen);
      exchange.say(`to ${name}`);
      exchange.finish();
      expect(await readers[index]?.rest()).toContain(`"content":"to ${name}"`);
      seen.push(assistant(`to ${name}`));
    }
  });

  test("that are the first four, all at once, all succeed, each reading those before it", async () => {
    const before = stub.requestCount;
    stub.always(({ body }) => ({ text: `to ${(body as { messages: Spoken[] }).messages.at(-1)?.content}` }));
    const names = ["a", "b", "c", "d"];
    const replies = await Promise.all(names.map((name) => gateway.chat(say(name), key("four-at-once"))));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const texts = await Promise.all(
      replies.map(async (reply) => ((await reply.json()) as { choices: [{ message: Spoken }] }).choices[0].message.content),
    );
    expect(texts).toEqual(names.map((name) => `to ${name}`));
    const inputs = stub.requests.slice(before).map(({ body }) => (body as { messages: Spoken[] }).messages);
    for (const [index, input] of inputs.entries()) {
      expect(input).toHaveLength(2 * index + 1);
      const own = input.at(-1) as Spoken;
      const earlier = inputs[index - 1];
      expect(input).toEqual(earlier ? [...earlier, assistant(`to ${earlier.at(-1)?.content}`), own] : [own]);
    }
  });

  test("do not wait for those of another session", async () => {
    const held = await startHeldUpstream();
    const own = await startGateway(onProvider(held.url));
    const first = own.chat(say("first"), key("one"));
    const one = await held.next();
    const second = own.chat(say("second"), key("two"));
    const two = await held.next();
    two.say("Two.");
    two.finish();
    expect((await second).status).toBe(200);
    one.say("One.");
    one.finish();
    expect((await first).status).toBe(200);
  });
});

describe("what a provider does wrong", () => {
  test("two calls with one id neither confuse the session nor the caller's results", async () => {
    const twice = [seoul, { ...busan, id: seoul.id }];
    stub.reply({ toolCalls: twice });
    const first = await gateway.chat(say("compare", { tools: [weather] }), key("twice"));
    const { choices } = (await first.json()) as { choices: { message: { tool_calls: { id: string }[] } }[] };
    const ids = choices[0]!.message.tool_calls.map((call) => call.id);
    expect(new Set(ids).size).toBe(2);
    const read = await readBy(
      "Seoul.",
      chat(
        ids.map((id) => tool(id, "sunny")),
        { tools: [weather] },
      ),
      key("twice"),
    );
    expect(read).toMatchObject([user("compare"), { role: "assistant" }, tool(ids[0]!, "sunny"), tool(ids[1]!, "sunny")]);
    expect(await readBy("Fine.", say("thanks"), key("twice"))).toHaveLength(6);
  });

  test("a call that the token limit cut off is seen by the caller but never sent again", async () => {
    stub.reply({ toolCalls: [{ ...seoul, arguments: '{"city":"Seo' }], finishReason: "length" });
    const cut = await gateway.chat(say("weather?", { tools: [weather] }), key("cut"));
    expect(await cut.json()).toMatchObject({ choices: [{ finish_reason: "length", message: { tool_calls: [{ id: seoul.id }] } }] });
    expect(await readBy("Sorry.", say("again"), key("cut"))).toEqual([user("weather?"), assistant(""), user("again")]);
  });

  test("a reply without end is given up, and its connection closed", async () => {
    const aborted = stub.aborted;
    stub.reply({ text: "z".repeat(64 * 1024), chunks: Infinity });
    const response = await gateway.chat(say("hi"));
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status: 502,
      body: { error: { code: "upstream_error", message: expect.stringContaining("characters in one reply") } },
    });
    await stub.waitForAbort(aborted + 1);
  });
});

test("of two processes on one session the second waits for the first, and goes on where that ended", async () => {
  const held = await startHeldUpstream();
  const folder = await makeFolder();
  // One after the other: both write the config file of this folder before they read it.
  const one = await startGateway(onProvider(held.url), { folder });
  const other = await startGateway(onProvider(held.url), { folder });
  const first = one.chat(say("first"), key("shared"));
  const firstExchange = await held.next();
  const second = await other.chat(say("second", { stream: true }), { ...key("shared"), "x-openclaw-events": "true" });
  const reader = new StreamReader(second);
  await reader.until('"openclaw":{"type":"run_queued"}');
  expect([held.count, other.program.runs.load]).toEqual([1, { running: 0, waiting: 1, sessions: 1 }]);
  firstExchange.say("1");
  firstExchange.finish();
  expect((await first).status).toBe(200);
  const secondExchange = await held.next();
  expect(secondExchange.body).toMatchObject({ messages: [user("first"), assistant("1"), user("second")] });
  await reader.cancel();
  await secondExchange.aborted;
  const third = one.chat(say("third"), key("shared"));
  const thirdExchange = await held.next();
  thirdExchange.say("3");
  thirdExchange.finish();
  expect((await third).status).toBe(200);
  expect(countRows(one)["leases"]).toBe(0);
});

test("a run whose session another process took over is refused at its end, and what its caller said is kept", async () => {
  const held = await startHeldUpstream();
  const folder = await makeFolder();
  const one = await startGateway(onProvider(held.url), { folder });
  const other = await startGateway(onProvider(held.url), { folder });
  const slow = one.chat(say("slow"), key("shared"));
  const slowExchange = await held.next();
  // What is left of a lease whose owner has been silent for too long.
  const leases = new Database(join(folder, "clawgate.db"));
  leases.exec("delete from leases");
  leases.close();
  const quick = other.chat(say("quick"), key("shared"));
  const quickExchange = await held.next();
  quickExchange.say("done");
  quickExchange.finish();
  expect((await quick).status).toBe(200);
  slowExchange.say("late");
  slowExchange.finish();
  const refused = await slow;
  expect({ status: refused.status, body: await refused.json() }).toMatchObject({ status: 429, body: { error: { code: "session_busy" } } });
  const database = new Database(join(folder, "clawgate.db"), { readonly: true });
  const rows = database.prepare("select role, state, body from messages order by id").all([]) as {
    role: string;
    state: string;
    body: string;
  }[];
  database.close();
  expect(rows.map(({ role, state }) => [role, state])).toEqual([
    ["user", "unanswered"],
    ["user", "active"],
    ["assistant", "active"],
  ]);
  expect(rows[0]!.body).toContain("slow");
});

test("a run whose session another process took over is stopped in the middle, and its caller told to send it again", async () => {
  const held = await startHeldUpstream();
  const one = await startGateway(onProvider(held.url));
  const chatting = one.chat(say("hi"), key("shared"));
  const exchange = await held.next();
  const leases = new Database(join(one.folder, "clawgate.db"));
  leases.exec("delete from leases");
  leases.close();
  // When the lease is to be renewed, which is some seconds from now.
  await exchange.aborted;
  const stopped = await chatting;
  expect({ status: stopped.status, retryAfter: stopped.headers.get("retry-after"), body: await stopped.json() }).toMatchObject({
    status: 429,
    retryAfter: "1",
    body: { error: { code: "session_busy" } },
  });
  expect(one.program.runs.load).toEqual({ running: 0, waiting: 0, sessions: 0 });
});
