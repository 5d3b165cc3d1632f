/**
 * Where a request finds its place in its session's transcript, what is kept of it, and what the model reads. Pure; the
 * rules, each with the test that shows it, are the tables of docs/sessions.md.
 *
 * Deliberately absent: instructions, stateless requests, reading and writing the store, and fitting a conversation to a
 * model's context window.
 */
import type { Message } from "../domain/message.ts";
import type { DialogueMessage, TranscriptNode, TranscriptTree } from "../domain/transcript-tree.ts";
import { Likeness } from "./likeness.ts";
import { Overlap } from "./overlap.ts";
import { findStrayResult, isAssistant, settleToolCalls } from "./tool-answers.ts";
import { appearancesOf, isOfRun, readVisibleTree, type VisibleItem, type VisibleTree } from "./visible-items.ts";

export interface Placement {
  /** `new`: continues the active leaf. `resent`: the request brings its own history. */
  readonly mode: "new" | "resent";
  /** The node below which `input` and the run's reply go; undefined at a root. */
  readonly parentId: string | undefined;
  /** The messages that the transcript does not have yet. Empty when an answer is asked for again. */
  readonly input: readonly DialogueMessage[];
  /** What the model reads, instructions left out. */
  readonly conversation: readonly Message[];
}

export interface Refusal {
  readonly mode: "refused";
  readonly code: "invalid_value";
  /** In the dialogue; undefined when it is empty. */
  readonly index: number | undefined;
  /** The field at fault, unless it is the message itself. */
  readonly field?: "toolCallId";
  readonly message: string;
}

/** A caller's first messages found in the transcript. */
interface Match {
  readonly item: VisibleItem;
  /** How many they are; the last of them is `item`. */
  readonly length: number;
}

const maxShownId = 64;
/** See `overlapsAt`. */
const maxReadings = 8;

/** For a request without a session: a result in it must answer a call in it. */
export function refuseStrayResult(dialogue: readonly DialogueMessage[]): Refusal | undefined {
  const stray = findStrayResult([], dialogue);
  return stray < 0 ? undefined : notAsked(dialogue, stray);
}

export function reconcile(tree: TranscriptTree, dialogue: readonly DialogueMessage[]): Placement | Refusal {
  if (dialogue.length === 0) return nothingNew(undefined);
  return dialogue.some(isAssistant) ? placeResent(tree, dialogue) : continueLeaf(tree, dialogue);
}

function continueLeaf(tree: TranscriptTree, dialogue: readonly DialogueMessage[]): Placement | Refusal {
  const history = readActivePath(tree);
  const stray = findStrayResult(history, dialogue);
  if (stray >= 0) return notAsked(dialogue, stray);
  return { mode: "new", parentId: tree.leafId, input: dialogue, conversation: settleToolCalls([...history, ...dialogue]) };
}

function placeResent(tree: TranscriptTree, dialogue: readonly DialogueMessage[]): Placement | Refusal {
  const stray = refuseStrayResult(dialogue);
  if (stray) return stray;
  const match = findMatch(readVisibleTree(tree), tree.leafId, dialogue);
  const input = dialogue.slice(match?.length ?? 0);
  if (input.length === 0 && isAssistant(dialogue.at(-1)!)) return nothingNew(dialogue.length - 1);
  return {
    mode: "resent",
    parentId: match?.item.nodes.at(-1)!.id,
    input,
    conversation: settleToolCalls([...(match ? restore(match, dialogue) : []), ...input]),
  };
}

/** Root → active leaf. Throws when the leaf is no answered message of the tree: the store broke its contract. */
function readActivePath({ nodes, leafId }: TranscriptTree): Message[] {
  const earlier = new Map<string, TranscriptNode | undefined>();
  const answered = new Map<string, TranscriptNode>();
  for (const node of nodes) {
    if (!node.isAnswered) continue;
    earlier.set(node.id, node.parentId === undefined ? undefined : answered.get(node.parentId));
    answered.set(node.id, node);
  }
  if (leafId !== undefined && !answered.has(leafId)) throw new Error("The active leaf of a session is not among its answered messages.");
  const upwards: Message[] = [];
  for (let node = answered.get(leafId ?? ""); node; node = earlier.get(node.id)) upwards.push(node.message);
  return upwards.reverse();
}

/**
 * The longest beginning of the dialogue that lies on a path of the tree. Among those of one length, the one that begins
 * where a conversation began goes before one in the middle, the active path before other branches, the newest before older ones.
 */
function findMatch(
  { items, itemOfNode }: VisibleTree,
  leafId: string | undefined,
  dialogue: readonly DialogueMessage[],
): Match | undefined {
  const active = new Set<VisibleItem>();
  for (let item = itemOfNode.get(leafId ?? ""); item; item = item.parent) active.add(item);
  const likeness = new Likeness(dialogue);
  const overlap = new Overlap(likeness.numbers);
  const overlaps = new Map<VisibleItem, readonly number[]>();
  let best: Match | undefined;
  let bestRank = 0;
  for (const item of items) {
    const lengths = overlapsAt(item, (item.parent && overlaps.get(item.parent)) ?? [0], likeness, overlap);
    if (lengths.length === 0) continue;
    overlaps.set(item, lengths);
    const length = lengths[0]!;
    const rank = length * 4 + (item.depth === length ? 2 : 0) + (active.has(item) ? 1 : 0);
    if (rank < bestRank) continue;
    best = { item, length };
    bestRank = rank;
  }
  return best;
}

/**
 * The longest beginnings of the dialogue that the path to `item` ends with, longest first. There is one for each way to
 * read the path: a run may look like two different messages of the request. Of many such ways the eight with the longest
 * beginnings are followed; what that misses is a place for the request, never a message.
 */
function overlapsAt(item: VisibleItem, before: readonly number[], likeness: Likeness, overlap: Overlap): readonly number[] {
  const lengths = new Set<number>();
  for (const appearance of appearancesOf(item)) {
    const number = likeness.find(appearance);
    if (number === undefined) continue;
    for (const length of before) lengths.add(overlap.step(length, number));
  }
  lengths.delete(0);
  return [...lengths].sort((a, b) => b - a).slice(0, maxReadings);
}

/** What the caller sent, with all that a run wrote where the caller saw one message of it. */
function restore({ item, length }: Match, dialogue: readonly DialogueMessage[]): Message[] {
  const upwards: (readonly Message[])[] = [];
  let at: VisibleItem | undefined = item;
  for (let index = length - 1; index >= 0 && at; index--, at = at.parent) {
    upwards.push(isOfRun(at) ? at.nodes.map((node) => node.message) : [dialogue[index]!]);
  }
  return upwards.reverse().flat();
}

function nothingNew(index: number | undefined): Refusal {
  return {
    mode: "refused",
    code: "invalid_value",
    index,
    message: "There is nothing new to answer: the last message must be a 'user' or 'tool' message.",
  };
}

function notAsked(dialogue: readonly DialogueMessage[], index: number): Refusal {
  const message = dialogue[index]!;
  const shown = message.role === "tool" ? message.toolCallId.slice(0, maxShownId) : "";
  return {
    mode: "refused",
    code: "invalid_value",
    index,
    field: "toolCallId",
    message: `No tool call with the id '${shown}' is waiting for a result here.`,
  };
}
