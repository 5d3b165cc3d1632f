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
      checkToolResults([], sent, sent);
      return { messages: sent, memory: new VolatileMemory(), end: () => Promise.resolve() };
    }
    const transcript = await this.#store.readTranscript(session.key);
    const dialogue = sent.filter((message) => !isSystemMessage(message));
    const input = transcript.messages.length === 0 ? dialogue : dialogue.slice(dialogue.findLastIndex(isAssistant) + 1);
    if (input.length === 0) {
      throw new GatewayError("invalid_value", "There is nothing new to answer: the last message must be a 'user' or 'tool' message.", {
        param: `messages[${sent.length - 1}]`,
      });
    }
    checkToolResults(transcript.messages, input, sent);
    return {
      messages: [...sent.filter(isSystemMessage), ...settleToolCalls([...transcript.messages, ...input])],
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

/** Ids of tool calls, each as often as it occurs: providers have been seen to give one id twice. */
class IdCounts {
  readonly #counts = new Map<string, number>();

  constructor(ids: readonly string[] = []) {
    for (const id of ids) this.add(id);
  }

  add(id: string): void {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
  }

  /** Takes one off; false when there was none. */
  take(id: string): boolean {
    const count = this.#counts.get(id) ?? 0;
    if (count > 0) this.#counts.set(id, count - 1);
    return count > 0;
  }
}

function callsOf(message: AssistantMessage): IdCounts {
  return new IdCounts(message.toolCalls.map((call) => call.id));
}

/**
 * Every tool result in `input` must answer a call that is still open where it stands. What stands in the transcript
 * is not judged again. `sent` gives the index for the error.
 */
function checkToolResults(transcript: readonly Message[], input: readonly Message[], sent: readonly Message[]): void {
  let open = new IdCounts();
  for (const message of transcript.slice(Math.max(0, transcript.findLastIndex(isAssistant)))) {
    if (isAssistant(message)) open = callsOf(message);
    else if (message.role === "tool") open.take(message.toolCallId);
  }
  for (const message of input) {
    if (isAssistant(message)) open = callsOf(message);
    else if (message.role === "tool" && !open.take(message.toolCallId)) {
      const shown = message.toolCallId.slice(0, maxShownId);
      throw new GatewayError("invalid_value", `No tool call with the id '${shown}' is waiting for a result here.`, {
        param: `messages[${sent.indexOf(message)}].tool_call_id`,
      });
    }
  }
}

const maxShownId = 64;

function isAssistant(message: Message): message is AssistantMessage {
  return message.role === "assistant";
}

/** A caller may walk away from a tool call; providers refuse a history with an unanswered one, so it gets an answer that says so. */
function settleToolCalls(history: readonly Message[]): Message[] {
  const backwards: Message[] = [];
  let answers = new IdCounts();
  for (const message of history.toReversed()) {
    if (message.role === "tool") answers.add(message.toolCallId);
    if (isAssistant(message)) {
      const unanswered = message.toolCalls.filter((call) => !answers.take(call.id));
      backwards.push(...unanswered.toReversed().map(({ id }) => noResult(id)));
      answers = new IdCounts();
    }
    backwards.push(message);
  }
  return backwards.reverse();
}

function noResult(toolCallId: string): ToolMessage {
  return { role: "tool", toolCallId, content: [{ type: "text", text: "The caller gave no result for this call." }] };
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
