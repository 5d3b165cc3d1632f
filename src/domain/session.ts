/**
 * Durable conversation state and the port to where it is kept.
 *
 * A session's transcript is an append-only tree of messages with one active leaf (`transcript-tree.ts`). Messages that
 * got no answer are kept beside its paths, so that they never reach a model again.
 */
import type { Message } from "./message.ts";
import type { StoredTranscript } from "./transcript-tree.ts";

/** `agent:<agentId>:<rest>`, at most 512 characters. */
export type SessionKey = string;

export interface TurnRecord {
  readonly sessionKey: SessionKey;
  readonly agentId: string;
  readonly runId: string;
  /** Whose session it is, or is to be: the name of a principal. */
  readonly owner: string;
  /** The active leaf when the run read the transcript: if it has moved since, the turn is refused. */
  readonly leafId: string | undefined;
  /** Where the turn goes: below this message, or a new root. */
  readonly parentId: string | undefined;
  /** What the caller brought. Instructions among it are not kept. */
  readonly input: readonly Message[];
  /** What the run wrote. */
  readonly added: readonly Message[];
  /** `true` moves the active leaf to the last message; `false` keeps the messages beside the paths. */
  readonly isAnswered: boolean;
}

export type SessionOwnership = Pick<TurnRecord, "sessionKey" | "agentId" | "owner">;

/** What an agent's memory tools remember under one session key. */
export interface SessionMemory {
  save(name: string, value: string): Promise<void>;
  /** Everything saved, oldest name first. */
  recall(): Promise<ReadonlyMap<string, string>>;
}

/**
 * Every method rejects with a `GatewayError` `store_unavailable` when the store cannot be used.
 * A write is one transaction: after a crash it is there as a whole or not at all.
 */
export interface SessionStore {
  /** The active path alone, root first. An unknown key gives an empty tree and creates nothing. */
  readPath(sessionKey: SessionKey): Promise<StoredTranscript>;
  /** All answered messages, superseded branches included. */
  readTree(sessionKey: SessionKey): Promise<StoredTranscript>;
  appendTurn(record: TurnRecord): Promise<void>;
  memoryOf(session: SessionOwnership): SessionMemory;
  /** Resolves when the store answers. */
  check(): Promise<void>;
  close(): Promise<void>;
}
