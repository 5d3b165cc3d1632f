/**
 * Everything a run waits for before it may begin, in this order: its session within this process (the lane), its session
 * among all processes (the lease), a slot among the runs at work. Who waits for one of them holds none of the later ones.
 *
 * Deliberately absent: what the run does then.
 */
import type { Logger } from "pino";
import type { GatewayError } from "../domain/errors.ts";
import type { RunEvent } from "../domain/run.ts";
import type { SessionLease, SessionStore } from "../domain/session.ts";
import type { LaneTicket, Lanes } from "./lanes.ts";
import { waitForLease } from "./lease-wait.ts";
import type { RunSlot, RunSlots } from "./run-slots.ts";
import type { ResolvedSession } from "./session-key.ts";

export interface RunQueueParts {
  readonly lanes: Lanes;
  readonly slots: RunSlots;
  readonly store: Pick<SessionStore, "claimLease">;
  /** How long a run waits at most, for all of it together. */
  readonly maxWaitMs: number;
  readonly log: Logger;
}

/** How much there is to do. */
export interface RunLoad {
  /** Runs at work. */
  readonly running: number;
  /** Runs that were admitted and are not at work yet. */
  readonly waiting: number;
  /** Sessions with a run, at work or waiting. */
  readonly sessions: number;
}

export class RunQueue {
  readonly #parts: RunQueueParts;

  constructor(parts: RunQueueParts) {
    this.#parts = parts;
  }

  get load(): RunLoad {
    const { slots, lanes } = this.#parts;
    return { running: slots.runningCount, waiting: slots.waitingCount, sessions: lanes.occupiedCount };
  }

  /** Throws `session_busy` when the session's queue is full, or `too_many_runs` when the gateway's is. */
  enter(session: ResolvedSession, principal: string, signal: AbortSignal): RunPlace {
    const { lanes, slots } = this.#parts;
    const sessionKey = session.isStored ? session.key : undefined;
    const group = { principal, sessionKey };
    const free = sessionKey === undefined ? slots.freeSlot(group, signal) : undefined;
    if (free) return new RunPlace(this.#parts, free, undefined);
    const slot = slots.slotFor(group, signal);
    let ticket: LaneTicket | undefined;
    try {
      // The lane first: whoever it refuses must not have made others give way.
      if (sessionKey !== undefined) ticket = lanes.enter(sessionKey, slot.signal);
      slot.enter();
    } catch (refused) {
      ticket?.leave();
      slot.leave();
      throw refused;
    }
    return new RunPlace(this.#parts, slot, ticket);
  }
}

/** The place of one run, from its admission to its end. */
export class RunPlace {
  readonly #parts: RunQueueParts;
  readonly #slot: RunSlot;
  /** A stateless run has none: nobody else can have its session. */
  readonly #ticket: LaneTicket | undefined;
  readonly #enteredAt = performance.now();
  #lease: SessionLease | undefined;

  constructor(parts: RunQueueParts, slot: RunSlot, ticket: LaneTicket | undefined) {
    this.#parts = parts;
    this.#slot = slot;
    this.#ticket = ticket;
  }

  /** There is nothing to wait for. */
  get isItsTurn(): boolean {
    return this.#slot.isHad;
  }

  /** What a write to the session must show. Undefined for a stateless run. */
  get fence(): number | undefined {
    return this.#lease?.fence;
  }

  /**
   * Ends when the run may begin, and says `run_queued` when that is not at once. Throws `session_busy`, `too_many_runs`,
   * `store_unavailable` or the reason of the caller's signal. `onLost` is called when another process takes the session
   * later on: then nothing of the run can be kept any more.
   */
  async *untilItsTurn(onLost: (error: GatewayError) => void): AsyncGenerator<RunEvent, void> {
    if (this.isItsTurn) return;
    let isTold = false;
    for (const wait of [this.#untilLaneIsFree(), this.#untilLeaseIsHad(onLost), this.#untilSlotIsFree()]) {
      // Each of them has something to say only where it has to wait.
      for await (const event of wait) {
        if (!isTold) yield event;
        isTold = true;
      }
    }
  }

  /** Gives everything back. Never rejects, and may be called again. */
  async leave(): Promise<void> {
    this.#slot.leave();
    try {
      await this.#lease?.release();
    } catch (thrown) {
      this.#warn(thrown);
    }
    this.#ticket?.leave();
  }

  async *#untilLaneIsFree(): AsyncGenerator<RunEvent, void> {
    if (this.#ticket?.isWaiting) yield { type: "run_queued" };
    await this.#ticket?.ready;
  }

  async *#untilLeaseIsHad(onLost: (error: GatewayError) => void): AsyncGenerator<RunEvent, void> {
    const { sessionKey } = this.#slot.group;
    if (sessionKey === undefined) return;
    const claim = this.#parts.store.claimLease(sessionKey, onLost);
    this.#lease = await claim.attempt();
    if (this.#lease !== undefined) return;
    try {
      yield { type: "run_queued" };
      this.#lease = await waitForLease(claim, this.#leftMs, this.#slot.signal);
    } finally {
      if (this.#lease === undefined) await claim.withdraw().catch((thrown: unknown) => this.#warn(thrown));
    }
  }

  async *#untilSlotIsFree(): AsyncGenerator<RunEvent, void> {
    const taken = this.#slot.take(this.#leftMs);
    if (taken === undefined) return;
    yield { type: "run_queued" };
    await taken;
  }

  #warn(thrown: unknown): void {
    this.#parts.log.warn({ err: thrown }, "the lease of a session could not be given back, and ends by itself");
  }

  get #leftMs(): number {
    return Math.max(0, this.#parts.maxWaitMs - (performance.now() - this.#enteredAt));
  }
}
