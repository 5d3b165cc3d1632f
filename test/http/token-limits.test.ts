/** What named tokens may use up: within a minute, at the same time and in a month, whichever door their runs come by. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import OpenAI, { RateLimitError } from "openai";
import { type HeldUpstream, startHeldUpstream } from "../faces/held-upstream.ts";
import { exchangeOf, expectError, problemsOf } from "../support/contract-check.ts";
import { say, startGateway, type TestConfig, type TestGateway, testToken } from "../support/gateway.ts";
import { RpcClient } from "../support/rpc-client.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";

/** What the stub says that each of its replies took. */
const tokensOfReply = 14;

const limitsOf = {
  requests: { requestsPerMinute: 2 },
  streamed: { requestsPerMinute: 2, tokensPerMinute: 5_000 },
  tokens: { tokensPerMinute: 100 },
  unknown: { tokensPerMinute: 100 },
  refused: { requestsPerMinute: 100, tokensPerMinute: 100 },
  single: { maxConcurrentRuns: 1 },
  queued: { maxConcurrentRuns: 2 },
  month: { monthlyTokens: 2 * tokensOfReply },
  budget: { monthlyBudget: 0.0002 },
  stopped: { monthlyTokens: 10 },
  repeated: { requestsPerMinute: 1 },
  background: { requestsPerMinute: 1 },
  socket: { requestsPerMinute: 1 },
} as const;
type Name = keyof typeof limitsOf;

const secretOf = (name: Name): string => `secret-of-${name}-0123456789`;
const as = (name: Name, headers: object = {}): { [name: string]: string } => ({ authorization: `Bearer ${secretOf(name)}`, ...headers });

let stub: StubUpstream;
let held: HeldUpstream;
let gateway: TestGateway;

function config(): TestConfig {
  const tokens = Object.entries(limitsOf).map(([name, limits]) => ({ name, token: secretOf(name as Name), limits }));
  return {
    gateway: { auth: { mode: "token", token: testToken, tokens }, http: { endpoints: { chatCompletions: { enabled: true } } } },
    agents: { defaults: { model: "stub/priced" }, entries: { main: { default: true }, held: { model: "held/any" } } },
    models: {
      providers: {
        stub: { baseUrl: stub.url, models: [{ id: "priced", cost: { input: 10, output: 10 } }] },
        held: { baseUrl: held.url },
      },
    },
    session: { maxQueued: 0 },
  };
}

beforeAll(async () => {
  [stub, held] = await Promise.all([startStubUpstream(), startHeldUpstream()]);
  gateway = await startGateway(config());
});

afterAll(() => stub.close());

/** A chat that the contract covers, whatever came of it. */
async function chat(name: Name, more: object = {}, headers: object = {}, of = gateway) {
  const exchange = await exchangeOf(await of.chat({ ...say("hi"), ...more }, as(name, headers)));
  expect(problemsOf("createChatCompletion", exchange)).toEqual([]);
  return exchange;
}

const limitHeaders = (what: "requests" | "tokens"): string[] =>
  ["limit", "remaining", "reset"].map((part) => `x-ratelimit-${part}-${what}`);

describe("a token with so many requests a minute", () => {
  test("is told what is left, and then when to come again, as the openai package reads it", async () => {
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: secretOf("requests"), maxRetries: 0 });
    const ask = () => client.chat.completions.create({ model: "openclaw", messages: [{ role: "user", content: "hi" }] });
    for (const left of ["1", "0"]) {
      const { response } = await ask().withResponse();
      expect(response.headers.get("x-ratelimit-limit-requests")).toBe("2");
      expect(response.headers.get("x-ratelimit-remaining-requests")).toBe(left);
      expect(response.headers.get("x-ratelimit-reset-requests")).toMatch(/^(?:1m0s|\d{1,2}s|\d{1,3}ms)$/);
      expect(limitHeaders("tokens").map((name) => response.headers.get(name))).toEqual([null, null, null]);
    }
    const asked = stub.requestCount;
    const thrown = (await ask().catch((error: unknown) => error)) as RateLimitError;
    expect(thrown).toBeInstanceOf(RateLimitError);
    expect(thrown).toMatchObject({ status: 429, code: "rate_limit_exceeded", type: "rate_limit_error" });
    expect(thrown.message).toContain("The token 'requests' may use 2 requests a minute, and has.");
    expect(thrown.headers?.get("x-ratelimit-remaining-requests")).toBe("0");
    const retryAfter = Number(thrown.headers?.get("retry-after"));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect(stub.requestCount).toBe(asked);
  });

  test("has them streamed or not, and the limits stand at the head of a stream", async () => {
    const exchange = await chat("streamed", { stream: true });
    expect(exchange.headers).toMatchObject({ "x-ratelimit-remaining-requests": "1", "x-ratelimit-limit-tokens": "5000" });
    expect(Number(exchange.headers["x-ratelimit-remaining-tokens"])).toBeLessThan(5000);
    await chat("streamed");
    expectError(await chat("streamed", { stream: true }), { status: 429, code: "rate_limit_exceeded", param: null });
  });

  test("has none that only repeats one, by its Idempotency-Key", async () => {
    const key = { "idempotency-key": "once" };
    const first = await chat("repeated", {}, key);
    const again = await chat("repeated", {}, key);
    expect([first.status, again.status, again.text]).toEqual([200, 200, first.text]);
    expect(limitHeaders("requests").map((name) => again.headers[name])).toEqual([undefined, undefined, undefined]);
    expectError(await chat("repeated"), { status: 429, code: "rate_limit_exceeded", param: null });
  });

  test("has them in the background too", async () => {
    const background = { "x-openclaw-background": "true" };
    const begun = await chat("background", {}, background);
    expect({ status: begun.status, left: begun.headers["x-ratelimit-remaining-requests"] }).toEqual({ status: 202, left: "0" });
    expectError(await chat("background", {}, background), { status: 429, code: "rate_limit_exceeded", param: null });
  });

  test("has them over the WebSocket too", async () => {
    const client = await RpcClient.connect(gateway.url, { auth: { token: secretOf("socket") } });
    const ask = (n: number) => client.request("agent", { message: "hi", idempotencyKey: `key-${n}` });
    await ask(1);
    await expect(ask(2)).rejects.toMatchObject({ detail: "rate_limit_exceeded" });
  });
});

describe("a token with so many tokens a minute", () => {
  test("pays what its models counted, and is refused when nothing is left, whatever a request asks for", async () => {
    const big = { text: "Much.", usage: { prompt_tokens: 60, completion_tokens: 45, total_tokens: 105 } };
    const first = await chat("tokens");
    expect(Number(first.headers["x-ratelimit-remaining-tokens"])).toBeGreaterThan(80);
    stub.reply(big);
    const second = await chat("tokens");
    // What the first one was said to take by an estimate is now known.
    expect(Number(second.headers["x-ratelimit-remaining-tokens"])).toBeLessThan(100 - tokensOfReply);
    const asked = stub.requestCount;
    const refused = await chat("tokens");
    expect(expectError(refused, { status: 429, code: "rate_limit_exceeded", param: null }).message).toContain("100 tokens a minute");
    expect(refused.headers).toMatchObject({ "x-ratelimit-limit-tokens": "100", "x-ratelimit-remaining-tokens": "0" });
    expect(stub.requestCount).toBe(asked);
  });

  test("pays by an estimate where no model has counted", async () => {
    stub.reply({ text: "word ".repeat(200), usage: null });
    expect((await chat("unknown")).status).toBe(200);
    expectError(await chat("unknown"), { status: 429, code: "rate_limit_exceeded", param: null });
  });

  test("pays nothing for what is refused", async () => {
    for (let n = 0; n < 3; n++) {
      const tools = Array.from({ length: 20 }, (_, at) => ({ type: "function", function: { name: `tool_${at}`, parameters: {} } }));
      expect((await chat("refused", { tools, model: "openclaw:gamma" })).status).toBe(404);
      const busy = { "x-openclaw-session-key": "of-main" };
      await gateway.chat(say("hi"), busy);
      expect((await chat("refused", { tools }, busy)).status).toBe(404);
    }
    const { headers } = await chat("refused");
    // Those that were known to be for nothing before anything was counted are no requests.
    expect(headers["x-ratelimit-remaining-requests"]).toBe("96");
    expect(Number(headers["x-ratelimit-remaining-tokens"])).toBeGreaterThan(80);
  });
});

describe("a token with so many runs at a time", () => {
  test("is refused one more, and let in as soon as one has ended", async () => {
    const body = { model: "openclaw:held" };
    const first = chat("single", body);
    const exchange = await held.next();
    const refused = await chat("single", body);
    expect(expectError(refused, { status: 429, code: "too_many_runs", param: null }).message).toBe(
      "The token 'single' has as many runs at work as it may, 1. Try again when one of them has ended.",
    );
    expect(refused.headers["retry-after"]).toBe("5");
    exchange.say("done");
    exchange.finish();
    expect((await first).status).toBe(200);
    expect((await chat("single")).status).toBe(200);
  });

  test("gets the place back of a run that was refused, failed, or left by its caller", async () => {
    for (let n = 0; n < 3; n++) expect((await chat("queued", {}, { "x-openclaw-session-key": "of-main" })).status).toBe(404);
    for (let n = 0; n < 3; n++) {
      stub.reply({ status: 400, body: { error: { message: "no" } } });
      expect((await chat("queued")).status).toBe(400);
    }
    for (let n = 0; n < 3; n++) {
      const leave = new AbortController();
      const left = gateway.chat({ ...say("hi"), model: "openclaw:held" }, as("queued"), leave.signal).catch(() => "left");
      const { aborted } = await held.next();
      leave.abort();
      expect(await left).toBe("left");
      await aborted;
      await settled();
    }
    expect((await chat("queued")).status).toBe(200);
  });
});

/** Runs that nobody waits for any more have given back all that they had. */
async function settled(): Promise<void> {
  await gateway.program.runs.settled();
}

describe("a token with so much a month", () => {
  test("is refused when its tokens are used up, until the month ends, and official clients do not come again before", async () => {
    for (let n = 0; n < 2; n++) expect((await chat("month")).status).toBe(200);
    const refused = await chat("month");
    expect(expectError(refused, { status: 429, code: "insufficient_quota", param: null }).message).toContain("tokens of this month");
    expect(refused.headers["x-should-retry"]).toBe("false");
    const now = new Date();
    const end = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1);
    expect(Math.abs(Number(refused.headers["retry-after"]) - (end - now.getTime()) / 1000)).toBeLessThan(60);
  });

  test("is refused when its budget is used up, by the prices of the models", async () => {
    // 14 tokens at 10 for a million are 0.00014.
    for (let n = 0; n < 2; n++) expect((await chat("budget")).status).toBe(200);
    expectError(await chat("budget"), { status: 429, code: "insufficient_quota", param: null });
  });

  test("pays for a run that its caller left before a model had counted", async () => {
    const leave = new AbortController();
    const left = gateway.chat({ ...say("hi", { stream: true }), model: "openclaw:held" }, as("stopped"), leave.signal);
    const exchange = await held.next();
    exchange.say("word ".repeat(50));
    await (await left).body!.getReader().read();
    leave.abort();
    await exchange.aborted;
    await settled();
    expectError(await chat("stopped"), { status: 429, code: "insufficient_quota", param: null });
  });

  test("is still refused after a restart, and has more as soon as the config says so", async () => {
    const { folder } = gateway;
    await gateway.close();
    gateway = await startGateway(config(), { folder });
    expectError(await chat("month"), { status: 429, code: "insufficient_quota", param: null });
    const { gateway: section = {}, ...others } = config();
    const auth = {
      mode: "token",
      token: testToken,
      tokens: [{ name: "month", token: secretOf("month"), limits: { monthlyTokens: 1000 } }],
    };
    await gateway.reload({ gateway: { ...section, auth }, ...others });
    expect((await chat("month")).status).toBe(200);
  });
});

test("the gateway's own secret has no limits, and no headers of them", async () => {
  const { headers } = await exchangeOf(await gateway.chat(say("hi")));
  expect(Object.keys(headers).filter((name) => name.startsWith("x-ratelimit"))).toEqual([]);
});
