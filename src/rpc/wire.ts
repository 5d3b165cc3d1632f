/** What several methods and events say alike: usage, messages, sessions. Pure. */
import type { components } from "../../generated/rpc.ts";
import type { ToolCall, UserPart } from "../domain/message.ts";
import type { Usage } from "../domain/model.ts";
import type { KeptMessage, KeptSession } from "../domain/session-catalog.ts";

type Schemas = components["schemas"];
export type ChatMessage = Schemas["ChatMessage"];
type Content = ChatMessage["content"];

export function encodeUsage({ inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens }: Usage): Schemas["Usage"] {
  return {
    input: inputTokens,
    output: outputTokens,
    ...(cachedInputTokens === undefined ? {} : { cacheRead: cachedInputTokens }),
    ...(cacheWriteTokens === undefined ? {} : { cacheWrite: cacheWriteTokens }),
    ...(reasoningTokens === undefined ? {} : { reasoning: reasoningTokens }),
    totalTokens: inputTokens + outputTokens,
  };
}

/** `isOwnerShown`: to whoever sees the sessions of others too. */
export function encodeSession(session: KeptSession, isOwnerShown: boolean): Schemas["Session"] {
  const { key, agentId, owner, createdAt, lastActiveAt, messageCount, bytes } = session;
  return {
    key,
    kind: "direct",
    agentId,
    ...(isOwnerShown ? { createdBy: owner } : {}),
    createdAt,
    updatedAt: lastActiveAt,
    lastActivityAt: lastActiveAt,
    messageCount,
    bytes,
  };
}

/** As it is kept, nothing cut. `isReplayShown`: to whoever may know what the agent's own tools were told, which stands in it too. */
export function encodeKeptMessage(kept: KeptMessage, isReplayShown: boolean): Schemas["KeptMessage"] {
  const { id, parentId, runId, origin, state, createdAt, message } = kept;
  return { id, parentId: parentId ?? null, runId, origin, state, createdAt, message: encodeDialogue(message, isReplayShown) };
}

function encodeDialogue(message: KeptMessage["message"], isReplayShown: boolean): Schemas["KeptMessage"]["message"] {
  if (message.role === "user") return { ...message, content: [...message.content] };
  if (message.role === "tool") return { ...message, content: [...message.content] };
  const { replay, ...said } = message;
  return { ...said, toolCalls: [...said.toolCalls], ...(replay && isReplayShown ? { replay } : {}) };
}

/** Longer texts are cut at `maxCharacters`. */
export function encodeMessage({ id, runId, createdAt, message }: KeptMessage, maxCharacters: number): ChatMessage {
  const named = { timestamp: createdAt, __openclaw: { id, runId } };
  switch (message.role) {
    case "user":
      return { role: "user", content: encodeParts(message.content, maxCharacters), ...named };
    case "tool":
      return { role: "toolResult", toolCallId: message.toolCallId, content: encodeParts(message.content, maxCharacters), ...named };
    case "assistant": {
      const text = cut(message.content + (message.refusal ?? ""), maxCharacters);
      return { role: "assistant", content: encodeReply(text, message.toolCalls), ...named };
    }
  }
}

export function encodeReply(text: string, toolCalls: readonly ToolCall[]): Content {
  return [
    ...(text === "" ? [] : [{ type: "text" as const, text }]),
    ...toolCalls.map(({ id, name, arguments: given }) => ({ type: "toolCall" as const, id, name, arguments: parsed(given) })),
  ];
}

function encodeParts(parts: readonly UserPart[], maxCharacters: number): Content {
  return parts.map((part) => {
    if (part.type === "text") return { type: "text", text: cut(part.text, maxCharacters) };
    return { type: "image", data: part.data, mimeType: part.mediaType };
  });
}

/** Never within a character. */
function cut(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const start = text.slice(0, maxCharacters);
  return start.isWellFormed() ? start : start.slice(0, -1);
}

/** A model may give what is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
