/** How the client reads replies, good and bad: against a server that sends every byte as the test wants it. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { ClawgateError, createClawgateClient, type ChatCompletionChunk, type ClawgateClient, type ChunkStream } from "@clawgate/client";
import { startEvents, startScriptedServer, writePieces, type Script, type ScriptedServer } from "./scripted-server.ts";

const question = { model: "openclaw", messages: [{ role: "user" as const, content: "hi" }] };

let server: ScriptedServer;
let client: ClawgateClient;

beforeAll(async () => {
  server = await startScriptedServer();
  client = createClawgateClient({ baseUrl: server.url });
});

function chunk(content: string): string {
  return JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "openclaw",
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
  });
}

/** Plays a body and ends it as HTTP wants it. */
function body(text: string, pieceBytes = Infinity): Script {
  return async (reply) => {
    startEvents(reply);
    const bytes = Buffer.from(text);
    await writePieces(reply, bytes, Math.min(pieceBytes, bytes.length || 1));
    reply.end();
  };
}

function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve: () => void = () => undefined;
  return { promise: new Promise<void>((settle) => (resolve = settle)), resolve: () => resolve() };
}

interface Outcome {
  readonly text: string;
  readonly error: unknown;
}

async function read(stream: ChunkStream<ChatCompletionChunk>): Promise<Outcome> {
  let text = "";
  try {
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";
    return { text, error: undefined };
  } catch (error) {
    return { text, error };
  }
}

async function readFrom(script: Script): Promise<Outcome> {
  server.play(script);
  return read(await client.streamChatCompletion(question));
}

const done = "data: [DONE]\n\n";
const torn = `data: ${chunk("안녕 ")}\n\ndata: ${chunk("👩‍👩‍👧")}\n\n${done}`;

describe("a whole stream is read, however it is torn and written", () => {
  test.each([1, 2, 3, 5, 7, 64, Infinity])("in pieces of %d bytes", async (pieceBytes) => {
    expect(await readFrom(body(torn, pieceBytes))).toEqual({ text: "안녕 👩‍👩‍👧", error: undefined });
  });

  test.each([
    ["lines end in CRLF", torn.replaceAll("\n", "\r\n")],
    ["lines end in CR", torn.replaceAll("\n", "\r")],
    ["it begins with a byte order mark", `\uFEFF${torn}`],
    ["there is no space after the colon", torn.replaceAll("data: ", "data:")],
    ["comments stand between, in and before events", `: keepalive\n\n:\n${torn.replace("data:", ": inside\ndata:")}`],
    ["other fields stand beside the data", torn.replaceAll("data:", "id: 1\nretry: 10\ndata:")],
    ["the data of an event has several lines", torn.replace(',"object"', ',\ndata: "object"')],
    ["so it has, and they end in CRLF", torn.replace(',"object"', ',\ndata: "object"').replaceAll("\n", "\r\n")],
    ["blank lines are many", torn.replaceAll("\n\n", "\n\n\n\n")],
    ["something follows [DONE]", `${torn}: bye\n\ndata: ${chunk("not read")}\n\n`],
  ])("%s", async (_, text) => {
    for (const pieceBytes of [1, 3, Infinity]) {
      expect(await readFrom(body(text, pieceBytes))).toEqual({ text: "안녕 👩‍👩‍👧", error: undefined });
    }
  });

  test("a large chunk comes whole", async () => {
    const large = "가나다 ".repeat(100_000);
    const { text, error } = await readFrom(body(`data: ${chunk(large)}\n\n${done}`, 16_384));
    expect(error).toBeUndefined();
    expect(text === large).toBe(true);
  });

  test("its connection serves the next request", async () => {
    await readFrom(body(torn));
    const before = server.connections;
    await readFrom(body(torn));
    expect(server.connections).toBe(before);
  });
});

const failure = { message: "The provider failed.", type: "server_error", param: null, code: "upstream_error" };
const failed = { status: undefined, code: "upstream_error", type: "server_error", message: "The provider failed.", requestId: "request-1" };
const cut = { status: undefined, code: "reply_cut", type: "transport_error", requestId: "request-1", isRetryable: false };

describe("what is not a whole stream throws, after the words that came", () => {
  test.each([
    ["an error in the stream", body(`data: ${chunk("one")}\n\ndata: ${JSON.stringify({ error: failure })}\n\n${done}`), failed],
    ["an error and no end", body(`data: ${chunk("one")}\n\ndata: ${JSON.stringify({ error: failure })}\n\n`), failed],
    ["no [DONE]", body(`data: ${chunk("one")}\n\n`), cut],
    ["an end inside [DONE]", body(`data: ${chunk("one")}\n\ndata: [DON`), cut],
    ["an end inside a chunk", body(`data: ${chunk("one")}\n\n${`data: ${chunk("two")}`.slice(0, 40)}`), cut],
    [
      "a piece that is not JSON",
      body(`data: ${chunk("one")}\n\ndata: <html>\n\n${done}`),
      { code: "reply_not_understood", message: /<html>/ },
    ],
  ])("%s", async (_, script, expected) => {
    const { text, error } = await readFrom(script);
    expect(text).toBe("one");
    expect(error).toBeInstanceOf(ClawgateError);
    expect(error).toMatchObject({ ...expected, message: expect.stringMatching((expected as { message?: string }).message ?? /./) });
  });

  test.each(["closed", "reset"] as const)("a connection that is %s in the middle", async (how) => {
    const received = deferred();
    server.play(async (reply) => {
      startEvents(reply);
      reply.write(`data: ${chunk("one")}\n\n`);
      await received.promise;
      if (how === "reset") reply.socket?.resetAndDestroy();
      else reply.destroy();
    });
    let text = "";
    const reading = (async () => {
      for await (const { choices } of await client.streamChatCompletion(question)) {
        text += choices[0]?.delta.content ?? "";
        received.resolve();
      }
    })();
    await expect(reading).rejects.toMatchObject({ ...cut, cause: expect.anything() });
    expect(text).toBe("one");
  });

  test("the stream can be read once", async () => {
    server.play(body(torn));
    const stream = await client.streamChatCompletion(question);
    expect((await read(stream)).error).toBeUndefined();
    expect((await read(stream)).error).toEqual(new TypeError("The chunks of a stream can be read once: keep those that are needed again."));
  });
});

describe("what is not the gateway's reply says so", () => {
  const page = (status: number, headers: { [name: string]: string } = {}): Script => {
    return (reply) => void reply.writeHead(status, { "content-type": "text/html", ...headers }).end("<html>A proxy</html>");
  };

  test("a page instead of a stream, of a completion, of an error", async () => {
    server.play(page(200));
    const unknown = { status: 200, code: "reply_not_understood", type: "transport_error" };
    await expect(client.streamChatCompletion(question)).rejects.toMatchObject({
      ...unknown,
      message: expect.stringContaining("text/html"),
    });
    await expect(client.createChatCompletion(question)).rejects.toMatchObject(unknown);
    server.play(page(502, { "retry-after": "7" }));
    const error = { status: 502, code: "reply_not_understood", retryAfterMs: 7000, isRetryable: true };
    await expect(client.listModels()).rejects.toMatchObject({ ...error, message: expect.stringContaining("A proxy") });
  });

  test("nothing at all", async () => {
    server.play((reply) => void reply.writeHead(200, { "content-type": "text/event-stream" }).end());
    expect((await read(await client.streamChatCompletion(question))).error).toMatchObject({ code: "reply_cut" });
    server.play((reply) => void reply.end());
    await expect(client.getHealth()).rejects.toMatchObject({ code: "reply_not_understood", message: expect.stringContaining("empty") });
    server.play((reply) => void reply.destroy());
    await expect(client.getHealth()).rejects.toMatchObject({ code: "connection_failed" });
  });

  test("a completion that breaks off", async () => {
    server.play((reply) => {
      reply.writeHead(200, { "content-type": "application/json", "content-length": "100", "x-request-id": "request-1" });
      reply.write('{"id":', () => reply.destroy());
    });
    await expect(client.createChatCompletion(question)).rejects.toMatchObject({ ...cut, status: 200 });
  });

  test.each([
    ["some seconds", "7", 7000],
    ["none", "0", 0],
    ["a date in an hour", new Date(Date.now() + 3_600_000).toUTCString(), expect.closeTo(3_600_000, -5)],
    ["a date that has passed", new Date(0).toUTCString(), 0],
    ["no time at all", "soon", undefined],
  ])("Retry-After may be %s", async (_, value, retryAfterMs) => {
    server.play(page(503, { "retry-after": value }));
    await expect(client.listModels()).rejects.toMatchObject({ retryAfterMs });
  });

  test("a retry that would repeat work is not proposed", async () => {
    server.play(page(502, { "x-should-retry": "false" }));
    await expect(client.listModels()).rejects.toMatchObject({ status: 502, isRetryable: false });
  });
});

describe("an abort closes the connection and throws the signal's reason", () => {
  const silent: Script = (reply) => {
    startEvents(reply);
    reply.flushHeaders();
  };

  test("while nothing comes", async () => {
    server.play(silent);
    const controller = new AbortController();
    const stream = await client.streamChatCompletion(question, { signal: controller.signal });
    const reading = read(stream);
    controller.abort(new Error("enough"));
    expect((await reading).error).toEqual(new Error("enough"));
    await server.closedByClient();
  });

  test("before the reply, and before the request", async () => {
    const controller = new AbortController();
    const arrived = deferred();
    server.play(() => arrived.resolve());
    const call = client.streamChatCompletion(question, { signal: controller.signal });
    await arrived.promise;
    controller.abort();
    await expect(call).rejects.toMatchObject({ name: "AbortError" });
    await server.closedByClient();
    await expect(client.getHealth({ signal: controller.signal })).rejects.toMatchObject({ name: "AbortError" });
  });

  test("although more has already come", async () => {
    server.play(body(`data: ${chunk("one")}\n\ndata: ${chunk("two")}\n\n${done}`));
    const controller = new AbortController();
    let text = "";
    const reading = (async () => {
      for await (const { choices } of await client.streamChatCompletion(question, { signal: controller.signal })) {
        text += choices[0]?.delta.content ?? "";
        controller.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    expect(text).toBe("one");
  });

  test("after a garbage collection too, streamed or not", async () => {
    setFlagsFromString("--expose-gc");
    const collectGarbage = runInNewContext("gc") as () => void;
    const replied = [deferred(), deferred()];
    let count = 0;
    const noting = createClawgateClient({
      baseUrl: server.url,
      fetch: async (request, init) => {
        const response = await fetch(request, init);
        replied[count++]?.resolve();
        return response;
      },
    });
    server.play(silent);
    const controller = new AbortController();
    const calls = [
      noting.createChatCompletion(question, { signal: controller.signal }),
      noting.streamChatCompletion(question, { signal: controller.signal }).then(async (stream) => {
        for await (const _ of stream);
      }),
    ];
    const outcomes = Promise.allSettled(calls);
    await Promise.all(replied.map(({ promise }) => promise));
    for (let round = 0; round < 10; round++) {
      await nextTurn();
      collectGarbage();
    }
    controller.abort();
    expect(await outcomes).toMatchObject([{ reason: { name: "AbortError" } }, { reason: { name: "AbortError" } }]);
    await server.closedByClient();
  });
});
