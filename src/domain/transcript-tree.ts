/**
 * All that a session has kept: a tree of messages, to which branches are added and from which the run path never moves
 * anything. Where the next messages belong is found by `service/reconcile.ts`.
 *
 * Deliberately absent: instructions, which are never kept, and how the tree is stored.
 */
import type { Message, SystemMessage } from "./message.ts";

/** What is said in a conversation; instructions are not. */
export type DialogueMessage = Exclude<Message, SystemMessage>;

export interface TranscriptNode {
  readonly id: string;
  /** Undefined at a root: a session has one for each conversation that was begun in it. */
  readonly parentId: string | undefined;
  /** The run that wrote it. Its own messages stand one below the other. */
  readonly runId: string;
  readonly message: DialogueMessage;
  /** Who brought it: the caller with its request, or the run (the model's replies, the results of the agent's tools). */
  readonly origin: "caller" | "run";
  /** `false`: the run failed or was aborted, and no model reads it again. */
  readonly isAnswered: boolean;
}

export interface TranscriptTree {
  /** In the order in which they were written, so that a parent comes before its children. */
  readonly nodes: readonly TranscriptNode[];
  /** The end of the path that was answered last; undefined while nothing was. */
  readonly leafId: string | undefined;
}

/** As the store reads it. */
export interface StoredTranscript extends TranscriptTree {
  /** Whose session it is: the name of a principal. Undefined when there is no session. */
  readonly owner: string | undefined;
}
