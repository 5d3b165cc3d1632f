/**
 * Clients that do not do what clients do: they read slowly, send half of what they began, come in crowds, and leave at any
 * moment. What they cost is bounded, and nothing of it is left when they are gone. Readers that take nothing at all are in
 * `test/faces/sse.test.ts`.
 */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { gatewayWith, onProvider } from "../faces/provider.ts";
import { expectError } from "../support/contract-check.ts";
import { say, startGateway, type TestConfig, type TestGateway } from "../support/gateway.ts";
import { stdioServer } from "../support/mcp.ts";
import { head, type RawConnection, type RawReply, sendRaw } from "../support/raw-http.ts";
import { type StubScript, type StubUpstream, startStubUpstream } from "../support/stub-upstream.ts";
import { bearer, begin, chat, expectIdle, good, json, post, probe, until, watchOver } from "./support/unharmed.ts";
import { startWeighedGateway, type WeighedGateway } from "./support/weighed-gateway.ts";

const megabyte = 2 ** 20;
const inSession = (key: string) => ({ "x-openclaw-session-key": key });

let stub: StubUpstream;

beforeAll(async () => {
  stub = await startStubUpstream();
});

afterAll(() => stub.close());

function requestOf(body: object, headers: { readonly [name: string]: string } = {}): string {
  const text = JSON.stringify(body);
  return head(chat, { ...bearer, ...json, "content-length": String(Buffer.byteLength(text)), ...headers }) + text;
}

describe("a slow reader of a stream without end", () => {
  /** The full form reads for a minute; the short one as often as this, without a pause. */
  const seconds = process.env["HOSTILE_FULL"] === "1" ? 60 : 0;
  const sips = 50;
  const sipBytes = 1024;

  /** Opens a stream of its own and takes nothing of it by itself. */
  function openReader({ url }: WeighedGateway): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port) }, () => {
        socket.write(requestOf(say("hi", { stream: true })));
        resolve(socket);
      });
      socket.once("error", reject);
    });
  }

  /** Resolves when the provider could hand on nothing more while the gateway answered others many times. */
  async function untilHeldBack(gateway: WeighedGateway): Promise<void> {
    for (let calm = 0, before = -1; calm < 50; calm++) {
      expect((await sendRaw(gateway.url, head("GET /healthz", { connection: "close" }))).status).toBe(200);
      if (stub.bytesWritten !== before) calm = 0;
      before = stub.bytesWritten;
    }
  }

  test("costs less than 20 MB, and nobody else anything; when it has gone nothing is left of it", async () => {
    const gateway = await startWeighedGateway(onProvider(stub.url));
    expect((await sendRaw(gateway.url, requestOf(say("hi")))).status).toBe(200);
    const before = await gateway.weigh();
    const aborted = stub.aborted;
    stub.always({ text: "y".repeat(4096), chunks: Infinity });
    const reader = await openReader(gateway);
    await untilHeldBack(gateway);
    for (let sip = 0; sip < sips + seconds; sip++) {
      reader.read(sipBytes);
      if (sip >= sips) await sleep(1_000);
      stub.reply({ text: "Not held up." });
      expect((await sendRaw(gateway.url, requestOf(say("hi")))).text).toContain("Not held up.");
    }
    await untilHeldBack(gateway);
    const during = await gateway.weigh();
    expect((during.held - before.held) / megabyte).toBeLessThan(20);
    expect(stub.bytesWritten / megabyte).toBeLessThan(32);
    reader.destroy();
    await stub.waitForAbort(aborted + 1);
    stub.always({ text: "Hello from the stub." });
    expect((await sendRaw(gateway.url, requestOf(say("hi")))).status).toBe(200);
    const after = await gateway.weigh();
    expect((after.held - before.held) / megabyte).toBeLessThan(5);
  });
});

describe("five hundred connections on which half a request comes", () => {
  const halves = [
    "",
    "POST /v1/chat/comp",
    head(chat, { ...bearer, ...json, "content-length": "1000" }),
    `${head(chat, { ...bearer, ...json, "transfer-encoding": "chunked" })}5\r\n{`,
    head("GET /healthz").slice(0, -2),
  ];

  test("keep nobody else out, and are let go when their time is over", async () => {
    const hurried = await startGateway({
      gateway: { ...gatewayWith({}), http: { requestTimeoutMs: 3_000, endpoints: { chatCompletions: { enabled: true } } } },
    });
    const expectUnharmed = watchOver(hurried);
    const open: RawConnection[] = [];
    for (let n = 0; n < 500; n++) open.push(await begin(hurried, halves[n % halves.length]!));
    expect((await post(hurried, good)).status).toBe(200);
    for (const raw of open) {
      expectError(await raw.reply(), { status: 408, code: "request_timeout" });
      await raw.closed();
      raw.destroy();
    }
    await expectUnharmed();
    await hurried.close();
  });
});

describe("a flood of connections", () => {
  const limitedTo = (maxConnections: number): TestConfig => ({
    gateway: { ...gatewayWith({}), http: { maxConnections, endpoints: { chatCompletions: { enabled: true } } } },
  });

  /** Connections that were answered once, and stay. */
  async function stay(gateway: TestGateway, count: number): Promise<RawConnection[]> {
    const open: RawConnection[] = [];
    for (let n = 0; n < count; n++) {
      const raw = await begin(gateway, head("GET /healthz"));
      expect((await raw.reply()).status).toBe(200);
      open.push(raw);
    }
    return open;
  }

  test("is taken up to the limit: what is more is closed at once, and the log says so once", async () => {
    const gateway = await startGateway(limitedTo(20));
    const expectUnharmed = watchOver(gateway);
    const open = await stay(gateway, 20);
    for (let n = 0; n < 100; n++) {
      const refused = await begin(gateway, head("GET /healthz"));
      expect(await refused.closed()).toBe("");
      refused.destroy();
    }
    for (const raw of open) raw.send(head("GET /healthz"));
    for (const raw of open) expect((await raw.reply()).status).toBe(200);
    const told = gateway.log().filter(({ msg }) => (msg as string).includes("gateway.http.maxConnections"));
    expect(told).toMatchObject([{ level: 40, connections: 20 }]);
    for (const raw of open) raw.destroy();
    // The first that are let in again may come before the others are seen to have gone.
    await untilLetIn(gateway);
    await expectUnharmed();
  });

  test("is taken up to another limit as soon as the config says so", async () => {
    const gateway = await startGateway(limitedTo(1));
    const [first] = await stay(gateway, 1);
    const refused = await begin(gateway, head("GET /healthz"));
    expect(await refused.closed()).toBe("");
    await gateway.reload(limitedTo(2));
    const [second] = await stay(gateway, 1);
    for (const raw of [first, second, refused]) raw?.destroy();
  });

  async function untilLetIn(gateway: TestGateway): Promise<void> {
    for (;;) {
      const reply = await probe(gateway).catch(() => undefined);
      if (reply) return;
    }
  }
});

describe("a client that resets the connection as soon as it has asked", () => {
  const ask = (connection: string) => head("GET /nowhere", { connection: "upgrade", upgrade: connection });

  test.each([
    ["for a tunnel", head("CONNECT example.org:443")],
    ["for a tunnel, behind a request", head("GET /healthz") + head("CONNECT example.org:443")],
    ["for a WebSocket that is not there", ask("websocket")],
    ["for HTTP/2", ask("h2c")],
    ["for nothing that is well-formed", "?\r\n\r\n"],
    ["for a completion, with half of its body", `${head(chat, { ...bearer, ...json, "content-length": "1000" })}{`],
  ])(
    "%s harms nobody, however often",
    async (_what, bytes) => {
      const gateway = await startGateway();
      const check = watchOver(gateway);
      const askAndReset = (): Promise<void> =>
        new Promise((resolve) => {
          const socket = connect({ host: "127.0.0.1", port: Number(new URL(gateway.url).port) }, () => {
            socket.write(bytes, () => socket.resetAndDestroy());
          });
          socket.on("error", () => undefined).once("close", () => resolve());
        });
      for (let round = 0; round < 1_000; round++) await askAndReset();
      await check();
      expect(gateway.log().filter((line) => (line["level"] as number) >= 50)).toEqual([]);
      await gateway.close();
    },
    120_000,
  );
});

describe("a caller that leaves", () => {
  let gateway: TestGateway;
  let expectUnharmed: () => Promise<void>;

  beforeAll(async () => {
    // With one slot, whoever keeps it keeps it from all others.
    gateway = await startGateway({
      ...onProvider(stub.url),
      agents: {
        defaults: { model: "stub/test-model", maxConcurrent: 1 },
        entries: { main: { default: true, tools: ["calculator", "files__hang"] } },
      },
      mcp: { servers: { files: stdioServer } },
      gateway: gatewayWith({ keepAliveMs: 60_000 }),
    });
    await post(gateway, good);
    expectUnharmed = watchOver(gateway);
  });

  const delta = (piece: object, reason: string | null = null): object => ({ choices: [{ index: 0, delta: piece, finish_reason: reason }] });
  const held = (...frames: (object | string)[]): StubScript => ({ frames, ending: "hang" });
  const weather = { type: "function", function: { name: "get_weather", parameters: { type: "object" } } };
  const calculation = { toolCalls: [{ name: "calculator", arguments: '{"expression":"1+1"}' }] };

  interface Moment {
    readonly plays: readonly StubScript[];
    readonly more?: object;
    readonly headers?: { readonly [name: string]: string };
    /** What of the reply has come by then. */
    readonly seen?: string;
    /** Unless the provider has answered by then. */
    readonly closesProvider?: false;
  }

  const moments: { readonly [when: string]: Moment } = {
    "before the provider answers": { plays: ["hang"] },
    "after the provider's head": { plays: [held(": wait\n\n")] },
    "while there is reasoning": { plays: [held(delta({ reasoning_content: "Well, " }))], seen: "Well, " },
    "in the middle of the text": { plays: [held(delta({ content: "It begins" }))], seen: "It begins" },
    "in the middle of a call of a tool of its own": {
      plays: [
        held(
          delta({ content: "I ask." }),
          delta({ tool_calls: [{ index: 0, id: "call_a", type: "function", function: { name: "get_weather", arguments: '{"ci' } }] }),
        ),
      ],
      more: { tools: [weather] },
      seen: "get_weather",
    },
    "while a tool of the agent's works": {
      plays: [{ text: "I look.", toolCalls: [{ name: "files__hang", arguments: "{}" }] }],
      headers: { "x-openclaw-events": "true" },
      seen: '"tool_start"',
      closesProvider: false,
    },
    "in its second turn": { plays: [{ text: "I calculate.", chunks: 1, ...calculation }, "hang"], seen: "I calculate." },
    "in the text of its second turn": { plays: [calculation, held(delta({ content: "It is" }))], seen: "It is" },
    "after the finish reason, before the end": { plays: [held(delta({ content: "It was." }), delta({}, "stop"))], seen: "It was." },
  };

  /** Its session is not taken, what it said is not read again, and the one slot is free. */
  async function expectFree(key: string, heard: readonly string[] = []): Promise<void> {
    await expectIdle(gateway);
    stub.reply({ text: "free" });
    const reply: RawReply = await sendRaw(gateway.url, requestOf(say("after"), inSession(key)));
    expect([reply.status, reply.text]).toEqual([200, expect.stringContaining("free")]);
    expect(stub.requests.at(-1)?.body.messages.map(({ content }) => content)).toEqual([...heard, "after"]);
    await expectIdle(gateway);
  }

  const cases = Object.keys(moments).flatMap((when) => [true, false].map((stream) => [when, stream] as const));

  test.each(cases)("%s closes the provider's connection, and leaves its session and its slot (stream: %s)", async (when, stream) => {
    const { plays, more = {}, headers = {}, seen, closesProvider = true } = moments[when]!;
    const [asked, aborted] = [stub.requestCount, stub.aborted];
    stub.reply(...plays);
    const key = `${when} ${stream}`;
    const raw = await begin(gateway, requestOf(say("hi", { stream, ...more }), { ...inSession(encodeURIComponent(key)), ...headers }));
    await stub.waitForRequest(asked + plays.length);
    if (seen !== undefined && stream) await raw.until(seen);
    raw.destroy();
    if (closesProvider) await stub.waitForAbort(aborted + 1);
    await expectFree(encodeURIComponent(key));
  });

  test.each([
    ["with half of its head", "half-head", "POST /v1/chat/completions HTTP/1.1\r\nhos"],
    [
      "with half of its body",
      "half-body",
      `${head(chat, { ...bearer, ...json, ...inSession("half-body"), "content-length": "1000" })}{"model":`,
    ],
    [
      "with a chunk of its body",
      "half-chunks",
      `${head(chat, { ...bearer, ...json, ...inSession("half-chunks"), "transfer-encoding": "chunked" })}5\r\n{"mod\r\n`,
    ],
  ])("%s has asked for nothing", async (_when, key, bytes) => {
    const asked = stub.requestCount;
    const raw = await begin(gateway, bytes);
    expect((await probe(gateway)).status).toBe(200);
    raw.destroy();
    await expectFree(key);
    expect(stub.requestCount).toBe(asked + 1);
  });

  test.each([
    ["its session", "taken", [true, false]],
    ["a slot", "other", [true, false]],
  ])("while it waits for %s gives up its place, and the provider is never asked", async (_what, key, streams) => {
    const [asked, aborted] = [stub.requestCount, stub.aborted];
    stub.reply("hang");
    const first = await begin(gateway, requestOf(say("first"), inSession("taken")));
    await stub.waitForRequest(asked + 1);
    const waiting = [];
    for (const stream of streams) waiting.push(await begin(gateway, requestOf(say("never", { stream }), inSession(key))));
    const { runs } = gateway.program;
    await until(
      () => runs.load.waiting === streams.length,
      () => runs.load,
    );
    for (const raw of waiting) raw.destroy();
    await until(
      () => runs.load.waiting === 0,
      () => runs.load,
    );
    expect(runs.load.running).toBe(1);
    first.destroy();
    await stub.waitForAbort(aborted + 1);
    await expectFree(key);
    expect(stub.requestCount).toBe(asked + 2);
  });

  test("with its whole reply unread has been answered: the session knows it", async () => {
    stub.reply({ text: "Unread." });
    const raw = await begin(gateway, requestOf(say("hi"), inSession("unread")));
    await raw.until("Unread.");
    raw.destroy();
    await expectFree("unread", ["hi", "Unread."]);
  });

  test("leaves nothing else either", async () => {
    await expectUnharmed();
    expect(gateway.log().filter((line) => (line["level"] as number) >= 50)).toEqual([]);
  });
});
