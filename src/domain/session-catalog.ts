/**
 * What is kept, looked at from outside of a run: which sessions there are, what is in them, and how they go.
 *
 * Deliberately absent: who may see what (`service/kept-sessions.ts`), and everything that a run needs (`session.ts`).
 */
import type { TranscriptNode } from "./transcript-tree.ts";

/** `agent:<agentId>:<rest>`, at most 512 characters. */
export type SessionKey = string;

export interface KeptSession {
  readonly key: SessionKey;
  readonly agentId: string;
  /** The name of the principal that made it. */
  readonly owner: string;
  /** Milliseconds since 1970, like all points in time here. */
  readonly createdAt: number;
  /** When a run last went on or ended in it, or its owner changed it. That one begins does not count yet. */
  readonly lastActiveAt: number;
  /** All that are kept, wherever in the tree. */
  readonly messageCount: number;
  /** What its messages and its memory take in the store, about. */
  readonly bytes: number;
}

/** How a message stands to the path that goes on: on it, on another branch, or beside all of them, because its run failed. */
export type MessageState = "active" | "superseded" | "unanswered";

export interface KeptMessage extends Omit<TranscriptNode, "isAnswered"> {
  readonly createdAt: number;
  readonly state: MessageState;
}

export interface PageRequest {
  readonly limit: number;
  /** The last item that is known already. */
  readonly after?: string | undefined;
  readonly order: "asc" | "desc";
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly hasMore: boolean;
}

export interface SessionQuery extends PageRequest {
  readonly agentId?: string | undefined;
  readonly owner?: string | undefined;
}

export interface TranscriptQuery extends PageRequest {
  /** Also what is not on the active path. */
  readonly branches: boolean;
}

/** What was taken out of a store. */
export interface Removed {
  readonly messages: number;
  readonly bytes: number;
}

/**
 * Every method rejects with a `GatewayError` `store_unavailable` when the store cannot be used. A removal is one
 * transaction; nobody may be at work on its session. With `fence`, the number of a lease on it, it is refused with
 * `session_busy` once that is lost.
 */
export interface SessionCatalog {
  /** By the time of their last activity. Rejects with `invalid_value` when there is no session `after`. */
  list(query: SessionQuery): Promise<Page<KeptSession>>;
  find(key: SessionKey): Promise<KeptSession | undefined>;
  /** In the order of the path, or in that of writing. A page may end before its limit, so that it does not get too large. */
  readMessages(key: SessionKey, query: TranscriptQuery): Promise<Page<KeptMessage>>;
  /** Ids of the calls that the agent's own tools answered in these runs. */
  ownCallsOf(key: SessionKey, runIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** The session with all that is in it; undefined when `owner` has none of that key. */
  remove(key: SessionKey, owner: string, fence?: number): Promise<Removed | undefined>;
  /** All that is in it, but not the session. */
  empty(key: SessionKey, owner: string, fence?: number): Promise<KeptSession | undefined>;

  /** How many sessions there are, what they take, and how many of them were not active since `before`. */
  measure(before?: number): Promise<{ readonly sessions: number; readonly bytes: number; readonly inactive: number }>;
  /** Those that were active least recently, at most `limit`; with `before`, only those that were not active since. */
  listOldest(limit: number, before?: number): Promise<readonly KeptSession[]>;
  /** Keys of sessions that may have messages beside their active path, in an order of their own, after `after`. */
  listBranched(limit: number, after?: SessionKey): Promise<readonly SessionKey[]>;
  /** Takes out what is not on the active path; with `before`, only what was written before, and nothing that newer messages stand on. */
  removeBranches(key: SessionKey, before?: number, fence?: number): Promise<Removed>;
}
