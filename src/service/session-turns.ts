/**
 * A turn on a session for whoever is not a run: to empty it, to delete it, to tidy it up. As for a run, that is the session's
 * lane within this process, and its lease among all processes, so that no run is under way meanwhile.
 *
 * Deliberately absent: slots among the runs at work, because nothing here asks a model.
 */
import type { Logger } from "pino";
import type { SessionKey, SessionLease, SessionStore } from "../domain/session.ts";
import type { LaneTicket, Lanes } from "./lanes.ts";
import { waitForLease } from "./lease-wait.ts";

export interface SessionTurnsParts {
  readonly lanes: Lanes;
  readonly store: Pick<SessionStore, "claimLease">;
  readonly maxWaitMs: number;
  readonly log: Pick<Logger, "warn">;
}

/** The work is over in a moment, and its writes show the lease themselves. */
const ignoreLoss = (): void => undefined;

export class SessionTurns {
  readonly #parts: SessionTurnsParts;

  constructor(parts: SessionTurnsParts) {
    this.#parts = parts;
  }

  /** Does `work`, which is given the number of its lease, when it is its turn. Rejects with `session_busy` like a run that waited too long, or with the signal's reason. */
  async take<T>(key: SessionKey, signal: AbortSignal, work: (fence: number) => Promise<T>): Promise<T> {
    const enteredAt = performance.now();
    const ticket = this.#parts.lanes.enter(key, signal);
    try {
      await ticket.ready;
      const claim = this.#parts.store.claimLease(key, ignoreLoss);
      let lease = await claim.attempt();
      try {
        const leftMs = this.#parts.maxWaitMs - (performance.now() - enteredAt);
        lease ??= await waitForLease(claim, leftMs, signal);
      } finally {
        if (lease === undefined) await claim.withdraw();
      }
      return await this.#workUnder(lease, work);
    } finally {
      ticket.leave();
    }
  }

  /** Does `work` if nobody is at work on the session or waits for it; else undefined. */
  async takeIfFree<T>(key: SessionKey, work: (fence: number) => Promise<T>): Promise<T | undefined> {
    if (this.#parts.lanes.isOccupied(key)) return undefined;
    const ticket: LaneTicket = this.#parts.lanes.enter(key, new AbortController().signal);
    try {
      const claim = this.#parts.store.claimLease(key, ignoreLoss);
      const lease = await claim.attempt();
      if (lease !== undefined) return await this.#workUnder(lease, work);
      await claim.withdraw();
      return undefined;
    } finally {
      ticket.leave();
    }
  }

  async #workUnder<T>(lease: SessionLease, work: (fence: number) => Promise<T>): Promise<T> {
    try {
      return await work(lease.fence);
    } finally {
      await lease.release().catch((thrown: unknown) => {
        this.#parts.log.warn({ err: thrown }, "the lease of a session could not be given back, and ends by itself");
      });
    }
  }
}
