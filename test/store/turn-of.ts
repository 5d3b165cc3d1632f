/** Turns for the store's tests: a user message, an agent's own tool call with its result, and an answer. No assertions here. */
import type { Message } from "../../src/domain/message.ts";
import type { RunEnding } from "../../src/domain/run-record.ts";
import type { SessionStore, TranscriptStart, TranscriptWriter } from "../../src/domain/session.ts";
import { endingOf, outcome, runOf } from "./run-of.ts";

export const key = "agent:main:somebody";

/** A run that is over with one write after its begin. */
export interface Turn extends Omit<TranscriptStart, "run"> {
  readonly runId: string;
  /** What the run wrote. */
  readonly added: readonly Message[];
  readonly isAnswered: boolean;
}

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
  { messages = turnMessages(label), ...change }: Partial<Turn> & { readonly messages?: readonly Message[] } = {},
): Turn {
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

export function beginTurns(
  store: SessionStore,
  { runId, added: _added, isAnswered: _isAnswered, ...start }: Turn,
): Promise<TranscriptWriter> {
  const { sessionKey, agentId, owner } = start;
  return store.beginTurns({ ...start, run: runOf(runId, { sessionKey, agentId, owner, isBackground: false }) });
}

export async function appendTurn(store: SessionStore, turn: Turn): Promise<void> {
  const writer = await beginTurns(store, turn);
  await writer.end(turn.added, endOf(turn.runId, turn.isAnswered ? "completed" : "failed"));
}

export function endOf(runId: string, status: "completed" | "failed"): RunEnding {
  const { model, turns, endedAt } = outcome;
  const error = { code: "upstream_error", message: "The model failed.", hasEffects: false } as const;
  return endingOf(runId, status === "completed" ? {} : { outcome: { status, model, turns, endedAt, error } });
}

/** The active path. */
export async function messagesIn(store: SessionStore, sessionKey: string = key): Promise<readonly Message[]> {
  return (await store.readPath(sessionKey)).nodes.map((node) => node.message);
}
