/**
 * Calls of tools and the results that answer them: which results have no call, and what becomes of calls without a result.
 *
 * A result belongs to the nearest assistant message before it. Ids are counted, not collected: providers have been seen
 * to give one id twice.
 */
import type { AssistantMessage, Message, ToolCall, ToolMessage } from "../domain/message.ts";

/** Ids of tool calls, each as often as it occurs. */
class IdCounts {
  readonly #counts = new Map<string, number>();

  constructor(ids: readonly string[] = []) {
    for (const id of ids) this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
  }

  /** Takes one off; false when there was none. */
  take(id: string): boolean {
    const count = this.#counts.get(id) ?? 0;
    if (count > 0) this.#counts.set(id, count - 1);
    return count > 0;
  }
}

export function isAssistant(message: Message): message is AssistantMessage {
  return message.role === "assistant";
}

/** The calls that `results` do not answer, in their order. */
export function unansweredCalls(calls: readonly ToolCall[], results: readonly ToolMessage[]): ToolCall[] {
  const answers = new IdCounts(results.map((result) => result.toolCallId));
  return calls.filter((call) => !answers.take(call.id));
}

/**
 * The index in `added` of the first result without an open call, or -1. `history` stands before `added` and is not
 * judged again.
 */
export function findStrayResult(history: readonly Message[], added: readonly Message[]): number {
  let open = new IdCounts();
  const visit = (message: Message): boolean => {
    if (isAssistant(message)) open = new IdCounts(message.toolCalls.map((call) => call.id));
    return message.role !== "tool" || open.take(message.toolCallId);
  };
  history.slice(Math.max(0, history.findLastIndex(isAssistant))).forEach(visit);
  return added.findIndex((message) => !visit(message));
}

/**
 * As providers accept it: the results of a message's calls follow it at once, and each call has one. A caller may walk
 * away from a call, which then gets a result that says so; a result that comes late, after other messages, moves up to its call.
 */
export function settleToolCalls(history: readonly Message[]): Message[] {
  const settled: Message[] = [];
  let start = 0;
  while (start < history.length) {
    let end = start + 1;
    while (end < history.length && !isAssistant(history[end]!)) end++;
    for (const message of settleSegment(history.slice(start, end))) settled.push(message);
    start = end;
  }
  return settled;
}

/** What stands from one assistant message to before the next. Results without a call are left out: only a damaged history has them. */
function settleSegment(segment: readonly Message[]): Message[] {
  const [first] = segment;
  const calls = first && isAssistant(first) ? first.toolCalls : [];
  const open = new IdCounts(calls.map((call) => call.id));
  const results = segment.filter((message) => message.role === "tool").filter((result) => open.take(result.toolCallId));
  const others = segment.filter((message) => message.role !== "tool");
  const spoken = calls.length > 0 ? 1 : 0;
  return [...others.slice(0, spoken), ...results, ...unansweredCalls(calls, results).map(noResult), ...others.slice(spoken)];
}

function noResult({ id }: ToolCall): ToolMessage {
  return { role: "tool", toolCallId: id, content: [{ type: "text", text: "The caller gave no result for this call." }] };
}
