/**
 * What the gateway is measured against, each run by itself:
 * `node --import tsx servers.ts floor | proxy <base URL> | reader <base URL> | stub`.
 * Prints `listens on <url>`. Bare on purpose: no auth, no routing, no validation, hardly an error handled.
 */
import { Agent, createServer, request, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { StringDecoder } from "node:string_decoder";
import { createParser } from "eventsource-parser";
import { Agent as Undici } from "undici";
import { startStubUpstream, stubText, type StubRequest, type StubScript } from "../../test/support/stub-upstream.ts";
import { briefText, longText, models, sum } from "./requests.ts";

const usage = { prompt_tokens: 1, completion_tokens: 4, total_tokens: 5 };

/** The least a JSON API can do: parse the body, answer with a fixed completion. */
const floor: RequestListener = (incoming, outgoing) => {
  void readJson(incoming).then((body) => {
    const message = { role: "assistant", content: "Hello from the floor.", refusal: null };
    const choices = [{ index: 0, message, finish_reason: "stop", logprobs: null }];
    const created = Math.floor(Date.now() / 1000);
    const reply = { id: "chatcmpl-floor", object: "chat.completion", created, model: (body as { model: string }).model, choices, usage };
    sendJson(outgoing, reply);
  });
};

/** A proxy that, like the gateway, has both bodies as objects in its hands, and each chunk of a stream. */
function proxyTo(baseUrl: string): RequestListener {
  const agent = new Agent({ keepAlive: true });
  return (incoming, outgoing) => {
    void readJson(incoming).then((body) => {
      const text = JSON.stringify(body);
      const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
      const upstream = request(`${baseUrl}/chat/completions`, { method: "POST", agent, headers }, (reply) => {
        if (reply.headers["content-type"] === "text/event-stream") passChunksOn(reply, outgoing);
        else void readJson(reply).then((parsed) => sendJson(outgoing, parsed));
      });
      outgoing.once("close", () => upstream.destroy());
      upstream.once("error", () => outgoing.destroy());
      upstream.end(text);
    });
  };
}

/** Chunk by chunk: parsed, written anew. What came in one piece leaves in one write. */
function passChunksOn(reply: IncomingMessage, outgoing: ServerResponse): void {
  let frames = "";
  const onEvent = ({ data }: { data: string }): void => {
    frames += `data: ${data === "[DONE]" ? data : JSON.stringify(JSON.parse(data))}\n\n`;
  };
  const parser = createParser({ onEvent });
  const text = new StringDecoder("utf8");
  outgoing.writeHead(200, { "content-type": "text/event-stream" });
  reply.on("data", (piece: Buffer) => {
    frames = "";
    parser.feed(text.write(piece));
    if (frames !== "") outgoing.write(frames);
  });
  reply.once("end", () => outgoing.end());
  reply.once("error", () => outgoing.destroy());
}

/** The least that reading a provider's stream takes: its events are parsed and counted, not looked into and not passed on. */
function readerOf(baseUrl: string): RequestListener {
  const undici = new Undici();
  const { origin, pathname } = new URL(`${baseUrl}/chat/completions`);
  return (incoming, outgoing) => {
    void readJson(incoming).then(async (body) => {
      const headers = { "content-type": "application/json" };
      const reply = await undici.request({ origin, path: pathname, method: "POST", headers, body: JSON.stringify(body) });
      let events = 0;
      const parser = createParser({ onEvent: () => void events++ });
      const text = new StringDecoder("utf8");
      for await (const piece of reply.body as AsyncIterable<Buffer>) parser.feed(text.write(piece));
      sendJson(outgoing, { events });
    });
  };
}

/** The model provider behind gateway, proxy and reader; what it answers goes by the model's name. */
async function startStub(): Promise<string> {
  const stub = await startStubUpstream({ keepRequests: 0 });
  const plain = { text: stubText };
  const long = { text: longText, chunks: 500 };
  const delta = (content: string, finish_reason: string | null = null) => ({
    id: "chatcmpl-stub",
    object: "chat.completion.chunk",
    created: 1_700_000_000,
    model: "stub-model",
    choices: [{ index: 0, delta: finish_reason === null ? { role: "assistant", content } : {}, finish_reason }],
  });
  // The first text leaves at once, the rest later: who holds the first back until the stream is over shows.
  const paced = { frames: [delta("Hello"), delta(" from"), delta(" the stub."), delta("", "stop"), "data: [DONE]\n\n"], gapMs: 5 };
  const steady = { text: longText, chunks: 500, gapMs: 2 };
  const scripts: { [model: string]: StubScript } = {
    [models.long]: long,
    [models.paced]: paced,
    [models.steady]: steady,
    [models.slow]: { ...steady, gapMs: 20 },
    [models.brief]: { text: briefText, chunks: 100, gapMs: 20 },
    [models.held]: { text: stubText, ending: "hang" },
  };
  const call = { toolCalls: [sum] };
  stub.always(({ text }: StubRequest) => {
    const model = /"model":"([^"]*)"/.exec(text)?.[1] ?? "";
    if (model === models.counting) return { ...plain, usage: countsOf(text) };
    if (model === models.tools) return text.includes('"tool_call_id"') ? plain : call;
    return scripts[model] ?? plain;
  });
  return stub.url;
}

function countsOf(text: string): object {
  const prompt_tokens = Buffer.byteLength(text);
  return { prompt_tokens, completion_tokens: 4, total_tokens: prompt_tokens + 4 };
}

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

function readJson(incoming: IncomingMessage): Promise<unknown> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    incoming.on("data", (piece: Buffer) => pieces.push(piece));
    incoming.once("end", () => resolve(JSON.parse(Buffer.concat(pieces).toString())));
  });
}

function sendJson(outgoing: Parameters<RequestListener>[1], value: unknown): void {
  const text = JSON.stringify(value);
  outgoing.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) }).end(text);
}

const [kind, baseUrl = ""] = process.argv.slice(2);
const listeners: { [kind: string]: () => RequestListener } = {
  floor: () => floor,
  proxy: () => proxyTo(baseUrl),
  reader: () => readerOf(baseUrl),
};
const url = kind === "stub" ? await startStub() : await listen(listeners[kind ?? ""]?.() ?? floor);
console.log(`listens on ${url}`);
