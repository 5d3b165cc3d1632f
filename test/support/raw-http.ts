/**
 * HTTP/1.1 over a bare socket: for requests that no HTTP library would send and for looking at every reply that comes
 * back, interim ones (100) included. It checks nothing of what it sends.
 *
 *   const raw = await connectRaw(gateway.url);
 *   raw.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
 *   const { status, headers, text } = await raw.reply();
 */
import { connect, type Socket } from "node:net";
import { afterAll } from "@jest/globals";

export interface RawReply {
  readonly status: number;
  /** Lower-case names; repeated ones joined by a comma. */
  readonly headers: { readonly [name: string]: string };
  readonly text: string;
}

export interface RawConnection {
  send(...pieces: (string | Buffer)[]): void;
  /** The next reply. Rejects when the connection ends before it is complete. `isHead`: the reply has no body. */
  reply(options?: { isHead?: boolean }): Promise<RawReply>;
  /** Resolves when this text is in what has come since the last reply. Rejects when the connection ends without it. */
  until(text: string): Promise<void>;
  /** Resolves when the other side has closed the connection, cleanly or not, with the bytes no reply was made of. */
  closed(): Promise<string>;
  /** Closes our sending half only. */
  end(): void;
  destroy(): void;
}

const sockets = new Set<Socket>();

afterAll(() => sockets.forEach((socket) => socket.destroy()));

export interface RawOptions {
  /** Takes nothing off the socket until all that was sent before has left: how simple clients behave. */
  readonly readsAfterSending?: boolean;
}

export async function connectRaw(url: string, { readsAfterSending = false }: RawOptions = {}): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  sockets.add(socket);
  let received = Buffer.alloc(0);
  let isOver = false;
  let wake: () => void = () => undefined;
  const over = (): void => {
    isOver = true;
    wake();
  };
  socket.on("data", (piece) => {
    received = Buffer.concat([received, piece]);
    wake();
  });
  // A connection that is reset while we still write has perhaps been answered before: what has come counts.
  socket.on("error", over).on("end", over);
  socket.on("close", () => {
    sockets.delete(socket);
    over();
  });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  const changed = (): Promise<void> => new Promise((resolve) => (wake = resolve));
  if (readsAfterSending) socket.pause();
  return {
    send: (...pieces) => {
      for (const piece of pieces) {
        socket.write(piece, (error) => {
          if (!error && socket.writableLength === 0) socket.resume();
        });
      }
    },
    async reply({ isHead = false } = {}) {
      for (;;) {
        const found = parseReply(received, isHead, isOver);
        if (found) {
          received = received.subarray(found.end);
          return found.reply;
        }
        if (isOver) throw new Error(`The connection ended without a complete reply: ${JSON.stringify(received.toString("latin1"))}`);
        await changed();
      }
    },
    async until(text) {
      while (!received.includes(text)) {
        if (isOver) throw new Error(`The connection ended without ${JSON.stringify(text)}: ${JSON.stringify(received.toString("latin1"))}`);
        await changed();
      }
    },
    async closed() {
      while (!isOver) await changed();
      return received.toString("latin1");
    },
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}

/** One request on a connection of its own. */
export async function sendRaw(url: string, ...pieces: (string | Buffer)[]): Promise<RawReply> {
  const raw = await connectRaw(url);
  raw.send(...pieces);
  try {
    return await raw.reply();
  } finally {
    raw.destroy();
  }
}

/** A request's head: `host` is added, and nothing else. */
export function head(requestLine: string, headers: { readonly [name: string]: string } = {}): string {
  const lines = Object.entries({ host: "gateway", ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${requestLine} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

export function parseReply(received: Buffer, isHead: boolean, isOver: boolean): { reply: RawReply; end: number } | undefined {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [statusLine = "", ...lines] = received.toString("latin1", 0, headEnd).split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3})(?: |$)/.exec(statusLine)?.[1]);
  if (Number.isNaN(status)) throw new Error(`Not a status line: ${JSON.stringify(statusLine)}`);
  const headers: { [name: string]: string } = {};
  for (const line of lines) {
    const [, name = "", value = ""] = /^([^:\s]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === "") throw new Error(`Not a header: ${JSON.stringify(line)}`);
    const key = name.toLowerCase();
    headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`;
  }
  const start = headEnd + 4;
  const body =
    status < 200 || status === 204 || status === 304 || isHead ? { bytes: "", end: start } : readBody(received, start, headers, isOver);
  return body && { reply: { status, headers, text: body.bytes }, end: body.end };
}

function readBody(
  received: Buffer,
  start: number,
  headers: { readonly [name: string]: string },
  isOver: boolean,
): { bytes: string; end: number } | undefined {
  if (headers["transfer-encoding"] === "chunked") return readChunks(received, start);
  const length = headers["content-length"];
  if (length === undefined) return isOver ? { bytes: received.toString("utf8", start), end: received.length } : undefined;
  const end = start + Number(length);
  return received.length < end ? undefined : { bytes: received.toString("utf8", start, end), end };
}

function readChunks(received: Buffer, start: number): { bytes: string; end: number } | undefined {
  const chunks: Buffer[] = [];
  for (let at = start; ;) {
    const lineEnd = received.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(received.toString("latin1", at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (received.length < next) return undefined;
    if (size === 0) return { bytes: Buffer.concat(chunks).toString("utf8"), end: next };
    chunks.push(received.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = next;
  }
}
