/**
 * A message as the JSON text of its row, and back.
 *
 * Reading checks as much of the shape as the rest of the program relies on, so that a damaged row is an error of its own
 * session and not a crash somewhere else. What only a provider's adapter reads again (`replay`) is kept as it came.
 * Deliberately absent: system messages, which are never stored.
 */
import { GatewayError } from "../domain/errors.ts";
import type { Message, SystemMessage } from "../domain/message.ts";

export type StoredMessage = Exclude<Message, SystemMessage>;

export function encodeBody(message: StoredMessage): string {
  return JSON.stringify(message);
}

export function decodeBody(body: string, messageId: string): StoredMessage {
  let cause: unknown;
  try {
    const value: unknown = JSON.parse(body);
    if (isStoredMessage(value)) return value;
    cause = new Error(`The body of message ${messageId} is JSON, but not a message.`);
  } catch (error) {
    cause = new Error(`The body of message ${messageId} is not JSON.`, { cause: error });
  }
  throw new GatewayError(
    "store_unavailable",
    "A stored message of this session is damaged, so the session cannot be continued. Others are not affected: use another session key.",
    { cause },
  );
}

function isStoredMessage(value: unknown): value is StoredMessage {
  if (!isRecord(value)) return false;
  switch (value["role"]) {
    case "user":
      return areParts(value["content"], (part) => isTextPart(part) || isImagePart(part));
    case "tool":
      return typeof value["toolCallId"] === "string" && areParts(value["content"], isTextPart);
    case "assistant":
      return typeof value["content"] === "string" && Array.isArray(value["toolCalls"]) && value["toolCalls"].every(isToolCall);
    default:
      return false;
  }
}

function areParts(value: unknown, isPart: (part: Record<string, unknown>) => boolean): boolean {
  return Array.isArray(value) && value.every((part) => isRecord(part) && isPart(part));
}

function isTextPart({ type, text }: Record<string, unknown>): boolean {
  return type === "text" && typeof text === "string";
}

function isImagePart({ type, mediaType, data }: Record<string, unknown>): boolean {
  return type === "image" && typeof mediaType === "string" && typeof data === "string";
}

function isToolCall(value: unknown): boolean {
  return isRecord(value) && ["id", "name", "arguments"].every((field) => typeof value[field] === "string");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
