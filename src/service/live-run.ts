/**
 * One run of this process, from its admission to its end: how it stands, and the one way to stop it.
 *
 * Deliberately absent: what it does (`run-execution.ts`).
 */
import type { RunEnd } from "../domain/run.ts";
import type { OpenedRun, RunIdentity, RunOutcome, RunRecord } from "../domain/run-record.ts";
import type { RunLog } from "./run-log.ts";

/** Who ended a run that was aborted. */
export type AbortedBy = Extract<RunEnd, { status: "aborted" }>["by"];

/** Why an aborted run's model call ends. One object for all of them: making an error with its stack for each is dear. */
const aborted = new Error("The run was aborted.");

export class LiveRun {
  readonly opened: OpenedRun;
  /** Of a run whose events are kept. */
  readonly log: RunLog | undefined;
  /** Resolves when the run has ended, its session is free and its provider's connection given back. Never rejects. */
  readonly ended: Promise<RunRecord>;
  readonly #stop = new AbortController();
  readonly #settle: (record: RunRecord) => void;
  #abortedBy: AbortedBy | undefined;

  constructor(opened: OpenedRun, log: RunLog | undefined) {
    this.opened = opened;
    this.log = log;
    let settle: (record: RunRecord) => void = () => undefined;
    this.ended = new Promise((resolve) => (settle = resolve));
    this.#settle = settle;
  }

  /** Aborts when the run is to stop, for whatever reason. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Undefined unless somebody aborted it. */
  get abortedBy(): AbortedBy | undefined {
    return this.#abortedBy;
  }

  get record(): RunRecord {
    return { ...identityOf(this.opened), status: "running" };
  }

  /** Does nothing once the run was stopped. */
  abort(by: AbortedBy): void {
    if (this.#stop.signal.aborted) return;
    this.#abortedBy = by;
    this.#stop.abort(aborted);
  }

  /** The run fails with `reason`. */
  fail(reason: Error): void {
    this.#stop.abort(reason);
  }

  settle(outcome: RunOutcome): RunRecord {
    const record = { ...identityOf(this.opened), status: outcome.status, outcome };
    this.#settle(record);
    return record;
  }
}

function identityOf({ id, agentId, sessionKey, owner, modelName, model, isBackground, createdAt }: OpenedRun): RunIdentity {
  return { id, agentId, sessionKey, owner, modelName, model, isBackground, createdAt };
}
