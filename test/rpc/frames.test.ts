/** Frames as no well-behaved client sends them: each ends with its close code, and nobody else notices. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { say, startGateway, type TestGateway } from "../support/gateway.ts";
import { RpcClient } from "../support/rpc-client.ts";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { closeFrame, frame, opcodes, openRawWebSocket } from "./raw-websocket.ts";

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

const { text, binary, continuation, ping, pong } = opcodes;
const health = (id: string): string => JSON.stringify({ type: "req", id, method: "health" });

describe.each([
  ["before connect", false],
  ["after hello-ok", true],
])("framing that is wrong in itself, %s,", (_when, greets) => {
  test.each<[string, Buffer, number]>([
    ["unmasked", frame(text, "{}", { isMasked: false }), 1002],
    ["with the bit of a compression that was not agreed on", frame(text, "", { reserved: 4 }), 1002],
    ["with the second reserved bit", frame(text, "", { reserved: 2 }), 1002],
    ["with the third reserved bit", frame(text, "", { reserved: 1 }), 1002],
    ...[0x3, 0x7, 0xb, 0xf].map((opcode): [string, Buffer, number] => [`of the unknown kind ${opcode}`, frame(opcode), 1002]),
    ["a ping of 126 bytes", frame(ping, Buffer.alloc(126)), 1002],
    ["a ping with a length of 64 bits", frame(ping, "", { length: 70_000n }), 1002],
    ["a ping in pieces", frame(ping, "", { isLast: false }), 1002],
    ["a pong in pieces", frame(pong, "", { isLast: false }), 1002],
    ["a close frame in pieces", frame(opcodes.close, "", { isLast: false }), 1002],
    ["a continuation of nothing", frame(continuation, "x"), 1002],
    ["a text within a text", Buffer.concat([frame(text, "{", { isLast: false }), frame(text, "}")]), 1002],
    ["binary data within a text", Buffer.concat([frame(text, "{", { isLast: false }), frame(binary, "}")]), 1002],
    ["no UTF-8", frame(text, Buffer.from([0xff, 0xfe])), 1007],
    ["half a surrogate pair in UTF-8", frame(text, Buffer.from([0xed, 0xa0, 0x80])), 1007],
    ["an overlong NUL in UTF-8", frame(text, Buffer.from([0xc0, 0x80])), 1007],
    [
      "half a character at the end of the pieces",
      Buffer.concat([frame(text, "", { isLast: false }), frame(continuation, Buffer.from([0xc3]))]),
      1007,
    ],
    ["a close frame of one byte", frame(opcodes.close, Buffer.from([3])), 1002],
    ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000].map((code): [string, Buffer, number] => [
      `a close code of ${code}`,
      closeFrame(code),
      1002,
    ]),
    ["a close reason that is no UTF-8", closeFrame(1000, Buffer.from([0xff])), 1007],
    ["longer than numbers go", frame(text, "", { length: 0xffff_ffff_ffff_ffffn }), 1009],
    ["of a negative length", frame(text, "", { length: 0x8000_0000_0000_0001n }), 1009],
    ["longer than the gateway takes", frame(text, "", { length: 100_000_000n }), 1009],
    ["binary in pieces", Buffer.concat([frame(binary, "{", { isLast: false }), frame(continuation, "}")]), 1003],
    ["another protocol", Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n"), 1002],
  ])("%s is closed with its code", async (_name, bytes, code) => {
    const raw = await openRawWebSocket(gateway.url, { greets });
    raw.send(bytes);
    expect((await raw.closed)?.code).toBe(code);
  });

  test("one that breaks off in the middle of a frame leaves nothing behind", async () => {
    const { socket, send, closed } = await openRawWebSocket(gateway.url, { greets });
    const before = (await bystander.request("status")).connections;
    send(Buffer.from([0x81, 0xfe, 0xff, 0xff, 1, 2, 3, 4, 5]));
    socket.resetAndDestroy();
    await closed;
    while ((await bystander.request("status")).connections >= before) await new Promise((resolve) => setImmediate(resolve));
  });
});

describe("what is right, and far too much of it,", () => {
  test("such as a request in a hundred thousand pieces, empty or not, ends the connection", async () => {
    for (const piece of [frame(continuation, " ", { isLast: false }), frame(continuation, "", { isLast: false })]) {
      const raw = await openRawWebSocket(gateway.url, { greets: true });
      raw.send(frame(text, "{", { isLast: false }), Buffer.concat(Array<Buffer>(100_000).fill(piece)));
      expect(await raw.closed).toMatchObject({ code: 1008 });
    }
  });

  test.each([
    ["lists in lists", "[".repeat(1_000_000)],
    ["lists beside lists", `[${"[],".repeat(300_000)}[]]`],
    ["numbers", `[${"1,".repeat(500_000)}1]`],
    ["objects in objects", `${'{"a":'.repeat(200_000)}1${"}".repeat(200_000)}`],
  ])("such as a request of %s, is not even parsed", async (_name, value) => {
    const client = await RpcClient.connect(gateway.url);
    client.socket.send(`{"type":"req","id":"1","method":"health","params":${value}}`);
    expect(await client.closed).toEqual({ code: 1008, reason: "The frame has more than 10000 values in it." });
  });

  test("unless it is text that only looks like that", async () => {
    const client = await RpcClient.connect(gateway.url);
    const message = `${'[{"a":1},'.repeat(20_000)}\\"`;
    const { runId } = await client.request("agent", { message, idempotencyKey: "brackets" });
    expect(runId).toMatch(/^[\da-f]{32}$/);
  });

  test("such as two thousand requests in one go, is answered one after another", async () => {
    const client = await RpcClient.connect(gateway.url);
    const answers = Array.from({ length: 2_000 }, () => client.request("health"));
    expect((await Promise.all(answers)).every(({ ok }) => ok)).toBe(true);
  });

  test("such as pings, keeps nobody else waiting", async () => {
    const raw = await openRawWebSocket(gateway.url, { greets: true });
    raw.send(Buffer.concat(Array<Buffer>(20_000).fill(frame(ping, "x".repeat(100)))), frame(text, health("behind them")), closeFrame(1000));
    await bystander.request("health");
    // Whoever does not take the answers is cut.
    expect([undefined, 1000]).toContain((await raw.closed)?.code);
  });

  test("is not told back: neither a key of a megabyte, nor a name", async () => {
    const client = await RpcClient.connect(gateway.url);
    const long = "k".repeat(1_000_000);
    const key = await client.refusal("agent", { message: "hi", [long]: 1 });
    expect(key).toMatchObject({ detail: "unsupported_parameter", message: `'${"k".repeat(128)}' is not supported here.` });
    for (const [method, params] of [
      ["chat.history", { sessionKey: "x", agentId: long }],
      ["chat.abort", { sessionKey: "x", agentId: long }],
      ["sessions.get", { key: "x", agentId: long }],
      ["sessions.export", { key: "x", agentId: long }],
      ["sessions.reset", { key: "x", agentId: long }],
      ["sessions.delete", { key: "x", agentId: long }],
    ] as const) {
      expect(await client.refusal(method, params)).toMatchObject({ message: "'agentId' must not have more than 64 characters." });
    }
  });
});

describe("a connection", () => {
  test("has so many requests under way, and not one more", async () => {
    const held = await startHeldUpstream();
    const models = { providers: { held: { baseUrl: held.url } } };
    const agents = { defaults: { model: "held/model" }, entries: { main: { default: true } } };
    const few = await startGateway({ models, agents }, { rpcLimits: { maxRequests: 2 } });
    const client = await RpcClient.connect(few.url);
    const call = client.start("agent", { message: "hi" });
    const { runId } = await call.accepted();
    const waiting = client.request("agent.wait", { runId });
    expect(await client.refusal("health")).toMatchObject({ code: "UNAVAILABLE", detail: "TOO_MANY_REQUESTS" });
    (await held.next()).finish();
    expect((await Promise.all([call.final, waiting]))[1]).toMatchObject({ status: "ok" });
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
