/**
 * Bytes on a socket that are no request, or that two readers may take for different ones: an error in the contract's shape and
 * the end of the connection, and a gateway that is none the worse for it. What well-formed requests are refused for is in
 * `test/http/`.
 */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { onProvider } from "../faces/provider.ts";
import { expectError } from "../support/contract-check.ts";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import { head, type RawReply, sendRaw } from "../support/raw-http.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { bearer, begin, chat, expectIdle, good, json, probe, watchOver } from "./support/unharmed.ts";

let stub: StubUpstream;
let gateway: TestGateway;
let expectUnharmed: () => Promise<void>;

beforeAll(async () => {
  stub = await startStubUpstream();
  gateway = await startGateway(onProvider(stub.url));
  // Connections to the provider are kept, and are there from now on.
  await sendRaw(gateway.url, head(chat, { ...bearer, ...json, "content-length": String(good.length) }), good);
  expectUnharmed = watchOver(gateway);
});

afterAll(() => stub.close());

const host = "host: gateway\r\n";
const withBody = (headers: string): string => head(chat, { ...bearer, ...json }).replace(/\r\n$/, `${headers}\r\n\r\n`);
const chunked = withBody("transfer-encoding: chunked");
const size = good.length.toString(16);
const lengths = (...values: readonly string[]): string => withBody(values.map((value) => `content-length: ${value}`).join("\r\n")) + good;

/** Each is read by some parser somewhere, and by another one differently. */
const malformed: { readonly [what: string]: string | Buffer } = {
  "no request line": "hello\r\n\r\n",
  "an unknown method": `BREW /healthz HTTP/1.1\r\n${host}\r\n`,
  "a method in small letters": `get /healthz HTTP/1.1\r\n${host}\r\n`,
  "a method of ten kilobytes": `${"A".repeat(10_240)} /healthz HTTP/1.1\r\n${host}\r\n`,
  "tabs in the request line": `GET\t/healthz\tHTTP/1.1\r\n${host}\r\n`,
  "a path without a slash": `GET healthz HTTP/1.1\r\n${host}\r\n`,
  "a path that is not ASCII": Buffer.from(`GET /민지 HTTP/1.1\r\n${host}\r\n`),
  "a NUL in the path": `GET /heal\0thz HTTP/1.1\r\n${host}\r\n`,
  "HTTP/0.9": "GET /healthz\r\n\r\n",
  "HTTP/1.2": `GET /healthz HTTP/1.2\r\n${host}\r\n`,
  "HTTP/2 in the words of HTTP/1": `GET /healthz HTTP/2.0\r\n${host}\r\n`,
  "the preface of HTTP/2": Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\x04\0\0\0\0\0"),
  "the beginning of TLS": Buffer.from("16030100c8010000c40303", "hex"),
  "a tunnel": "CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n\r\n",
  "no host": "GET /healthz HTTP/1.1\r\n\r\n",
  "no host where there is nothing": "GET /nowhere HTTP/1.1\r\n\r\n",
  "two hosts": `GET /healthz HTTP/1.1\r\n${host}host: other\r\n\r\n`,
  "the same host twice": `GET /healthz HTTP/1.1\r\n${host}Host: gateway\r\n\r\n`,
  "a host with a user": "GET /healthz HTTP/1.1\r\nhost: user@gateway\r\n\r\n",
  "a host with a path": "GET /healthz HTTP/1.1\r\nhost: gateway/v1\r\n\r\n",
  "a host that is markup": "GET /healthz HTTP/1.1\r\nhost: <script>\r\n\r\n",
  "two hosts for a WebSocket": `GET / HTTP/1.1\r\n${host}host: other\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`,
  "an address with a blank": head("POST http://a b/"),
  "a header without a colon": `GET /healthz HTTP/1.1\r\n${host}hello\r\n\r\n`,
  "a header without a name": `GET /healthz HTTP/1.1\r\n${host}: a\r\n\r\n`,
  "a blank before the colon": `GET /healthz HTTP/1.1\r\n${host}x-a : b\r\n\r\n`,
  "a blank before the colon of the length": `${withBody("content-length : 5")}hello`,
  "a blank before the first header": `GET /healthz HTTP/1.1\r\n ${host}\r\n`,
  "a header that goes on in the next line": `GET /healthz HTTP/1.1\r\n${host}x-a: b\r\n c\r\n\r\n`,
  "a secret in the next line": `GET /v1/models HTTP/1.1\r\n${host}authorization: Bearer\r\n ${bearer.authorization.slice(7)}\r\n\r\n`,
  "line feeds alone": "GET /healthz HTTP/1.1\nhost: gateway\n\n",
  "one line feed alone": "GET /healthz HTTP/1.1\r\nhost: gateway\nx-a: b\r\n\r\n",
  "carriage returns alone": "GET /healthz HTTP/1.1\rhost: gateway\r\r",
  "a carriage return in a value": `GET /healthz HTTP/1.1\r\n${host}x-a: b\rc\r\n\r\n`,
  "a NUL in a value": `GET /healthz HTTP/1.1\r\n${host}x-a: b\0c\r\n\r\n`,
  "a NUL in a name": `GET /healthz HTTP/1.1\r\n${host}x\0a: b\r\n\r\n`,
  "two lengths": lengths("5", String(good.length)),
  "the same length twice": lengths(String(good.length), String(good.length)),
  "a list of lengths": lengths(`${good.length}, ${good.length}`),
  "a negative length": lengths("-1"),
  "a length with a plus": lengths(`+${good.length}`),
  "a length in hex": lengths("0x10"),
  "no length where there should be one": lengths(""),
  "a length and more": lengths("5 a"),
  "a length beyond all numbers": lengths("9".repeat(30)),
  "a length and chunks": `${withBody("content-length: 5\r\ntransfer-encoding: chunked")}0\r\n\r\n`,
  "chunks and a length": `${withBody("transfer-encoding: chunked\r\ncontent-length: 5")}0\r\n\r\n`,
  "chunks twice": `${withBody("transfer-encoding: chunked\r\ntransfer-encoding: chunked")}0\r\n\r\n`,
  "chunks of something packed": `${withBody("transfer-encoding: gzip, chunked")}${size}\r\n${good}\r\n0\r\n\r\n`,
  "something packed that was chunked": `${withBody("transfer-encoding: chunked, gzip")}0\r\n\r\n`,
  "another transfer encoding": `${withBody("transfer-encoding: xchunked")}0\r\n\r\n`,
  "a transfer encoding behind a control character": `${withBody("transfer-encoding: \x0bchunked")}0\r\n\r\n`,
  "a transfer encoding that is none": `${withBody("transfer-encoding: identity")}${good}`,
  "chunks in HTTP/1.0": `${chunked.replace("HTTP/1.1", "HTTP/1.0")}${size}\r\n${good}\r\n0\r\n\r\n`,
  "chunks by an offer of HTTP/2, and a length": `${withBody("connection: upgrade\r\nupgrade: h2c\r\ntransfer-encoding: chunked\r\ncontent-length: 3")}0\r\n\r\n`,
  "a chunk of no size": `${chunked}zz\r\n`,
  "a chunk of a negative size": `${chunked}-1\r\n`,
  "a chunk of a size beyond all numbers": `${chunked}${"f".repeat(17)}\r\n`,
  "a chunk's size in C": `${chunked}0x5\r\nhello\r\n0\r\n\r\n`,
  "a chunk's size and a blank": `${chunked}${size} \r\n${good}\r\n0\r\n\r\n`,
  "a chunk's size and a line feed alone": `${chunked}${size}\n${good}\r\n0\r\n\r\n`,
  "a chunk that is longer than it says": `${chunked}5\r\nhelloXX0\r\n\r\n`,
  "a chunk extension of twenty kilobytes": `${chunked}${size};a=${"b".repeat(20_000)}\r\n${good}\r\n0\r\n\r\n`,
  "a trailer that is no header": `${chunked}${size}\r\n${good}\r\n0\r\nx a: b\r\n\r\n`,
  "a trailer that is a length": `${chunked}${size}\r\n${good}\r\n0\r\ncontent-length: 3\r\n\r\n`,
};

test.each(Object.keys(malformed))("%s: is refused, and the connection is closed", async (what) => {
  const raw = await begin(gateway, malformed[what]!);
  const reply = await raw.reply();
  expectError(reply, { status: 400, code: "invalid_value", param: null });
  expect(reply.headers["connection"]).toBe("close");
  expect(await raw.closed()).toBe("");
  raw.destroy();
});

test("whoever stops within its body is told", async () => {
  const raw = await begin(gateway, withBody("content-length: 1000"), '{"mod');
  raw.end();
  expectError(await raw.reply(), { status: 400, code: "invalid_value" });
  raw.destroy();
});

/** Unusual, and yet to be read in one way only. */
const wellFormed: { readonly [what: string]: readonly [bytes: string, status: number] } = {
  "HTTP/1.0 without a host": ["GET /healthz HTTP/1.0\r\n\r\n", 200],
  "an empty host": ["GET /healthz HTTP/1.1\r\nhost:\r\n\r\n", 200],
  "empty lines first": [`\r\n\r\n\r\nGET /healthz HTTP/1.1\r\n${host}\r\n`, 200],
  "a host of an address with a port": ["GET /healthz HTTP/1.1\r\nhost: [::1]:18789\r\n\r\n", 200],
  "a host of an address on a link": ["GET /healthz HTTP/1.1\r\nhost: [fe80::1%25eth0]:18789\r\n\r\n", 200],
  "a host with a name of a container": ["GET /healthz HTTP/1.1\r\nhost: my_gateway.:18789\r\n\r\n", 200],
  "a body where none belongs": [`GET /healthz HTTP/1.1\r\n${host}content-length: 5\r\n\r\nhello`, 200],
  "chunks where no body belongs": [`GET /healthz HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`, 200],
  "a chunk with an extension": [`${chunked}${size};a=b\r\n${good}\r\n0\r\n\r\n`, 200],
  "a secret and a session in a trailer": [
    `${chunked.replace(/authorization.*\r\n/, "")}2\r\n{}\r\n0\r\n${head("", bearer).slice(11)}`,
    401,
  ],
  "an address of another host": [head("GET http://other.example/healthz"), 200],
  "an address with a user": [head("GET http://user:secret@gateway/v1/models"), 401],
  "an address of what needs a secret": [head("GET http://localhost/v1/models"), 401],
  "an address that is none": [head("GET http://[/healthz"), 400],
  "dots that lead to what needs no secret": [head("GET /v1/../healthz"), 404],
  "dots that lead to what needs one": [head("GET /healthz/../v1/models"), 404],
  "dots in an address": [head("GET http://gateway/healthz/../v1/models"), 404],
  "dots in disguise": [head("GET /v1/%2e%2e/healthz"), 404],
  "a slash in disguise": [head("GET /v1%2fmodels"), 404],
  "letters in disguise": [head("GET /%76%31/models"), 404],
  "two slashes": [head("GET //v1/models"), 404],
  "a backslash": [head("GET /v1\\models"), 404],
  "a parameter of a path": [head("GET /v1/models;a=b"), 404],
  capitals: [head("GET /HEALTHZ"), 404],
  "a model that is dots": [head("GET /v1/models/%2e%2e%2f", bearer), 404],
  "a model above the models": [head("GET /v1/models/../models", bearer), 404],
  "a session above the sessions": [head("GET /v1/sessions/../../healthz"), 401],
  "OPTIONS of the whole": [head("OPTIONS *"), 404],
  TRACE: [head("TRACE /healthz", bearer), 405],
  "another protocol that nobody speaks": [head("GET /healthz", { connection: "upgrade", upgrade: "tls/1.0" }), 200],
  "a WebSocket where there is none": [head("GET /healthz", { connection: "upgrade", upgrade: "websocket" }), 404],
  "an expectation that nobody knows": [head("GET /nowhere", { expect: "a-miracle" }), 404],
  "two secrets, the wrong one first": [
    `GET /v1/models HTTP/1.1\r\n${host}authorization: Bearer wrong\r\nauthorization: ${bearer.authorization}\r\n\r\n`,
    401,
  ],
};

test.each(Object.keys(wellFormed))("%s: is answered for what it is", async (what) => {
  const [bytes, status] = wellFormed[what]!;
  const reply = await sendRaw(gateway.url, bytes);
  expect(reply.status).toBe(status);
  if (status !== 200) expectError(reply, { status, code: expect.any(String) as unknown as string });
});

test("headers beyond the first two thousand count as well", async () => {
  const many = "a: b\r\n".repeat(3_000);
  const late = `GET /v1/models HTTP/1.1\r\n${many}${host}authorization: ${bearer.authorization}\r\n\r\n`;
  expect((await sendRaw(gateway.url, late)).status).toBe(200);
  const twice = `GET /v1/models HTTP/1.1\r\n${host}${many}host: other\r\n\r\n`;
  expectError(await sendRaw(gateway.url, twice), { status: 400, code: "invalid_value" });
});

describe("requests sent in one go on one connection", () => {
  const models = (headers: { readonly [name: string]: string } = {}): string => head("GET /v1/models", headers);
  const asked = (body: string): string => head(chat, { ...bearer, ...json, "content-length": String(Buffer.byteLength(body)) }) + body;

  async function repliesTo(requests: string, count: number): Promise<RawReply[]> {
    const raw = await begin(gateway, requests);
    const replies: RawReply[] = [];
    for (let n = 0; n < count; n++) replies.push(await raw.reply());
    raw.destroy();
    return replies;
  }

  test("are authenticated one by one, and answered in their order", async () => {
    const wrong = { authorization: "Bearer wrong" };
    const replies = await repliesTo([models(wrong), models(bearer), models(), asked(good), models(wrong), models(bearer)].join(""), 6);
    expect(replies.map(({ status }) => status)).toEqual([401, 200, 401, 200, 401, 200]);
  });

  test("do not hide in each other's bodies", async () => {
    const hidden = models(bearer);
    const outer = head("GET /healthz", { "content-length": String(hidden.length) }) + hidden;
    const replies = await repliesTo(outer + models(), 2);
    expect(replies.map(({ status }) => status)).toEqual([200, 401]);
  });

  test.each([false, true])("are all answered before what is no request behind them is refused (stream: %s)", async (stream) => {
    const raw = await begin(gateway, asked(JSON.stringify(say("hi", { stream }))), models(), "no request\r\n\r\n", "nor this\r\n\r\n");
    const first = await raw.reply();
    expect(first.status).toBe(200);
    expect(first.text).toContain(stream ? "[DONE]" : "Hello from the stub.");
    expect((await raw.reply()).status).toBe(401);
    expectError(await raw.reply(), { status: 400, code: "invalid_value" });
    expect(await raw.closed()).toBe("");
    raw.destroy();
  });

  test("are too many when more than a hundred wait for the first", async () => {
    stub.reply("hang");
    const [seen, aborted] = [stub.requestCount, stub.aborted];
    const raw = await begin(gateway, asked(good));
    await stub.waitForRequest(seen + 1);
    raw.send(models(bearer).repeat(1_000));
    expect(await raw.closed()).toBe("");
    await stub.waitForAbort(aborted + 1);
    await expectIdle(gateway);
    raw.destroy();
  });
});

test("others are answered while a request is half there, and afterwards the gateway is what it was", async () => {
  const halves = ["GET /hea", "GET /healthz HTTP/1.1\r\nhost: ga", withBody("content-length: 100"), `${chunked}7fffffffffffffff\r\n{`];
  const open = [];
  for (const half of halves) open.push(await begin(gateway, half));
  expect((await probe(gateway)).status).toBe(200);
  for (const raw of open) raw.destroy();
  await expectUnharmed();
  expect(gateway.log().filter((line) => (line["level"] as number) >= 50)).toEqual([]);
});
