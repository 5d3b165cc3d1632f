/**
 * A model provider made of bytes: a bare socket server that reads whole requests and answers each with whatever its test
 * writes, be it HTTP or not. For what no HTTP library would send, and for seeing when the gateway lets go of a connection.
 *
 *   const upstream = await startRawUpstream();
 *   upstream.always(bytes("HTTP/1.1 200 OK\r\n\r\n"));   // for every request from now on
 *   await upstream.untilClosed();                        // the gateway has closed every connection
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createServer as createTlsServer } from "node:tls";
import { afterAll } from "@jest/globals";
import { framesOf, type Wire } from "../support/stub-wires.ts";

/** What one request is answered with. Whatever it rejects with is of no interest: the gateway may have gone. */
export type Play = (socket: Socket, request: string) => void | Promise<void>;

export interface RawUpstream {
  readonly origin: string;
  /** Requests that were read whole, as text, head and body. */
  readonly requests: readonly string[];
  /** Connections, ever. */
  readonly connections: number;
  always(play: Play): void;
  /** For the next requests, before `always`. */
  next(...plays: Play[]): void;
  /** Closes all connections; resolves when they are. */
  closeAll(): Promise<void>;
  /** Resolves when every connection is closed that was asked something since the last `always`. */
  untilClosed(): Promise<void>;
}

const servers = new Set<() => void>();

afterAll(() => servers.forEach((close) => close()));

export async function startRawUpstream(tls?: { readonly key: string; readonly cert: string }): Promise<RawUpstream> {
  const open = new Set<Socket>();
  const asked = new Map<Socket, Promise<unknown>>();
  const requests: string[] = [];
  const queue: Play[] = [];
  let connections = 0;
  let usual: Play = healthy();
  const serve = (socket: Socket): void => {
    connections++;
    open.add(socket);
    const closed = new Promise<boolean>((resolve) => socket.once("close", () => resolve(open.delete(socket))));
    socket.on("error", () => undefined).setNoDelay(true);
    let read = Buffer.alloc(0);
    socket.on("data", (piece: Buffer) => {
      read = Buffer.concat([read, piece]);
      for (let end = endOfRequest(read); end !== undefined; end = endOfRequest(read)) {
        const request = read.toString("utf8", 0, end);
        read = read.subarray(end);
        requests.push(request);
        asked.set(socket, closed);
        const play = queue.shift() ?? usual;
        void (async () => play(socket, request))().catch(() => undefined);
      }
    });
  };
  const server = tls ? createTlsServer(tls, serve).on("tlsClientError", () => undefined) : createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.add(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return {
    origin: `${tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get connections() {
      return connections;
    },
    always: (play) => {
      asked.clear();
      usual = play;
    },
    next: (...plays) => void queue.push(...plays),
    closeAll: async () => {
      const closed = [...open].map((socket) => once(socket, "close"));
      for (const socket of open) socket.destroy();
      await Promise.all(closed);
    },
    untilClosed: async () => void (await Promise.all(asked.values())),
  };
}

/** Where the first request in `read` ends, if it is whole. */
function endOfRequest(read: Buffer): number | undefined {
  const head = read.indexOf("\r\n\r\n");
  if (head < 0) return undefined;
  const length = Number(/^content-length: *(\d+)/im.exec(read.toString("latin1", 0, head))?.[1] ?? 0);
  return read.length < head + 4 + length ? undefined : head + 4 + length;
}

/** All of it at once; the connection stays open. */
export function bytes(...pieces: (string | Buffer)[]): Play {
  return (socket) => void socket.write(Buffer.concat(pieces.map((piece) => Buffer.from(piece))));
}

/** All of it, then the end of the connection. */
export function lastBytes(...pieces: (string | Buffer)[]): Play {
  return (socket) => void socket.end(Buffer.concat(pieces.map((piece) => Buffer.from(piece))));
}

/** All of it, then a connection reset, once the gateway has had time to see the first. */
export function bytesThenReset(...pieces: (string | Buffer)[]): Play {
  return async (socket, request) => {
    await bytes(...pieces)(socket, request);
    await taken(socket);
    socket.resetAndDestroy();
  };
}

/** Until the kernel has what was written. */
export async function taken(socket: Socket): Promise<void> {
  if (socket.writableLength > 0) await once(socket, "drain");
}

/** A head that says how its body ends by `length`, or by the end of the connection. */
export function head(status: string | number, headers: { readonly [name: string]: string } = {}, length?: number): string {
  const lines = Object.entries({ ...headers, ...(length === undefined ? {} : { "content-length": String(length) }) });
  const reason = typeof status === "number" ? `${status} Status` : status;
  return `HTTP/1.1 ${reason}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

/** A whole reply whose length is said, on a connection that stays open. */
export function whole(status: number, body: string | Buffer, headers: { readonly [name: string]: string } = {}): Play {
  return bytes(head(status, { "content-type": "application/json", ...headers }, Buffer.byteLength(body)), body);
}

export const eventStream = { "content-type": "text/event-stream" };
export const chunkedStream = { ...eventStream, "transfer-encoding": "chunked" };

export function chunk(body: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${Buffer.byteLength(body).toString(16)}\r\n`), Buffer.from(body), Buffer.from("\r\n")]);
}

/** Frames of a good reply that says `text`. */
export function frames(wire: Wire, text: string): string[] {
  return framesOf(wire, { text, chunks: 1 }, { text: "" } as Parameters<typeof framesOf>[2], false).map(String);
}

export function wireAsked(request: string): Wire {
  return request.startsWith("POST /v1/messages") ? "anthropic" : "openai";
}

/** A good reply in the words of whoever is asked, chunked, on a connection that stays open. */
export function healthy(text = "Fine."): Play {
  return (socket, request) => {
    const body = frames(wireAsked(request), text);
    socket.write(Buffer.concat([Buffer.from(head(200, chunkedStream)), ...body.map(chunk), Buffer.from("0\r\n\r\n")]));
  };
}

/** The frames of a good reply up to its text. */
export function firstFrames(request: string, text: string): string {
  const all = frames(wireAsked(request), text);
  return all.slice(0, all.findIndex((one) => one.includes(text)) + 1).join("");
}

/** Says `text` of a good reply and leaves it at that. */
export function beginning(text: string): Play {
  return (socket, request) => void socket.write(Buffer.concat([Buffer.from(head(200, chunkedStream)), chunk(firstFrames(request, text))]));
}

/** Says `text` again and again, with pauses, until the gateway has gone. */
export function drip(begin: string | Play, text: string, pauseMs: number): Play {
  return async (socket, request) => {
    if (typeof begin === "string") socket.write(begin);
    else await begin(socket, request);
    for (let at = 0; !socket.destroyed; at++) {
      socket.write(text[at % text.length]!);
      await sleep(pauseMs);
    }
  };
}
