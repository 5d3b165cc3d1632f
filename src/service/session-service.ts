/**
 * A run's view of its session: what the model is to read, and what is kept afterwards.
 *
 * Clients resend the whole conversation on every call and sessions remember it too. The rule that keeps it from
 * being read twice: an empty session takes everything the caller sent; one with a transcript takes only what
 * follows the caller's last assistant message and puts it after the transcript.
 * Deliberately absent: branches for edited and regenerated messages.
 */
import { GatewayError } from "../domain/errors.ts";
import { type AssistantMessage, isSystemMessage, type Message, type ToolMessage } from "../domain/message.ts";
import type { SessionMemory, SessionStore } from "../domain/session.ts";
import type { ResolvedSession } from "./session-key.ts";

export interface Conversation {
  /** What the model reads after the agent's own instructions. */
  readonly messages: readonly Message[];
  readonly memory: SessionMemory;
  /** Keeps the caller's new messages and, when the run completed, what the run added to them. */
  end(added: readonly Message[], isAnswered: boolean): Promise<void>;
}

export class SessionService {
  readonly #store: SessionStore;

  constructor(store: SessionStore) {
    this.#store = store;
  }

  /** Rejects with `store_unavailable`, or `invalid_value` when a tool result answers no pending call. */
  async open(session: ResolvedSession, run: { id: string; agentId: string }, sent: readonly Message[]): Promise<Conversation> {
    if (!session.isStored) {
      checkToolResults(sent, sent);
      return { messages: sent, memory: new VolatileMemory(), end: () => Promise.resolve() };
    }
    const transcript = await this.#store.readTranscript(session.key);
    const dialogue = sent.filter((message) => !isSystemMessage(message));
    const input =
      transcript.messages.length === 0 ? dialogue : dialogue.slice(dialogue.findLastIndex((message) => message.role === "assistant") + 1);
    if (input.length === 0) {
      throw new GatewayError("invalid_value", "There is nothing new to answer: the last message must be a 'user' or 'tool' message.", {
        param: `messages[${sent.length - 1}]`,
      });
    }
    const history = [...transcript.messages, ...input];
    checkToolResults(history, sent);
    return {
      messages: [...sent.filter(isSystemMessage), ...settleToolCalls(history)],
      memory: this.#store.memoryOf(session.key, run.agentId),
      end: (added, isAnswered) =>
        this.#store.appendTurn({
          sessionKey: session.key,
          agentId: run.agentId,
          runId: run.id,
          parentId: transcript.leafId,
          messages: isAnswered ? [...input, ...added] : input,
          isAnswered,
        }),
    };
  }
}

/** Every tool result must answer a call that is still open where it stands. `sent` gives the index for the error. */
function checkToolResults(history: readonly Message[], sent: readonly Message[]): void {
  let open = new Set<string>();
  for (const message of history) {
    if (message.role === "assistant") open = new Set(message.toolCalls.map((call) => call.id));
    else if (message.role === "tool" && !open.delete(message.toolCallId)) {
      throw new GatewayError("invalid_value", `No tool call with the id '${message.toolCallId}' is waiting for a result here.`, {
        param: `messages[${sent.indexOf(message)}].tool_call_id`,
      });
    }
  }
}

/** A caller may walk away from a tool call; providers refuse a history with an unanswered one, so it gets an answer that says so. */
function settleToolCalls(history: readonly Message[]): Message[] {
  return history.flatMap((message, index) =>
    message.role === "assistant" && message.toolCalls.length > 0
      ? [message, ...missingResults(message, history.slice(index + 1))]
      : [message],
  );
}

function missingResults(message: AssistantMessage, following: readonly Message[]): ToolMessage[] {
  const next = following.findIndex((other) => other.role === "assistant");
  const answered = new Set(
    (next < 0 ? following : following.slice(0, next)).flatMap((other) => (other.role === "tool" ? [other.toolCallId] : [])),
  );
  return message.toolCalls
    .filter((call) => !answered.has(call.id))
    .map((call) => ({ role: "tool", toolCallId: call.id, content: [{ type: "text", text: "The caller gave no result for this call." }] }));
}

/** The memory of a stateless run: it ends with the run. */
class VolatileMemory implements SessionMemory {
  readonly #values = new Map<string, string>();

  save(name: string, value: string): Promise<void> {
    this.#values.set(name, value);
    return Promise.resolve();
  }

  recall(): Promise<ReadonlyMap<string, string>> {
    return Promise.resolve(this.#values);
  }
}
