/** Stored completions, and the messages they were made of → the contract's objects. Pure functions. */
import type { components } from "../../generated/openapi.ts";
import type { ListedCompletion } from "../domain/kept-completion.ts";
import type { InputMessage } from "../service/kept-completions.ts";
import { type Completion, encodeCompletion } from "./chat-reply.ts";
import { encodeCalls, encodeContent } from "./session-reply.ts";

type StoredMessage = components["schemas"]["ChatCompletionMessage"];

/** What its caller was answered, and its labels. */
export function encodeKeptCompletion({ runId, createdAt, modelName, result, metadata }: ListedCompletion): Completion {
  const run = { id: runId, createdAt: Math.floor(createdAt / 1000) };
  const options = { model: modelName, includesUsage: false, showsProgress: false };
  return { ...encodeCompletion(run, result, result.end, options), metadata };
}

export function encodeInputMessage({ id, message }: InputMessage): StoredMessage {
  const content = encodeContent(message);
  return {
    id,
    role: message.role,
    content: typeof content === "string" ? content : null,
    content_parts: typeof content === "string" ? null : content,
    refusal: message.role === "assistant" ? (message.refusal ?? null) : null,
    ...("name" in message && message.name !== undefined ? { name: message.name } : {}),
    ...(message.role === "assistant" ? encodeCalls(message.toolCalls) : {}),
    ...(message.role === "tool" ? { tool_call_id: message.toolCallId } : {}),
  };
}
