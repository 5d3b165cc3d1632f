/**
 * The node:http server below the app: limits of size and time, and the replies to requests so broken that no
 * handler ever sees them.
 */
import { randomUUID } from "node:crypto";
import { createServer, type RequestListener, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { GatewayError } from "../domain/errors.ts";
import { errorReply } from "./errors.ts";

/** 64 KiB of headers are promised; the rest is room for the request line and Node's own count. */
const maxHeaderBytes = 72 * 1024;

export function createHttpServer(handle: RequestListener, requestTimeoutMs: number): Server {
  const listener = oneAtATime(handle);
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      // Node would answer 400 without a body; the app says it in JSON.
      requireHostHeader: false,
      requestTimeout: requestTimeoutMs,
      headersTimeout: headersTimeoutFor(requestTimeoutMs),
      connectionsCheckingInterval: Math.min(5_000, requestTimeoutMs),
    },
    listener,
  );
  // Without this listener Node answers 100 before anybody has looked at the request.
  server.on("checkContinue", listener);
  // And 417 without a body to an expectation it does not know, which may as well be ignored.
  server.on("checkExpectation", listener);
  // Without this one it hangs up on whoever takes it for a proxy.
  server.on("connect", (_request, socket: Socket) => refuseSocket(socket, new Error("CONNECT")));
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => refuseSocket(socket, error));
  return server;
}

/** Milliseconds for the headers, where so many are for the whole request. */
export function headersTimeoutFor(requestTimeoutMs: number): number {
  return Math.min(60_000, requestTimeoutMs);
}

/**
 * Pipelined requests of one connection are worked on one after another. Node would start them together, but a reply
 * that waits behind another has no socket of its own yet: it would never learn that its client has gone.
 */
function oneAtATime(handle: RequestListener): RequestListener {
  const latest = new WeakMap<Socket, ServerResponse>();
  return (req, res) => {
    const { socket } = req;
    const previous = latest.get(socket);
    latest.set(socket, res);
    if (!previous || previous.closed) {
      handle(req, res);
      return;
    }
    previous.once("close", () => {
      if (!socket.destroyed) handle(req, res);
    });
  };
}

function refuseSocket(socket: Socket, error: NodeJS.ErrnoException): void {
  // A reply that is already on its way cannot be told from this one any more: the client must see a broken transfer.
  const inFlight = (socket as { _httpMessage?: { headersSent: boolean } })._httpMessage;
  if (error.code === "ECONNRESET" || !socket.writable || inFlight?.headersSent) {
    socket.destroy();
    return;
  }
  endWithError(socket, framingError(error));
}

/** The reply of a socket that no handler has: the error, and the end of the connection. */
export function endWithError(socket: Duplex, error: GatewayError): void {
  const { status, body, headers } = errorReply(error);
  const json = JSON.stringify(body);
  const lines = Object.entries({
    "content-type": "application/json; charset=utf-8",
    "content-length": String(Buffer.byteLength(json)),
    "x-request-id": randomUUID(),
    "x-content-type-options": "nosniff",
    connection: "close",
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}\r\n${json}`);
}

function framingError({ code }: NodeJS.ErrnoException): GatewayError {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return new GatewayError("headers_too_large", "The request's headers are larger than 64 KiB.");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new GatewayError("request_timeout", "The request did not arrive completely in time.");
    default:
      return new GatewayError("invalid_value", "The request is not well-formed HTTP/1.1.");
  }
}
