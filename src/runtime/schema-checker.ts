/**
 * JSON against JSON Schemas that are not ours: a caller's, or a tool server's. Done in a process of its own, because a
 * schema can take for ever (`worker-process.ts`); one for the whole program, started by the first check.
 */
import type { SchemaTask, SchemaVerdict } from "./schema-check-worker.ts";
import { type WorkerLimits, WorkerProcess } from "./worker-process.ts";

/** The time is far more than an honest schema takes, and counts the start of the process too. */
const limits: WorkerLimits = { timeoutMs: 2000, maxMemoryMb: 384, maxWaiting: 512, maxWaitMs: 30_000 };

export class SchemaChecker {
  readonly #process = new WorkerProcess<SchemaTask, SchemaVerdict>("schema-check-worker", limits);

  /** Rejects with `WorkerStopped` when it takes too long, with `too_many_runs` when too many wait, or with the signal's reason. */
  check(task: SchemaTask, signal: AbortSignal): Promise<SchemaVerdict> {
    return this.#process.run(task, signal);
  }

  close(): Promise<void> {
    return this.#process.close();
  }
}
