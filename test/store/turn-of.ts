/** Turns for the store's tests: a user message, an agent's own tool call with its result, and an answer. No assertions here. */
import type { Message } from "../../src/domain/message.ts";
import type { TurnRecord } from "../../src/domain/session.ts";

export const key = "agent:main:somebody";

export function turnMessages(label: string): readonly Message[] {
  return [
    { role: "user", content: [{ type: "text", text: `${label} question` }] },
    { role: "assistant", content: "", toolCalls: [{ id: `${label}-call`, name: "current_time", arguments: "{not json" }] },
    { role: "tool", toolCallId: `${label}-call`, content: [{ type: "text", text: `${label} result` }] },
    { role: "assistant", content: `${label} answer`, toolCalls: [] },
  ];
}

export function turnOf(label: string, parentId: string | undefined, change: Partial<TurnRecord> = {}): TurnRecord {
  return { sessionKey: key, agentId: "main", runId: label, parentId, messages: turnMessages(label), isAnswered: true, ...change };
}
