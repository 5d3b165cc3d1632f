/**
 * Ids of tool calls as Anthropic takes them: of few characters, short, and each given once in a conversation. Others come
 * from other models, whose calls stand in the same conversation after a fallback. Pure, and the same at every turn.
 */
import { createHash } from "node:crypto";
import type { Message, ToolCall } from "../domain/message.ts";

const taken = /^[\w-]{1,64}$/u;

/** For prompts alone: what a run says to its caller keeps the model's own ids. */
export function anthropicCallIds(messages: readonly Message[]): (call: Pick<ToolCall, "id">) => string {
  const counts = new Map<string, number>();
  const ids = new Map<Pick<ToolCall, "id">, string>();
  for (const message of messages) {
    if (message.role !== "assistant") continue;
    for (const call of message.toolCalls) {
      const count = counts.get(call.id) ?? 0;
      counts.set(call.id, count + 1);
      ids.set(call, encodeId(call.id, count));
    }
  }
  return (call) => ids.get(call) ?? encodeId(call.id, 0);
}

/** `count`: how many calls before it had the same id. */
function encodeId(id: string, count: number): string {
  if (count === 0 && taken.test(id)) return id;
  return `call_${createHash("sha256").update(`${count} ${id}`).digest("hex").slice(0, 32)}`;
}
