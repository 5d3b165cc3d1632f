/** Frames as no well-behaved client sends them: each ends with its close code, and nobody else notices. */
import { connect, type Socket } from "node:net";
import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import { RpcClient } from "../support/rpc-client.ts";

let gateway: TestGateway;
let bystander: RpcClient;

beforeAll(async () => {
  gateway = await startGateway();
  bystander = await RpcClient.connect(gateway.url);
});

afterEach(async () => {
  await bystander.request("health");
  expect((await gateway.chat(say("hi"))).status).toBe(200);
});

afterAll(() => bystander.close());

describe("after hello-ok", () => {
  test.each<[string, string, string]>([
    ["what is no JSON", "{", "The frame is not JSON, or has a key named __proto__."],
    ["a list", "[]", "The frame is not a JSON object."],
    ["an answer", '{"type":"res","id":"1","ok":true}', 'Clients send frames of type "req" only.'],
    ["a request without an id", '{"type":"req","method":"health"}', "A request needs an id of 1 to 256 characters."],
    ["a request without a method", '{"type":"req","id":"1"}', "A request needs a method."],
    [
      "a request with more to it",
      '{"type":"req","id":"1","method":"health","then":1}',
      "A request has type, id, method and params, and nothing else.",
    ],
    [
      "a key that reaches for a prototype",
      '{"type":"req","id":"1","method":"health","params":{"__proto__":{}}}',
      "The frame is not JSON, or has a key named __proto__.",
    ],
  ])("%s ends the connection with 1008", async (_name, text, reason) => {
    const client = await RpcClient.connect(gateway.url);
    client.socket.send(text);
    expect(await client.closed).toEqual({ code: 1008, reason });
  });

  test("binary frames end it with 1003", async () => {
    const client = await RpcClient.connect(gateway.url);
    client.socket.send(Buffer.from('{"type":"req","id":"1","method":"health"}'), { binary: true });
    expect(await client.closed).toMatchObject({ code: 1003 });
  });

  test("a frame over policy.maxPayload ends it with 1009", async () => {
    const small = await startGateway({}, { rpcLimits: { maxPayload: 100_000 } });
    const client = await RpcClient.connect(small.url);
    expect(client.hello.policy.maxPayload).toBe(100_000);
    await client.request("agent", { message: "x".repeat(90_000) });
    client.socket.send(JSON.stringify({ type: "req", id: "x", method: "agent", params: { message: "x".repeat(100_000) } }));
    expect(await client.closed).toMatchObject({ code: 1009 });
  });

  test("a request may come in pieces, with a ping between them", async () => {
    const client = await RpcClient.connect(gateway.url);
    const inPieces = (frame: string): void => {
      client.socket.send(frame.slice(0, 10), { fin: false });
      client.socket.ping();
      client.socket.send(frame.slice(10), { fin: true });
    };
    expect((await client.start("health", {}, inPieces).final).payload).toMatchObject({ ok: true });
  });

  test("unknown methods and parameters are answered by name", async () => {
    const client = await RpcClient.connect(gateway.url);
    const unknown = await client.refusal("sessions.patch", {});
    expect(unknown).toMatchObject({ code: "INVALID_REQUEST", detail: "UNKNOWN_METHOD" });
    const refused = await client.refusal("agent", { message: "hi", to: "+15550100" });
    expect(refused).toMatchObject({ code: "INVALID_REQUEST", detail: "unsupported_parameter", message: "'to' is not supported here." });
    const deliver = await client.refusal("agent", { message: "hi", deliver: true });
    expect(deliver).toMatchObject({ detail: "invalid_value", message: "'deliver' must be false." });
    const list = await client.refusal("agent", []);
    expect(list).toMatchObject({ detail: "invalid_type", message: "'params' of agent must be an object." });
    for (const name of ["constructor", "__proto__", "toString", "connect "]) {
      expect(await client.refusal(name)).toMatchObject({ detail: "UNKNOWN_METHOD" });
    }
  });
});

/** A connection that speaks the framing by hand. */
async function rawWebSocket(url: string): Promise<{ socket: Socket; closeCode: Promise<number | undefined> }> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let received = Buffer.alloc(0);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => undefined);
  const upgraded = new Promise<void>((resolve) => {
    socket.on("data", (piece) => {
      received = Buffer.concat([received, piece]);
      if (received.includes("\r\n\r\n")) resolve();
    });
  });
  const key = randomBytes(16).toString("base64");
  socket.write(
    `GET / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`,
  );
  await upgraded;
  const closeCode = closed.then(() => {
    const at = received.lastIndexOf(0x88);
    return at < 0 || received.length < at + 4 ? undefined : received.readUInt16BE(at + 2);
  });
  return { socket, closeCode };
}

describe("framing that is wrong in itself", () => {
  test.each<[string, Buffer, number]>([
    ["unmasked", Buffer.concat([Buffer.from([0x81, 2]), Buffer.from("{}")]), 1002],
    ["with a reserved bit", Buffer.from([0xc1, 0x80, 0, 0, 0, 0]), 1002],
    ["of an unknown kind", Buffer.from([0x83, 0x80, 0, 0, 0, 0]), 1002],
    ["a continuation of nothing", Buffer.from([0x80, 0x80, 0, 0, 0, 0]), 1002],
    ["not UTF-8", Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe]), 1007],
    ["longer than numbers go", Buffer.from([0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), 1009],
  ])("%s is closed with its code", async (_name, bytes, code) => {
    const { socket, closeCode } = await rawWebSocket(gateway.url);
    socket.write(bytes);
    expect(await closeCode).toBe(code);
  });

  test("a connection that breaks off in the middle of a frame leaves nothing behind", async () => {
    const { socket, closeCode } = await rawWebSocket(gateway.url);
    const before = (await bystander.request("status")).connections;
    socket.write(Buffer.from([0x81, 0xfe, 0xff, 0xff, 1, 2, 3, 4, 5]));
    socket.resetAndDestroy();
    await closeCode;
    while ((await bystander.request("status")).connections >= before) await new Promise((resolve) => setImmediate(resolve));
  });
});

describe("a connection", () => {
  test("has so many requests under way, and not one more", async () => {
    const few = await startGateway({}, { rpcLimits: { maxRequests: 2 } });
    const client = await RpcClient.connect(few.url);
    const waiting = ["a", "b"].map(() => client.request("health"));
    const third = client.request("health").catch((thrown: unknown) => thrown);
    expect(await third).toMatchObject({ code: "UNAVAILABLE", detail: "TOO_MANY_REQUESTS" });
    await Promise.all(waiting);
    await client.request("health");
  });

  test("hears a tick now and then, in the numbered order of its events", async () => {
    const ticking = await startGateway({}, { rpcLimits: { tickIntervalMs: 250 } });
    const client = await RpcClient.connect(ticking.url);
    await client.until(() => client.events.filter(({ event }) => event === "tick").length >= 3);
    expect(client.events.filter(({ event }) => event === "tick").map(({ seq }) => seq)).toEqual(
      client.events.slice(1).map((_, at) => at + 1),
    );
  });

  test("that answers no ping is cut", async () => {
    const ticking = await startGateway({}, { rpcLimits: { tickIntervalMs: 250 } });
    const dead = await RpcClient.connect(ticking.url, { socket: { autoPong: false } });
    expect(await dead.closed).toMatchObject({ code: 1006 });
    const alive = await RpcClient.connect(ticking.url);
    await alive.until(() => alive.events.filter(({ event }) => event === "tick").length >= 3);
  });

  test("is told when the gateway stops, and closed", async () => {
    const stopping = await startGateway();
    const client = await RpcClient.connect(stopping.url);
    const stranger = new RpcClient(stopping.url);
    await stranger.challenge();
    await stopping.close();
    expect(await client.closed).toEqual({ code: 1012, reason: "service restart" });
    expect(client.events.at(-1)).toMatchObject({ event: "shutdown", payload: { reason: "gateway stopping" } });
    expect(await stranger.closed).toMatchObject({ code: 1012 });
  });
});
