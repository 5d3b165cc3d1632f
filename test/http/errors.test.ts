/**
 * Whatever is wrong with a request, the answer is an error in the contract's shape, and the connection it came on stays
 * usable unless the reply closes it. What is wrong inside a well-formed body is in `bad-bodies.test.ts`, what is no well-formed
 * request in `test/hostile/`.
 */
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { contractOperations, exchangeOf, expectError } from "../support/contract-check.ts";
import { say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { connectRaw, head, type RawReply, sendRaw } from "../support/raw-http.ts";

const chat = "POST /v1/chat/completions";
const bearer = { authorization: `Bearer ${testToken}` };
const json = { "content-type": "application/json" };
const good = JSON.stringify(say("hi"));
const maxBodyBytes = 20 * 1024 * 1024;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});

/** A POST of these bytes, as they are. */
async function post(body: string | Buffer | ReadableStream, headers: { [name: string]: string } = {}) {
  const init = { method: "POST", headers: { ...bearer, ...json, ...headers }, body, duplex: "half" } as RequestInit;
  return exchangeOf(await fetch(`${gateway.url}/v1/chat/completions`, init));
}

describe("a path", () => {
  test.each([
    "/",
    "/v1",
    "/v1/",
    "/v1/chat",
    "/v1/chat/completions/x/y",
    "/v1/responses",
    "//healthz",
    "/V1/models",
    "/healthz/x",
    "/favicon.ico",
  ])("that is unknown answers 404: %s", async (path) => {
    for (const method of ["GET", "POST", "OPTIONS"]) {
      expectError(await sendRaw(gateway.url, head(`${method} ${path}`)), { status: 404, code: "not_found", param: null });
    }
  });

  test.each(["/%", "/%zz", "/v1/models/%", "/v1/models/%e0%a4%a", "/v1/models/%ff", "/healthz/%c0%af"])(
    "with a malformed percent-encoding answers 400, token or not: %s",
    async (path) => {
      expectError(await sendRaw(gateway.url, head(`GET ${path}`)), { status: 400, code: "invalid_value", param: null });
    },
  );

  test("may have anything in its query", async () => {
    expect((await sendRaw(gateway.url, head("GET /healthz?%zz=%ff&__proto__=1&a[b]=c"))).status).toBe(200);
  });

  const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];
  const paths = [...new Set(contractOperations.map(({ path }) => path))];
  test.each(paths)("answers 405 with Allow to every other method: %s", async (path) => {
    const declared = contractOperations.filter((operation) => operation.path === path).map(({ method }) => method);
    const allowed = methods.filter((method) => declared.includes(method) || (method === "HEAD" && declared.includes("GET")));
    for (const method of methods.filter((other) => !allowed.includes(other))) {
      const raw = await connectRaw(gateway.url);
      raw.send(head(`${method} ${path.replace("{model}", "openclaw")}`));
      const reply = await raw.reply({ isHead: method === "HEAD" });
      raw.destroy();
      expect((reply.headers["allow"] ?? "").split(", ").sort()).toEqual([...allowed].sort());
      if (method === "HEAD") expect(reply.status).toBe(405);
      else expectError(reply, { status: 405, code: "method_not_allowed", param: null });
    }
  });
});

describe("x-request-id", () => {
  test.each(["a", "checkout-42.7", "A_b-C.9", "x".repeat(128)])("is kept: %s", async (id) => {
    for (const path of ["/healthz", "/nowhere", "/v1/models/unknown"]) {
      expect((await gateway.get(path, { "x-request-id": id })).headers.get("x-request-id")).toBe(id);
    }
  });

  test.each(["", "x".repeat(129), "a b", "a/b", "a,b", "é", '"a"'])("is replaced by a new one: %j", async (id) => {
    const first = (await gateway.get("/healthz", { "x-request-id": id })).headers.get("x-request-id");
    const second = (await gateway.get("/healthz", { "x-request-id": id })).headers.get("x-request-id");
    expect(first).toMatch(/^[\w.-]{1,128}$/);
    expect([id, second]).not.toContain(first);
  });

  test("names the request in the log", async () => {
    await gateway.get("/nowhere", { "x-request-id": "find-me.1" });
    expect(gateway.log().find((line) => line["requestId"] === "find-me.1")).toMatchObject({ status: 404, path: "/nowhere" });
  });

  test("is in the log without what looks like a secret in an address that nobody knows", async () => {
    const [secret, id] = ["sk-canary-0123456789abcdef", "pasted.1"];
    for (const path of [`/${secret}`, `/v1/${secret}/chat/completions`, `/v1/nothing/${secret}`, `/v1/models;key=${secret}`]) {
      expect((await gateway.get(path, { "x-request-id": id })).status).toBe(404);
    }
    const lines = gateway.log().filter((line) => line["requestId"] === id);
    expect(lines.map((line) => line["path"])).toEqual(["/…", "/v1/…/chat/completions", "/v1/nothing/…", "/v1/…"]);
    expect(gateway.logText()).not.toContain(secret);
  });
});

interface BadBody {
  readonly what: string;
  readonly body: string | Buffer;
  readonly headers?: { readonly [name: string]: string };
  readonly status: number;
  readonly code: string;
  readonly param?: string;
}

const invalidJson = { status: 400, code: "invalid_json" };
const unsupported = { status: 415, code: "unsupported_media_type", param: "content-type" };
const unsupportedEncoding = { status: 415, code: "unsupported_media_type", param: "content-encoding" };
const corrupt = gzipSync(good + " ".repeat(1000));
corrupt[30] = (corrupt[30] ?? 0) ^ 255;

/** Bodies that never become an object. */
const badBodies: readonly BadBody[] = [
  { what: "malformed JSON", body: '{"model": openclaw}', ...invalidJson },
  { what: "half of a body", body: good.slice(0, -10), ...invalidJson },
  { what: "more after the body", body: `${good}{}`, ...invalidJson },
  { what: "a number", body: "1", ...invalidJson },
  { what: "text", body: '"openclaw"', ...invalidJson },
  { what: "null", body: "null", ...invalidJson },
  { what: "true", body: "true", ...invalidJson },
  { what: "blanks", body: "   ", ...invalidJson },
  { what: "an array", body: `[${good}]`, status: 400, code: "invalid_type" },
  { what: "an array that is empty", body: "[]", status: 400, code: "invalid_type" },
  { what: "__proto__", body: `{"__proto__": {"stream": true}, ${good.slice(1)}`, ...invalidJson },
  { what: "__proto__ in a message", body: good.replace('"role"', '"__proto__": {"a": 1}, "role"'), ...invalidJson },
  { what: "__proto__ in disguise", body: `{"\\u005f_proto__": {"stream": true}, ${good.slice(1)}`, ...invalidJson },
  { what: "UTF-8 that is none", body: Buffer.from(good.replace("hi", "\xff\xfe"), "latin1"), ...invalidJson },
  { what: "UTF-8 that is cut off", body: Buffer.from(good.replace("hi", "\xeb\xaf"), "latin1"), ...invalidJson },
  { what: "UTF-16", body: Buffer.from(good, "utf16le"), ...invalidJson },
  { what: "arrays a hundred thousand deep", body: "[".repeat(100_000) + "]".repeat(100_000), status: 400, code: "invalid_type" },
  { what: "gzip that is none", body: good, headers: { "content-encoding": "gzip" }, ...invalidJson },
  { what: "corrupt gzip", body: corrupt, headers: { "content-encoding": "gzip" }, ...invalidJson },
  { what: "truncated gzip", body: gzipSync(good).subarray(0, -12), headers: { "content-encoding": "gzip" }, ...invalidJson },
  { what: "deflate that is none", body: good, headers: { "content-encoding": "deflate" }, ...invalidJson },
  { what: "brotli that is none", body: good, headers: { "content-encoding": "br" }, ...invalidJson },
  { what: "gzipped malformed JSON", body: gzipSync("{"), headers: { "content-encoding": "gzip" }, ...invalidJson },
  { what: "zstd", body: good, headers: { "content-encoding": "zstd" }, ...unsupportedEncoding },
  { what: "gzip twice", body: gzipSync(gzipSync(good)), headers: { "content-encoding": "gzip, gzip" }, ...unsupportedEncoding },
  { what: "plain text", body: good, headers: { "content-type": "text/plain" }, ...unsupported },
  { what: "a form", body: "model=openclaw", headers: { "content-type": "application/x-www-form-urlencoded" }, ...unsupported },
  { what: "a multipart form", body: good, headers: { "content-type": "multipart/form-data; boundary=x" }, ...unsupported },
  { what: "some other JSON", body: good, headers: { "content-type": "application/vnd.api+json" }, ...unsupported },
  { what: "no content type", body: good, headers: { "content-type": "" }, ...unsupported },
  { what: "a content type that is none", body: good, headers: { "content-type": ";" }, ...unsupported },
  {
    what: "another charset",
    body: Buffer.from(good.replace("hi", "h\xe9"), "latin1"),
    headers: { "content-type": "application/json; charset=iso-8859-1" },
    ...unsupported,
  },
  {
    what: "a gzip bomb",
    body: gzipSync(Buffer.alloc(2 * maxBodyBytes, " ")),
    headers: { "content-encoding": "gzip" },
    status: 413,
    code: "request_too_large",
  },
  {
    what: "a brotli bomb",
    body: brotliCompressSync(Buffer.alloc(2 * maxBodyBytes, " ")),
    headers: { "content-encoding": "br" },
    status: 413,
    code: "request_too_large",
  },
];

describe("a body", () => {
  test.each(badBodies)("that is refused, with what was wrong: $what", async ({ body, headers = {}, status, code, param = null }) => {
    expectError(await post(body, headers), { status, code, param });
  });

  test("that is empty is refused", async () => {
    expectError(await post(""), { status: 400, code: expect.any(String) as unknown as string });
    expect((await sendRaw(gateway.url, head(chat, { ...bearer, ...json }))).status).toBeLessThan(500);
  });

  test("that is malformed is refused the same when a stream was asked for", async () => {
    expectError(await post('{"stream": true, '), { status: 400, code: "invalid_json" });
    expectError(await exchangeOf(await gateway.chat(say("hi", { stream: true, n: 2 }))), { status: 400, code: "unsupported_parameter" });
  });

  test("is not quoted in the error that refuses it, nor in the log", async () => {
    const { text } = await post('{"model": "openclaw", "user": sesame-open}');
    expect(text).not.toContain("sesame");
    expect(gateway.logText()).not.toContain("sesame");
  });

  test.each([
    ["gzip", gzipSync(good)],
    ["GZIP", gzipSync(good)],
    ["x-gzip", gzipSync(good)],
    ["deflate", deflateSync(good)],
    ["br", brotliCompressSync(good)],
    ["identity", good],
  ])("may be packed with %s", async (encoding, body) => {
    expect((await post(body, { "content-encoding": encoding })).status).toBe(200);
  });

  test.each(["application/json; charset=utf-8", 'Application/JSON;Charset="UTF-8"', "application/json;foo=bar"])(
    "may be %s",
    async (type) => {
      expect((await post(good, { "content-type": type })).status).toBe(200);
    },
  );

  test("may begin with a byte order mark", async () => {
    expect((await post(`\ufeff${good}`)).status).toBe(200);
  });

  test("over the limit is refused in chunks too", async () => {
    let left = maxBodyBytes / 2 ** 20 + 5;
    const body = new ReadableStream({
      pull(controller) {
        if (left-- > 0) controller.enqueue(Buffer.alloc(2 ** 20, " "));
        else controller.close();
      },
    });
    expectError(await post(body), { status: 413, code: "request_too_large", param: null });
  });

  test("of exactly the limit is read", async () => {
    expect((await post(good.padEnd(maxBodyBytes))).status).toBe(200);
    expectError(await post(good.padEnd(maxBodyBytes + 1)), { status: 413, code: "request_too_large" });
  });

  test("of 25 MB is refused so that fetch sees why", async () => {
    for (let round = 0; round < 3; round++) {
      expectError(await post(Buffer.alloc(25_000_000, " ")), { status: 413, code: "request_too_large" });
    }
  });

  test.each([
    ["that is too large", bearer, 413],
    ["without a secret", {}, 401],
    ["without a secret, in chunks", { "transfer-encoding": "chunked" }, 401],
  ])("of 25 MB %s is refused so that a client sees why that sends all of it before it reads", async (_what, headers, status) => {
    const size = 25_000_000;
    const isChunked = "transfer-encoding" in headers;
    const raw = await connectRaw(gateway.url, { readsAfterSending: true });
    raw.send(head(chat, { ...json, ...headers, ...(isChunked ? {} : { "content-length": String(size) }) }));
    if (isChunked) raw.send(`${size.toString(16)}\r\n`);
    raw.send(Buffer.alloc(size, " "));
    if (isChunked) raw.send("\r\n0\r\n\r\n");
    expect((await raw.reply()).status).toBe(status);
    raw.destroy();
  });
});

describe("a hundred thousand levels", () => {
  const deep = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`;
  const withField = (field: string) => `${good.slice(0, -1)},${field}}`;

  test.each([
    ["metadata", `"metadata":${deep}`, "metadata.a"],
    ["logit_bias", `"logit_bias":${deep}`, "logit_bias.a"],
    [
      "the parameters of a tool",
      `"tools":[{"type":"function","function":{"name":"f","parameters":${deep}}}]`,
      "tools[0].function.parameters",
    ],
    [
      "the schema of a reply",
      `"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":${deep}}}`,
      "response_format.json_schema.schema",
    ],
    ["a tool choice", `"tool_choice":${deep}`, "tool_choice.type"],
    ["the stop sequences", `"stop":${deep}`, "stop"],
  ])("in %s are refused", async (_where, field, param) => {
    expectError(await post(withField(field)), { status: 400, code: expect.any(String) as unknown as string, param });
  });

  test("in a field that nobody knows do no harm", async () => {
    expect((await post(withField(`"anything":${deep}`))).status).toBe(200);
    expect((await post(good.replace('"role"', `"anything":${deep},"role"`))).status).toBe(200);
  });

  test("in a message are refused", async () => {
    expectError(await post(good.replace('"hi"', deep)), { status: 400, code: "invalid_type", param: "messages[0].content" });
  });

  test("many wrong items are refused by their first, and more by their number", async () => {
    const body = (count: number): string => `{"model":"openclaw","messages":[${"1,".repeat(count - 1)}1]}`;
    expectError(await post(body(16_384)), { status: 400, code: "invalid_type", param: "messages[0]" });
    expectError(await post(body(200_000)), { status: 400, code: "invalid_value", param: "messages" });
  });
});

test("after each refusal the next request on the same connection is answered, or the connection was said to be closed", async () => {
  let raw = await connectRaw(gateway.url);
  const send = (body: string | Buffer, headers: { readonly [name: string]: string }): Promise<RawReply> => {
    raw.send(head(chat, { ...bearer, ...json, ...headers, "content-length": String(Buffer.byteLength(body)) }), body);
    return raw.reply();
  };
  for (const { what, body, headers = {}, status } of badBodies) {
    const refused = await send(body, headers);
    expect([what, refused.status]).toEqual([what, status]);
    if (refused.headers["connection"] === "close") {
      expect(await raw.closed()).toBe("");
      raw.destroy();
      raw = await connectRaw(gateway.url);
    }
    expect([what, (await send(good, {})).status]).toEqual([what, 200]);
  }
  raw.destroy();
});

test("nothing that a client did was a failure of the gateway's", () => {
  expect(gateway.log().filter((line) => (line["level"] as number) >= 50)).toEqual([]);
});
