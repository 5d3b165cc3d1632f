/**
 * Durable conversation state and the port to where it is kept.
 *
 * The transcript is an append-only tree of messages with one active leaf; reading it gives the path from the
 * root to that leaf. Messages that got no answer are kept beside the path, so that they never reach a model again.
 */
import type { Message } from "./message.ts";

/** `agent:<agentId>:<rest>`, at most 512 characters. */
export type SessionKey = string;

export interface Transcript {
  /** The message a new turn is appended to; undefined while the session is empty. */
  readonly leafId: string | undefined;
  /** Root → active leaf. */
  readonly messages: readonly Message[];
}

export interface TurnRecord {
  readonly sessionKey: SessionKey;
  readonly agentId: string;
  readonly runId: string;
  /** `leafId` of the transcript the run was based on. */
  readonly parentId: string | undefined;
  readonly messages: readonly Message[];
  /** `true` moves the active leaf to the last message; `false` keeps the messages beside the path. */
  readonly isAnswered: boolean;
}

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
  /** An unknown key gives an empty transcript and creates nothing. */
  readTranscript(sessionKey: SessionKey): Promise<Transcript>;
  appendTurn(record: TurnRecord): Promise<void>;
  memoryOf(sessionKey: SessionKey, agentId: string): SessionMemory;
  /** Resolves when the store answers. */
  check(): Promise<void>;
  close(): Promise<void>;
}
