/** How much of what, for every connection; and with which codes connections are closed. */
import type { GatewayConfig } from "../config/config.ts";

export interface RpcLimits {
  /** Of one frame of the client's, once it is known. */
  readonly maxPayload: number;
  /** Held for a client that does not read; what is sent in one go may go beyond it. */
  readonly maxBufferedBytes: number;
  readonly tickIntervalMs: number;
  /** From the connection to `hello-ok`. */
  readonly handshakeMs: number;
  /** Of one connection, at a time. */
  readonly maxRequests: number;
  /** How long what is said is gathered into one event. */
  readonly gatherMs: number;
  /** How long what runs do is gathered for those who hear of all of them, and up to which size. */
  readonly batchMs: number;
  readonly batchBytes: number;
  /** How long a client has to answer a close frame. */
  readonly closeMs: number;
}

/** Of one frame, and of all of them, before `hello-ok`. */
export const greetingBytes = 64 * 1024;

/** Of one message: each has a cost of its own, however little is in it. */
export const maxPieces = 16 * 1024;

export const closeCodes = { unsupported: 1003, policy: 1008, tooLarge: 1009, restart: 1012 } as const;

/** A request may be as large as one of the HTTP face. */
export function limitsOf({ chatCompletions }: Pick<GatewayConfig, "chatCompletions">): RpcLimits {
  return {
    maxPayload: Math.max(chatCompletions.maxBodyBytes, greetingBytes),
    maxBufferedBytes: 16 * 1024 * 1024,
    tickIntervalMs: 30_000,
    handshakeMs: 15_000,
    maxRequests: 64,
    gatherMs: 50,
    batchMs: 100,
    batchBytes: 256 * 1024,
    closeMs: 2_000,
  };
}
