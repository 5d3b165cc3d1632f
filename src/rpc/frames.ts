/**
 * Text ⇄ frames. Pure: what a request asks for, and how answers and events are written.
 *
 * Deliberately absent: whether parameters fit (`contract.ts`) and sockets (`connection.ts`).
 */
import { parse as parseJson } from "secure-json-parse";
import { hasMoreValues } from "../domain/json-text.ts";
import type { EventName } from "./contract.ts";
import type { UnfinishedPayload, WireError } from "./errors.ts";

export interface Request {
  readonly id: string;
  readonly method: string;
  readonly params: unknown;
}

/** `payload` is JSON already: one event may go to many. */
export interface EncodedEvent {
  readonly event: EventName;
  readonly payload: string;
}

const maxIdLength = 256;
const maxMethodLength = 128;
/** Far more than any method has parameters for; parsing them takes milliseconds. */
const maxValues = 10_000;
const fields = new Set(["type", "id", "method", "params", "traceparent"]);

/** A sentence for the close frame when it is no request: nobody could tell what an answer to it answers. */
export function decodeRequest(bytes: Buffer): Request | string {
  if (hasMoreValues(bytes, maxValues)) return `The frame has more than ${maxValues} values in it.`;
  let frame: unknown;
  try {
    frame = parseJson(bytes.toString("utf8"), { protoAction: "error", constructorAction: "ignore" });
  } catch {
    return "The frame is not JSON, or has a key named __proto__.";
  }
  if (typeof frame !== "object" || frame === null || Array.isArray(frame)) return "The frame is not a JSON object.";
  const { type, id, method, params = {} } = frame as { [field: string]: unknown };
  if (type !== "req") return 'Clients send frames of type "req" only.';
  if (typeof id !== "string" || id === "" || id.length > maxIdLength) return `A request needs an id of 1 to ${maxIdLength} characters.`;
  if (typeof method !== "string" || method === "" || method.length > maxMethodLength) return "A request needs a method.";
  if (Object.keys(frame).some((field) => !fields.has(field))) return "A request has type, id, method and params, and nothing else.";
  return { id, method, params };
}

export function encodeResult(id: string, payload: unknown): string {
  return JSON.stringify({ type: "res", id, ok: true, payload });
}

export function encodeRefusal(id: string, error: WireError, payload: UnfinishedPayload | undefined): string {
  return JSON.stringify({ type: "res", id, ok: false, ...(payload ? { payload } : {}), error });
}

/** Without a number before the connection is open. */
export function encodeEvent({ event, payload }: EncodedEvent, seq?: number): string {
  return `{"type":"event","event":"${event}","payload":${payload}${seq === undefined ? "" : `,"seq":${seq}`}}`;
}

/** A text as the server's end of a WebSocket sends it (RFC 6455, section 5.2): in one piece, unmasked. */
export function frameText(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const more = length < 126 ? 0 : length < 0x1_0000 ? 2 : 8;
  const frame = Buffer.alloc(2 + more + length);
  frame[0] = 0x81;
  frame[1] = more === 0 ? length : more === 2 ? 126 : 127;
  if (more === 2) frame.writeUInt16BE(length, 2);
  // The upper two of the eight bytes stay zero.
  if (more === 8) frame.writeUIntBE(length, 4, 6);
  frame.write(text, 2 + more);
  return frame;
}
