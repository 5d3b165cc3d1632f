/**
 * What is known of a run besides its events: whose it is, how it stands, how it ended. And the port to where that is kept.
 *
 * A run that has a session, an idempotency key, or that is to be read later on is kept in the store; the record of any
 * other one lives in the memory of its process (`service/run-registry.ts`).
 */
import type { AgentId } from "./agent.ts";
import type { Changes } from "./changes.ts";
import { type ErrorCode, GatewayError } from "./errors.ts";
import type { KeptCompletion } from "./kept-completion.ts";
import type { FinishReason, Usage } from "./model.ts";
import type { IdempotencyKey, RunEvent } from "./run.ts";
import type { SessionKey } from "./session-catalog.ts";

/** `aborted`: by whoever asked for it, or cancelled from elsewhere; `interrupted`: its process stopped or died. */
export type RunStatus = "running" | "completed" | "failed" | "aborted" | "interrupted";

export interface RunIdentity {
  /** Lower-case hex, unique. */
  readonly id: string;
  readonly agentId: AgentId;
  readonly sessionKey: SessionKey;
  /** The name of the principal that asked for it. */
  readonly owner: string;
  /** What its caller named as the model; replies echo it. */
  readonly modelName: string;
  /** `<provider>/<model>`: the one that is asked first. */
  readonly model: string;
  /** It goes on when its caller leaves, and its events can be followed. */
  readonly isBackground: boolean;
  /** Milliseconds since 1970, like all points in time here. */
  readonly createdAt: number;
}

export interface RunOutcome {
  readonly status: Exclude<RunStatus, "running">;
  /** `<provider>/<model>`: the one that was asked last. */
  readonly model: string;
  readonly turns: number;
  readonly usage?: Usage;
  readonly cost?: number;
  /** Of a completed run. */
  readonly finishReason?: FinishReason;
  /** Of a failed run. */
  readonly error?: RunFailure;
  readonly endedAt: number;
}

/** `hasEffects`: a tool was executed, so repeating the run would repeat its effects. */
export interface RunFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly param?: string;
  readonly hasEffects: boolean;
}

/** What its caller was told. */
export function errorOfFailure({ code, message, param }: RunFailure): GatewayError {
  return new GatewayError(code, message, param === undefined ? {} : { param });
}

export interface RunRecord extends RunIdentity {
  readonly status: RunStatus;
  /** Absent while it is running. An interrupted run's says nothing but that. */
  readonly outcome?: RunOutcome;
}

/** A run that begins in this process. */
export interface OpenedRun extends RunIdentity {
  readonly idempotency?: IdempotencyKey;
  /** When the record, and what is kept with it, may go. */
  readonly expiresAt: number;
}

export interface NumberedEvent {
  /** Of one run: 1, 2, 3, … */
  readonly seq: number;
  readonly event: RunEvent;
}

/** All that is written when a run ends, in one transaction. */
export interface RunEnding {
  readonly runId: string;
  readonly outcome: RunOutcome;
  /** Those that were not appended yet, the last one `run_end`. Empty for a run whose events are not kept. */
  readonly events: readonly NumberedEvent[];
  /** Another run may have its idempotency key. */
  readonly freesKey: boolean;
  /** Of a completed run that is to be read as a completion later on. */
  readonly completion?: KeptCompletion;
}

export interface KeyedRun {
  readonly record: RunRecord;
  readonly fingerprint: string;
}

/**
 * Every method rejects with a `GatewayError` `store_unavailable` when the store cannot be used.
 *
 * The store's process shows a sign of life for its running runs. Those of processes that are no more, or that show none for
 * long, become `interrupted`: when a store is opened, and now and then afterwards. An interrupted run that has not executed
 * a tool, as far as its kept events say, frees its idempotency key.
 */
export interface RunStore {
  /** Keeps the record as `running`. With an idempotency key that a run of the owner's has: that run, and nothing is kept. */
  open(run: OpenedRun): Promise<KeyedRun | undefined>;
  /** As if the run had never been opened. */
  discard(runId: string): Promise<void>;
  /** Nothing more comes of a run of this process, and its end could not be written: it becomes `interrupted` as soon as that can be. */
  abandon(runId: string): void;
  /** For a run without a session; one with a session ends with its transcript (`TranscriptWriter.end`). */
  end(ending: RunEnding): Promise<void>;
  /**
   * Of a running run. What its own tools were told and answered, and the messages of its turns, are left out. Rejects with
   * `run_interrupted` when a tool is to begin, but the run was taken for interrupted and its idempotency key is free.
   */
  appendEvents(runId: string, events: readonly NumberedEvent[]): Promise<void>;
  /** Those after number `after`, in order: a page of bounded size, empty when there are no more. */
  readEvents(runId: string, after: number): Promise<readonly NumberedEvent[]>;
  find(runId: string): Promise<RunRecord | undefined>;
  /** For whoever waits for what another process does with a run: from now on, and therefore before the run is looked at. */
  watch(runId: string): Promise<Changes>;
  /** For a run that is under way in another process, which hears of it at once, or with its next sign of life. */
  requestCancel(runId: string): Promise<void>;
  /** `listener` hears of the running runs of this process that were asked to be cancelled by another one. */
  onCancelRequested(listener: (runId: string) => void): void;
  /** Takes out at most `limit` runs, with what is kept with them, and completions whose time is over. How many it were. */
  removeExpired(limit: number): Promise<number>;
  /** What is kept besides sessions: events and completions. Bytes, about. */
  measure(): Promise<number>;
  /** Takes out what is kept with the ended runs, and the completions, that are oldest: at most `limit` of them. The runs' idempotency keys become free. */
  removeOldest(limit: number): Promise<{ readonly count: number; readonly bytes: number }>;
}
