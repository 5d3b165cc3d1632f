/**
 * Requests that are too much of something: bytes, headers, time, or things to make of their body. Refused as soon as that
 * shows, while others are answered. Bodies that are wrong are in `test/http/errors.test.ts`, what is never told to continue in
 * `test/http/order.test.ts`.
 */
import { brotliCompressSync, constants, deflateSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { gatewayWith, onProvider } from "../faces/provider.ts";
import { expectError } from "../support/contract-check.ts";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import { head, sendRaw } from "../support/raw-http.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { EndlessSender } from "./support/endless-sender.ts";
import { bearer, begin, chat, good, json, post, probe, watchOver } from "./support/unharmed.ts";

const megabyte = 2 ** 20;

let stub: StubUpstream;
let gateway: TestGateway;
let expectUnharmed: () => Promise<void>;

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url));
  await post(gateway, good);
  expectUnharmed = watchOver(gateway);
});

afterAll(() => stub.close());

const withField = (field: string): string => `${good.slice(0, -1)},${field}}`;
const invalidValue = { status: 400, code: "invalid_value" };

describe("headers", () => {
  const sized = (bytes: number) => {
    const start = head("GET /healthz", { "x-big": "" }).length;
    return head("GET /healthz", { "x-big": "a".repeat(bytes - start) });
  };
  const tooLarge = { status: 431, code: "headers_too_large", param: null };

  test("of 64 KiB are accepted", async () => {
    expect((await sendRaw(gateway.url, sized(64 * 1024))).status).toBe(200);
  });

  test.each([1_000, 10_000])("of nearly 64 KiB in %d lines are accepted", async (count) => {
    const value = "a".repeat(Math.floor(64_000 / count) - 5);
    expect((await sendRaw(gateway.url, head("GET /healthz").replace("\r\n\r\n", `\r\n${`x:${value}\r\n`.repeat(count)}\r\n`))).status).toBe(
      200,
    );
  });

  test("of more than 256 KiB are refused", async () => {
    const raw = await begin(gateway, sized(257 * 1024));
    const reply = await raw.reply();
    expectError(reply, tooLarge);
    expect(reply.headers["connection"]).toBe("close");
    expect(await raw.closed()).toBe("");
    raw.destroy();
  });

  test("are refused when the address is that long", async () => {
    expectError(await sendRaw(gateway.url, head(`GET /${"a".repeat(256 * 1024)}`)), tooLarge);
  });

  test("are refused when so many follow the body", async () => {
    const trailers = `x-big: ${"a".repeat(300 * 1024)}\r\n\r\n`;
    const chunked = head(chat, { ...bearer, ...json, "transfer-encoding": "chunked" });
    expectError(await sendRaw(gateway.url, `${chunked}${good.length.toString(16)}\r\n${good}\r\n0\r\n${trailers}`), tooLarge);
  });

  test("that never end are refused", async () => {
    const sender = await EndlessSender.start(gateway.url, head("GET /healthz").slice(0, -2), () => `x-more: ${"a".repeat(1000)}\r\n`);
    expectError(await sender.reply(), tooLarge);
    await sender.stopped();
  });
});

describe("a body", () => {
  test.each(["10000000000", "18446744073709551615"])("of %s bytes is refused before any of them comes", async (length) => {
    for (const expect100 of [{}, { expect: "100-continue" }]) {
      const raw = await begin(gateway, head(chat, { ...bearer, ...json, "content-length": length, ...expect100 }));
      expectError(await raw.reply(), { status: 413, code: "request_too_large", param: null });
      raw.destroy();
    }
  });

  test("of HTTP/1.0 is not told to continue", async () => {
    const old = head(chat, { ...bearer, ...json, "content-length": String(good.length), expect: "100-continue" });
    expect((await sendRaw(gateway.url, old.replace("HTTP/1.1", "HTTP/1.0") + good)).status).toBe(200);
  });

  test.each([
    ["with the secret", bearer, 413],
    ["without one", {}, 401],
  ])("in chunks that never end, %s, is refused, its sender cut off, and others are answered meanwhile", async (_what, headers, status) => {
    const small = await startGateway(onProvider(stub.url, {}, { gateway: gatewayWith({ maxBodyBytes: megabyte }) }));
    const piece = `10000\r\n${" ".repeat(0x10000)}\r\n`;
    const sender = await EndlessSender.start(small.url, head(chat, { ...json, ...headers, "transfer-encoding": "chunked" }), () => piece);
    expect((await sender.reply()).status).toBe(status);
    expect((await probe(small)).status).toBe(200);
    await sender.stopped();
    // What is thrown away for the sake of those who only read when they have sent all, and what sockets hold.
    expect(sender.sentBytes).toBeLessThan(128 * megabyte);
    await small.close();
  });

  test.each([
    ["gzip", gzipSync(Buffer.alloc(100 * megabyte))],
    ["deflate", deflateSync(Buffer.alloc(100 * megabyte))],
    ["br", brotliCompressSync(Buffer.alloc(100 * megabyte), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })],
  ])("that unpacks to 100 MB is refused: %s", async (encoding, body) => {
    expectError(await post(gateway, body, { "content-encoding": encoding }), { status: 413, code: "request_too_large" });
  });

  test("of a hundred thousand empty gzips is as empty as one", async () => {
    const body = Buffer.concat(Array<Buffer>(100_000).fill(gzipSync("")));
    expectError(await post(gateway, body, { "content-encoding": "gzip" }), { status: 400, code: "missing_required_parameter" });
  });

  test.each(["compress", "*", "gzip, br", "identity, identity", "constructor", "__proto__"])(
    "packed with %s is refused unread",
    async (encoding) => {
      const raw = await begin(gateway, head(chat, { ...bearer, ...json, "content-length": "1000", "content-encoding": encoding }));
      expectError(await raw.reply(), { status: 415, code: "unsupported_media_type", param: "content-encoding" });
      raw.destroy();
    },
  );
});

describe("what there is to make of a body", () => {
  const message = '{"role":"user","content":"a"}';
  const tool = (n: number): string => `{"type":"function","function":{"name":"f${n}"}}`;
  const deep = `${'{"a":'.repeat(1e5)}1${"}".repeat(1e5)}`;
  const many = (count: number, item: (n: number) => string): string => Array.from({ length: count }, (_, n) => item(n)).join();

  test.each([
    ["a million lists in each other", withField(`"a":${"[".repeat(1e6)}${"]".repeat(1e6)}`)],
    ["a million objects in each other", withField(`"a":${'{"a":'.repeat(1e6)}1${"}".repeat(1e6)}`)],
    ["a million empty objects", withField(`"a":[${"{},".repeat(1e6)}1]`)],
    ["a million fields", withField(many(1e6, (n) => `"k${n}":1`))],
    ["a million keys of metadata", withField(`"metadata":{${many(1e6, (n) => `"k${n}":"v"`)}}`)],
    ["a million biases", withField(`"logit_bias":{${many(1e6, (n) => `"${n}":1`)}}`)],
    [
      "a million parameters of a tool",
      withField(`"tools":[{"type":"function","function":{"name":"f","parameters":{${many(1e6, (n) => `"k${n}":{}`)}}}}]`),
    ],
    ["a hundred thousand tools", withField(`"tools":[${many(1e5, tool)}]`)],
    ["three hundred thousand messages", `{"model":"openclaw","messages":[${many(3e5, () => message)}]}`],
    ["three hundred thousand parts", good.replace('"hi"', `[${many(3e5, () => '{"type":"text","text":"a"}')}]`)],
    ["a million pieces of something that is no JSON", "[1,".repeat(1e6)],
    ["many values behind a text that ends in a backslash", withField(`"a":"\\\\","b":[${"1,".repeat(1e6)}1]`)],
  ])("is too much: %s", async (_what, body) => {
    expectError(await post(gateway, body), { ...invalidValue, param: null });
  });

  test.each([
    ["a hundred thousand objects in each other in metadata", withField(`"metadata":${deep}`)],
    [
      "a hundred thousand in a tool's parameters",
      withField(`"tools":[{"type":"function","function":{"name":"f","parameters":{"properties":${deep}}}}]`),
    ],
    [
      "a hundred thousand in the schema of the answer",
      withField(`"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"properties":${deep}}}}`),
    ],
  ])("is refused before anything goes down into it: %s", async (_what, body) => {
    const asked = stub.requestCount;
    const reply = await post(gateway, body);
    expectError(reply, { status: 400, code: expect.stringMatching(/^invalid_/) as unknown as string });
    expect(stub.requestCount).toBe(asked);
  });

  test("is little where a long text only looks like much", async () => {
    const text = '[{"\\",:'.repeat(1.5e6);
    expect((await post(gateway, JSON.stringify(say(text)))).status).toBe(200);
    expect((stub.requests.at(-1)?.body.messages[0]?.content as string).length).toBe(text.length);
  });

  test("is enough for the longest conversation, and for the most tools", async () => {
    const part = '{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}';
    expect((await post(gateway, `{"model":"openclaw","messages":[${many(16_384, () => part)}]}`)).status).toBe(200);
    const parameters = `{"type":"object","properties":{${many(300, (n) => `"k${n}":{"type":"string","description":"d"}`)}}}`;
    const tools = many(128, (n) => `{"type":"function","function":{"name":"f${n}","parameters":${parameters}}}`);
    expect((await post(gateway, withField(`"tools":[${tools}]`))).status).toBe(200);
  });

  test.each([
    ["a billion answers", '"n":1e9', "n"],
    ["more tokens than there are", '"max_tokens":1e308', "max_tokens"],
    ["many stop sequences", `"stop":[${'"a",'.repeat(100_000)}"b"]`, "stop"],
    ["many tools", `"tools":[${"1,".repeat(99_999)}1]`, "tools"],
  ])("is refused for a field: %s", async (_what, field, param) => {
    expectError(await post(gateway, withField(field)), { ...invalidValue, param });
  });

  test.each([
    ["a key of metadata", withField(`"metadata":{"${"k".repeat(megabyte)}":5}`)],
    [
      "the name of a chosen tool",
      withField(`"tools":[${tool(1)}],"tool_choice":{"type":"function","function":{"name":"${"k".repeat(megabyte)}"}}`),
    ],
    ["the id of a tool call", `{"model":"openclaw","messages":[{"role":"tool","tool_call_id":"${"k".repeat(megabyte)}","content":"x"}]}`],
    ["a user", withField(`"user":"${"k".repeat(megabyte)}"`)],
  ])("is not repeated at length in the reply and the log: %s of 1 MB", async (_what, body) => {
    const before = gateway.logText().length;
    const reply = await post(gateway, body);
    expect(reply.status).toBe(400);
    expect(reply.text.length).toBeLessThan(4_000);
    expect(gateway.logText().length - before).toBeLessThan(20_000);
  });

  test.each([
    ["of objects' prototypes", '"constructor":{"prototype":{"stream":true}},"toString":1,"valueOf":null,"hasOwnProperty":1'],
    ["of metadata like those of objects", '"metadata":{"constructor":"a","toString":"b","hasOwnProperty":"c"}'],
  ])("may have keys %s, which mean nothing", async (_what, field) => {
    const reply = await post(gateway, withField(field));
    expect([reply.status, reply.headers["content-type"]]).toEqual([200, "application/json; charset=utf-8"]);
  });

  test("says a key twice: the last one counts", async () => {
    expectError(await post(gateway, withField('"model":"openclaw:gamma"')), { status: 404, code: "model_not_found" });
    expectError(await post(gateway, withField('"messages":[]')), { status: 400, code: "empty_array" });
  });

  test("holds half a character: it is told to the model, and found again in the session", async () => {
    const asked = { role: "user", content: "half a \ud83d character" };
    const first = say("", { user: "half", messages: [asked] });
    expect((await post(gateway, JSON.stringify(first))).status).toBe(200);
    expect(stub.requests.at(-1)?.body.messages).toMatchObject([asked]);
    const second = {
      ...first,
      messages: [asked, { role: "assistant", content: "Hello from the stub." }, { role: "user", content: "and?" }],
    };
    expect((await post(gateway, JSON.stringify(second))).status).toBe(200);
    const list = await gateway.get("/v1/sessions/agent:main:openai-user:half/messages");
    expect(((await list.json()) as { data: object[] }).data).toHaveLength(4);
  });
});

test.each([
  ["headers", "GET /healthz HTTP/1.1\r\nhost: ga"],
  ["a body", `${head(chat, { ...bearer, ...json, "content-length": "1000000" })}{`],
  ["chunks", `${head(chat, { ...bearer, ...json, "transfer-encoding": "chunked" })}f4240\r\n{`],
])("%s that do not come to their end in time are given up with 408", async (_what, beginning) => {
  const hurried = await startGateway({
    gateway: { ...gatewayWith({}), http: { requestTimeoutMs: 200, endpoints: { chatCompletions: { enabled: true } } } },
  });
  const raw = await begin(hurried, beginning);
  // A byte now and then is not an end.
  const drip = setInterval(() => raw.send("a"), 20);
  expect((await probe(hurried)).status).toBe(200);
  expectError(await raw.reply(), { status: 408, code: "request_timeout", param: null });
  clearInterval(drip);
  await raw.closed();
  raw.destroy();
  await hurried.close();
});

test("after all that the gateway is what it was", async () => {
  await expectUnharmed();
  expect(gateway.log().filter((line) => (line["level"] as number) >= 50)).toEqual([]);
});
