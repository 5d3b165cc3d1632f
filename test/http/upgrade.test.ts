/** Requests that ask for another protocol on the gateway's port: WebSocket at `/`, and nothing else but HTTP. */
import { beforeAll, describe, expect, test } from "@jest/globals";
import { WebSocket } from "ws";
import { say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { connectRaw, type RawReply } from "../support/raw-http.ts";
import { RpcClient } from "../support/rpc-client.ts";
import { scrapeUntil, total } from "../telemetry/exposition.ts";

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway();
});

const handshake =
  "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const offersHttp2 = "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";

async function replyTo(request: string): Promise<RawReply> {
  const raw = await connectRaw(gateway.url);
  raw.send(request);
  return raw.reply();
}

function errorIn({ text }: RawReply): unknown {
  return (JSON.parse(text) as { error: unknown }).error;
}

describe("a WebSocket", () => {
  test("is at / only, whatever follows in the query", async () => {
    const client = new RpcClient(`${gateway.url}/?from=somewhere`);
    await client.challenge();
    await client.close();
    const refused = await replyTo(`GET /v1/models HTTP/1.1\r\nhost: x\r\n${handshake}\r\n`);
    expect(refused.status).toBe(404);
    expect(errorIn(refused)).toEqual({
      message: "There is no WebSocket at /v1/models. It is at /.",
      type: "invalid_request_error",
      param: null,
      code: "not_found",
    });
  });

  test.each([
    ["without a key", "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"],
    ["of another version", handshake.replace(": 13", ": 7")],
  ])("%s is refused in the words of the other replies", async (_name, headers) => {
    const refused = await replyTo(`GET / HTTP/1.1\r\nhost: x\r\n${headers}\r\n`);
    expect(refused.status).toBe(400);
    expect(errorIn(refused)).toMatchObject({
      code: "invalid_value",
      message: expect.stringContaining("no well-formed WebSocket handshake"),
    });
  });

  test("that is refused is in the log, once a minute for each reason, and every one is in the metrics", async () => {
    const other = await startGateway({ gateway: { trustedProxies: ["127.0.0.1"] } });
    const ask = async (path: string, headers: string): Promise<number> => {
      const raw = await connectRaw(other.url);
      raw.send(`GET ${path} HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.7\r\n${headers}\r\n`);
      return (await raw.reply()).status;
    };
    for (let n = 0; n < 3; n++) expect(await ask("/v1/models?key=private", handshake)).toBe(404);
    expect(await ask("/", handshake.replace(": 13", ": 7"))).toBe(400);
    const lines = other.log().filter(({ msg }) => msg === "websocket upgrade refused");
    expect(lines.map(({ level, code, client, count }) => [level, code, client, count])).toEqual([
      [40, "not_found", "192.0.2.7", 1],
      [40, "invalid_value", "192.0.2.7", 1],
    ]);
    expect(other.logText()).not.toContain("private");
    const labels = (status: string, code: string) => ({ operation: "none", status, code });
    const numbers = await scrapeUntil(other, (all) => total(all, "clawgate_http_requests_total", labels("404", "not_found")) === 3);
    expect(total(numbers, "clawgate_http_requests_total", labels("400", "invalid_value"))).toBe(1);
  });

  test("that is refused is in the log without what looks like a secret in its address, and the asker reads it whole", async () => {
    const other = await startGateway();
    const raw = await connectRaw(other.url);
    raw.send(`GET /ws/sk-canary-0123456789abcdef HTTP/1.1\r\nhost: x\r\n${handshake}\r\n`);
    const message = "There is no WebSocket at /ws/sk-canary-0123456789abcdef. It is at /.";
    expect(errorIn(await raw.reply())).toMatchObject({ code: "not_found", message });
    const lines = other.log().filter(({ msg }) => msg === "websocket upgrade refused");
    expect(lines.map(({ reason }) => reason)).toEqual(["There is no WebSocket at /ws/…. It is at /."]);
    expect(other.logText()).not.toContain("canary");
  });

  test("that is asked for behind another request waits for the reply to that", async () => {
    const raw = await connectRaw(gateway.url);
    const body = JSON.stringify(say("hi"));
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${testToken}\r\ncontent-type: application/json\r\n`;
    const behind = `GET / HTTP/1.1\r\nhost: x\r\n${handshake}\r\n`;
    raw.send(`${head}content-length: ${body.length}\r\n\r\n${body}${head}content-length: ${body.length}\r\n\r\n${body}${behind}`);
    expect([(await raw.reply()).status, (await raw.reply()).status]).toEqual([200, 200]);
    expect((await raw.reply()).status).toBe(101);
    raw.destroy();
  });

  test("is there with the chat endpoint switched off", async () => {
    const off = await startGateway({ gateway: { port: 0, auth: { mode: "token", token: testToken } } });
    await (await RpcClient.connect(off.url)).request("agent", { message: "hi" });
  });

  test("has a page's ordinary client as well", async () => {
    const socket = new WebSocket(gateway.url.replace("http", "ws"), [], { perMessageDeflate: true });
    await new Promise((resolve) => socket.once("message", resolve));
    expect(socket.extensions).toBe("");
    socket.terminate();
  });
});

describe("whoever offers HTTP/2 on the way", () => {
  test("gets its reply all the same, body and all, and goes on with the connection", async () => {
    const raw = await connectRaw(gateway.url);
    const body = JSON.stringify(say("hi"));
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n${offersHttp2}authorization: Bearer ${testToken}\r\ncontent-type: application/json\r\n`;
    raw.send(`${head}content-length: ${body.length}\r\n\r\n`, body);
    const reply = await raw.reply();
    expect({ status: reply.status, object: (JSON.parse(reply.text) as { object: string }).object }).toEqual({
      status: 200,
      object: "chat.completion",
    });
    raw.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    expect((await raw.reply()).status).toBe(200);
    raw.send(`GET /healthz HTTP/1.1\r\nhost: x\r\n${offersHttp2}\r\n`);
    expect((await raw.reply()).status).toBe(200);
    raw.destroy();
  });

  test("with a body that comes later, in chunks", async () => {
    const raw = await connectRaw(gateway.url);
    const body = JSON.stringify(say("hi"));
    raw.send(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n${offersHttp2}authorization: Bearer ${testToken}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    raw.send(`${body.length.toString(16)}\r\n${body}\r\n`);
    raw.send("0\r\n\r\n");
    expect((await raw.reply()).status).toBe(200);
    raw.destroy();
  });
});
