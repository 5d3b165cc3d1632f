/**
 * Every error that the contract shows is what the gateway says, word for word: each is provoked here and compared whole,
 * message, type, param and code. Only numbers that a test must not wait for (milliseconds, bytes, turns) may differ.
 *
 * Deliberately absent: headers and further causes of the same status; the coverage test has them.
 */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import Database from "libsql";
import { errorReply } from "../../src/http/errors.ts";
import { contract, type ErrorBody, exchangeOf } from "../support/contract-check.ts";
import { makeFolder, say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { connectRaw, head, sendRaw } from "../support/raw-http.ts";
import { startStubUpstream, type StubScript, type StubUpstream } from "../support/stub-upstream.ts";

interface Shown {
  /** `<response>.<example>`, or `examples.<example>` for one that several responses share. */
  readonly name: string;
  readonly value: ErrorBody;
}
type Holder = { readonly $ref?: string; readonly value?: ErrorBody };

/** All error examples, each once. */
function shownErrors(): Shown[] {
  const { responses, examples } = contract["components"] as unknown as {
    responses: { [name: string]: { content: { "application/json": { examples: { [name: string]: Holder } } } } };
    examples: { [name: string]: Holder };
  };
  const own = Object.entries(responses).flatMap(([response, { content }]) =>
    Object.entries(content["application/json"].examples).map(([name, holder]) => ({ name: `${response}.${name}`, holder })),
  );
  const shared = Object.entries(examples).map(([name, holder]) => ({ name: `examples.${name}`, holder }));
  return [...own, ...shared].flatMap(({ name, holder }) => (holder.value ? [{ name, value: holder.value }] : []));
}

const bearer = { authorization: `Bearer ${testToken}` };
const json = { "content-type": "application/json" };
const auth = { mode: "token", token: testToken };
const laptop = { name: "laptop", token: "token-of-a-laptop", agents: ["beta"], models: ["openai/gpt-5.4"] };
const phone = { name: "phone", token: "token-of-a-phone", expiresAt: "2026-01-01" };
const desktop = { name: "desktop", token: "token-of-a-desktop", models: ["openai/gpt-5.4"] };
const hurriedToken = { name: "hurried", token: "token-in-a-hurry", limits: { requestsPerMinute: 60 } };
const narrowToken = { name: "narrow", token: "token-of-one-run", limits: { maxConcurrentRuns: 1 } };
const spentToken = { name: "spent", token: "token-that-is-spent", limits: { monthlyTokens: 1 } };
const as = ({ token }: { token: string }) => ({ authorization: `Bearer ${token}` });
const asLaptop = { authorization: `Bearer ${laptop.token}` };
const weather = { type: "function", function: { name: "get_weather", parameters: { type: "object", properties: {} } } };
const sound = { type: "input_audio", input_audio: { data: "UklGRg==", format: "wav" } };
const imageAt = (url: string) => ({ type: "image_url", image_url: { url } });
const pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
const colour = {
  type: "json_schema",
  json_schema: { name: "colour", schema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] } },
};

let stub: StubUpstream;
/** The agents of the examples: `main` asks the stub by way of the provider `local`, `beta` by way of `openai`. */
let gateway: TestGateway;
/** Takes one run at a time, and none besides. */
let narrow: TestGateway;
/** All its limits are short. */
let hurried: TestGateway;
let disabled: TestGateway;
let lockedOut: TestGateway;
/** Its database has lost its tables. */
let broken: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  const local = { baseUrl: stub.url, models: [{ id: "qwen3", input: ["text", "image"] }] };
  const openai = { baseUrl: stub.url, models: [{ id: "gpt-5.4" }] };
  const entries = { main: { default: true, model: "local/qwen3" }, beta: { model: "openai/gpt-5.4" } };
  const tireless = { model: "builtin/offline", tools: ["calculator"], maxTurns: 1 };
  const quick = { chatCompletions: { enabled: true } };
  [gateway, narrow, hurried, disabled, lockedOut, broken] = await Promise.all([
    startGateway({
      gateway: { auth: { ...auth, tokens: [laptop, desktop, phone, hurriedToken, narrowToken, spentToken] }, http: { endpoints: quick } },
      agents: { entries },
      models: { providers: { local, openai } },
      session: { maxQueued: 0 },
    }),
    startGateway({ agents: { defaults: { maxConcurrent: 1, maxQueued: 0 }, entries }, models: { providers: { local, openai } } }),
    startGateway({
      gateway: { http: { requestTimeoutMs: 50, endpoints: quick } },
      agents: { entries: { main: tireless, slow: { model: "local/qwen3" }, brief: { model: "openai/gpt-5.4", runTimeoutMs: 50 } } },
      models: { providers: { local: { ...local, timeoutMs: 50 }, openai } },
    }),
    startGateway({ gateway: { http: {} } }),
    startGateway({ gateway: { auth: { ...auth, rateLimit: { maxAttempts: 1, exemptLoopback: false } } } }),
    startGateway(),
  ]);
  await lockedOut.get("/v1/models", { authorization: "Bearer wrong" });
  const database = new Database(join(broken.folder, "clawgate.db"));
  database.exec("PRAGMA foreign_keys = OFF");
  for (const table of ["messages", "sessions", "memory"]) database.exec(`DROP TABLE IF EXISTS "${table}"`);
  database.close();
});

afterAll(() => stub.close());

async function chat(body: unknown, headers: { [name: string]: string } = {}, of = gateway): Promise<string> {
  return (await exchangeOf(await of.chat(body, headers))).text;
}

function chatAbout(part: object, headers: { [name: string]: string } = {}): Promise<string> {
  return chat({ model: "openclaw", messages: [{ role: "user", content: [{ type: "text", text: "What is this?" }, part] }] }, headers);
}

async function get(path: string, headers: { [name: string]: string } = {}, of = gateway): Promise<string> {
  return (await exchangeOf(await of.get(path, headers))).text;
}

async function update(body: object): Promise<string> {
  const text = JSON.stringify(body);
  const headers = { ...bearer, ...json, "content-length": String(Buffer.byteLength(text)) };
  return raw(head("POST /v1/chat/completions/chatcmpl-0", headers), text);
}

async function raw(...pieces: string[]): Promise<string> {
  return (await sendRaw(gateway.url, ...pieces)).text;
}

/** A chat with `main`, whose language model answers so. */
function chatWith(script: StubScript, more: object = {}, headers: { [name: string]: string } = {}): Promise<string> {
  stub.reply(script);
  return chat(say("hi", more), headers);
}

/** A second one while the first is at work. */
async function chatTwice(more: object, of = gateway, headers: { [name: string]: string } = {}): Promise<string> {
  stub.reply("hang");
  const seen = stub.requestCount;
  const leave = new AbortController();
  const first = of.chat(say("hi", more), headers, leave.signal).catch(() => undefined);
  await stub.waitForRequest(seen + 1);
  const second = await chat(say("hi", more), headers, of);
  leave.abort();
  await first;
  return second;
}

async function deleteAtWork(): Promise<string> {
  const headers = { "x-openclaw-session-key": "at-work" };
  stub.reply({ text: "begun" }, "hang");
  await chat(say("hi"), headers);
  const seen = stub.requestCount;
  const leave = new AbortController();
  const first = gateway.chat(say("hi"), headers, leave.signal).catch(() => undefined);
  await stub.waitForRequest(seen + 1);
  const said = await raw(head("DELETE /v1/sessions/at-work", bearer));
  leave.abort();
  await first;
  return said;
}

/** What becomes of a chat that is at work when this is done to its run. */
async function chatUntil(stop: (runId: string) => unknown): Promise<string> {
  stub.reply("hang");
  const seen = stub.requestCount;
  const pending = chat(say("hi", { user: "stopped" }));
  await stub.waitForRequest(seen + 1);
  const messages = await get("/v1/sessions/openai-user:stopped/messages?branches=true&order=desc&limit=1");
  await stop((JSON.parse(messages) as { data: { run_id: string }[] }).data[0]?.run_id ?? "");
  return pending;
}

/** At a gateway of its own, which takes no more runs afterwards. */
async function chatWhileStopping(): Promise<string> {
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

/** A gateway that was told to stop, with nothing left to do. */
async function draining(): Promise<TestGateway> {
  const stopping = await startGateway();
  await stopping.program.drain();
  return stopping;
}

async function chatInConflict(): Promise<string> {
  const headers = { "idempotency-key": "taken" };
  await chat({ ...say("hi"), model: "openclaw:beta" }, headers);
  return chat({ ...say("bye"), model: "openclaw:beta" }, headers);
}

/** After a tool had acted, so that it is not simply done again. */
async function chatAfterInterruption(): Promise<string> {
  const folder = await makeFolder();
  const config = {
    agents: { entries: { main: { default: true, model: "local/qwen3", tools: ["calculator"] } } },
    models: { providers: { local: { baseUrl: stub.url } } },
  };
  const headers = { "idempotency-key": "interrupted" };
  const first = await startGateway(config, { folder });
  stub.reply({ toolCalls: [{ name: "calculator", arguments: '{"expression":"6*7"}' }] }, "hang");
  const seen = stub.requestCount;
  const left = chat(say("hi"), headers, first).catch(() => undefined);
  await stub.waitForRequest(seen + 2);
  await first.close();
  await left;
  return chat(say("hi"), headers, await startGateway(config, { folder }));
}

/** A run that is not in the background. */
async function eventsOfAnswered(): Promise<string> {
  const id = (await gateway.chat({ ...say("hi"), model: "openclaw:beta" })).headers.get("x-openclaw-run-id");
  return get(`/v1/runs/${id}/events`);
}

async function chatInSessionOfAnother(): Promise<string> {
  const session = { "x-openclaw-session-key": "agent:beta:project-7" };
  stub.reply({ text: "Hello." });
  await chat(say("hi"), session);
  return chat(say("hi"), { ...session, ...asLaptop });
}

async function stalledChat(): Promise<string> {
  const connection = await connectRaw(hurried.url);
  connection.send(head("POST /v1/chat/completions", { ...bearer, ...json, "content-length": "100" }), '{"model"');
  const { text } = await connection.reply();
  connection.destroy();
  return text;
}

function chatWithHanging(agent: string): Promise<string> {
  stub.reply("hang");
  return chat({ ...say("hi"), model: `openclaw:${agent}` }, {}, hurried);
}

const rateLimited = { status: 429, headers: { "retry-after": "20" }, body: { error: { message: "Rate limit reached for gpt-5.4." } } };
const tooLong = { error: { message: "This model's maximum context length is 32768 tokens.", code: "context_length_exceeded" } };

const provocations: { readonly [name: string]: () => Promise<string> | string } = {
  "ChatBadRequest.malformedJson": () => chat('{"model": "openclaw",}'),
  "ChatBadRequest.missingField": () => chat({ model: "openclaw" }),
  "ChatBadRequest.wrongType": () => chat(say("hi", { stream: "yes" })),
  "ChatBadRequest.outOfRange": () => chat(say("hi", { temperature: 3 })),
  "ChatBadRequest.emptyMessages": () => chat({ model: "openclaw", messages: [] }),
  "ChatBadRequest.unsupported": () => chat(say("hi", { n: 2 })),
  "ChatBadRequest.unsupportedPart": () => chatAbout(sound),
  "ChatBadRequest.imageForTextModel": () => chatAbout(imageAt(pixel), { "x-openclaw-model": "builtin/offline" }),
  "ChatBadRequest.notAnImage": () => chatAbout(imageAt("data:image/png;base64,bm8gaW1hZ2U=")),
  "ChatBadRequest.imageAddress": () => chatAbout(imageAt("https://example.org/cat.png")),
  "ChatBadRequest.sessionKey": () => chat({ ...say("hi"), model: "openclaw:main" }, { "x-openclaw-session-key": "agent:beta:project-7" }),
  "ChatBadRequest.contextLength": () => chatWith({ status: 400, body: tooLong }),
  "ChatBadRequest.upstreamRejected": () => chatWith({ status: 400, body: { error: { message: "seed is not supported", param: "seed" } } }),
  "MalformedRequest.malformedPath": () => get("/v1/models/%zz"),
  "MalformedRequest.malformedHttp": () => raw("GET /healthz HTTP/1.1\r\nnonsense\r\n\r\n"),
  "Unauthorized.missing": () => get("/v1/models", { authorization: "" }),
  "Unauthorized.wrong": () => get("/v1/models", { authorization: "Bearer wrong" }),
  "Unauthorized.expired": () => get("/v1/models", { authorization: `Bearer ${phone.token}` }),
  "Forbidden.agent": () => chat({ ...say("hi"), model: "openclaw:main" }, asLaptop),
  "Forbidden.model": () => chat(say("hi"), { ...asLaptop, "x-openclaw-model": "local/qwen3" }),
  "MetricsForbidden.someAgents": () => get("/metrics", asLaptop),
  "MetricsForbidden.someModels": () => get("/metrics", { authorization: `Bearer ${desktop.token}` }),
  "AgentNotFound.session": chatInSessionOfAnother,
  "AgentNotFound.agent": () => chat({ ...say("hi"), model: "openclaw:gamma" }),
  "AgentNotFound.override": () => chat(say("hi"), { "x-openclaw-model": "local/qwen9" }),
  "ModelNotFound.agent": () => get("/v1/models/openclaw/gamma"),
  "MethodNotAllowed.method": () => raw(head("DELETE /v1/models", bearer)),
  "RequestTimeout.stalled": stalledChat,
  "RequestTooLarge.tooLarge": () => raw(head("POST /v1/chat/completions", { ...bearer, ...json, "content-length": "30000000" })),
  "UnsupportedMediaType.plainText": () => chat("hi", { "content-type": "text/plain" }),
  "ChatTooManyRequests.busy": () => chatTwice({ user: "busy" }),
  "ChatTooManyRequests.full": () => chatTwice({}, narrow),
  "ChatTooManyRequests.upstream": () => (stub.reply(rateLimited), chat({ ...say("hi"), model: "openclaw:beta" })),
  "ChatTooManyRequests.requests": async () => {
    const limits = { "x-openclaw-model": "builtin/offline", ...as(hurriedToken) };
    for (let n = 1; n <= 60; n++) await chat(say("hi"), limits);
    return chat(say("hi"), limits);
  },
  "ChatTooManyRequests.ownRuns": () => chatTwice({ user: "narrow" }, gateway, as(narrowToken)),
  "ChatTooManyRequests.quota": async () => (await chatWith({ text: "All." }, {}, as(spentToken)), chat(say("hi"), as(spentToken))),
  "ChatConflict.otherRequest": chatInConflict,
  "ChatConflict.cancelled": () => chatUntil((id) => raw(head(`POST /v1/runs/${id}/cancel`, bearer))),
  "ChatUnavailable.draining": chatWhileStopping,
  "ChatUnavailable.stopping": async () => chat(say("hi"), {}, await draining()),
  "NotReady.draining": async () => get("/readyz", {}, await draining()),
  "RunNotFound.unknown": () => get("/v1/runs/nowhere"),
  "RunEventsBadRequest.outOfRange": () => get("/v1/runs/nowhere/events?starting_after=-1"),
  "RunEventsBadRequest.wrongType": () => get("/v1/runs/nowhere/events?starting_after=last"),
  "RunEventsBadRequest.notKept": eventsOfAnswered,
  "BadQuery.outOfRange": () => get("/v1/sessions?limit=500"),
  "BadQuery.wrongType": () => get("/v1/sessions?limit=many"),
  "BadQuery.unknownCursor": () => get("/v1/sessions?after=nowhere"),
  "CompletionNotFound.unknown": () => get("/v1/chat/completions/chatcmpl-5f0c7d1e9a344b6f8a52c1d0e7b3f946"),
  "BadMetadata.missing": () => update({}),
  "BadMetadata.wrongType": () => update({ metadata: { ticket: 4711 } }),
  "BadMetadata.longKey": () => update({ metadata: { ["x".repeat(65)]: "4711" } }),
  "SessionNotFound.unknown": () => get("/v1/sessions/nowhere"),
  "SessionTooManyRequests.busy": deleteAtWork,
  "HeadersTooLarge.tooLarge": () => raw(head("GET /healthz", { "x-big": "a".repeat(256 * 1024) })),
  // No request is known that makes the gateway fail; what any unforeseen exception becomes is known.
  "InternalError.internal": () => JSON.stringify(errorReply(new TypeError("x is not a function")).body),
  "InternalError.maxTurns": () => chat(say("what is 6 * 7?"), {}, hurried),
  "InternalError.interrupted": chatAfterInterruption,
  "BadGateway.upstream": () => chatWith({ text: "half of it", ending: "cut" }),
  "BadGateway.toolChoice": () => chatWith({ text: "no" }, { tools: [weather], tool_choice: "required" }),
  "BadGateway.responseFormat": () => chatWith({ text: '{"name": 7}' }, { response_format: colour }),
  "examples.StoreUnavailable": () => chat(say("hi", { user: "민지" }), {}, broken),
  "GatewayTimeout.run": () => chatWithHanging("brief"),
  "GatewayTimeout.upstream": () => chatWithHanging("slow"),
  "examples.EndpointDisabled": () => get("/v1/models", {}, disabled),
  "examples.LockedOut": () => get("/v1/models", {}, lockedOut),
};

const masked = ({ error }: ErrorBody): object => ({
  ...error,
  message: error.message.replaceAll(/\b\d+(?= (?:ms|s|bytes|times)\b)/g, "<n>"),
});

test.each(shownErrors())("the gateway says what the contract shows as $name", async ({ name, value }) => {
  const said = await provocations[name]?.();
  expect(masked(JSON.parse(said ?? '{"error":{"message":"nothing provokes it"}}') as ErrorBody)).toEqual(masked(value));
});

test("nothing is provoked that the contract does not show", () => {
  const shown = new Set(shownErrors().map(({ name }) => name));
  expect(Object.keys(provocations).filter((name) => !shown.has(name))).toEqual([]);
});
