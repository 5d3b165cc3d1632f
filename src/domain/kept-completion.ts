/** Completions that their caller asked to keep (`store: true`), apart from any session. */
import type { AgentId } from "./agent.ts";
import type { Message } from "./message.ts";
import type { CompletedRun, Metadata, RunResult } from "./run.ts";
import type { Page, PageRequest } from "./session-catalog.ts";

export interface KeptCompletion {
  /** That of its run. */
  readonly runId: string;
  readonly agentId: AgentId;
  /** The name of the principal that made it. */
  readonly owner: string;
  /** What its caller named as the model. */
  readonly modelName: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly metadata: Metadata;
  readonly result: RunResult & { readonly end: CompletedRun };
  /** The request's messages, instructions included, attachments read. */
  readonly input: readonly Message[];
}

/** As it is listed: what went in is read for one completion at a time. */
export type ListedCompletion = Omit<KeptCompletion, "input">;

export interface CompletionQuery extends PageRequest {
  /** Undefined: everybody's. */
  readonly owner?: string | undefined;
  readonly modelName?: string | undefined;
  /** All of these pairs. */
  readonly metadata?: Metadata | undefined;
}

/** Every method rejects with a `GatewayError` `store_unavailable` when the store cannot be used. Completions whose time is over are not there. */
export interface CompletionStore {
  /** By the time they were made. Rejects with `invalid_value` when there is no completion `after`. */
  list(query: CompletionQuery): Promise<Page<ListedCompletion>>;
  find(runId: string): Promise<ListedCompletion | undefined>;
  readInput(runId: string): Promise<readonly Message[] | undefined>;
  /** In place of what it had. Undefined when `owner` has none of that id. */
  setMetadata(runId: string, owner: string, metadata: Metadata): Promise<ListedCompletion | undefined>;
  remove(runId: string, owner: string): Promise<boolean>;
}
