/**
 * One run at a time per session key, first come first served, with a bounded queue and a bounded wait.
 *
 * A lane lives only while somebody is in it. Deliberately absent: other processes (that is the store's to refuse)
 * and any interest in what the run does: whoever entered must leave, whatever happened.
 */
import { GatewayError } from "../domain/errors.ts";

export interface LaneLimits {
  /** Runs that may wait for one key, besides the one that runs. */
  readonly maxQueued: number;
  readonly maxWaitMs: number;
}

export interface LaneTicket {
  /** True until the lane is this ticket's, or its place was given up. */
  readonly isWaiting: boolean;
  /**
   * Resolves when the lane is this ticket's. Rejects with `session_busy` after the longest wait, or with the signal's reason
   * when it aborts while waiting; the place is given up then. An abort after `ready` resolved changes nothing here.
   */
  readonly ready: Promise<void>;
  /** Lets the next one in, or gives up the place. Safe to call again, and after `ready` rejected. */
  leave(): void;
}

/** A guess at how long a run takes: nobody knows when the lane will be free. */
const retryAfterMs = 5_000;

interface Lane {
  holder: Ticket;
  /** In the order of arrival. */
  readonly queue: Set<Ticket>;
}

export class Lanes {
  #limits: LaneLimits;
  readonly #lanes = new Map<string, Lane>();

  constructor(limits: LaneLimits) {
    this.#limits = limits;
  }

  /** For those that come from now on. */
  limit(limits: LaneLimits): void {
    this.#limits = limits;
  }

  /** Keys that somebody is in at the moment. */
  get occupiedCount(): number {
    return this.#lanes.size;
  }

  /** Whether somebody is in it, at work or waiting. */
  isOccupied(key: string): boolean {
    return this.#lanes.has(key);
  }

  /** Throws `session_busy` at once when the queue of this key is full. A signal that has aborted already takes no place. */
  enter(key: string, signal: AbortSignal): LaneTicket {
    const ticket = new Ticket((left) => this.#leave(key, left));
    const lane = this.#lanes.get(key);
    if (signal.aborted) {
      ticket.refuse(signal.reason);
    } else if (lane === undefined) {
      this.#lanes.set(key, { holder: ticket, queue: new Set() });
      ticket.admit();
    } else if (lane.queue.size >= this.#limits.maxQueued) {
      throw sessionBusy("This session is busy with another run and its queue is full. Try again later, or use another session.");
    } else {
      lane.queue.add(ticket);
      ticket.wait(signal, this.#limits.maxWaitMs);
    }
    return ticket;
  }

  #leave(key: string, ticket: Ticket): void {
    const lane = this.#lanes.get(key);
    if (lane === undefined) return;
    if (lane.holder !== ticket) {
      lane.queue.delete(ticket);
      return;
    }
    const [next] = lane.queue;
    if (next === undefined) {
      this.#lanes.delete(key);
      return;
    }
    lane.queue.delete(next);
    lane.holder = next;
    next.admit();
  }
}

/** waiting → admitted → left, or waiting → left (`ready` rejected). Leaving happens once. */
class Ticket implements LaneTicket {
  readonly ready: Promise<void>;
  readonly #onLeave: (ticket: Ticket) => void;
  #state: "waiting" | "admitted" | "left" = "waiting";
  #resolve!: () => void;
  #reject!: (reason: unknown) => void;
  #stopWaiting: () => void = () => undefined;

  constructor(onLeave: (ticket: Ticket) => void) {
    this.#onLeave = onLeave;
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever does not await `ready` must not bring the process down.
    this.ready.catch(() => undefined);
  }

  get isWaiting(): boolean {
    return this.#state === "waiting";
  }

  wait(signal: AbortSignal, maxWaitMs: number): void {
    const onAbort = () => this.refuse(signal.reason);
    const timer = setTimeout(() => {
      this.refuse(
        sessionBusy(`This session was busy with another run for ${maxWaitMs / 1_000} s. Try again later, or use another session.`),
      );
    }, maxWaitMs);
    timer.unref();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#stopWaiting = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
  }

  admit(): void {
    this.#stopWaiting();
    this.#state = "admitted";
    this.#resolve();
  }

  /** Gives up the place; `reason` tells whoever waits why. */
  refuse(reason: unknown): void {
    this.#reject(reason);
    this.leave();
  }

  leave(): void {
    if (this.#state === "left") return;
    this.#stopWaiting();
    const wasWaiting = this.#state === "waiting";
    this.#state = "left";
    if (wasWaiting) this.#reject(new Error("The place in the lane was given up."));
    this.#onLeave(this);
  }
}

function sessionBusy(message: string): GatewayError {
  return new GatewayError("session_busy", message, { retryAfterMs });
}
