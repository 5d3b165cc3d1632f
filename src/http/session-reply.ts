/** Kept sessions and their messages → the contract's objects. Pure functions. */
import type { components } from "../../generated/openapi.ts";
import type { Message, ToolCall } from "../domain/message.ts";
import type { KeptMessage, KeptSession, Page } from "../domain/session-catalog.ts";

type Schemas = components["schemas"];
type Content = Schemas["SessionMessage"]["content"];

/** `isOwnerShown`: to whoever sees the sessions of others too. */
export function encodeSession(session: KeptSession, isOwnerShown: boolean): Schemas["Session"] {
  return {
    id: session.key,
    object: "session",
    agent: session.agentId,
    ...(isOwnerShown ? { owner: session.owner } : {}),
    created: seconds(session.createdAt),
    last_active_at: seconds(session.lastActiveAt),
    message_count: session.messageCount,
    bytes: session.bytes,
  };
}

export function encodeKeptMessage(kept: KeptMessage): Schemas["SessionMessage"] {
  const { message } = kept;
  return {
    id: kept.id,
    object: "session.message",
    parent_id: kept.parentId ?? null,
    run_id: kept.runId,
    created: seconds(kept.createdAt),
    role: message.role,
    content: encodeContent(message),
    ...(message.role === "assistant" && message.refusal !== undefined ? { refusal: message.refusal } : {}),
    ...(message.role === "assistant" ? encodeCalls(message.toolCalls) : {}),
    ...(message.role === "tool" ? { tool_call_id: message.toolCallId } : {}),
    origin: kept.origin,
    state: kept.state,
  };
}

/** A list as OpenAI's API has it. */
export function encodePage<Item, Encoded extends { readonly id: string }>({ items, hasMore }: Page<Item>, encode: (item: Item) => Encoded) {
  const data = items.map(encode);
  return { object: "list" as const, data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: hasMore };
}

/** One text as a string, several parts or an image as a list. */
export function encodeContent(message: Message): Content {
  if (message.role === "assistant") {
    const hasMore = message.toolCalls.length > 0 || message.refusal !== undefined;
    return message.content === "" && hasMore ? null : message.content;
  }
  const parts = message.content;
  const [first] = parts;
  if (first === undefined) return null;
  if (parts.length === 1 && first.type === "text") return first.text;
  return parts.map((part) => {
    if (part.type === "text") return { type: "text", text: part.text };
    const { mediaType, data, detail } = part;
    return { type: "image_url", image_url: { url: `data:${mediaType};base64,${data}`, ...(detail === undefined ? {} : { detail }) } };
  });
}

export function encodeCalls(toolCalls: readonly ToolCall[]) {
  const calls = toolCalls.map(({ id, name, arguments: text }) => ({ id, type: "function" as const, function: { name, arguments: text } }));
  return calls.length > 0 ? { tool_calls: calls } : {};
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
