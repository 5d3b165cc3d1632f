/**
 * A model provider on the loopback: a real HTTP server that plays scripted replies (`stub-script.ts`) and accounts for
 * every socket. It speaks OpenAI's chat completions, Anthropic's messages or Google's Generative Language, as the path of
 * a request says (`stub-wires.ts`). It knows nothing of the gateway and checks nothing of what it is sent.
 *
 *   const stub = await startStubUpstream();          // stub.url is the base URL, `/v1` included
 *   stub.reply({ text: "Hi", chunks: 2 }, "hang");   // for the next requests, in this order
 *   await stub.waitForAbort();                       // the client went before its reply was over
 *   await stub.close();
 *
 * With nothing queued it answers `Hello from the stub.` (see `always`), streamed or whole as the request asks.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { frame, stubText, type StubRequest, type StubRequestBody, type StubScript, type StubScriptOf } from "./stub-script.ts";
import { errorBodyOf, framesOf, isStreamed, wireOf } from "./stub-wires.ts";

export * from "./stub-script.ts";

export interface StubUpstream {
  /** For `baseUrl`: `http://127.0.0.1:<port>/v1`. */
  readonly url: string;
  /** For `baseUrl` of a provider that speaks Anthropic's wire: `http://127.0.0.1:<port>/v1`. */
  readonly anthropicUrl: string;
  /** For `baseUrl` of one that speaks Google's: `http://127.0.0.1:<port>/v1beta`. */
  readonly googleUrl: string;
  /** The newest ones, as many as `keepRequests` says, oldest first. */
  readonly requests: readonly StubRequest[];
  /** All of them. */
  readonly requestCount: number;
  /** Connections, idle ones included: a client that keeps its connections alive holds them. */
  readonly openSockets: number;
  /** Connections that were ever opened. */
  readonly connectionCount: number;
  /** Replies whose client closed the connection before they were over. */
  readonly aborted: number;
  /** Bytes handed to the sockets, for tests of back-pressure. */
  readonly bytesWritten: number;
  /** Queues scripts: each is played for one request, before `always`. */
  reply(...scripts: StubScriptOf[]): void;
  /** What is answered when nothing is queued. */
  always(script: StubScriptOf): void;
  /** The nth request since the start (the first, unless told), as soon as it is there. */
  waitForRequest(nth?: number): Promise<StubRequest>;
  /** Resolves as soon as `count` replies (one, unless told) have been aborted by their clients since the start. */
  waitForAbort(count?: number): Promise<void>;
  /** Cuts all connections and stops listening. */
  close(): Promise<void>;
}

export async function startStubUpstream({ keepRequests = 1000 } = {}): Promise<StubUpstream> {
  const sockets = new Set<Socket>();
  const requests: StubRequest[] = [];
  const queue: StubScriptOf[] = [];
  const waiting = new Set<() => void>();
  const counts = { requests: 0, connections: 0, aborted: 0, bytes: 0 };
  let fallback: StubScriptOf = { text: stubText };

  const server = createServer((incoming, outgoing) => {
    outgoing.once("close", () => {
      if (!outgoing.writableFinished && !ownCuts.has(outgoing)) counts.aborted++;
      notify();
    });
    void readText(incoming).then((text) => {
      if (text === undefined) return;
      const request = new ReceivedRequest(incoming, text);
      counts.requests++;
      if (keepRequests > 0) requests.push(request);
      if (requests.length > keepRequests) requests.shift();
      notify();
      const script = queue.shift() ?? fallback;
      return play(typeof script === "function" ? script(request) : script, request, outgoing, counts).catch(() => outgoing.destroy());
    });
  });
  server.on("connection", (socket) => {
    counts.connections++;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const notify = (): void => waiting.forEach((check) => check());
  const until = (isReached: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!isReached()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${origin}/v1`,
    anthropicUrl: `${origin}/v1`,
    googleUrl: `${origin}/v1beta`,
    requests,
    get requestCount() {
      return counts.requests;
    },
    get openSockets() {
      return sockets.size;
    },
    get connectionCount() {
      return counts.connections;
    },
    get aborted() {
      return counts.aborted;
    },
    get bytesWritten() {
      return counts.bytes;
    },
    reply: (...scripts) => void queue.push(...scripts),
    always: (script) => void (fallback = script),
    waitForAbort: (count = 1) => until(() => counts.aborted >= count),
    async waitForRequest(nth = 1) {
      await until(() => counts.requests >= nth);
      const request = requests[requests.length - 1 - (counts.requests - nth)];
      if (!request) throw new Error(`Request ${nth} is no longer kept: only the newest ${keepRequests} are.`);
      return request;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Replies that the stub itself cut: their close is not the client's doing. */
const ownCuts = new WeakSet<ServerResponse>();
class ReceivedRequest implements StubRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  constructor(incoming: IncomingMessage, text: string) {
    this.method = incoming.method ?? "";
    this.path = incoming.url ?? "";
    this.headers = incoming.headers;
    this.text = text;
  }
  get body(): StubRequestBody {
    return JSON.parse(this.text) as StubRequestBody;
  }
}

function readText(incoming: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    incoming.on("data", (piece: Buffer) => pieces.push(piece));
    incoming.once("end", () => resolve(Buffer.concat(pieces).toString()));
    incoming.once("close", () => resolve(undefined));
    incoming.once("error", () => resolve(undefined));
  });
}

async function play(script: StubScript, request: StubRequest, outgoing: ServerResponse, counts: { bytes: number }): Promise<void> {
  if (script === "hang") return;
  if (script === "cut") return cut(outgoing);
  const wire = wireOf(request.path);
  if ("status" in script) {
    const content = script.body ?? errorBodyOf(wire, script);
    const isJson = typeof content === "object";
    const body = isJson ? JSON.stringify(content) : content;
    outgoing.writeHead(script.status, { ...(isJson ? { "content-type": "application/json" } : {}), ...script.headers });
    return void outgoing.end(body);
  }
  const isWhole = !("frames" in script) && (script.whole === true || !isStreamed(wire, request));
  let frames = "frames" in script ? script.frames.map(frame) : framesOf(wire, script, request, isWhole);
  const last = "endsWhen" in script && script.error !== undefined ? frames.at(-1) : undefined;
  if (last) frames = frames.slice(0, -1);
  const byteLength = frames.reduce((sum, { length }) => sum + length, 0);
  if (isWhole && script.ending === undefined) outgoing.setHeader("content-length", byteLength);
  outgoing.writeHead(200, { "content-type": isWhole ? "application/json" : "text/event-stream" });
  const isEndless = "chunks" in script && script.chunks === Infinity;
  do {
    for (const piece of cutUp(frames, script)) {
      counts.bytes += piece.length;
      if (!outgoing.write(piece) && isEndless) await drained(outgoing);
      if (script.gapMs !== undefined) await sleep(script.gapMs);
      else if (script.pieceBytes !== undefined) await nextTurn();
      if (outgoing.destroyed) return;
    }
    frames = frames.slice(-1);
  } while (isEndless);
  if (script.ending === "hang") return;
  if ("endsWhen" in script) {
    await script.endsWhen;
    if (last) outgoing.write(last);
  }
  if (script.ending === "cut") outgoing.write("", () => cut(outgoing));
  else outgoing.end();
}

function cut(outgoing: ServerResponse): void {
  ownCuts.add(outgoing);
  outgoing.socket?.destroy();
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      outgoing.off("drain", go).off("close", go);
      resolve();
    };
    outgoing.on("drain", go).on("close", go);
  });
}

/** What is written one after the other: every frame when there are pauses, pieces of bytes when asked for, else all at once. */
function cutUp(frames: Buffer[], { gapMs, pieceBytes }: { gapMs?: number; pieceBytes?: number }): Buffer[] {
  if (pieceBytes === undefined) return gapMs === undefined && frames.length > 1 ? [Buffer.concat(frames)] : frames;
  const bytes = Buffer.concat(frames);
  return Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, n) => bytes.subarray(n * pieceBytes, (n + 1) * pieceBytes));
}
