/**
 * Which tool result belongs to which call, where ids do not say it alone: some models count their calls from 0 in each
 * turn, or give two calls one id. Pure.
 */
import type { Message, ToolCall, ToolMessage } from "../domain/message.ts";

/**
 * Results in their order, each with its call: of those with its id in the newest message that has any, the first that
 * has no result yet, or else the last one. A result without a call is left out.
 */
export function pairResults(messages: readonly Message[]): ReadonlyMap<ToolMessage, ToolCall> {
  const open = new Map<string, ToolCall[]>();
  const pairs = new Map<ToolMessage, ToolCall>();
  for (const message of messages) {
    if (message.role === "assistant") {
      for (const { id } of message.toolCalls) open.delete(id);
      for (const call of message.toolCalls) {
        const calls = open.get(call.id);
        if (calls) calls.push(call);
        else open.set(call.id, [call]);
      }
    } else if (message.role === "tool") {
      const calls = open.get(message.toolCallId);
      const call = calls && calls.length > 1 ? calls.shift() : calls?.[0];
      if (call) pairs.set(message, call);
    }
  }
  return pairs;
}
