/** What becomes of bad replies, refusals, timeouts, retries and aborts, over real sockets. */
import { getEventListeners } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Model, ModelCatalog, ModelEvent } from "../../src/domain/model.ts";
import { openModelCatalog } from "../../src/model/catalog.ts";
import { startStubUpstream, stubText, type StubScriptOf, type StubUpstream } from "../support/stub-upstream.ts";
import { ask, failureOf, provider, request } from "./conversation.ts";

const secret = "sk-proj-Abcdef123456";
let stub: StubUpstream;
let catalog: ModelCatalog;
let model: Model;
beforeEach(async () => {
  stub = await startStubUpstream();
  catalog = openModelCatalog([provider(stub.url, { apiKey: secret, headers: { "x-proxy-key": "hidden-value" } })]);
  model = catalog.find("stub/m")!;
});
afterEach(async () => {
  await catalog.close();
  await stub.close();
});

const failWith = async (...scripts: StubScriptOf[]) => {
  stub.reply(...scripts);
  return failureOf(ask(model, "Hi"));
};
const chunk = (delta: object, finish_reason: string | null = null) => ({ choices: [{ index: 0, delta, finish_reason }] });
const refusal = (status: number, error: object, headers: Record<string, string> = {}) => ({ status, headers, body: { error } });

describe("a provider's refusal", () => {
  test.each([
    [400, "upstream_rejected", "rejected the request"],
    [422, "upstream_rejected", "rejected the request"],
    [413, "upstream_rejected", "rejected the request"],
    [401, "upstream_error", "did not accept the gateway's credentials"],
    [403, "upstream_error", "did not accept the gateway's credentials"],
    [404, "upstream_error", "does not know the model or the address it was asked for"],
    [402, "upstream_error", "gave an answer that is no completion"],
    [408, "upstream_timeout", "took too long"],
    [302, "upstream_error", "answered with a redirect, which is not followed"],
    [204, "upstream_error", "gave an answer that is no completion"],
  ])("with status %d is %s, says so and is not asked again", async (status, code, what) => {
    const said = status === 204 ? "." : ": Because.";
    const error = await failWith(refusal(status, { message: "Because" }, { location: `${stub.url}/elsewhere` }));
    expect(error).toMatchObject({ code, message: `The model provider 'stub' ${what} (status ${status})${said}` });
    expect(stub.requestCount).toBe(1);
  });

  test.each([
    [{ message: "Too long.", code: "context_length_exceeded" }],
    [{ message: "This model's maximum context length is 8192 tokens." }],
    [{ message: "the request exceeds the available context size, try increasing it", type: "exceed_context_size_error", code: 400 }],
    [{ message: "prompt is too long: 210000 tokens > 200000 maximum" }],
    [{ message: "The input token count (1200000) exceeds the maximum number of tokens allowed" }],
  ])("because the input is too long is context_length_exceeded: %j", async (error) => {
    expect((await failWith(refusal(400, error))).code).toBe("context_length_exceeded");
  });

  test("names the parameter it is about", async () => {
    expect((await failWith(refusal(400, { message: "no", param: "temperature" }))).param).toBe("temperature");
    expect((await failWith(refusal(400, { message: "no", param: "messages[3].content" }))).param).toBeUndefined();
    for (const status of [401, 402, 404]) {
      expect(await failWith(refusal(status, { message: "no", param: "temperature" }))).toMatchObject({
        code: "upstream_error",
        param: undefined,
      });
    }
  });

  test("says when to come again only where that helps", async () => {
    const wait = { "retry-after": "7" };
    for (const status of [400, 401, 402, 404, 413, 422]) {
      expect(await failWith(refusal(status, { message: "no" }, wait))).toMatchObject({ retryAfterMs: undefined });
    }
    for (const status of [408, 429, 503]) {
      expect(await failWith(refusal(status, { message: "no" }, wait))).toMatchObject({ retryAfterMs: 7000 });
    }
  });

  test.each([
    ["{error: text}", { error: "Words" }],
    ["{message}", { object: "error", message: "Words" }],
    ["{detail}", { detail: "Words" }],
    ["{detail: [{msg}]}", { detail: [{ msg: "Words", loc: [] }] }],
    ["[{error}]", [{ error: { message: "Words" } }]],
    ["plain text", " Words\n"],
  ])("may spell its words as %s", async (_form, body) => {
    expect((await failWith({ status: 400, body })).message).toBe("The model provider 'stub' rejected the request (status 400): Words.");
  });

  test("as an HTML page has no words, and a very long one is cut", async () => {
    expect((await failWith({ status: 400, body: "<html><body>nginx</body></html>" })).message).toMatch(/\(status 400\)\.$/u);
    expect((await failWith({ status: 400, body: "x".repeat(1_000_000) })).message.length).toBeLessThan(600);
  });

  test("never shows a key: not ours, not a header's, nothing that looks like one", async () => {
    const words = `Incorrect key ${secret}, via hidden-value, Bearer abcdef012345, like sk-other-123456 or abc****wxyz.`;
    const { message } = await failWith(refusal(401, { message: words }));
    expect(message).toContain("Incorrect key [key], via [key], Bearer [key], like [key] or [key]");
    expect((await failWith({ frames: [{ error: { message: words } }] })).message).not.toMatch(/sk-|hidden-value/u);
  });

  test.each(["base64", "base64url"] as const)("never shows a key in %s, also not inside of something longer", async (encoding) => {
    for (const before of ["", "u", "us", "Bearer "]) {
      const encoded = Buffer.from(`${before}${secret}:`).toString(encoding);
      const { message } = await failWith(refusal(400, { message: `You sent ${encoded}` }));
      const shown = Buffer.from(message.replace(/^.*You sent /u, ""), encoding).toString("latin1");
      expect(message).toContain("[key]");
      expect(shown).not.toContain(secret.slice(3, 9));
      expect(encoded.length - message.split("You sent ")[1]!.replaceAll("[key]", "").length).toBeGreaterThan(secret.length);
    }
  });
});

describe("a retry", () => {
  test.each([429, 500, 502, 503, 504])("follows status %d", async (status) => {
    stub.reply(refusal(status, { message: "later" }, { "retry-after-ms": "1" }));
    expect((await ask(model, "Hi")).text).toBe(stubText);
    expect(stub.requestCount).toBe(2);
  });

  test("is made twice at most, and the last refusal is passed on", async () => {
    const error = await failWith(...[1, 2, 3].map((n) => refusal(429, { message: `Slow down ${n}` }, { "retry-after": "0" })));
    expect(error).toMatchObject({ code: "upstream_rate_limited", retryAfterMs: 0 });
    expect(error.message).toBe("The model provider 'stub' is limiting requests (status 429): Slow down 3.");
    expect(stub.requestCount).toBe(3);
  });

  test("is left out when the provider wants more than 5 s of patience, and how much it wants is passed on", async () => {
    expect(await failWith(refusal(429, { message: "x" }, { "retry-after": "6" }))).toMatchObject({ retryAfterMs: 6000 });
    expect(await failWith(refusal(503, { message: "x" }, { "retry-after-ms": "5001", "retry-after": "1" }))).toMatchObject({
      code: "upstream_error",
      retryAfterMs: 5001,
    });
    const { retryAfterMs } = await failWith(refusal(429, {}, { "retry-after": new Date(Date.now() + 3_600_000).toUTCString() }));
    expect(Math.round(retryAfterMs! / 60_000)).toBe(60);
    expect(stub.requestCount).toBe(3);
  });

  test.each(["0", "-5", "soon", "Thu, 01 Jan 1970 00:00:00 GMT"])(
    "waits for a while all the same when it is welcome after '%s'",
    async (wait) => {
      const busy = refusal(429, { message: "x" }, { "retry-after": wait });
      const start = performance.now();
      await failWith(busy, busy, busy);
      // At least what it waits without being told; a slow machine only waits longer.
      expect(performance.now() - start).toBeGreaterThan(500);
      expect(stub.requestCount).toBe(3);
    },
  );

  test("is left out when the provider says that it is of no use", async () => {
    await failWith(refusal(429, { message: "Pay first", code: "insufficient_quota" }));
    await failWith(refusal(500, { message: "x" }, { "x-should-retry": "false" }));
    expect(stub.requestCount).toBe(2);
  });

  test("follows a connection that breaks before the reply", async () => {
    stub.reply("cut", "cut");
    expect((await ask(model, "Hi")).text).toBe(stubText);
    expect(stub.requestCount).toBe(3);
    expect(await failWith("cut", "cut", "cut")).toMatchObject({ code: "upstream_error", message: expect.stringContaining("broke off") });
  });

  test("never follows a reply that has begun", async () => {
    await failWith({ text: "some", ending: "cut" });
    await failWith({ frames: ["garbage\n\n"] });
    expect(stub.requestCount).toBe(2);
  });
});

describe("a bad reply is upstream_error", () => {
  const who = "The model provider 'stub'";
  test.each<[string, StubScriptOf, string]>([
    ["that ends without a finish reason", { text: "x", finishReason: null }, `${who} ended its reply without a finish reason.`],
    ["that is empty", { frames: [] }, `${who} ended its reply without a finish reason.`],
    ["with a frame that is not JSON", { frames: ["data: {oops\n\n"] }, `${who} sent a frame that is not JSON.`],
    ["with a frame that is no object", { frames: ["data: 7\n\n"] }, `${who} sent a frame that is not JSON.`],
    ["with an error frame", { frames: [{ error: { message: "GPU lost", code: 500 } }] }, `${who} failed (status 500): GPU lost.`],
    ["with an error of plain text", { frames: [{ error: "GPU lost!" }] }, `${who} failed: GPU lost!`],
    ["with an error event", { frames: ['event: error\ndata: {"message":"GPU lost"}\n\n'] }, `${who} failed: GPU lost.`],
    [
      "with an error in its choice",
      { frames: [{ choices: [{ error: { message: "Gone" }, finish_reason: "error" }] }] },
      `${who} failed: Gone.`,
    ],
    ["with the finish reason error", { frames: [chunk({}, "error")] }, `${who} ended its reply with an error.`],
    [
      "with a tool call without a name",
      { frames: [chunk({ tool_calls: [{ index: 0, id: "x", function: {} }] }), chunk({}, "stop")] },
      `${who} made a tool call without a name.`,
    ],
    [
      "of HTML",
      { status: 200, headers: { "content-type": "text/html" }, body: "<html>" },
      `${who} answered with 'text/html' instead of a completion.`,
    ],
    [
      "of JSON that is none",
      { status: 200, headers: { "content-type": "application/json" }, body: "{" },
      `${who} sent a body that is not JSON.`,
    ],
    ["of JSON with an error", { status: 200, body: { error: { message: "No." } } }, `${who} failed: No.`],
    ["of JSON without choices", { status: 200, body: { choices: [] } }, `${who} ended its reply without a finish reason.`],
    [
      "with an endless line",
      { frames: [`data: ${"x".repeat(5 * 1024 * 1024)}`], ending: "hang" },
      `${who} sent a frame of more than 4194304 characters.`,
    ],
    [
      "of endless JSON",
      { status: 200, headers: { "content-type": "application/json" }, body: " ".repeat(5 * 1024 * 1024) },
      `${who} sent a body of more than 4194304 bytes.`,
    ],
  ])("%s", async (_what, script, message) => {
    expect(await failWith(script)).toMatchObject({ code: "upstream_error", message });
  });

  test.each<[string, StubScriptOf, string, string]>([
    [
      "429 as a number",
      { frames: [{ error: { code: 429, message: "x" } }] },
      "upstream_rate_limited",
      "is limiting requests (status 429): x.",
    ],
    [
      "429 as a name",
      { frames: [{ error: { type: "rate_limit_error", message: "x" } }] },
      "upstream_rate_limited",
      "is limiting requests (status 429): x.",
    ],
    [
      "429 in a body",
      { status: 200, body: { error: { code: "429", message: "x" } } },
      "upstream_rate_limited",
      "is limiting requests (status 429): x.",
    ],
    [
      "a context that is full",
      { frames: [{ error: { code: "context_length_exceeded", message: "x" } }] },
      "context_length_exceeded",
      "found the input too long (status 400): x.",
    ],
    ["402", { status: 200, body: { error: { code: 402, message: "x" } } }, "upstream_error", "failed: x."],
  ])("unless its error says more: %s", async (_what, script, code, message) => {
    expect(await failWith(script)).toMatchObject({ code, message: `${who} ${message}` });
  });

  test("that is cut, after all that came before it has been passed on", async () => {
    stub.reply({ text: "Half of it", chunks: 2, gapMs: 1, ending: "cut" });
    const events: ModelEvent[] = [];
    const reading = (async () => {
      for await (const event of model.stream(request("Hi"), new AbortController().signal)) events.push(event);
    })();
    expect(await failureOf(reading)).toMatchObject({ code: "upstream_error", message: expect.stringContaining("broke off") });
    expect(events.map((event) => event.type)).toContain("text_delta");
  });

  test("that names a finish reason nobody knows and is then cut", async () => {
    expect((await failWith({ frames: [chunk({ content: "x" }, "whatever")], gapMs: 20, ending: "cut" })).code).toBe("upstream_error");
  });

  test("with garbage in the middle, after the text before it", async () => {
    stub.reply({ frames: [chunk({ content: "a" }), chunk({ content: "b" }), "data: oops\n\n", chunk({}, "stop")] });
    const events = model.stream(request("Hi"), new AbortController().signal)[Symbol.asyncIterator]();
    expect(await events.next()).toEqual({ done: false, value: { type: "text_delta", text: "ab" } });
    expect((await failureOf(events.next())).message).toContain("not JSON");
    expect(await events.next()).toEqual({ done: true, value: undefined });
    await stub.waitForRequest();
  });
});

describe("a provider that is not there", () => {
  test("refuses connections: upstream_error, after the retries", async () => {
    const gone = await startStubUpstream();
    await gone.close();
    const other = openModelCatalog([provider(gone.url)]);
    expect(await failureOf(ask(other.find("stub/m")!, "Hi"))).toMatchObject({
      code: "upstream_error",
      message: "The model provider 'stub' could not be reached (ECONNREFUSED).",
    });
    await other.close();
  });

  test("does not speak HTTP: upstream_error", async () => {
    const server = createServer((socket) =>
      socket
        .on("error", () => {})
        .resume()
        .end("SSH-2.0-OpenSSH\r\n"),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const other = openModelCatalog([provider(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`)]);
    expect((await failureOf(ask(other.find("stub/m")!, "Hi"))).code).toBe("upstream_error");
    await other.close();
    await new Promise((resolve) => server.close(resolve));
  });

  test.each<[string, StubScriptOf]>([
    ["never answers", "hang"],
    ["falls silent in its reply", { text: "some", ending: "hang" }],
  ])("%s: upstream_timeout, and its socket is closed", async (_what, script) => {
    const other = openModelCatalog([provider(stub.url, { timeoutMs: 100 })]);
    stub.reply(script);
    expect(await failureOf(ask(other.find("stub/m")!, "Hi"))).toMatchObject({
      code: "upstream_timeout",
      message: "The model provider 'stub' did not answer in time.",
    });
    await stub.waitForAbort();
    expect(stub.requestCount).toBe(1);
    await other.close();
  });
});

describe("an abort", () => {
  const reason = new Error("The caller went away.");

  test.each<[string, StubScriptOf]>([
    ["before the reply", "hang"],
    ["in the middle of it", { text: "some", ending: "hang" }],
    ["of an endless one", { text: "some ", chunks: Infinity }],
  ])("%s closes the upstream socket and throws the reason", async (_when, script) => {
    stub.reply(script);
    const controller = new AbortController();
    const reading = (async () => {
      for await (const event of model.stream(request("Hi"), controller.signal)) if (event.type === "text_delta") controller.abort(reason);
    })();
    await stub.waitForRequest();
    if (script === "hang") controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
    await stub.waitForAbort();
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  test("before the first next() sends nothing", async () => {
    await expect(ask(model, "Hi")).resolves.toBeDefined();
    const events = model.stream(request("Hi"), AbortSignal.abort(reason))[Symbol.asyncIterator]();
    await expect(events.next()).rejects.toBe(reason);
    expect(stub.requestCount).toBe(1);
  });

  test("while waiting to ask again is immediate", async () => {
    stub.reply(refusal(500, { message: "x" }, { "retry-after": "5" }));
    const controller = new AbortController();
    const next = model.stream(request("Hi"), controller.signal)[Symbol.asyncIterator]().next();
    await stub.waitForRequest();
    await ask(model, "A whole exchange later the first one has its 500 and waits.");
    controller.abort(reason);
    await expect(next).rejects.toBe(reason);
    expect(stub.requestCount).toBe(2);
  });

  test("wins over events that have already arrived", async () => {
    stub.reply({ text: "a b c d", chunks: 4 });
    const controller = new AbortController();
    const events = model.stream(request("Hi"), controller.signal)[Symbol.asyncIterator]();
    await events.next();
    controller.abort(reason);
    await expect(events.next()).rejects.toBe(reason);
  });

  test("by return() closes the upstream socket, also while a next() waits", async () => {
    stub.reply({ text: "some", ending: "hang" }, "hang");
    const { signal } = new AbortController();
    for await (const _event of model.stream(request("Hi"), signal)) break;
    await stub.waitForAbort(1);
    const events = model.stream(request("Hi"), signal)[Symbol.asyncIterator]();
    const next = events.next();
    await stub.waitForRequest(2);
    await events.return!();
    expect(await next).toEqual({ done: true, value: undefined });
    await stub.waitForAbort(2);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  test("that never comes leaves no listener behind, however the reply ended", async () => {
    const controller = new AbortController();
    const run = async () => {
      for await (const _event of model.stream(request("Hi"), controller.signal));
    };
    await run();
    stub.reply(refusal(400, { message: "no" }), { text: "x", finishReason: null }, { frames: ["data: oops\n\n"] });
    for (let n = 0; n < 3; n++) await failureOf(run());
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    controller.abort();
    expect(stub.aborted).toBe(0);
  });

  test("of one reply leaves the others alone", async () => {
    stub.reply({ text: "some", ending: "hang" });
    const controller = new AbortController();
    const aborted = (async () => {
      for await (const _event of model.stream(request("Hi"), controller.signal)) controller.abort(reason);
    })();
    await stub.waitForRequest();
    stub.always({ text: stubText, gapMs: 1 });
    const others = Promise.all(Array.from({ length: 10 }, () => ask(model, "Hi")));
    await expect(aborted).rejects.toBe(reason);
    expect((await others).map(({ text }) => text)).toEqual(Array(10).fill(stubText));
  });
});

test("closing the catalog ends what is still running", async () => {
  stub.reply({ text: "some", ending: "hang" });
  const reading = ask(model, "Hi");
  await stub.waitForRequest();
  const failure = failureOf(reading);
  await catalog.close();
  expect((await failure).code).toBe("upstream_error");
  await stub.waitForAbort();
});
