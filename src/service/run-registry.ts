/**
 * The runs of this process: those at work, and for five minutes those that ended and are kept nowhere else.
 *
 * Deliberately absent: the runs that are in the store, and who may know of which (`run-directory.ts`).
 */
import type { RunOutcome, RunRecord } from "../domain/run-record.ts";
import type { LiveRun } from "./live-run.ts";

const rememberedMs = 5 * 60_000;
/** However many requests come in five minutes, their records take a few megabytes at most. */
const maxRemembered = 10_000;
/** Forgotten in one go: to find the oldest one, a map passes by all that were deleted before it. */
const forgottenAtOnce = 1_000;

export class RunRegistry {
  readonly #live = new Map<string, LiveRun>();
  /** In the order in which they ended. */
  readonly #ended = new Map<string, RunRecord>();
  /** Whose token is no more. A run of theirs may have been let in before that, and come here later. */
  readonly #revoked = new Set<string>();
  #isShutDown = false;

  add(run: LiveRun): void {
    this.#live.set(run.opened.id, run);
    if (this.#isShutDown) run.abort("shutdown");
    else if (this.#revoked.has(run.opened.owner)) run.abort("cancel");
  }

  /** Cancels all runs of that owner, and those that were being admitted meanwhile as soon as they are added. */
  revoke(owner: string): void {
    this.#revoked.add(owner);
    for (const run of this.#live.values()) if (run.opened.owner === owner) run.abort("cancel");
  }

  /** Whoever is not revoked any more: `isHolder` says of whom that holds. */
  restore(isHolder: (owner: string) => boolean): void {
    for (const owner of this.#revoked) if (isHolder(owner)) this.#revoked.delete(owner);
  }

  /** `isKept`: it can be found in the store. */
  end(run: LiveRun, outcome: RunOutcome, isKept: boolean): void {
    const { id } = run.opened;
    this.#live.delete(id);
    const record = run.settle(outcome);
    if (isKept) return;
    this.#ended.set(id, record);
    if (this.#ended.size >= maxRemembered + forgottenAtOnce) this.#forget(outcome.endedAt - rememberedMs);
  }

  findLive(id: string): LiveRun | undefined {
    return this.#live.get(id);
  }

  find(id: string): RunRecord | undefined {
    const live = this.#live.get(id);
    if (live) return live.record;
    this.#forget(Date.now() - rememberedMs);
    return this.#ended.get(id);
  }

  /** Those of a session that are under way. */
  listLive(sessionKey: string): readonly RunRecord[] {
    return [...this.#live.values()].filter(({ opened }) => opened.sessionKey === sessionKey).map(({ record }) => record);
  }

  /** Aborts all runs, and those that were being admitted meanwhile as soon as they are added. */
  shutDown(): void {
    this.#isShutDown = true;
    for (const run of this.#live.values()) run.abort("shutdown");
  }

  #forget(before: number): void {
    for (const [id, { outcome }] of this.#ended) {
      if (this.#ended.size <= maxRemembered && outcome!.endedAt >= before) return;
      this.#ended.delete(id);
    }
  }
}
