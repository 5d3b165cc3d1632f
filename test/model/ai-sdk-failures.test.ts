/** What becomes of Anthropic's and Google's bad replies, refusals, timeouts, retries and aborts, over real sockets. */
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { ProviderConfig } from "../../src/config/config.ts";
import type { Model, ModelCatalog, ModelEvent } from "../../src/domain/model.ts";
import { openModelCatalog } from "../../src/model/catalog.ts";
import { startStubUpstream, stubText, type StubScriptOf, type StubUpstream } from "../support/stub-upstream.ts";
import { ask, failureOf, provider, request } from "./conversation.ts";

const secret = "sk-ant-api03-Abcdef123456";
const wires = ["anthropic", "google"] as const;
type Wire = (typeof wires)[number];

let stub: StubUpstream;
let catalog: ModelCatalog;
beforeEach(async () => {
  stub = await startStubUpstream();
  catalog = openModelCatalog([on("anthropic"), on("google")]);
});
afterEach(async () => {
  await catalog.close();
  await stub.close();
});

function on(wire: Wire, more: Partial<ProviderConfig> = {}): ProviderConfig {
  const api = wire === "anthropic" ? "anthropic-messages" : "google-generative-ai";
  const url = wire === "anthropic" ? stub.anthropicUrl : stub.googleUrl;
  return provider(url, { id: wire, api, apiKey: secret, headers: { "x-proxy-key": "hidden-value" }, ...more });
}

const modelOf = (wire: Wire): Model => catalog.find(`${wire}/m`)!;
const failWith = (wire: Wire, ...scripts: StubScriptOf[]) => {
  stub.reply(...scripts);
  return failureOf(ask(modelOf(wire), "Hi"));
};

describe.each(wires)("a refusal of %s", (wire) => {
  const who = `The model provider '${wire}'`;

  test.each([
    [400, "upstream_rejected", "rejected the request"],
    [413, "upstream_rejected", "rejected the request"],
    [401, "upstream_error", "did not accept the gateway's credentials"],
    [403, "upstream_error", "did not accept the gateway's credentials"],
    [404, "upstream_error", "does not know the model or the address it was asked for"],
    [302, "upstream_error", "answered with a redirect, which is not followed"],
  ])("with status %d is %s, in its own words, and is not asked again", async (status, code, what) => {
    const headers = { location: `${stub.url}/elsewhere` };
    const error = await failWith(wire, { status, message: "Because", headers });
    expect(error).toMatchObject({ code, message: `${who} ${what} (status ${status}): Because.` });
    expect(stub.requestCount).toBe(1);
  });

  test("because the input is too long is context_length_exceeded", async () => {
    for (const message of [
      "prompt is too long: 210000 tokens > 200000 maximum",
      "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000",
      "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    ]) {
      expect((await failWith(wire, { status: 400, message })).code).toBe("context_length_exceeded");
    }
  });

  test("never shows a key, and the log gets neither it nor the prompt", async () => {
    const error = await failWith(wire, { status: 401, message: `Wrong key ${secret} via hidden-value.` });
    expect(error.message).toContain("Wrong key [key] via [key].");
    expect(inspect(error, { depth: 20 })).not.toMatch(/sk-ant|hidden-value|Hi/u);
  });

  test.each([429, 500, 503, 529])("with status %d is asked again", async (status) => {
    stub.reply({ status, message: "later", headers: { "retry-after-ms": "1" } });
    expect((await ask(modelOf(wire), "Hi")).text).toBe(stubText);
    expect(stub.requestCount).toBe(2);
  });

  test("is asked again twice at most, and then passed on with its Retry-After", async () => {
    const busy = { status: 429, message: "Slow down", headers: { "retry-after": "0" } };
    expect(await failWith(wire, busy, busy, busy)).toMatchObject({ code: "upstream_rate_limited", retryAfterMs: 0 });
    expect(stub.requestCount).toBe(3);
  });

  test("that wants much patience is passed on at once", async () => {
    const error = await failWith(wire, { status: 429, message: "Slow down", headers: { "retry-after": "40" } });
    expect(error).toMatchObject({ code: "upstream_rate_limited", retryAfterMs: 40_000 });
    expect(stub.requestCount).toBe(1);
  });
});

test("Google's Retry-After and wrong key are in its body", async () => {
  const details = [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "34.5s" }];
  const busy = { status: 429, body: { error: { code: 429, message: "Quota", status: "RESOURCE_EXHAUSTED", details } } };
  expect(await failWith("google", busy)).toMatchObject({ code: "upstream_rate_limited", retryAfterMs: 34_500 });
  const reason = [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID" }];
  const wrong = { status: 400, body: { error: { code: 400, message: "API key not valid.", status: "INVALID_ARGUMENT", details: reason } } };
  expect(await failWith("google", wrong)).toMatchObject({
    code: "upstream_error",
    message: "The model provider 'google' did not accept the gateway's credentials (status 400): API key not valid.",
  });
});

describe.each(wires)("a bad reply of %s is upstream_error", (wire) => {
  const who = `The model provider '${wire}'`;

  test.each<[string, StubScriptOf, string]>([
    ["that ends without a finish reason", { text: "x", finishReason: null }, "ended its reply without a finish reason."],
    ["that is empty", { frames: [] }, "ended its reply without a finish reason."],
    ["with a frame that is not JSON", { frames: ["data: {oops\n\n"] }, "sent a frame that is not what its protocol promises."],
    ["with a frame of another protocol", { frames: [{ type: 7, candidates: 7 }] }, "sent a frame that is not what its protocol promises."],
    [
      "that is a web page",
      { status: 200, headers: { "content-type": "text/html" }, body: "<html></html>" },
      "answered with 'text/html' instead of a completion.",
    ],
    [
      "that is text",
      { status: 200, headers: { "content-type": "text/plain" }, body: "Hi." },
      "answered with 'text/plain' instead of a completion.",
    ],
    [
      "that is a document",
      { status: 200, body: { type: "message", content: [], candidates: [] } },
      "answered with 'application/json' instead of a completion.",
    ],
    [
      "that is an endless document",
      { status: 200, headers: { "content-type": "application/json" }, body: " ".repeat(5_000_000) },
      "sent a body of more than 4194304 bytes.",
    ],
    ["that is one endless frame", { frames: [`data: ${"x".repeat(5_000_000)}`] }, "sent a frame of more than 4194304 bytes."],
  ])("%s", async (_what, script, words) => {
    expect(await failWith(wire, script)).toMatchObject({ code: "upstream_error", message: `${who} ${words}` });
    expect(stub.requestCount).toBe(1);
  });

  test.each<[string, StubScriptOf]>([
    ["a document", { status: 200, body: { error: { code: 429, message: "x" } } }],
    ["its first frame", { frames: [{ error: { code: 429, message: "x" } }] }],
    ["a later frame", (request) => ({ frames: [...textFrames(request.path), { error: { code: 429, message: "x" } }] })],
    ["an error event", { frames: ['event: error\ndata: {"code":429,"message":"x"}\n\n'] }],
  ])("unless its error says more, as %s", async (_form, script) => {
    expect(await failWith(wire, script)).toMatchObject({
      code: "upstream_rate_limited",
      message: `${who} is limiting requests (status 429): x.`,
    });
  });

  test.each<[string, StubScriptOf]>([
    ["a document", { status: 200, body: { error: { code: 402, message: `no credit for ${secret}` } } }],
    ["a frame", { frames: [{ error: `no credit for ${secret}` }] }],
  ])("with the words of its error, as %s", async (_form, script) => {
    expect((await failWith(wire, script)).message).toMatch(/^The model provider '\w+' failed.*: no credit for \[key\]\.$/u);
  });

  test("that is cut, and what came before is handed out first", async () => {
    let cut: () => void = () => undefined;
    stub.reply({ text: "some", chunks: 1, ending: "cut", endsWhen: new Promise<void>((resolve) => (cut = resolve)) });
    const events: ModelEvent[] = [];
    const error = await failureOf(
      (async () => {
        for await (const event of modelOf(wire).stream(request("Hi"), new AbortController().signal)) {
          events.push(event);
          cut();
        }
      })(),
    );
    expect(events).toEqual([{ type: "text_delta", text: "some" }]);
    expect(error).toMatchObject({ code: "upstream_error", message: expect.stringContaining(`${who} broke off`) });
    expect(stub.requestCount).toBe(1);
  });

  test("quotes nothing of a frame that is no good, also not for the log", async () => {
    const error = await failWith(wire, { frames: ["data: the secret prompt\n\n"] });
    expect(inspect(error, { depth: 20 })).not.toContain("secret prompt");
  });
});

test("Anthropic's and Google's errors within a stream are what they would be before it", async () => {
  const usage = { input_tokens: 1, output_tokens: 1 };
  const start = { type: "message_start", message: { id: "m", type: "message", role: "assistant", model: "c", content: [], usage } };
  const failed = (type: string) => ({ type: "error", error: { type, message: "Sorry" } });
  expect(await failWith("anthropic", { frames: [failed("overloaded_error")] })).toMatchObject({
    code: "upstream_error",
    message: "The model provider 'anthropic' failed (status 529): Sorry.",
  });
  expect((await failWith("anthropic", { frames: [start, failed("rate_limit_error")] })).code).toBe("upstream_rate_limited");
  expect((await failWith("anthropic", { frames: [start, failed("unheard_of")] })).message).toBe(
    "The model provider 'anthropic' failed: Sorry.",
  );
  const quota = { error: { code: 429, message: "Sorry", status: "RESOURCE_EXHAUSTED" } };
  expect((await failWith("google", { frames: [quota] })).code).toBe("upstream_rate_limited");
});

test("a reply that Anthropic does not stop is no reply", async () => {
  expect((await failWith("anthropic", { text: "x", done: false })).message).toContain("without a finish reason");
});

test("a call that Google itself calls malformed is an error", async () => {
  const frames = [{ candidates: [{ content: { parts: [] }, finishReason: "MALFORMED_FUNCTION_CALL" }] }];
  expect((await failWith("google", { frames })).message).toContain("ended its reply with an error");
});

test("the tool calls of one reply are 256 at most", async () => {
  const parts = Array.from({ length: 257 }, () => ({ functionCall: { name: "f", args: {} } }));
  const error = await failWith("google", { frames: [{ candidates: [{ content: { parts }, finishReason: "STOP" }] }] });
  expect(error.message).toBe("The model provider 'google' made more than 256 tool calls in one reply.");
});

test("what one reply wants to be kept is bounded, be it signatures, hidden thoughts or empty blocks", async () => {
  const block = (content_block: object, ...deltas: object[]) => [
    { type: "content_block_start", index: 0, content_block },
    ...deltas.map((delta) => ({ type: "content_block_delta", index: 0, delta })),
    { type: "content_block_stop", index: 0 },
  ];
  const hidden = block({ type: "redacted_thinking", data: "x".repeat(3_000_000) });
  const signed = block({ type: "thinking", thinking: "" }, { type: "signature_delta", signature: "x".repeat(3_000_000) });
  const empty = (index: number) => ({ type: "content_block_start", index, content_block: { type: "thinking", thinking: "" } });
  const many = Array.from({ length: 70_000 }, (_, index) => empty(index));
  for (const frames of [[...hidden, ...hidden, ...hidden], [...signed, ...signed, ...signed], many]) {
    const error = await failWith("anthropic", { frames: [messageStart, ...frames, ...messageEnd] });
    expect(error).toMatchObject({
      code: "upstream_error",
      message: "The model provider 'anthropic' sent more than 8388608 characters in one reply.",
    });
  }
});

// Should it cost more, this takes longer than any test may.
test("a text that goes on after thousands of other blocks costs what it is long", async () => {
  const start = (index: number, type: string) => ({ type: "content_block_start", index, content_block: { type, [type]: "" } });
  const more = { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "b" } };
  const others = Array.from({ length: 30_000 }, (_, index) => start(index + 1, "thinking"));
  const frames = [messageStart, start(0, "text"), more, ...others, ...Array<object>(30_000).fill(more), ...messageEnd];
  stub.reply({ frames });
  expect((await ask(modelOf("anthropic"), "Hi")).text).toHaveLength(30_001);
});

test("frames of any size together are no frame too long, however the lines end and the pieces fall", async () => {
  const line = (end: string) => `data: {"candidates":[{"content":{"parts":[{"text":"${"x".repeat(90_000)}"}]}}]}${end}${end}`;
  const finish = 'data: {"candidates":[{"finishReason":"STOP"}]}\r\n\r\n';
  for (const end of ["\n", "\r\n"]) {
    stub.reply({ frames: [...Array<string>(60).fill(line(end)), finish], pieceBytes: 90_001 });
    expect((await ask(modelOf("google"), "Hi")).text).toHaveLength(5_400_000);
  }
});

describe.each(wires)("a connection to %s", (wire) => {
  test("that is cut before the reply is tried again", async () => {
    stub.reply("cut", "cut");
    expect((await ask(modelOf(wire), "Hi")).text).toBe(stubText);
    expect(await failWith(wire, "cut", "cut", "cut")).toMatchObject({
      code: "upstream_error",
      message: expect.stringContaining("broke off"),
    });
  });

  test("that cannot be made is upstream_error", async () => {
    const gone = await startStubUpstream();
    await gone.close();
    const other = openModelCatalog([on(wire, { baseUrl: gone.url })]);
    const error = await failureOf(ask(other.find(`${wire}/m`)!, "Hi"));
    await other.close();
    expect(error).toMatchObject({ code: "upstream_error", message: `The model provider '${wire}' could not be reached (ECONNREFUSED).` });
  });

  test("that says nothing in time is upstream_timeout, before the reply and within it", async () => {
    const hasty = openModelCatalog([on(wire, { timeoutMs: 100 })]);
    for (const script of ["hang", { text: "some", ending: "hang" }] as const) {
      stub.reply(script);
      expect(await failureOf(ask(hasty.find(`${wire}/m`)!, "Hi"))).toMatchObject({
        code: "upstream_timeout",
        message: `The model provider '${wire}' did not answer in time.`,
      });
    }
    await hasty.close();
  });

  test("serves further requests", async () => {
    for (let n = 0; n < 10; n++) await ask(modelOf(wire), "Hi");
    expect(stub.openSockets).toBeLessThanOrEqual(3);
  });

  test.each<[string, StubScriptOf]>([
    ["before the reply", "hang"],
    ["within it", { text: "some", ending: "hang" }],
  ])("is closed at once by an abort %s, which throws its reason", async (_when, script) => {
    stub.reply(script);
    const reason = new Error("enough");
    const controller = new AbortController();
    const reply = stream(modelOf(wire), controller.signal);
    await stub.waitForRequest();
    if (script !== "hang") await reply.first;
    controller.abort(reason);
    await expect(reply.all).rejects.toBe(reason);
    await stub.waitForAbort();
  });

  test("is closed by return(), also while a next() waits, and that ends", async () => {
    stub.reply("hang");
    const events = modelOf(wire).stream(request("Hi"), new AbortController().signal)[Symbol.asyncIterator]();
    const waiting = events.next();
    await stub.waitForRequest();
    expect(await events.return?.()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await events.next()).toEqual({ done: true, value: undefined });
    await stub.waitForAbort();
  });

  test("is not made before the first next(), nor after an abort", async () => {
    modelOf(wire).stream(request("Hi"), new AbortController().signal)[Symbol.asyncIterator]();
    const reason = new Error("too late");
    await expect(stream(modelOf(wire), AbortSignal.abort(reason)).all).rejects.toBe(reason);
    expect(stub.requestCount).toBe(0);
  });
});

const messageStart = { type: "message_start", message: { id: "m", usage: { input_tokens: 1, output_tokens: 1 } } };
const messageEnd = [{ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 2 } }, { type: "message_stop" }];

/** The beginning of a reply, in the words of the wire. */
function textFrames(path: string): object[] {
  if (!path.endsWith("/messages")) return [{ candidates: [{ content: { parts: [{ text: "some" }] } }] }];
  const delta = { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "some" } };
  return [messageStart, { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }, delta];
}

/** `first` resolves with the first event. */
function stream(model: Model, signal: AbortSignal): { all: Promise<void>; first: Promise<void> } {
  let seen: () => void = () => undefined;
  const first = new Promise<void>((resolve) => (seen = resolve));
  const all = (async () => {
    for await (const event of model.stream(request("Hi"), signal)) if (event.type) seen();
  })();
  return { all, first };
}
