/** A WebSocket whose framing is done by hand, byte by byte, so that it can be wrong. What comes back is taken apart, not checked. */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { afterAll } from "@jest/globals";
import { testToken } from "../support/gateway.ts";
import { testClient } from "../support/rpc-client.ts";

export const opcodes = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;

export interface FrameOptions {
  readonly isLast?: boolean;
  /** The three bits that extensions may use. */
  readonly reserved?: number;
  readonly isMasked?: boolean;
  /** Another length than that of the payload, as it stands in the frame. */
  readonly length?: bigint;
}

/** The mask, where there is one, is all zeros: it changes nothing. */
export function frame(opcode: number, payload: string | Buffer = "", options: FrameOptions = {}): Buffer {
  const { isLast = true, reserved = 0, isMasked = true } = options;
  const bytes = Buffer.from(payload);
  const { length = BigInt(bytes.length) } = options;
  const mask = isMasked ? 0x80 : 0;
  const first = (isLast ? 0x80 : 0) | (reserved << 4) | opcode;
  const head = Buffer.alloc(length < 126n ? 2 : length < 0x1_0000n ? 4 : 10);
  head[0] = first;
  head[1] = mask | (head.length === 2 ? Number(length) : head.length === 4 ? 126 : 127);
  if (head.length === 4) head.writeUInt16BE(Number(length), 2);
  if (head.length === 10) head.writeBigUInt64BE(length, 2);
  return Buffer.concat([head, Buffer.alloc(isMasked ? 4 : 0), bytes]);
}

export function closeFrame(code: number, reason: string | Buffer = ""): Buffer {
  return frame(opcodes.close, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]));
}

export interface RawWebSocket {
  readonly socket: Socket;
  readonly send: (...pieces: Buffer[]) => void;
  /** Of the close frame that came back, when the connection has ended; undefined when there was none. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string } | undefined>;
}

const sockets = new Set<Socket>();

afterAll(() => sockets.forEach((socket) => socket.destroy()));

/** Resolves after the handshake, or after `hello-ok` when it is to greet. */
export async function openRawWebSocket(url: string, { greets = false } = {}): Promise<RawWebSocket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  sockets.add(socket);
  const pieces: Buffer[] = [];
  let wake = (): void => undefined;
  socket.on("data", (piece) => {
    pieces.push(piece);
    wake();
  });
  socket.on("error", () => undefined);
  const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  void ended.then(() => wake());
  const until = async (text: string): Promise<void> => {
    while (!Buffer.concat(pieces).includes(text)) {
      if (socket.destroyed) throw new Error(`The connection ended before ${JSON.stringify(text)} came.`);
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  const key = randomBytes(16).toString("base64");
  socket.write(
    `GET / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`,
  );
  await until("connect.challenge");
  if (greets) {
    const params = { minProtocol: 4, maxProtocol: 4, client: testClient, auth: { token: testToken } };
    socket.write(frame(opcodes.text, JSON.stringify({ type: "req", id: "greeting", method: "connect", params })));
    await until("hello-ok");
  }
  const closed = ended.then(() => {
    const received = Buffer.concat(pieces);
    return closeIn(received.subarray(received.indexOf("\r\n\r\n") + 4));
  });
  return { socket, send: (...pieces) => pieces.forEach((piece) => socket.write(piece)), closed };
}

/** Servers do not mask. */
function closeIn(frames: Buffer): { readonly code: number; readonly reason: string } | undefined {
  for (let at = 0; at + 2 <= frames.length;) {
    const short = frames[at + 1]! & 0x7f;
    const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10);
    const length = short < 126 ? short : short === 126 ? frames.readUInt16BE(at + 2) : Number(frames.readBigUInt64BE(at + 2));
    const payload = frames.subarray(start, start + length);
    if ((frames[at]! & 0xf) === opcodes.close && payload.length >= 2) {
      return { code: payload.readUInt16BE(0), reason: payload.toString("utf8", 2) };
    }
    at = start + length;
  }
  return undefined;
}
