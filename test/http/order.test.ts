/**
 * The order of answers: a request that deserves two of them gets the earlier one, and nothing of a request is read or
 * parsed before everything ahead of it has been passed.
 */
import { beforeAll, describe, expect, test } from "@jest/globals";
import { exchangeOf, expectError } from "../support/contract-check.ts";
import { say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { connectRaw, head, sendRaw } from "../support/raw-http.ts";
import { startStubUpstream } from "../support/stub-upstream.ts";

const chat = "POST /v1/chat/completions";
const json = { "content-type": "application/json" };
const bearer = { authorization: `Bearer ${testToken}` };
const wrong = { authorization: "Bearer wrong" };
const tooLong = { "content-length": "30000000" };
const oversized = "a".repeat(256 * 1024);

let open: TestGateway;
let disabled: TestGateway;
/** From this address too many wrong secrets have come. */
let lockedOut: TestGateway;

beforeAll(async () => {
  const rateLimit = { maxAttempts: 1, exemptLoopback: false };
  const auth = { mode: "token", token: testToken, rateLimit };
  [open, disabled, lockedOut] = await Promise.all([
    startGateway(),
    startGateway({ gateway: { http: {}, auth } }),
    startGateway({ gateway: { auth } }),
  ]);
  expectError(await exchangeOf(await lockedOut.get("/v1/models", wrong)), { status: 401, code: "invalid_api_key" });
});

describe("of two answers that a request deserves, the earlier one is given:", () => {
  test("malformed HTTP before an unknown path", async () => {
    expectError(await sendRaw(open.url, "GET /nowhere HTTP/1.1\r\nhost: gateway\r\nno colon here\r\n\r\n"), {
      status: 400,
      code: "invalid_value",
    });
  });

  test("oversized headers before an unknown path", async () => {
    expectError(await sendRaw(open.url, head("GET /nowhere", { "x-big": oversized })), { status: 431, code: "headers_too_large" });
  });

  test("oversized headers before a wrong secret", async () => {
    expectError(await sendRaw(open.url, head(chat, { ...wrong, "x-big": oversized })), { status: 431, code: "headers_too_large" });
  });

  test("an unknown path before a disabled endpoint", async () => {
    expectError(await exchangeOf(await disabled.get("/v1/nothing", wrong)), { status: 404, code: "not_found" });
  });

  test("a wrong method before a disabled endpoint", async () => {
    expectError(await sendRaw(disabled.url, head("DELETE /v1/chat/completions", wrong)), { status: 405, code: "method_not_allowed" });
  });

  test("an unknown path before the lock-out", async () => {
    expectError(await exchangeOf(await lockedOut.get("/v1/nothing", wrong)), { status: 404, code: "not_found" });
  });

  test("a wrong method before the lock-out", async () => {
    expectError(await sendRaw(lockedOut.url, head("PUT /v1/models", wrong)), { status: 405, code: "method_not_allowed" });
  });

  test("a disabled endpoint before wrong secrets, which are not even counted there", async () => {
    for (let attempt = 0; attempt < 3; attempt++) {
      expectError(await exchangeOf(await disabled.chat("{", wrong)), { status: 404, code: "endpoint_disabled" });
    }
  });

  test("the lock-out before a wrong secret, a missing one and the right one", async () => {
    for (const headers of [wrong, {}, bearer]) {
      expectError(await sendRaw(lockedOut.url, head("GET /v1/models", headers)), { status: 429, code: "too_many_failed_logins" });
    }
  });

  test("the lock-out before a body that is too large or of a wrong type", async () => {
    for (const headers of [
      { ...json, ...tooLong },
      { "content-type": "text/plain", "content-length": "4" },
    ]) {
      expectError(await sendRaw(lockedOut.url, head(chat, { ...bearer, ...headers })), { status: 429, code: "too_many_failed_logins" });
    }
  });

  test("a wrong secret before a body that is too large", async () => {
    expectError(await sendRaw(open.url, head(chat, { ...wrong, ...json, ...tooLong })), { status: 401, code: "invalid_api_key" });
  });

  test("a wrong secret before a body of a wrong type", async () => {
    expectError(await exchangeOf(await open.chat("hi", { ...wrong, "content-type": "text/plain" })), {
      status: 401,
      code: "invalid_api_key",
    });
  });

  test("a wrong secret before malformed JSON", async () => {
    expectError(await exchangeOf(await open.chat("{", wrong)), { status: 401, code: "invalid_api_key" });
  });

  test("a wrong secret before an unknown agent", async () => {
    expectError(await exchangeOf(await open.get("/v1/models/openclaw/gamma", wrong)), { status: 401, code: "invalid_api_key" });
  });

  test("a body that is too large before malformed JSON", async () => {
    expectError(await sendRaw(open.url, head(chat, { ...bearer, ...json, ...tooLong }), "{{{{"), {
      status: 413,
      code: "request_too_large",
    });
  });

  test("a body of a wrong type before malformed JSON", async () => {
    expectError(await exchangeOf(await open.chat("{", { "content-type": "text/plain" })), { status: 415, code: "unsupported_media_type" });
  });

  test.each([
    ["no messages", { messages: [] }, "empty_array", "messages"],
    ["a field that is refused", { n: 2 }, "unsupported_parameter", "n"],
    ["a message that is refused", { messages: [{ role: "function", name: "f" }] }, "unsupported_parameter", "messages[0].role"],
    ["a tool that is refused", { tools: [{ type: "custom" }] }, "unsupported_parameter", "tools[0].type"],
  ])("%s before an agent or a model that nobody knows", async (_what, more, code, param) => {
    for (const model of ["openclaw:gamma", "gpt-4o"]) {
      const refused = await open.chat({ ...say("hi", more), model }, { "x-openclaw-model": "nobody/nothing" });
      expectError(await exchangeOf(refused), { status: 400, code, param });
    }
  });

  test("an agent or a model that nobody knows before a busy session", async () => {
    const stub = await startStubUpstream();
    const gateway = await startGateway({
      agents: { entries: { main: { model: "stub/any" } } },
      models: { providers: { stub: { baseUrl: stub.url } } },
      session: { maxQueued: 0 },
    });
    stub.always("hang");
    const leave = new AbortController();
    const busy = { "x-openclaw-session-key": "agent:main:kitchen" };
    const first = gateway.chat(say("hi"), busy, leave.signal);
    await stub.waitForRequest();
    const unknownModel = await gateway.chat(say("hi"), { ...busy, "x-openclaw-model": "nobody/nothing" });
    const unknownAgent = await gateway.chat({ ...say("hi"), model: "openclaw:gamma" }, { "x-openclaw-session-key": "kitchen" });
    const known = await gateway.chat(say("hi"), busy);
    leave.abort();
    await expect(first).rejects.toThrow();
    expectError(await exchangeOf(unknownModel), { status: 404, code: "model_not_found", param: "x-openclaw-model" });
    expectError(await exchangeOf(unknownAgent), { status: 404, code: "model_not_found", param: "model" });
    expectError(await exchangeOf(known), { status: 429, code: "session_busy" });
    await gateway.close();
    await stub.close();
  });
});

/** Heads of requests that are refused whatever their body says, and the status each gets. */
const refusedByHead = [
  { what: "an unknown path", of: () => open, line: "POST /v1/nothing", headers: bearer, status: 404 },
  { what: "a wrong method", of: () => open, line: "PUT /v1/chat/completions", headers: bearer, status: 405 },
  { what: "a disabled endpoint", of: () => disabled, line: chat, headers: bearer, status: 404 },
  { what: "a lock-out", of: () => lockedOut, line: chat, headers: bearer, status: 429 },
  { what: "a missing secret", of: () => open, line: chat, headers: {}, status: 401 },
  { what: "a wrong secret", of: () => open, line: chat, headers: wrong, status: 401 },
  { what: "a wrong type", of: () => open, line: chat, headers: { ...bearer, "content-type": "text/plain" }, status: 415 },
  { what: "a size over the limit", of: () => open, line: chat, headers: { ...bearer, ...tooLong }, status: 413 },
];

describe("a request that its head refuses", () => {
  test.each(refusedByHead)("is answered while its body is still on its way: $what", async ({ of, line, headers, status }) => {
    const raw = await connectRaw(of().url);
    raw.send(head(line, { ...json, "content-length": "1000", ...headers }), '{"mod');
    const reply = await raw.reply();
    expect(reply.status).toBe(status);
    expect(reply.headers["connection"]).toBe("close");
    raw.destroy();
  });

  test.each(refusedByHead)("is never told to continue: $what", async ({ of, line, headers, status }) => {
    const raw = await connectRaw(of().url);
    raw.send(head(line, { ...json, "content-length": "1000", ...headers, expect: "100-continue" }));
    expect((await raw.reply()).status).toBe(status);
    raw.destroy();
  });

  test("is answered without a single byte of its body when that would be too large", async () => {
    const limit = await startGateway({ gateway: { http: { endpoints: { chatCompletions: { enabled: true, maxBodyBytes: 100 } } } } });
    const raw = await connectRaw(limit.url);
    raw.send(head(chat, { ...bearer, ...json, "content-length": "101" }));
    expectError(await raw.reply(), { status: 413, code: "request_too_large", param: null });
    raw.destroy();
  });
});

test("a request that its head does not refuse is told to continue, once", async () => {
  const body = JSON.stringify(say("hi"));
  const raw = await connectRaw(open.url);
  raw.send(head(chat, { ...bearer, ...json, "content-length": String(body.length), expect: "100-continue" }));
  expect((await raw.reply()).status).toBe(100);
  raw.send(body);
  expect((await raw.reply()).status).toBe(200);
  raw.destroy();
});
