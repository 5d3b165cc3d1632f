/** A session's transcript as the run path would keep it: requests are reconciled with it, and what they and their runs said is added. */
import type { AssistantMessage, ImagePart, ToolCall, ToolMessage, UserMessage } from "../../src/domain/message.ts";
import type { DialogueMessage, TranscriptNode, TranscriptTree } from "../../src/domain/transcript-tree.ts";
import { type Placement, reconcile, type Refusal } from "../../src/service/reconcile.ts";

export class Transcript implements TranscriptTree {
  readonly nodes: TranscriptNode[] = [];
  leafId: string | undefined;
  #runs = 0;

  /** Reconciles, adds `reply` as the run's and moves the leaf. Throws when the request is refused. */
  ask(dialogue: readonly DialogueMessage[], ...reply: readonly DialogueMessage[]): Placement {
    const placed = this.place(dialogue);
    this.end(placed, reply, true);
    return placed;
  }

  /** The run fails: what the caller brought is kept beside the path. */
  fail(dialogue: readonly DialogueMessage[], ...begun: readonly DialogueMessage[]): Placement {
    const placed = this.place(dialogue);
    this.end(placed, begun, false);
    return placed;
  }

  place(dialogue: readonly DialogueMessage[]): Placement {
    const placed = reconcile(this, dialogue);
    if (placed.mode === "refused") throw new Error(placed.message);
    return placed;
  }

  refusal(dialogue: readonly DialogueMessage[]): Refusal {
    const placed = reconcile(this, dialogue);
    if (placed.mode !== "refused") throw new Error(`The request was not refused but placed below ${placed.parentId}.`);
    return placed;
  }

  end({ parentId, input }: Placement, reply: readonly DialogueMessage[], isAnswered: boolean): void {
    const runId = `run${++this.#runs}`;
    let parent = parentId;
    const add = (message: DialogueMessage, origin: "caller" | "run"): void => {
      const id = `n${this.nodes.length + 1}`;
      this.nodes.push({ id, parentId: parent, runId, message, origin, isAnswered });
      parent = id;
    };
    for (const message of input) add(message, "caller");
    for (const message of reply) add(message, "run");
    if (isAnswered) this.leafId = parent;
  }

  /** The id of the last node that holds a message with this text. */
  idOf(text: string): string {
    const node = this.nodes.findLast(({ message }) => JSON.stringify(message.content).includes(text));
    if (!node) throw new Error(`Nobody said '${text}'.`);
    return node.id;
  }
}

export function user(...parts: readonly (string | ImagePart)[]): UserMessage {
  return { role: "user", content: parts.map((part) => (typeof part === "string" ? { type: "text", text: part } : part)) };
}

export function assistant(content: string, ...toolCalls: readonly ToolCall[]): AssistantMessage {
  return { role: "assistant", content, toolCalls };
}

export function call(id: string, json = "{}", name = "lookup"): ToolCall {
  return { id, name, arguments: json };
}

export function tool(toolCallId: string, text: string): ToolMessage {
  return { role: "tool", toolCallId, content: [{ type: "text", text }] };
}

export const noResult = (toolCallId: string): ToolMessage => tool(toolCallId, "The caller gave no result for this call.");
