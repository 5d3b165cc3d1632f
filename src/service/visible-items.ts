/**
 * A transcript's tree as its callers saw it: a message of theirs is one item, and all that one run wrote is one item too,
 * the assistant message that its caller got.
 *
 * Deliberately absent: recursion (a conversation may be as deep as it likes) and unanswered messages, which nobody reads again.
 */
import type { AssistantMessage, ToolMessage } from "../domain/message.ts";
import type { DialogueMessage, TranscriptNode, TranscriptTree } from "../domain/transcript-tree.ts";
import { isAssistant, unansweredCalls } from "./tool-answers.ts";

export interface VisibleItem {
  readonly parent: VisibleItem | undefined;
  /** Counted from the root, which is 1; Infinity where the beginning of the path is not in the tree. */
  readonly depth: number;
  /** One message of the caller's, or those of one run in their order. */
  readonly nodes: readonly TranscriptNode[];
}

export interface VisibleTree {
  /** Parents before their children. */
  readonly items: readonly VisibleItem[];
  readonly itemOfNode: ReadonlyMap<string, VisibleItem>;
}

/** A parent counts only if it was written before: so every path ends, whatever was stored. */
export function readVisibleTree({ nodes }: TranscriptTree): VisibleTree {
  const items: VisibleItem[] = [];
  const itemOfNode = new Map<string, VisibleItem>();
  /** The nodes of each item, as long as they grow. */
  const growing = new Map<VisibleItem, TranscriptNode[]>();
  for (const node of nodes) {
    if (!node.isAnswered) continue;
    const above = node.parentId === undefined ? undefined : itemOfNode.get(node.parentId);
    const written = above && growing.get(above);
    if (above && written && goesOn(written.at(-1)!, node)) {
      written.push(node);
      itemOfNode.set(node.id, above);
      continue;
    }
    const own = [node];
    const item = { parent: above, depth: node.parentId === undefined ? 1 : (above?.depth ?? Infinity) + 1, nodes: own };
    growing.set(item, own);
    items.push(item);
    itemOfNode.set(node.id, item);
  }
  return { items, itemOfNode };
}

function goesOn(last: TranscriptNode, next: TranscriptNode): boolean {
  return next.origin === "run" && last.origin === "run" && last.runId === next.runId && last.id === next.parentId;
}

export function isOfRun(item: VisibleItem): boolean {
  return item.nodes[0]!.origin === "run";
}

/**
 * What the caller may have seen of the item. A run shows the texts of its turns joined by a blank line, but the last one
 * alone when a JSON format or a forced tool choice held text back; which of the two it was is not kept.
 */
export function appearancesOf(item: VisibleItem): DialogueMessage[] {
  if (!isOfRun(item)) return [item.nodes[0]!.message];
  const messages = item.nodes.map((node) => node.message);
  const replies = messages.filter(isAssistant);
  const joined = replies
    .map((reply) => reply.content)
    .filter((text) => text !== "")
    .join("\n\n");
  const last = replies.at(-1)?.content ?? "";
  const seen = {
    role: "assistant",
    refusal: replies.map((reply) => reply.refusal ?? "").join(""),
    toolCalls: callerCalls(messages),
  } as const;
  const appearances: AssistantMessage[] = [{ ...seen, content: joined }];
  if (last !== joined) appearances.push({ ...seen, content: last });
  return appearances;
}

/** The agent's own calls have their results in the run; a run ends with the turn that calls the caller's tools. */
function callerCalls(messages: readonly DialogueMessage[]) {
  const at = messages.findLastIndex(isAssistant);
  const last = messages[at];
  if (!last || !isAssistant(last)) return [];
  return unansweredCalls(
    last.toolCalls,
    messages.slice(at).filter((message): message is ToolMessage => message.role === "tool"),
  );
}
