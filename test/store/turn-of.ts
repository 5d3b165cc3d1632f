/** Turns for the store's tests: a user message, an agent's own tool call with its result, and an answer. No assertions here. */
import type { Message } from "../../src/domain/message.ts";
import type { SessionStore, TurnRecord } from "../../src/domain/session.ts";

export const key = "agent:main:somebody";

export function turnMessages(label: string): readonly Message[] {
  return [
    { role: "user", content: [{ type: "text", text: `${label} question` }] },
    { role: "assistant", content: "", toolCalls: [{ id: `${label}-call`, name: "current_time", arguments: "{not json" }] },
    { role: "tool", toolCallId: `${label}-call`, content: [{ type: "text", text: `${label} result` }] },
    { role: "assistant", content: `${label} answer`, toolCalls: [] },
  ];
}

/** A turn at the leaf. Of `messages`, the first is the caller's and the others are the run's. */
export function turnOf(
  label: string,
  leafId: string | undefined,
  { messages = turnMessages(label), ...change }: Partial<TurnRecord> & { readonly messages?: readonly Message[] } = {},
): TurnRecord {
  const [input, added] = [messages.slice(0, 1), messages.slice(1)];
  return {
    sessionKey: key,
    agentId: "main",
    owner: "main",
    runId: label,
    leafId,
    parentId: leafId,
    input,
    added,
    isAnswered: true,
    ...change,
  };
}

/** The active path. */
export async function messagesIn(store: SessionStore, sessionKey: string = key): Promise<readonly Message[]> {
  return (await store.readPath(sessionKey)).nodes.map((node) => node.message);
}
