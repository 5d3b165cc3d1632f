/**
 * The tables as the queries see them. `migrations.ts` creates them; the two are changed together.
 *
 * Points in time are ISO 8601 text in UTC (`2026-01-31T09:30:00.000Z`): it sorts as text, and no driver turns it into a bigint.
 * Ids are text too, for the same reason. Deliberately absent: column types that only one database has.
 */
import type { Generated } from "kysely";

export interface StoreTables {
  sessions: SessionsTable;
  messages: MessagesTable;
  memories: MemoriesTable;
  leases: LeasesTable;
  runs: RunsTable;
  run_events: RunEventsTable;
  completions: CompletionsTable;
  tokens: TokensTable;
  token_changes: TokenChangesTable;
  counters: CountersTable;
  token_usage: TokenUsageTable;
  token_runs: TokenRunsTable;
}

export interface SessionsTable {
  key: string;
  agent_id: string;
  /** The name of the principal that made it. */
  owner: string;
  /** The last message of the active path; null while nothing was answered. */
  leaf_id: string | null;
  created_at: string;
  updated_at: string;
  /** Of all messages, wherever in the tree; kept here so that a list need not count them. */
  message_count: number;
  /** Of messages and memories, as `stored-bytes.ts` counts. */
  bytes: number;
  /** When messages were last kept beside what was the active path; null when there are none. */
  branched_at: string | null;
}

/** What a list shows of a session. */
export const sessionColumns = ["key", "agent_id", "owner", "created_at", "updated_at", "message_count", "bytes"] as const;

/** Rows are only ever added: a transcript is a tree that grows, never one that is edited. Their state changes once, when they are answered. */
export interface MessagesTable {
  id: string;
  session_key: string;
  /** The message before this one on its path; null at a root. */
  parent_id: string | null;
  run_id: string;
  /** Who brought it: the caller with its request, or the run. */
  origin: "caller" | "run";
  role: "user" | "assistant" | "tool";
  /** The message as JSON, its role included. */
  body: string;
  /** `unanswered` messages lie beside the path and never reach a model again. */
  state: "active" | "unanswered";
  created_at: string;
}

export interface MemoriesTable {
  /** Given when the name is first saved and kept when it is saved again: the order of recall. */
  id: string;
  session_key: string;
  name: string;
  value: string;
  updated_at: string;
}

/** A row is there while somebody is at work on the session. */
export interface LeasesTable {
  /** Given by the database, and never given again. */
  fence: Generated<number>;
  session_key: string;
  /** The name of a process, as `process-identity.ts` gives it. */
  owner: string;
  /** Who gets the session afterwards. */
  next_owner: string | null;
  /** Counts up as long as the owner lives. */
  renewals: number;
}

/** A run that is kept, for as long as `expires_at` says. */
export interface RunsTable {
  id: string;
  agent_id: string;
  session_key: string;
  /** The name of the principal that asked for it. */
  owner: string;
  model_name: string;
  /** First the one that is asked first, then the one that was asked last. */
  model: string;
  is_background: 0 | 1;
  status: "running" | "completed" | "failed" | "aborted" | "interrupted";
  created_at: string;
  expires_at: string;
  ended_at: string | null;
  /** The rest of its outcome, as JSON. Null while it is running and when it was interrupted. */
  outcome: string | null;
  /** The process that is at work on it, as `process-identity.ts` names it. */
  process: string;
  /** Counts up as long as that process lives. */
  renewals: number;
  /** Another process asks for its end. */
  is_cancel_requested: 0 | 1;
  /** One of the owner's runs has it at a time. */
  idempotency_key: string | null;
  fingerprint: string | null;
  /** A tool was begun: noted with the event that says so. */
  has_effects: 0 | 1;
  /** Of its events, as `stored-bytes.ts` counts. */
  bytes: number;
}

/** Events of one run that were written in one go. */
export interface RunEventsTable {
  run_id: string;
  first_seq: number;
  last_seq: number;
  /** Array of events as JSON. */
  body: string;
}

export interface CompletionsTable {
  /** That of its run. */
  run_id: string;
  owner: string;
  agent_id: string;
  model_name: string;
  created_at: string;
  expires_at: string;
  metadata: string;
  result: string;
  input: string;
  bytes: number;
}

/** Of a secret, nothing but its hash. */
export interface TokensTable {
  /** In lower case. */
  folded_name: string;
  name: string;
  sha256: string;
  /** Agents, models and limits as JSON. */
  rights: string;
  expires_at: string | null;
  created_at: string;
}

/** One row: how often tokens were changed. */
export interface TokenChangesTable {
  count: number;
}

/** Rows of rate-limiter-flexible, on a server. */
export interface CountersTable {
  key: string;
  points: number;
  /** Milliseconds since 1970. */
  expire: number | null;
}

/** What a token with limits has used in a month. */
export interface TokenUsageTable {
  owner: string;
  /** In UTC: `2026-01`. */
  month: string;
  requests: number;
  tokens: number;
  cost: number;
}

/** A row is there while a run is at work of a token that may have only so many. */
export interface TokenRunsTable {
  run_id: string;
  owner: string;
  /** As `process-identity.ts` names it. */
  process: string;
  /** Counts up as long as that process lives. */
  renewals: number;
}
