/**
 * Durable conversation state and the port to where it is kept.
 *
 * A session's transcript is an append-only tree of messages with one active leaf (`transcript-tree.ts`). Messages that
 * got no answer are kept beside its paths, so that they never reach a model again.
 */
import type { GatewayError } from "./errors.ts";
import type { CompletionStore } from "./kept-completion.ts";
import type { Message } from "./message.ts";
import type { OpenedRun, RunEnding, RunStore } from "./run-record.ts";
import type { SessionCatalog, SessionKey } from "./session-catalog.ts";
import type { TokenStore } from "./token.ts";
import type { TokenAccounts, WindowCounters } from "./token-account.ts";
import type { StoredTranscript } from "./transcript-tree.ts";

export type { SessionKey };

export interface SessionOwnership {
  readonly sessionKey: SessionKey;
  readonly agentId: string;
  /** Whose session it is, or is to be: the name of a principal. */
  readonly owner: string;
  /** The lease under which it is written: once that is lost, what would be read again is refused. Undefined: none was taken. */
  readonly fence?: number | undefined;
}

/** Where the messages of a run go. */
export interface TranscriptStart extends SessionOwnership {
  /** The active leaf when the run read the transcript: if it has moved since, the run's completion is refused. */
  readonly leafId: string | undefined;
  /** Below this message, or a new root. */
  readonly parentId: string | undefined;
  /** What the caller brought. Instructions among it are not kept. */
  readonly input: readonly Message[];
  /** Its record is opened with it, unless that was done before. */
  readonly run: OpenedRun;
}

/**
 * What one run writes. All of it lies beside the paths, unanswered, until the run completes: then it becomes the end of the
 * active path. Whatever happens in between, no model reads half of a run.
 */
export interface TranscriptWriter {
  /** A turn that is not the last. */
  addTurn(messages: readonly Message[]): Promise<void>;
  /**
   * The last turn, and the end of the run's record; the lease is given back with it. Rejects with `session_busy` when a
   * completed run lost its lease or its place; then the run has not ended, and is to be ended as a failed one.
   */
  end(messages: readonly Message[], ending: RunEnding): Promise<void>;
}

/** What an agent's memory tools remember under one session key. */
export interface SessionMemory {
  save(name: string, value: string): Promise<void>;
  /** Everything saved, oldest name first. */
  recall(): Promise<ReadonlyMap<string, string>>;
}

/** The right to be the only one at work on a session, among all processes that share the store. */
export interface SessionLease {
  /** Greater than that of every lease before it, of whatever session. A turn that carries it is refused once the lease is lost. */
  readonly fence: number;
  /** Lets the next one in: whoever was the first to be refused gets the lease. Safe to call again, and when it was lost. */
  release(): Promise<void>;
}

/** Somebody's way to a lease. */
export interface LeaseClaim {
  /**
   * The lease, or undefined while somebody else has it. The first one that is refused is the next to get it, so whoever
   * was refused tries again soon, or withdraws. A lease whose owner is dead, or has shown no sign of life for its longest
   * silence, is taken over.
   */
  attempt(): Promise<SessionLease | undefined>;
  /** After a refused attempt, when to make the next one: as `Changes.next`. */
  nextChange(pauseMs: number, signal: AbortSignal): Promise<void>;
  /** Makes way for others. Not after `attempt` gave the lease. */
  withdraw(): Promise<void>;
}

/**
 * Every method rejects with a `GatewayError` `store_unavailable` when the store cannot be used.
 * A write is one transaction: after a crash it is there as a whole or not at all.
 */
export interface SessionStore {
  /** Undefined for an unknown key. */
  ownerOf(sessionKey: SessionKey): Promise<string | undefined>;
  /** The active path alone, root first. An unknown key gives an empty tree and creates nothing. */
  readPath(sessionKey: SessionKey): Promise<StoredTranscript>;
  /** All answered messages, superseded branches included. */
  readTree(sessionKey: SessionKey): Promise<StoredTranscript>;
  /** Keeps what the caller brought. Rejects with `session_busy` when the lease is lost, or the session somebody else's. */
  beginTurns(start: TranscriptStart): Promise<TranscriptWriter>;
  memoryOf(session: SessionOwnership): SessionMemory;
  /** `onLost` is called, at most once, when a lease that was had turns out to be somebody else's before its release. */
  claimLease(sessionKey: SessionKey, onLost: (error: GatewayError) => void): LeaseClaim;
  readonly catalog: SessionCatalog;
  readonly runs: RunStore;
  readonly completions: CompletionStore;
  readonly accounts: TokenAccounts;
  readonly tokens: TokenStore;
  /** Undefined where no other process is to count with this one. */
  counters(): Promise<WindowCounters | undefined>;
  /** Resolves when the store answers. */
  check(): Promise<void>;
  close(): Promise<void>;
}
