/**
 * The tables as the queries see them. `migrations.ts` creates them; the two are changed together.
 *
 * Points in time are ISO 8601 text in UTC (`2026-01-31T09:30:00.000Z`): it sorts as text, and no driver turns it into a bigint.
 * Ids are text too, for the same reason. Deliberately absent: column types that only one database has.
 */

export interface StoreTables {
  sessions: SessionsTable;
  messages: MessagesTable;
  memories: MemoriesTable;
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
}

/** Rows are only ever added: a transcript is a tree that grows, never one that is edited. */
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
