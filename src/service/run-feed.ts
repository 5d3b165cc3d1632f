/**
 * What all runs of this process are at, as it happens, for faces that show the runs of others.
 *
 * Deliberately absent: memory. Who begins to listen in the middle of a run hears the rest of it; its events from the start
 * are kept for runs that can be followed (`run-directory.ts`). Listeners must not throw, and must be quick.
 */
import type { NumberedEvent, RunIdentity } from "../domain/run-record.ts";

export type RunListener = (run: RunIdentity, event: NumberedEvent) => void;

export class RunFeed {
  readonly #listeners = new Set<RunListener>();

  /** Returns how to stop. */
  listen(listener: RunListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  tell(run: RunIdentity, event: NumberedEvent): void {
    for (const listener of this.#listeners) listener(run, event);
  }
}
