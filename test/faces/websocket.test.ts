/** Runs, sessions and conversations over WebSocket beside HTTP: what one face began, the other sees, goes on with and ends. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { makeFolder, say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { RpcClient, type RpcFailure } from "../support/rpc-client.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { StreamReader } from "./event-stream.ts";
import { type HeldUpstream, startHeldUpstream } from "./held-upstream.ts";
import { begin, sendCancel, showRun } from "./run-requests.ts";

const phone = "secret-of-the-phone";
const inSession = (key: string) => ({ "x-openclaw-session-key": key });

let held: HeldUpstream;
let stub: StubUpstream;
let gateway: TestGateway;
let client: RpcClient;

beforeAll(async () => {
  held = await startHeldUpstream();
  stub = await startStubUpstream();
  gateway = await startGateway({
    gateway: {
      port: 0,
      auth: { mode: "token", token: testToken, tokens: [{ name: "phone", token: phone, agents: ["main"] }] },
      http: { endpoints: { chatCompletions: { enabled: true } } },
    },
    models: {
      providers: {
        held: { baseUrl: held.url, models: [{ id: "model", contextWindow: 32_768 }] },
        stub: { baseUrl: stub.url, models: [{ id: "model" }, { id: "other", input: ["text", "image"] }] },
      },
    },
    agents: {
      defaults: { model: "stub/model" },
      entries: {
        main: { default: true, tools: ["calculator"] },
        slow: { model: "held/model" },
        careful: { model: { primary: "held/model", fallbacks: ["stub/model"] } },
      },
    },
  });
  client = await RpcClient.connect(gateway.url);
});

afterAll(() => stub.close());

const failureOf = (promise: Promise<unknown>): Promise<RpcFailure> =>
  promise.then(
    (value) => Promise.reject(new Error(`It was answered: ${JSON.stringify(value)}`)),
    (thrown: unknown) => thrown as RpcFailure,
  );

describe("a run that was begun over WebSocket", () => {
  test("is accepted, told step by step, and answered when it is over", async () => {
    stub.reply(
      { toolCalls: [{ id: "c1", name: "calculator", arguments: '{"expression":"6 * 7"}' }] },
      { reasoning: "Hm.", text: "It is 42." },
    );
    const call = client.start("agent", { message: "6 times 7?", sessionKey: "sums" });
    const { runId, sessionKey } = await call.accepted();
    expect(sessionKey).toBe("agent:main:sums");
    const { payload } = await call.final;
    expect(payload).toMatchObject({ runId, status: "ok", summary: "completed", result: { payloads: [{ text: "It is 42." }], turns: 2 } });
    const told = client.payloads("agent", runId);
    expect(told.map(({ stream, data }) => [stream, "phase" in data ? data.phase : data.delta])).toEqual([
      ["lifecycle", "start"],
      ["lifecycle", "turn"],
      ["tool", "start"],
      ["tool", "result"],
      ["lifecycle", "turn"],
      ["thinking", "Hm."],
      ["assistant", "It is 42."],
      ["lifecycle", "end"],
    ]);
    expect(told[1]?.data).toEqual({ phase: "turn", turn: 1, model: "stub/model" });
    expect(told[2]?.data).toEqual({ phase: "start", name: "calculator", toolCallId: "c1" });
    expect(told[3]?.data).toEqual({ phase: "result", name: "calculator", toolCallId: "c1", isError: false });
    const numbers = told.map(({ seq }) => seq);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    const run = await showRun(gateway, runId);
    expect(run).toMatchObject({ status: "completed", background: true, completion: { choices: [{ message: { content: "It is 42." } }] } });
  });

  test("is numbered as over HTTP, so that it can be taken up there", async () => {
    const call = client.start("agent", { message: "hi", agentId: "slow" });
    const { runId } = await call.accepted();
    const exchange = await held.next();
    exchange.say("One ");
    const first = await client.told("agent", runId, ({ stream }) => stream === "assistant");
    exchange.say("two.");
    exchange.finish();
    await call.final;
    const rest = await gateway.get(`/v1/runs/${runId}/events?starting_after=${first.seq}`);
    const text = [...(await rest.text()).matchAll(/"content":"([^"]*)"/g)].map(([, piece]) => piece).join("");
    expect(text).toBe("two.");
  });

  test("goes on when its connection ends, and is waited for from another", async () => {
    const other = await RpcClient.connect(gateway.url);
    const call = other.start("agent", { message: "hi", agentId: "slow", sessionKey: "left" });
    const { runId } = await call.accepted();
    const exchange = await held.next();
    await other.close();
    const waiting = client.request("agent.wait", { runId });
    expect(await client.request("agent.wait", { runId, timeoutMs: 0 })).toMatchObject({ runId, status: "timeout" });
    exchange.say("Still here.");
    exchange.finish();
    expect(await waiting).toMatchObject({ runId, status: "ok", stopReason: "stop" });
    expect(await client.request("runs.get", { runId })).toMatchObject({ status: "completed", background: true, text: "Still here." });
    expect((await client.request("chat.history", { sessionKey: "left", agentId: "slow" })).messages).toHaveLength(2);
  });

  test("goes on when its connection breaks, at whichever moment", async () => {
    for (let at = 0; at < 8; at++) {
      const method = at % 2 === 0 ? "agent" : "chat.send";
      const sessionKey = `agent:slow:broken-${at}`;
      const params = { message: "hi", sessionKey, idempotencyKey: `broken-${at}` };
      const broken = await RpcClient.connect(gateway.url);
      broken.start(method, params);
      const exchange = await held.next();
      if (at >= 2) exchange.say("Half. ");
      if (at >= 4) await broken.event(({ event }) => event === "chat");
      if (at >= 6) exchange.finish();
      broken.socket.terminate();
      await broken.closed;
      if (at < 6) {
        exchange.say("And the rest.");
        exchange.finish();
      }
      const { runId } = await client.request(method, params);
      expect(await client.request("agent.wait", { runId })).toMatchObject({ status: "ok" });
      expect(await client.request("chat.history", { sessionKey })).toMatchObject({ messages: [{ role: "user" }, { role: "assistant" }] });
    }
    expect((await client.request("status")).runs).toEqual({ running: 0, waiting: 0, sessions: 0 });
  });

  test("is cancelled over HTTP, and its caller told", async () => {
    const call = client.start("agent", { message: "hi", agentId: "slow" });
    const { runId } = await call.accepted();
    const exchange = await held.next();
    exchange.say("Half");
    await client.told("chat", runId);
    expect((await sendCancel(gateway, runId)).status).toBe(200);
    await exchange.aborted;
    const failure = await failureOf(call.final);
    expect(failure).toMatchObject({ code: "UNAVAILABLE", detail: "run_aborted" });
    const spent = { model: "held/model", turns: 0 };
    expect(failure.frame.payload).toEqual({ runId, status: "aborted", summary: "aborted", stopReason: "cancel", ...spent });
    const end = await client.chatEnd(runId);
    expect(end).toMatchObject({ state: "aborted", stopReason: "cancel", message: { content: [{ type: "text", text: "Half" }] } });
  });

  test("is cancelled when its own time is over", async () => {
    const timed = client.start("agent", { message: "hi", agentId: "slow", timeout: 1 });
    const exchange = await held.next();
    expect(await failureOf(timed.final)).toMatchObject({ detail: "run_aborted" });
    await exchange.aborted;
    const sent = await client.request("chat.send", {
      sessionKey: "agent:slow:timed",
      message: "hi",
      timeoutMs: 50,
      idempotencyKey: "timed",
    });
    await (
      await held.next()
    ).aborted;
    expect(await client.chatEnd(sent.runId)).toMatchObject({ state: "aborted" });
  });

  test("that fails is answered with why, and told so", async () => {
    stub.reply({ status: 400, message: "No such setting." });
    const call = client.start("agent", { message: "hi" });
    const { runId } = await call.accepted();
    const failure = await failureOf(call.final);
    expect(failure).toMatchObject({ code: "INVALID_REQUEST", detail: "upstream_rejected" });
    expect(failure.frame.payload).toMatchObject({ runId, status: "error" });
    expect(await client.chatEnd(runId)).toMatchObject({
      state: "error",
      errorKind: "unknown",
      errorMessage: failure.message,
    });
    expect(client.payloads("agent", runId).at(-1)).toMatchObject({ stream: "lifecycle", data: { phase: "error" } });
    expect(await client.request("agent.wait", { runId })).toMatchObject({ status: "error", error: failure.message });
    expect(await client.request("runs.get", { runId })).toMatchObject({
      status: "failed",
      error: { details: { code: "upstream_rejected" } },
    });
  });

  test("that its gateway did not end is told of as interrupted, with the same error as over HTTP", async () => {
    const models = { providers: { held: { baseUrl: held.url } } };
    const config = { models, agents: { defaults: { model: "held/model" }, entries: { main: { default: true } } } };
    const folder = await makeFolder();
    const first = await startGateway(config, { folder });
    const call = (await RpcClient.connect(first.url)).start("agent", { message: "hi", sessionKey: "cut-short" });
    const { runId } = await call.accepted();
    await held.next();
    await first.close();
    const second = await startGateway(config, { folder });
    const later = await RpcClient.connect(second.url);
    const { status, error } = await later.request("runs.get", { runId });
    const overHttp = await showRun(second, runId);
    expect({ status, code: error?.details.code, message: error?.message }).toEqual({
      status: "interrupted",
      code: "run_interrupted",
      message: overHttp.error?.message,
    });
    expect(await later.request("agent.wait", { runId })).toMatchObject({ status: "error", error: error?.message });
  });

  test("brings its model, its effort, its instructions and its attachments along", async () => {
    const text = Buffer.from("The secret word is xyzzy.").toString("base64");
    const params = {
      message: "Read this.",
      model: "other",
      provider: "stub",
      thinking: "off",
      extraSystemPrompt: "Be brief.",
      attachments: [{ type: "file", fileName: "note.txt", mimeType: "text/plain", content: text }],
    };
    expect((await client.request("agent", params)).result.model).toBe("stub/other");
    const { body } = stub.requests.at(-1)!;
    expect(body).toMatchObject({
      model: "other",
      reasoning_effort: "none",
      messages: [{ role: "system", content: "Be brief." }, { role: "user" }],
    });
    expect(JSON.stringify(body.messages[1])).toContain("xyzzy");
    expect(await client.refusal("agent", { ...params, attachments: [{ content: "?" }] })).toMatchObject({
      detail: "invalid_value",
      frame: { error: { details: { param: "attachments[0].content" } } },
    });
    expect(await client.refusal("agent", { message: "hi", provider: "stub" })).toMatchObject({
      detail: "missing_required_parameter",
    });
    const image = { type: "image", content: Buffer.from("89504e470d0a1a0a", "hex").toString("base64") };
    expect(await client.refusal("agent", { message: "hi", attachments: [image] })).toMatchObject({
      detail: "unsupported_parameter",
      frame: { error: { details: { param: "attachments" } } },
    });
  });
});

describe("an idempotency key", () => {
  test("gives the run of the first time, while it is under way and later on", async () => {
    const params = { message: "once", agentId: "slow", idempotencyKey: "once-only" };
    const first = client.start("agent", params);
    const { runId } = await first.accepted();
    const exchange = await held.next();
    const count = held.count;
    const second = (await RpcClient.connect(gateway.url)).start("agent", params);
    expect((await second.accepted()).runId).toBe(runId);
    exchange.say("Done once.");
    exchange.finish();
    expect((await second.final).payload).toEqual((await first.final).payload);
    expect((await client.request("agent", params)).runId).toBe(runId);
    expect(held.count).toBe(count);
  });

  test("says of chat.send how the first one stands", async () => {
    const params = { sessionKey: "agent:slow:keyed", message: "once", idempotencyKey: "chat-once" };
    const { runId, status } = await client.request("chat.send", params);
    expect(status).toBe("started");
    const exchange = await held.next();
    expect(await client.request("chat.send", params)).toMatchObject({ runId, status: "in_flight" });
    exchange.say("Done.");
    exchange.finish();
    await client.chatEnd(runId);
    expect(await client.request("chat.send", params)).toMatchObject({ runId, status: "ok" });
  });

  test("is refused for anything else", async () => {
    await client.request("chat.send", { sessionKey: "keyed", message: "this", idempotencyKey: "said-once" });
    const other = { sessionKey: "keyed", message: "that", idempotencyKey: "said-once" };
    expect(await client.refusal("chat.send", other)).toMatchObject({ detail: "idempotency_conflict" });
    expect(await client.refusal("agent", other)).toMatchObject({ detail: "idempotency_conflict" });
    await client.request("agent", { message: "this", idempotencyKey: "for-this" });
    const failure = await client.refusal("agent", { message: "that", idempotencyKey: "for-this" });
    expect(failure).toMatchObject({ code: "INVALID_REQUEST", detail: "idempotency_conflict" });
    expect(failure.frame.error?.details.param).toBe("idempotencyKey");
    expect(await client.refusal("chat.send", { sessionKey: "x", message: "hi" })).toMatchObject({
      detail: "missing_required_parameter",
      message: "'idempotencyKey' is required.",
    });
  });
});

describe("a run that was begun over HTTP", () => {
  test("is heard of, streamed or not, and its text is told", async () => {
    stub.reply({ text: "Hello to all." });
    const response = await gateway.chat(say("hi", { stream: true }), inSession("heard"));
    await response.text();
    const runId = response.headers.get("x-openclaw-run-id")!;
    const end = await client.chatEnd(runId);
    expect(end).toMatchObject({
      state: "final",
      sessionKey: "agent:main:heard",
      message: { content: [{ text: "Hello to all." }] },
    });
    stub.reply({ text: "", toolCalls: [{ id: "t1", name: "lookup", arguments: '{"a":1}' }] });
    const tools = [{ type: "function", function: { name: "lookup", parameters: { type: "object" } } }];
    const handed = await gateway.chat(say("hi", { tools }));
    const called = await client.chatEnd(handed.headers.get("x-openclaw-run-id")!);
    expect(called).toMatchObject({
      stopReason: "tool_calls",
      message: { content: [{ type: "toolCall", id: "t1", name: "lookup", arguments: { a: 1 } }] },
    });
  });

  test("is aborted over WebSocket, and its caller told", async () => {
    const body = { ...say("hi", { stream: true }), model: "openclaw/slow" };
    const pending = gateway.chat(body, inSession("agent:slow:http"));
    const exchange = await held.next();
    exchange.say("Half");
    const response = await pending;
    const runId = response.headers.get("x-openclaw-run-id")!;
    const reader = new StreamReader(response);
    await reader.until('"Half"');
    expect(await client.request("chat.abort", { sessionKey: "agent:slow:http" })).toEqual({ ok: true, aborted: true, runIds: [runId] });
    await exchange.aborted;
    expect(await reader.rest()).toContain("run_aborted");
    expect(await client.request("chat.abort", { sessionKey: "agent:slow:http", runId })).toEqual({ ok: true, aborted: false, runIds: [] });
  });

  test("is void where its model failed before its caller saw anything", async () => {
    const pending = gateway.chat({ ...say("hi"), model: "openclaw/careful" });
    const exchange = await held.next();
    exchange.say("Half an ans");
    const first = await client.event(({ event, payload }) => event === "chat" && payload.agentId === "careful");
    const { runId } = first.payload as { runId: string };
    stub.reply({ text: "A whole one." });
    exchange.cut();
    await pending;
    const end = await client.chatEnd(runId);
    expect(end.message?.content).toEqual([{ type: "text", text: "A whole one." }]);
    // Whoever puts the pieces together comes to the same.
    let shown = "";
    for (const { deltaText = "", replace } of client.payloads("chat", runId).slice(0, -1)) shown = (replace ? "" : shown) + deltaText;
    expect(shown).toBe("A whole one.");
    expect(client.payloads("agent", runId).find(({ data }) => "phase" in data && data.phase === "fallback_step")?.data).toMatchObject({
      fallbackStepFromModel: "held/model",
      fallbackStepToModel: "stub/model",
    });
  });

  test("is told from there on to whoever comes in the middle, and as a whole in the end", async () => {
    const run = await begin(gateway, { ...say("hi"), model: "openclaw/slow" });
    const exchange = await held.next();
    exchange.say("Before. ");
    await client.told("chat", run.id);
    const late = await RpcClient.connect(gateway.url);
    exchange.say("After.");
    exchange.finish();
    const end = await late.chatEnd(run.id);
    expect(late.payloads("chat", run.id).map(({ deltaText }) => deltaText)).toEqual(["After.", undefined]);
    expect(end.message?.content).toEqual([{ type: "text", text: "Before. After." }]);
  });

  test("has no whole for the first one to come, when it was under way already", async () => {
    const models = { providers: { held: { baseUrl: held.url } } };
    const lonely = await startGateway({ models, agents: { defaults: { model: "held/model" }, entries: { main: { default: true } } } });
    const run = await begin(lonely, say("hi"));
    const exchange = await held.next();
    exchange.say("Before. ");
    const reader = new StreamReader(await lonely.get(`/v1/runs/${run.id}/events`));
    await reader.until("Before. ");
    const first = await RpcClient.connect(lonely.url);
    exchange.say("After.");
    exchange.finish();
    const end = await first.chatEnd(run.id);
    expect(end).toMatchObject({ state: "final", stopReason: "stop" });
    expect(end).not.toHaveProperty("message");
    await reader.rest();
  });
});

describe("a conversation", () => {
  test("is sent, shown and gone on with over HTTP", async () => {
    stub.reply({ text: "Pleased to meet you." }, { text: "Ada." });
    const sent = await client.request("chat.send", { sessionKey: "main", message: "I am Ada.", idempotencyKey: "ada-1" });
    expect(sent.sessionKey).toBe("agent:main:main");
    await client.chatEnd(sent.runId);
    await gateway.chat(say("Who am I?"), inSession("main"));
    const history = await client.request("chat.history", { sessionKey: "agent:main:main" });
    expect(history.messages.map(({ role, content }: { role: string; content: object }) => [role, content])).toEqual([
      ["user", [{ type: "text", text: "I am Ada." }]],
      ["assistant", [{ type: "text", text: "Pleased to meet you." }]],
      ["user", [{ type: "text", text: "Who am I?" }]],
      ["assistant", [{ type: "text", text: "Ada." }]],
    ]);
    expect(history.messages[0]?.__openclaw).toMatchObject({ runId: sent.runId });
    expect(await client.request("chat.history", { sessionKey: "main", limit: 2 })).toMatchObject({ hasMore: true, nextOffset: 2 });
    const older = await client.request("chat.history", { sessionKey: "main", limit: 2, offset: 2, maxChars: 4 });
    expect(older).toMatchObject({ hasMore: false, messages: [{ content: [{ text: "I am" }] }, { content: [{ text: "Plea" }] }] });
    expect(await client.request("sessions.get", { key: "main", limit: 1 })).toMatchObject({
      session: { messageCount: 4 },
      messages: [{}],
      hasMore: true,
    });
  });

  test("that has not begun is an empty one", async () => {
    const empty = { sessionKey: "agent:slow:nothing", messages: [], hasMore: false };
    expect(await client.request("chat.history", { sessionKey: "nothing", agentId: "slow" })).toEqual(empty);
    expect(await client.refusal("chat.history", { sessionKey: "agent:main:x", agentId: "slow" })).toMatchObject({
      detail: "invalid_value",
    });
  });

  test("shows what the agent's own tools did to the gateway's own secret", async () => {
    stub.reply({ toolCalls: [{ id: "c1", name: "calculator", arguments: '{"expression":"1 + 1"}' }] }, { text: "Two." });
    await client.request("agent", { message: "1 + 1?", sessionKey: "shown" });
    const { messages } = await client.request("chat.history", { sessionKey: "shown" });
    expect(messages).toMatchObject([
      { role: "user" },
      { role: "assistant", content: [{ type: "toolCall", name: "calculator", arguments: { expression: "1 + 1" } }] },
      { role: "toolResult", toolCallId: "c1", content: [{ type: "text", text: "2" }] },
      { role: "assistant" },
    ]);
  });

  test("is listed, emptied and deleted", async () => {
    for (const name of ["l1", "l2", "l3"])
      await client.request("agent", { message: "hi", agentId: "careful", model: "stub/model", sessionKey: name });
    const all = await client.request("sessions.list", { agentId: "careful" });
    expect(all.sessions.map(({ key }: { key: string }) => key)).toEqual(["agent:careful:l3", "agent:careful:l2", "agent:careful:l1"]);
    const first = await client.request("sessions.list", { agentId: "careful", limit: 2 });
    expect(first).toMatchObject({ count: 2, hasMore: true, nextOffset: 2 });
    const second = await client.request("sessions.list", { agentId: "careful", limit: 2, offset: 2 });
    expect(second).toMatchObject({ count: 1, hasMore: false, sessions: [{ key: "agent:careful:l1" }] });
    expect(await client.request("sessions.list", { agentId: "careful", activeMinutes: 5 })).toMatchObject({ count: 3 });
    expect(await client.request("sessions.reset", { key: "l1", agentId: "careful" })).toMatchObject({
      ok: true,
      entry: { messageCount: 0 },
    });
    expect(await client.request("sessions.delete", { key: "agent:careful:l1" })).toMatchObject({ deleted: true });
    expect(await client.request("sessions.delete", { key: "agent:careful:l1" })).toMatchObject({ deleted: false });
    expect(await client.refusal("sessions.reset", { key: "agent:careful:l1" })).toMatchObject({ detail: "not_found" });
    expect(await client.refusal("sessions.get", { key: "agent:careful:l1" })).toMatchObject({ detail: "not_found" });
    expect(await client.refusal("sessions.list", { search: "l" })).toMatchObject({ detail: "unsupported_parameter" });
  });
});

describe("a session as it is kept", () => {
  const own = { id: "c1", name: "calculator", arguments: '{"expression":"1 + 1"}' };

  test("is read page by page, with its branches and what is remembered in it", async () => {
    stub.reply({ toolCalls: [own] }, { text: "Two." }, { status: 400, message: "No." });
    await client.request("agent", { message: "1 + 1?", sessionKey: "kept" });
    await client.refusal("agent", { message: "And 2 + 2?", sessionKey: "kept" });
    const active = await client.request("sessions.export", { key: "kept" });
    expect(active).toMatchObject({ key: "agent:main:kept", session: { messageCount: 5, createdBy: "main" }, memory: {}, hasMore: false });
    expect(active.messages.map(({ message, origin, state }) => [message, origin, state])).toEqual([
      [{ role: "user", content: [{ type: "text", text: "1 + 1?" }] }, "caller", "active"],
      [{ role: "assistant", content: "", toolCalls: [own] }, "run", "active"],
      [{ role: "tool", toolCallId: "c1", content: [{ type: "text", text: "2" }] }, "run", "active"],
      [{ role: "assistant", content: "Two.", toolCalls: [] }, "run", "active"],
    ]);
    const first = await client.request("sessions.export", { key: "kept", branches: true, limit: 3 });
    expect(first).toMatchObject({ hasMore: true, messages: [{ parentId: null }, {}, {}] });
    const rest = await client.request("sessions.export", { key: "kept", branches: true, after: first.messages.at(-1)?.id });
    expect(rest).not.toHaveProperty("memory");
    expect(rest.messages.map(({ state }) => state)).toEqual(["active", "unanswered"]);
    expect(rest.messages[0]?.parentId).toBe(first.messages[2]?.id);
  });

  test("does not show a token what its agent's own tools did, nor what is remembered", async () => {
    const other = await RpcClient.connect(gateway.url, { auth: { token: phone } });
    stub.reply({ toolCalls: [own] }, { text: "Two." });
    await other.request("agent", { message: "1 + 1?", sessionKey: "phones-own" });
    const shown = await other.request("sessions.export", { key: "phones-own" });
    expect(shown).not.toHaveProperty("memory");
    expect(shown.session).not.toHaveProperty("createdBy");
    expect(shown.messages.map(({ message }) => message)).toEqual([
      { role: "user", content: [{ type: "text", text: "1 + 1?" }] },
      { role: "assistant", content: "", toolCalls: [] },
      { role: "tool", toolCallId: "c1", content: [] },
      { role: "assistant", content: "Two.", toolCalls: [] },
    ]);
    expect(await other.refusal("sessions.export", { key: "kept" })).toMatchObject({ detail: "not_found" });
    await other.request("sessions.delete", { key: "phones-own" });
    await other.close();
  });

  test("is one of a list that goes on from any of its sessions", async () => {
    const { sessions } = await client.request("sessions.list", {});
    const [first, second, third] = sessions.map(({ key }) => key);
    expect(await client.request("sessions.list", { after: first, limit: 1 })).toMatchObject({ sessions: [{ key: second }], hasMore: true });
    expect(await client.request("sessions.list", { after: first, limit: 1, offset: 1 })).toMatchObject({ sessions: [{ key: third }] });
  });
});

test("a token that may name some models is told these, listed or not, and no provider's whole offer", async () => {
  const tokens = [{ name: "picky", token: "picky-secret", models: ["stub/other", "ollama/tiny"] }];
  const auth = { mode: "token", token: testToken, tokens };
  const models = { providers: { stub: { baseUrl: stub.url, models: [{ id: "model" }, { id: "other" }] } } };
  const narrow = await startGateway({ gateway: { port: 0, auth }, models, agents: { defaults: { model: "stub/model" } } });
  const picky = await RpcClient.connect(narrow.url, { auth: { token: "picky-secret" } });
  const told = await picky.request("models.list", { includeUnlisted: true });
  expect(told.models.map(({ provider, id }) => `${provider}/${id}`)).toEqual(["stub/other", "ollama/tiny"]);
  expect(told.anyOf).toEqual([]);
});

describe("what is somebody else's", () => {
  test("is answered word for word like what is not there, by every method that names something", async () => {
    const other = await RpcClient.connect(gateway.url, { auth: { token: phone } });
    const call = client.start("agent", { message: "mine", agentId: "slow", sessionKey: "hidden" });
    const { runId } = await call.accepted();
    const exchange = await held.next();
    exchange.say("Secret.");
    await client.told("chat", runId);
    const answerTo = async (method: string, params: object): Promise<string> => {
      const answer = await other.request(method as "health", params).catch((thrown: unknown) => (thrown as RpcFailure).frame.error);
      // What was asked for is told back, and is all that may differ.
      return JSON.stringify(answer)
        .replaceAll(/0{32}|hidden|absent/g, "…")
        .replaceAll(runId, "…");
    };
    const absent = "0".repeat(32);
    const questions: [string, (session: string, run: string) => object][] = [
      ["runs.get", (_session, run) => ({ runId: run })],
      ["runs.get", (_session, run) => ({ runId: `chatcmpl-${run}` })],
      ["agent.wait", (_session, run) => ({ runId: run, timeoutMs: 0 })],
      ["chat.history", (session) => ({ sessionKey: session })],
      ["chat.abort", (session) => ({ sessionKey: session })],
      ["chat.abort", (session, run) => ({ sessionKey: session, runId: run })],
      ["sessions.get", (session) => ({ key: session })],
      ["sessions.export", (session) => ({ key: session })],
      ["sessions.export", (session) => ({ key: session, after: "x" })],
      ["sessions.reset", (session) => ({ key: session })],
      ["sessions.delete", (session) => ({ key: session })],
    ];
    const ask = async (session: string, run: string): Promise<string[]> => {
      const answers: string[] = [];
      for (const [method, params] of questions) answers.push(`${method} ${await answerTo(method, params(session, run))}`);
      return answers;
    };
    const [theirs, nobodys] = [await ask("agent:slow:hidden", runId), await ask("agent:slow:absent", absent)];
    expect(theirs).toEqual(nobodys);
    expect(await client.request("runs.get", { runId })).toMatchObject({ status: "running" });
    exchange.finish();
    await call.final;
    expect(await ask("agent:slow:hidden", runId)).toEqual(nobodys);
    await other.close();
  });

  test("is not there: neither runs, nor sessions, nor events", async () => {
    const other = await RpcClient.connect(gateway.url, { auth: { token: phone } });
    const call = client.start("agent", { message: "mine", agentId: "slow", sessionKey: "mine" });
    const { runId } = await call.accepted();
    const exchange = await held.next();
    exchange.say("Secret.");
    expect(await other.refusal("runs.get", { runId })).toMatchObject({ detail: "not_found" });
    expect(await other.refusal("agent.wait", { runId })).toMatchObject({ detail: "not_found" });
    expect(await other.request("chat.abort", { sessionKey: "agent:slow:mine" })).toMatchObject({ aborted: false, runIds: [] });
    expect(await other.request("chat.abort", { sessionKey: "agent:slow:mine", runId })).toMatchObject({ aborted: false });
    exchange.finish();
    await call.final;
    expect((await other.request("chat.history", { sessionKey: "agent:slow:mine" })).messages).toEqual([]);
    expect((await other.request("sessions.list", {})).sessions).toEqual([]);
    expect(await other.refusal("sessions.get", { key: "agent:slow:mine" })).toMatchObject({ detail: "not_found" });
    expect(await other.request("sessions.delete", { key: "agent:slow:mine" })).toMatchObject({ deleted: false });
    expect(await other.refusal("agent", { message: "hi", agentId: "slow" })).toMatchObject({
      code: "FORBIDDEN",
      detail: "agent_not_allowed",
    });
    // What it does itself it hears of, and so does the gateway's own secret.
    stub.reply({ toolCalls: [{ id: "c1", name: "calculator", arguments: '{"expression":"1 + 1"}' }] }, { text: "Two." });
    const own = await other.request("agent", { message: "1 + 1?", sessionKey: "own" });
    const heard = other.events.flatMap(({ payload }) => ("runId" in payload ? [payload.runId] : []));
    expect([...new Set(heard)]).toEqual([own.runId]);
    await client.chatEnd(own.runId);
    // Of its agent's own tools it is told that they worked, and no more.
    const { messages } = await other.request("chat.history", { sessionKey: "own" });
    expect(messages).toMatchObject([{ role: "user" }, { role: "assistant", content: [{ type: "text", text: "Two." }] }]);
    expect(await other.request("sessions.list", {})).toMatchObject({ count: 1 });
    expect(await other.request("runs.get", { runId: own.runId })).not.toHaveProperty("owner");
    expect(await client.request("runs.get", { runId: own.runId })).toMatchObject({ owner: "phone" });
  });
});

describe("events", () => {
  test("are only those of what a connection has named, when it wants that", async () => {
    const scoped = await RpcClient.connect(gateway.url, { params: { caps: ["session-scoped-events"] } });
    await scoped.request("chat.history", { sessionKey: "named" });
    await gateway.chat(say("not for you"), inSession("unnamed"));
    const response = await gateway.chat(say("for you"), inSession("named"));
    await scoped.chatEnd(response.headers.get("x-openclaw-run-id")!);
    const sent = await scoped.request("chat.send", { sessionKey: "mine-too", message: "hi", idempotencyKey: "scoped" });
    await scoped.chatEnd(sent.runId);
    const sessions = scoped.events.flatMap(({ event, payload }) => (event === "chat" ? [payload.sessionKey] : []));
    expect([...new Set(sessions)]).toEqual(["agent:main:named", "agent:main:mine-too"]);
  });

  test("are none for a connection that may not read", async () => {
    const deaf = await RpcClient.connect(gateway.url, { params: { scopes: [] } });
    const response = await gateway.chat(say("hi"), inSession("unheard"));
    await client.chatEnd(response.headers.get("x-openclaw-run-id")!);
    expect(await deaf.refusal("health")).toMatchObject({ detail: "MISSING_SCOPE" });
    expect(deaf.events.map(({ event }) => event)).toEqual(["connect.challenge"]);
  });

  test("are numbered without a gap on each connection", () => {
    const numbers = client.events.slice(1).map(({ seq }) => seq);
    expect(numbers.length).toBeGreaterThan(50);
    expect(numbers).toEqual(numbers.map((_, at) => at + 1));
  });

  test("gather what a fast model says", async () => {
    const text = "word ".repeat(2_000);
    stub.reply({ text, chunks: 2_000 });
    const { runId } = await client.request("agent", { message: "Talk." });
    const deltas = client.payloads("chat", runId).filter(({ state }) => state === "delta");
    expect(deltas.map(({ deltaText }) => deltaText).join("")).toBe(text);
    expect(deltas.length).toBeLessThan(500);
  });
});

test("a client that does not read is closed, while others go on and none of it is held", async () => {
  const bounded = await startGateway(
    {
      models: { providers: { stub: { baseUrl: stub.url } } },
      agents: { defaults: { model: "stub/model" }, entries: { main: { default: true } } },
    },
    { rpcLimits: { maxBufferedBytes: 256 * 1024, closeMs: 100 } },
  );
  const reading = await RpcClient.connect(bounded.url);
  const stalled = await RpcClient.connect(bounded.url);
  stalled.socket.pause();
  const count = async (): Promise<number> => (await reading.request("status")).connections;
  expect(await count()).toBe(2);
  // What lies in the sockets' own buffers is some megabytes; the rest would be the gateway's.
  for (let sent = 0; (await count()) === 2; sent++) {
    expect(sent).toBeLessThan(1000);
    stub.reply({ text: "x".repeat(32 * 1024), chunks: 4 });
    await reading.request("agent", { message: "Say much." });
  }
  stalled.socket.resume();
  await stalled.closed;
  expect(bounded.log().filter(({ msg }) => msg === "websocket client does not read, its connection is closed")).toHaveLength(1);
  expect((await reading.request("health")).ok).toBe(true);
  await reading.close();
});

test("models and agents are those of the configuration", async () => {
  expect(await client.request("models.list")).toEqual({
    models: [
      { id: "model", name: "model", provider: "held", contextWindow: 32_768, input: ["text"] },
      { id: "model", name: "model", provider: "stub", input: ["text"] },
      { id: "other", name: "other", provider: "stub", input: ["text", "image"] },
      { id: "offline", name: "offline", provider: "builtin", input: ["text"] },
    ],
  });
  expect(await client.request("models.list", { includeUnlisted: true })).toMatchObject({ anyOf: ["ollama"] });
  expect(await client.request("agents.list")).toMatchObject({
    defaultId: "main",
    agents: [
      { id: "main", model: { primary: "stub/model", fallbacks: [] } },
      { id: "slow", model: { primary: "held/model" } },
      { id: "careful", model: { primary: "held/model", fallbacks: ["stub/model"] } },
    ],
  });
});
