/**
 * The node:http server below the app: limits of size and time, and the replies to requests so broken that no
 * handler ever sees them.
 */
import { randomUUID } from "node:crypto";
import { createServer, type RequestListener, type Server, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Logger } from "pino";
import type { GatewayConfig } from "../config/config.ts";
import { type ErrorCode, GatewayError } from "../domain/errors.ts";
import { ConnectionLimit } from "./connection-limit.ts";
import { type ErrorReply, errorReply } from "./errors.ts";
import { Pipeline } from "./pipeline.ts";

/** 64 KiB of headers are promised; the rest is room for the request line and Node's own count. */
const maxHeaderBytes = 72 * 1024;

/**
 * An idle connection is closed by its client or by the load balancer between, which let go after 60 s at most: whoever is
 * hung up on may have sent its next request already, and takes that for a failure.
 */
const keptAliveMs = 75_000;

/** What an error reply was that no handler made. */
export type OnRefused = (status: number, code: ErrorCode) => void;

/** How long a client that was hung up on may go on sending. */
const lingerMs = 5_000;

type ServerLimits = Pick<GatewayConfig, "requestTimeoutMs" | "maxConnections">;

interface LimitedServer {
  readonly server: Server;
  /** Other limits, from now on. */
  readonly limit: (limits: ServerLimits) => void;
}

interface ServerWatch {
  readonly onRefused: OnRefused;
  readonly log: Logger;
}

export function createHttpServer(handle: RequestListener, limits: ServerLimits, { onRefused, log }: ServerWatch): LimitedServer {
  const pipeline = new Pipeline(handle);
  const listener = pipeline.enter;
  const refuse = (socket: Socket, error: NodeJS.ErrnoException): void => {
    const reply = refuseSocket(socket, error);
    if (reply) onRefused(reply.status, reply.error.code);
  };
  /** Whatever else the client sends only fails again. */
  const refused = new WeakSet<Socket>();
  const refuseInTurn = (error: NodeJS.ErrnoException, socket: Socket): void => {
    if (refused.has(socket)) return;
    refused.add(socket);
    const ahead = pipeline.replyAhead(socket);
    if (ahead) ahead.once("close", () => refuse(socket, error));
    else refuse(socket, error);
  };
  const onClientError = (error: NodeJS.ErrnoException, socket: Socket): void => {
    const isOfTheRequest = error.code?.startsWith("HPE_") === true || error.code === "ERR_HTTP_REQUEST_TIMEOUT";
    if (isOfTheRequest) refuseInTurn(error, socket);
    else refuse(socket, error);
  };
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      // Node would answer 400 without a body; the app says it in JSON.
      requireHostHeader: false,
      connectionsCheckingInterval: Math.min(5_000, limits.requestTimeoutMs),
      keepAliveTimeout: keptAliveMs,
    },
    listener,
  );
  // Without this listener Node answers 100 before anybody has looked at the request.
  server.on("checkContinue", listener);
  // And 417 without a body to an expectation it does not know, which may as well be ignored.
  server.on("checkExpectation", listener);
  // Without this one it hangs up on whoever takes it for a proxy.
  server.on("connect", (_request, socket: Socket) => {
    // Node listens no more: an error that nobody hears, such as a client that has gone already, would end the process.
    socket.on("error", () => socket.destroy());
    refuseInTurn(new Error("CONNECT"), socket);
  });
  server.on("clientError", onClientError);
  // Those beyond Node's own number would be ignored, although the framing of the request may be among them. Their size is limited.
  server.maxHeadersCount = 0;
  limitTimes(server, limits);
  const connections = new ConnectionLimit(server, limits.maxConnections, log);
  return {
    server,
    limit: (next) => {
      limitTimes(server, next);
      connections.set(next.maxConnections);
    },
  };
}

/** From now on. */
function limitTimes(server: Server, { requestTimeoutMs }: ServerLimits): void {
  server.requestTimeout = requestTimeoutMs;
  server.headersTimeout = Math.min(60_000, requestTimeoutMs);
}

/** Undefined when nothing can be answered any more. */
function refuseSocket(socket: Socket, error: NodeJS.ErrnoException): ErrorReply | undefined {
  // A reply that is already on its way cannot be told from this one any more: the client must see a broken transfer.
  const inFlight = (socket as { _httpMessage?: { headersSent: boolean } })._httpMessage;
  if (error.code === "ECONNRESET" || !socket.writable || inFlight?.headersSent) {
    socket.destroy();
    return undefined;
  }
  return endWithError(socket, framingError(error));
}

/** The reply of a socket that no handler has: the error, and the end of the connection, whether its client closes it or not. */
export function endWithError(socket: Duplex, error: GatewayError): ErrorReply {
  const reply = errorReply(error);
  const { status, body, headers } = reply;
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
  // Unread bytes would make the reply's end a reset.
  socket.resume();
  const hangUp = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once("close", () => clearTimeout(hangUp));
  return reply;
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
