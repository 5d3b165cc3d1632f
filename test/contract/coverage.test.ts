/**
 * Every status that the contract declares for an operation is really answered by the running gateway, and every one of
 * those replies keeps the contract: content type, headers, body, each event of a stream.
 *
 * One table of provocations; whatever the contract declares and the table does not provoke fails the last test.
 */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import Database from "libsql";
import { contractOperations, declaredReplies, type Exchange, exchangeOf, problemsOf } from "../support/contract-check.ts";
import { dataLines, say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { connectRaw, head, sendRaw } from "../support/raw-http.ts";
import { startStubUpstream, type StubScript, type StubUpstream } from "../support/stub-upstream.ts";

interface Provocation {
  readonly operation: string;
  readonly status: number;
  readonly how: string;
  readonly provoke: () => Promise<Exchange>;
}

type Headers = { readonly [name: string]: string };
const bearer = { authorization: `Bearer ${testToken}` };
const json = { "content-type": "application/json" };
const auth = { mode: "token", token: testToken };
/** May use the agent `main` only, and name no model. */
const laptop = { name: "laptop", token: "token-of-a-laptop", agents: ["main"], models: [] };
/** Tokens with limits: of none that is reached, of one run at a time, one a minute, as good as one a month. */
const small = { name: "small", token: "token-of-little", limits: { requestsPerMinute: 1000, tokensPerMinute: 10_000 } };
const asSmall = { authorization: `Bearer ${small.token}` };
const single = { name: "single", token: "token-of-one-run", limits: { maxConcurrentRuns: 1 } };
const asSingle = { authorization: `Bearer ${single.token}` };
const hasty = { name: "hasty", token: "token-in-a-hurry", limits: { requestsPerMinute: 1, tokensPerMinute: 10_000 } };
const asHasty = { authorization: `Bearer ${hasty.token}` };
const spent = { name: "spent", token: "token-that-is-spent", limits: { monthlyTokens: 1 } };
const asSpent = { authorization: `Bearer ${spent.token}` };
const asLaptop = { authorization: `Bearer ${laptop.token}` };
const chatHead = "POST /v1/chat/completions";

let stub: StubUpstream;
/** Its agent `main` is the offline model with a calculator, `remote` the stub, `hasty` may call its model once. */
let gateway: TestGateway;
let disabled: TestGateway;
let lockedOut: TestGateway;
/** A body must have arrived after 50 ms. */
let impatient: TestGateway;
/** Its database has lost its tables. */
let broken: TestGateway;
/** Its provider must have answered after 50 ms. */
let hurried: TestGateway;
/** Takes one run at a time, and none besides. */
let narrow: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  const agents = {
    defaults: { model: "builtin/offline" },
    entries: { main: { tools: ["calculator"] }, remote: { model: "stub/any" }, hasty: { tools: ["calculator"], maxTurns: 1 } },
  };
  const provider = { baseUrl: stub.url };
  const endpoints = { chatCompletions: { enabled: true } };
  [gateway, disabled, lockedOut, impatient, broken, hurried, narrow] = await Promise.all([
    startGateway({
      gateway: { auth: { ...auth, tokens: [laptop, small, single, hasty, spent] }, http: { endpoints } },
      agents,
      models: { providers: { stub: provider } },
      session: { maxQueued: 0 },
    }),
    startGateway({ gateway: { http: {} } }),
    startGateway({ gateway: { auth: { ...auth, rateLimit: { maxAttempts: 1, exemptLoopback: false } } } }),
    startGateway({ gateway: { http: { requestTimeoutMs: 50, endpoints } } }),
    startGateway(),
    startGateway({ agents, models: { providers: { stub: { ...provider, timeoutMs: 50 } } } }),
    startGateway({
      agents: { ...agents, defaults: { ...agents.defaults, maxConcurrent: 1, maxQueued: 0 } },
      models: { providers: { stub: provider } },
    }),
  ]);
  await lockedOut.get("/v1/models", { authorization: "Bearer wrong" });
  await chat(say("what is 6 * 7?"), { "x-openclaw-session-key": "tools" });
  loseTables(broken.folder);
});

afterAll(() => stub.close());

/** What an operator's accident may do to a database under a running gateway. */
function loseTables(folder: string): void {
  const database = new Database(join(folder, "clawgate.db"));
  const names = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all() as {
    name: string;
  }[];
  database.exec("PRAGMA foreign_keys = OFF");
  for (const { name } of names) database.exec(`DROP TABLE "${name}"`);
  database.close();
}

async function chat(body: unknown, headers: Headers = {}, of = gateway): Promise<Exchange> {
  return exchangeOf(await of.chat(body, { ...headers }));
}

async function get(path: string, headers: Headers = {}, of = gateway): Promise<Exchange> {
  return exchangeOf(await of.get(path, { ...headers }));
}

/** A gateway that was told to stop, with nothing left to do. */
async function draining(): Promise<TestGateway> {
  const stopping = await startGateway();
  await stopping.program.drain();
  return stopping;
}

/** A chat with the stub, which answers so. */
function chatWith(script: StubScript, more: object = {}): Promise<Exchange> {
  stub.reply(script);
  return chat({ ...say("hi", more), model: "openclaw:remote" });
}

/** A second one while the first is at work. */
async function chatTwice(more: object, of: TestGateway, headers: Headers = {}): Promise<Exchange> {
  stub.reply("hang");
  const seen = stub.requestCount;
  const leave = new AbortController();
  const body = { ...say("hi"), model: "openclaw:remote", ...more };
  const first = of.chat(body, { ...headers }, leave.signal).catch(() => undefined);
  await stub.waitForRequest(seen + 1);
  const second = await chat(body, headers, of);
  leave.abort();
  await first;
  return second;
}

/** In a session that was there before. */
async function whileAtWork(key: string, ask: () => Promise<Exchange>): Promise<Exchange> {
  const headers = { "x-openclaw-session-key": key };
  stub.reply({ text: "begun" }, "hang");
  const body = { ...say("hi"), model: "openclaw:remote" };
  await chat(body, headers);
  const seen = stub.requestCount;
  const leave = new AbortController();
  const first = gateway.chat(body, headers, leave.signal).catch(() => undefined);
  await stub.waitForRequest(seen + 1);
  const exchange = await ask();
  leave.abort();
  await first;
  return exchange;
}

async function send(method: string, path: string, headers: Headers = {}, of = gateway): Promise<Exchange> {
  return exchangeOf(await fetch(`${of.url}${path}`, { method, headers: { ...bearer, ...headers } }));
}

async function sendMetadata(path: string, metadata: unknown, headers: Headers = {}, of = gateway): Promise<Exchange> {
  const init = { method: "POST", headers: { ...bearer, ...json, ...headers }, body: JSON.stringify({ metadata }) };
  return exchangeOf(await fetch(`${of.url}${path}`, init));
}

async function chatInSessionOfAnother(): Promise<Exchange> {
  const session = { "x-openclaw-session-key": "of-main" };
  await chat(say("hi"), session);
  return chat(say("hi"), { ...session, ...asLaptop });
}

/** The second of two equal requests with one key. */
async function chatAgain(body: object, key: string, headers: Headers = {}): Promise<Exchange> {
  await chat(body, { "idempotency-key": key, ...headers });
  return chat(body, { "idempotency-key": key, ...headers });
}

async function chatInConflict(): Promise<Exchange> {
  await chat(say("hi"), { "idempotency-key": "taken" });
  return chat(say("bye"), { "idempotency-key": "taken" });
}

/** What becomes of a chat that is at work when this is done to its run. */
async function chatUntil(stop: (runId: string) => unknown): Promise<Exchange> {
  stub.reply("hang");
  const seen = stub.requestCount;
  const pending = chat({ ...say("hi", { user: "stopped" }), model: "openclaw:remote" });
  await stub.waitForRequest(seen + 1);
  const { text } = await get("/v1/sessions/agent:remote:openai-user:stopped/messages?branches=true&order=desc&limit=1");
  await stop((JSON.parse(text) as { data: { run_id: string }[] }).data[0]?.run_id ?? "");
  return pending;
}

/** At a gateway of its own, which takes no more runs afterwards. */
async function chatWhileStopping(): Promise<Exchange> {
  const leaving = await startGateway({
    agents: { defaults: { model: "stub/any" } },
    models: { providers: { stub: { baseUrl: stub.url } } },
  });
  stub.reply("hang");
  const seen = stub.requestCount;
  const pending = chat(say("hi"), {}, leaving);
  await stub.waitForRequest(seen + 1);
  leaving.program.runs.stop();
  return pending;
}

async function stalled(line = chatHead): Promise<Exchange> {
  const raw = await connectRaw(impatient.url);
  raw.send(head(line, { ...bearer, ...json, "content-length": "100" }), '{"model"');
  const reply = await raw.reply();
  raw.destroy();
  return reply;
}

const background = { "x-openclaw-background": "true" };
const streamed = { stream: true, stream_options: { include_usage: true } };
const weather = { type: "function", function: { name: "get_weather", parameters: { type: "object", properties: {} } } };
const usage = { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14, prompt_tokens_details: { cached_tokens: 3 } };
const thoughtful = { text: "Good.", reasoning: "Hm.", usage: { ...usage, completion_tokens_details: { reasoning_tokens: 2 } } };
const called = { toolCalls: [{ name: "get_weather", arguments: '{"city":"Seoul"}' }] };

/** `createChatCompletion`, which has more ways to answer than all others together. */
const chatProvocations: readonly (readonly [status: number, how: string, provoke: () => Promise<Exchange>])[] = [
  [200, "an answer", () => chat(say("hi"))],
  [200, "an answer that took a tool of the agent's own", () => chat(say("what is 6 * 7?"))],
  [200, "an answer in the session of a Korean user", () => chat(say("안녕", { user: "민지" }))],
  [200, "an answer with reasoning and detailed usage", () => chatWith(thoughtful)],
  [200, "an answer without usage", () => chatWith({ text: "x", usage: null })],
  [200, "a refusal of the model", () => chatWith({ refusal: "No." })],
  [200, "a reply that was cut at its limit", () => chat(say("hi", { max_tokens: 2 }))],
  [200, "a call of the caller's tool", () => chatWith(called, { tools: [weather] })],
  [200, "a stream", () => chat(say("hi", { stream: true }))],
  [200, "a stream with usage", () => chat(say("what is 6 * 7?", streamed))],
  [200, "a stream with reasoning and detailed usage", () => chatWith(thoughtful, streamed)],
  [200, "a stream whose provider reports no usage", () => chatWith({ text: "x", usage: null }, streamed)],
  [200, "a stream with a call of the caller's tool", () => chatWith(called, { ...streamed, tools: [weather] })],
  [200, "a stream with a refusal", () => chatWith({ refusal: "No." }, { stream: true })],
  [200, "a stream that fails after it began", () => chatWith({ text: "half of it", chunks: 2, gapMs: 1, ending: "cut" }, { stream: true })],
  [200, "an answer again", () => chatAgain(say("hi"), "answer")],
  [200, "a stream again", () => chatAgain(say("hi", { stream: true }), "stream")],
  [200, "a stream in the background", () => chat(say("what is 6 * 7?", streamed), background)],
  [202, "a run in the background", () => chat(say("hi"), background)],
  [202, "a run in the background again", () => chatAgain(say("hi"), "background", background)],
  [200, "an answer to a token with limits", () => chat(say("hi"), asSmall)],
  [200, "a stream for a token with limits", () => chat(say("hi", { stream: true }), asSmall)],
  [202, "a run in the background of a token with limits", () => chat(say("hi"), { ...background, ...asSmall })],
  [400, "a key that is none", () => chat(say("hi"), { "idempotency-key": "two words" })],
  [400, "a broken request line", () => sendRaw(gateway.url, "POST /v1/chat/completions HTTP/1.1\r\nnonsense\r\n\r\n")],
  [400, "a broken body", () => chat("{")],
  [400, "a wrong field", () => chat(say("hi", { temperature: 5 }))],
  [400, "a provider that rejects it", () => chatWith({ status: 400, body: { error: { message: "no seed" } } })],
  [400, "a conversation that is too long", () => chatWith({ status: 400, body: { error: { code: "context_length_exceeded" } } })],
  [401, "no secret", () => chat(say("hi"), { authorization: "" })],
  [401, "a wrong secret", () => chat(say("hi"), { authorization: "Bearer wrong" })],
  [403, "a forbidden agent", () => chat({ ...say("hi"), model: "openclaw:remote" }, asLaptop)],
  [403, "a forbidden model, streamed", () => chat(say("hi", { stream: true }), { ...asLaptop, "x-openclaw-model": "stub/any" })],
  [404, "an unknown agent", () => chat({ ...say("hi"), model: "openclaw:gamma" })],
  [404, "a session of somebody else's", chatInSessionOfAnother],
  [404, "an unknown model", () => chat(say("hi"), { "x-openclaw-model": "nobody/nothing" })],
  [404, "a disabled endpoint", () => chat(say("hi"), {}, disabled)],
  [405, "a wrong method", () => send("PUT", "/v1/chat/completions")],
  [408, "a body that stops half-way", stalled],
  [409, "a key that another request had", chatInConflict],
  [409, "a cancelled run", () => chatUntil((id) => send("POST", `/v1/runs/${id}/cancel`))],
  [413, "a body that is too large", () => sendRaw(gateway.url, head(chatHead, { ...bearer, ...json, "content-length": "30000000" }))],
  [415, "a body that is no JSON", () => chat("hi", { "content-type": "text/plain" })],
  [429, "a lock-out", () => chat(say("hi"), {}, lockedOut)],
  [429, "a busy session", () => chatTwice({ user: "busy" }, gateway)],
  [429, "a gateway with too much to do", () => chatTwice({}, narrow)],
  [429, "a token with too many requests", async () => (await chat(say("hi"), asHasty), chat(say("hi"), asHasty))],
  [429, "a token with too many runs at work", () => chatTwice({}, gateway, asSingle)],
  [429, "a token that has used up its month", async () => (await chat(say("hi"), asSpent), chat(say("hi"), asSpent))],
  [429, "a busy provider", () => chatWith({ status: 429, headers: { "retry-after": "20" }, body: { error: { message: "slowly" } } })],
  [431, "oversized headers", () => sendRaw(gateway.url, head(chatHead, { "x-big": "a".repeat(256 * 1024) }))],
  [500, "an agent that goes on calling tools", () => chat({ ...say("what is 6 * 7?"), model: "openclaw:hasty" })],
  [500, "the same, streamed", () => chat({ ...say("what is 6 * 7?", { stream: true }), model: "openclaw:hasty" })],
  [502, "a provider that does not know us", () => chatWith({ status: 401, body: { error: { message: "who are you?" } } })],
  [502, "a provider that breaks off", () => chatWith({ text: "half of it", ending: "cut" })],
  [502, "a tool that was not called", () => chatWith({ text: "no" }, { tools: [weather], tool_choice: "required" })],
  [502, "a failure again", () => (stub.reply({ status: 401, body: {} }), chatAgain({ ...say("hi"), model: "openclaw:remote" }, "failure"))],
  [503, "a gateway that stops", chatWhileStopping],
  [503, "a gateway that was told to stop", async () => chat(say("hi"), {}, await draining())],
  [503, "a store that is gone", () => chat(say("hi", { user: "민지" }), {}, broken)],
  [503, "a store that is gone, streamed", () => chat(say("hi", { user: "민지", stream: true }), {}, broken)],
  [504, "a provider that hangs", () => (stub.reply("hang"), chat({ ...say("hi"), model: "openclaw:remote" }, {}, hurried))],
];

/** Of a session that there is before each of its uses. */
const session = "/v1/sessions/known";
/** Of a stored completion; what it stands for is there before each of its uses, by another id. */
const completion = "/v1/chat/completions/chatcmpl-0";

/** Of a run in the background, likewise. */
const run = "/v1/runs/0";

const pathOf: { readonly [operation: string]: string } = {
  listSessions: "/v1/sessions",
  getSession: session,
  listSessionMessages: `${session}/messages`,
  resetSession: `${session}/reset`,
  deleteSession: session,
  listChatCompletions: "/v1/chat/completions",
  getChatCompletion: completion,
  updateChatCompletion: completion,
  deleteChatCompletion: completion,
  listChatCompletionMessages: `${completion}/messages`,
  getRun: run,
  cancelRun: `${run}/cancel`,
  streamRunEvents: `${run}/events`,
  listModels: "/v1/models",
  getModel: "/v1/models/openclaw/main",
  getHealth: "/healthz",
  getReadiness: "/readyz",
  getMetrics: "/metrics",
  getContract: "/openapi.json",
  getDocs: "/docs",
};

const methodOf = (operation: string): string =>
  /^delete/.test(operation) ? "DELETE" : /^(?:cancel|reset|update)/.test(operation) ? "POST" : "GET";

async function storedPath(): Promise<string> {
  const { id } = JSON.parse((await chat(say("hi", { store: true, metadata: { ticket: "4711" } }))).text) as { id: string };
  return `/v1/chat/completions/${id}`;
}

async function askKnown(operation: string, path: string): Promise<Exchange> {
  if (path.startsWith(run)) {
    const { id } = JSON.parse((await chat(say("hi"), background)).text) as { id: string };
    return send(methodOf(operation), path.replace(run, `/v1/runs/${id}`));
  }
  if (path.startsWith(completion)) {
    const itsPath = path.replace(completion, await storedPath());
    return operation === "updateChatCompletion" ? sendMetadata(itsPath, { ticket: "4711" }) : send(methodOf(operation), itsPath);
  }
  if (path.startsWith(session)) await chat(say("hi"), { "x-openclaw-session-key": "known" });
  return send(methodOf(operation), path);
}

/** What can happen to every operation without a body. */
const everywhere = Object.entries(pathOf).flatMap(([operation, path]): Provocation[] => [
  { operation, status: 200, how: "a question", provoke: () => askKnown(operation, path) },
  {
    operation,
    status: 400,
    how: "a broken header",
    provoke: () => sendRaw(gateway.url, `${methodOf(operation)} ${path} HTTP/1.1\r\nhost: gateway\r\nnonsense\r\n\r\n`),
  },
  { operation, status: 405, how: "a wrong method", provoke: () => sendRaw(gateway.url, head(`PATCH ${path}`)) },
  {
    operation,
    status: 431,
    how: "oversized headers",
    provoke: () => sendRaw(gateway.url, head(`${methodOf(operation)} ${path}`, { "x-big": "a".repeat(256 * 1024) })),
  },
]);

const sessionOperations = ["listSessions", "getSession", "listSessionMessages", "resetSession", "deleteSession"];

const runOperations = ["getRun", "cancelRun", "streamRunEvents"];
const completionOperations = Object.keys(pathOf).filter((operation) => /ChatCompletion/.test(operation));

const secured = ["listModels", "getModel", ...sessionOperations, ...completionOperations, ...runOperations].flatMap(
  (operation): Provocation[] => {
    const path = pathOf[operation] as string;
    const method = methodOf(operation);
    return [
      { operation, status: 401, how: "a wrong secret", provoke: () => send(method, path, { authorization: "Bearer wrong" }) },
      { operation, status: 404, how: "a disabled endpoint", provoke: () => send(method, path, {}, disabled) },
      { operation, status: 429, how: "a lock-out", provoke: () => send(method, path, {}, lockedOut) },
    ];
  },
);

const aboutSessions = sessionOperations.flatMap((operation): Provocation[] => {
  const method = methodOf(operation);
  const pathFor = (key: string): string => (pathOf[operation] as string).replace("known", key);
  const isOfOne = operation !== "listSessions";
  return [
    { operation, status: 503, how: "a store that is gone", provoke: () => send(method, pathFor("known"), {}, broken) },
    ...(isOfOne ? [{ operation, status: 404, how: "an unknown session", provoke: () => send(method, pathFor("unknown")) }] : []),
    ...(method === "GET"
      ? []
      : [
          {
            operation,
            status: 429,
            how: "a busy session",
            provoke: () => whileAtWork("agent:remote:at-work", () => send(method, pathFor("agent:remote:at-work"))),
          },
        ]),
  ];
});

const aboutCompletions = completionOperations.flatMap((operation): Provocation[] => {
  const path = pathOf[operation] as string;
  const ask = (of: TestGateway): Promise<Exchange> =>
    operation === "updateChatCompletion" ? sendMetadata(path, {}, {}, of) : send(methodOf(operation), path, {}, of);
  return [
    { operation, status: 503, how: "a store that is gone", provoke: () => ask(broken) },
    ...(path.startsWith(completion) ? [{ operation, status: 404, how: "an unknown completion", provoke: () => ask(gateway) }] : []),
  ];
});

const aboutRuns = runOperations.flatMap((operation): Provocation[] => {
  const path = pathOf[operation] as string;
  return [
    { operation, status: 503, how: "a store that is gone", provoke: () => send(methodOf(operation), path, {}, broken) },
    { operation, status: 404, how: "an unknown run", provoke: () => send(methodOf(operation), path) },
  ];
});

/** The run of a request that was answered. */
async function pathOfAnswered(): Promise<string> {
  return `/v1/runs/${(await chat(say("hi"))).headers["x-openclaw-run-id"]}`;
}

const runProvocations: readonly (readonly [operation: string, status: number, how: string, provoke: () => Promise<Exchange>])[] = [
  ["getRun", 200, "a run that was answered", async () => get(await pathOfAnswered())],
  [
    "getRun",
    200,
    "a run that failed",
    async () => get(`/v1/runs/${(await chatWith({ text: "half", ending: "cut" })).headers["x-openclaw-run-id"]}`),
  ],
  ["cancelRun", 200, "a run that is over", async () => send("POST", `${await pathOfAnswered()}/cancel`)],
  ["streamRunEvents", 400, "a run whose events are not kept", async () => get(`${await pathOfAnswered()}/events`)],
  ["streamRunEvents", 400, "a number before the first", () => get(`${run}/events?starting_after=-1`)],
];

const updateHead = `POST ${completion}`;
const updateProvocations: readonly (readonly [status: number, how: string, provoke: () => Promise<Exchange>])[] = [
  [200, "no metadata any more", async () => sendMetadata(await storedPath(), null)],
  [400, "a value that is no text", () => sendMetadata(completion, { ticket: 4711 })],
  [408, "a body that stops half-way", () => stalled(updateHead)],
  [413, "a body that is too large", () => sendRaw(gateway.url, head(updateHead, { ...bearer, ...json, "content-length": "30000000" }))],
  [415, "a body that is no JSON", () => sendMetadata(completion, {}, { "content-type": "text/plain" })],
];

const provocations: readonly Provocation[] = [
  ...chatProvocations.map(([status, how, provoke]) => ({ operation: "createChatCompletion", status, how, provoke })),
  ...updateProvocations.map(([status, how, provoke]) => ({ operation: "updateChatCompletion", status, how, provoke })),
  ...everywhere,
  ...secured,
  ...aboutSessions,
  ...aboutCompletions,
  ...aboutRuns,
  ...runProvocations.map(([operation, status, how, provoke]) => ({ operation, status, how, provoke })),
  { operation: "listChatCompletions", status: 400, how: "an unknown cursor", provoke: () => get("/v1/chat/completions?after=x") },
  { operation: "listSessions", status: 400, how: "a page of nothing", provoke: () => get("/v1/sessions?limit=0") },
  { operation: "listSessionMessages", status: 400, how: "an unknown message", provoke: () => get("/v1/sessions/tools/messages?after=x") },
  { operation: "listSessionMessages", status: 200, how: "with branches", provoke: () => get("/v1/sessions/tools/messages?branches=true") },
  { operation: "getModel", status: 400, how: "a malformed percent-encoding", provoke: () => get("/v1/models/%zz") },
  { operation: "getModel", status: 404, how: "an unknown agent", provoke: () => get("/v1/models/openclaw/gamma") },
  { operation: "getMetrics", status: 200, how: "somebody on this machine", provoke: () => get("/metrics", { authorization: "" }) },
  { operation: "getMetrics", status: 401, how: "a wrong secret", provoke: () => get("/metrics", { authorization: "Bearer wrong" }) },
  { operation: "getMetrics", status: 403, how: "a token for some agents", provoke: () => get("/metrics", asLaptop) },
  { operation: "getMetrics", status: 429, how: "a lock-out", provoke: () => get("/metrics", {}, lockedOut) },
  { operation: "getReadiness", status: 503, how: "a store that is gone", provoke: () => get("/readyz", {}, broken) },
  {
    operation: "getReadiness",
    status: 503,
    how: "a gateway that was told to stop",
    provoke: async () => get("/readyz", {}, await draining()),
  },
];

describe("a reply keeps the contract", () => {
  test.each(provocations)("$operation $status: $how", async ({ operation, status, provoke }) => {
    const exchange = await provoke();
    expect({ status: exchange.status, text: exchange.status === status ? "" : exchange.text }).toEqual({ status, text: "" });
    expect(problemsOf(operation, exchange)).toEqual([]);
  });
});

describe("the contract", () => {
  test("declares no status that is not provoked here", () => {
    const provoked = new Set(provocations.map(({ operation, status }) => `${operation} ${status}`));
    expect(declaredReplies.map(({ operation, status }) => `${operation} ${status}`).filter((reply) => !provoked.has(reply))).toEqual([]);
  });

  test("is served as it stands in generated/", async () => {
    const served = JSON.parse((await get("/openapi.json")).text) as { paths: object };
    expect(Object.keys(served.paths)).toEqual([...new Set(contractOperations.map(({ path }) => path))]);
  });
});

describe("the check of replies", () => {
  test("sees through a reply that breaks the contract", async () => {
    const reply = await get("/healthz");
    const { "x-request-id": _left, ...headers } = reply.headers;
    expect(problemsOf("getHealth", { ...reply, headers })).toEqual(["The header x-request-id is missing."]);
    expect(problemsOf("getHealth", { ...reply, headers: { ...reply.headers, "x-other": "1" } })).toEqual([
      "The header x-other is not declared.",
    ]);
    expect(problemsOf("getHealth", { ...reply, headers: { ...reply.headers, "x-content-type-options": "sniff" } })).toHaveLength(1);
    expect(problemsOf("getHealth", { ...reply, text: '{"status":"ok"}' })).toHaveLength(1);
    expect(problemsOf("getHealth", { ...reply, text: '{"status":"ok","version":"1","secret":1}' })).toHaveLength(1);
    expect(problemsOf("getHealth", { ...reply, text: "ok" })).toEqual(["Not JSON: ok"]);
    expect(problemsOf("getHealth", { ...reply, status: 418 })).toEqual(["getHealth does not declare the status 418."]);
    expect(problemsOf("getHealth", { ...reply, headers: { ...reply.headers, "content-type": "text/html" } })).toHaveLength(1);
  });

  test("sees through a stream that breaks the contract", async () => {
    const reply = await chat(say("hi", { stream: true }));
    const [first = ""] = dataLines(reply.text);
    const stream = (text: string) => problemsOf("createChatCompletion", { ...reply, text });
    expect(stream(reply.text)).toEqual([]);
    expect(stream(`: keepalive\n\n${reply.text}`)).toEqual([]);
    expect(stream(reply.text.replace("data: [DONE]\n\n", ""))).toHaveLength(1);
    expect(stream(reply.text.slice(0, -1))).toHaveLength(1);
    expect(stream(`event: error\n${reply.text}`)).toHaveLength(1);
    expect(stream(`data: ${first.replace('"index":0', '"index":1')}\n\n${reply.text}`)).toHaveLength(1);
    expect(stream(`data: {"error":{"message":"x"}}\n\n${reply.text}`)).toHaveLength(3);
  });
});
