/**
 * So many runs at work at a time, and so many that wait: the gateway's cap, over all sessions and principals.
 *
 * A run has its place from its admission to its end. It asks for a slot when nothing else keeps it from its work, so that
 * one that waits for its session holds none. Whose turn it is, and who makes way when too many wait, is `fair-queue.ts`'s.
 * Deliberately absent: sessions and what runs do; whoever entered must leave, whatever happened.
 */
import { GatewayError } from "../domain/errors.ts";
import { FairQueue, type QueueGroup } from "./fair-queue.ts";

export interface SlotLimits {
  readonly maxConcurrent: number;
  /** Runs that may wait besides, for their session or for a slot. */
  readonly maxQueued: number;
}

/** A guess at how long a run takes: nobody knows when a slot will be free. */
const retryAfterMs = 5_000;

export class RunSlots {
  #limits: SlotLimits;
  #runningCount = 0;
  /** All that were admitted and are not at work. */
  readonly #waiting = new FairQueue<RunSlot>();
  /** Those of them that lack nothing but a slot. Empty while one is free. */
  readonly #asking = new FairQueue<RunSlot>();
  readonly #host: SlotHost = {
    enter: (slot) => this.#enter(slot),
    ask: (slot) => this.#ask(slot),
    giveUp: (slot) => this.#giveUp(slot),
    giveBack: () => this.#giveBack(),
  };

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  /** Runs at work go on, also those that are one too many now. */
  limit(limits: SlotLimits): void {
    this.#limits = limits;
    while (this.#runningCount < limits.maxConcurrent && this.#grantNext()) this.#runningCount++;
  }

  get runningCount(): number {
    return this.#runningCount;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** A place that is still to be entered. It is given up when `caller` aborts before the slot is had. */
  slotFor(group: QueueGroup, caller: AbortSignal): RunSlot {
    return new RunSlot(group, caller, this.#host);
  }

  /** For a run that has nothing else to wait for: a slot that it has already. Undefined unless one is free. */
  freeSlot(group: QueueGroup, caller: AbortSignal): RunSlot | undefined {
    const { maxConcurrent, maxQueued } = this.#limits;
    const isFree = this.#runningCount < maxConcurrent && this.#runningCount + this.#waiting.size < maxConcurrent + maxQueued;
    if (!isFree || caller.aborted) return undefined;
    this.#runningCount++;
    return new RunSlot(group, undefined, this.#host);
  }

  #enter(slot: RunSlot): void {
    const { maxConcurrent, maxQueued } = this.#limits;
    if (this.#runningCount + this.#waiting.size >= maxConcurrent + maxQueued) {
      const other = this.#waiting.newestOfLonger(slot.group);
      if (other === undefined) throw tooManyRuns("The gateway has as many runs to do as it takes. Try again later.");
      other.refuse(tooManyRuns("The gateway has as many runs to do as it takes, and this one made way for others. Try again later."));
    }
    this.#waiting.add(slot.group, slot);
  }

  #ask(slot: RunSlot): boolean {
    if (this.#runningCount >= this.#limits.maxConcurrent) {
      this.#asking.add(slot.group, slot);
      return false;
    }
    this.#waiting.delete(slot.group, slot);
    this.#runningCount++;
    return true;
  }

  #giveUp(slot: RunSlot): void {
    this.#asking.delete(slot.group, slot);
    this.#waiting.delete(slot.group, slot);
  }

  #giveBack(): void {
    if (this.#runningCount > this.#limits.maxConcurrent || !this.#grantNext()) this.#runningCount--;
  }

  /** Whether somebody wanted the slot. */
  #grantNext(): boolean {
    const next = this.#asking.shift();
    if (next === undefined) return false;
    this.#waiting.delete(next.group, next);
    next.grant();
    return true;
  }
}

interface SlotHost {
  enter(slot: RunSlot): void;
  ask(slot: RunSlot): boolean;
  giveUp(slot: RunSlot): void;
  giveBack(): void;
}

/** new → waiting → asking → running → left; to `left` from everywhere, and once. */
export class RunSlot {
  readonly group: QueueGroup;
  readonly #host: SlotHost;
  readonly #caller: AbortSignal | undefined;
  readonly #refusal = new AbortController();
  readonly #onCallerAbort = (): void => this.refuse(this.#caller?.reason);
  #state: "new" | "waiting" | "asking" | "running" | "left";
  #settle: { readonly resolve: () => void; readonly reject: (reason: unknown) => void } | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Without a caller it is had already. */
  constructor(group: QueueGroup, caller: AbortSignal | undefined, host: SlotHost) {
    this.group = group;
    this.#caller = caller;
    this.#host = host;
    this.#state = caller ? "new" : "running";
    caller?.addEventListener("abort", this.#onCallerAbort, { once: true });
    if (caller?.aborted) this.#onCallerAbort();
  }

  get isHad(): boolean {
    return this.#state === "running";
  }

  /** Aborts when the place is lost before the slot was had: with the caller's reason, or with `too_many_runs`. */
  get signal(): AbortSignal {
    return this.#refusal.signal;
  }

  /** Throws `too_many_runs` when too many wait and nobody else has more than its share. */
  enter(): void {
    if (this.#state !== "new") return;
    this.#host.enter(this);
    this.#state = "waiting";
  }

  /**
   * Undefined: the slot was free and is this run's now. Else it is when the promise resolves; it rejects with
   * `too_many_runs` after `maxWaitMs`, or with the reason of `signal`.
   */
  take(maxWaitMs: number): Promise<void> | undefined {
    if (this.#state !== "waiting") return held(Promise.reject(this.signal.reason as Error));
    this.#state = "asking";
    if (this.#host.ask(this)) {
      this.#begin();
      return undefined;
    }
    this.#timer = setTimeout(() => {
      this.refuse(tooManyRuns("The gateway was busy with other runs for too long. Try again later."));
    }, maxWaitMs);
    this.#timer.unref();
    return held(new Promise<void>((resolve, reject) => (this.#settle = { resolve, reject })));
  }

  /** It was this one's turn. */
  grant(): void {
    this.#begin();
    this.#settle?.resolve();
  }

  /** Gives up the place; `reason` tells whoever waits why. Does nothing to a run that has its slot. */
  refuse(reason: unknown): void {
    if (this.#state === "running" || this.#state === "left") return;
    this.leave();
    this.#settle?.reject(reason);
    this.#refusal.abort(reason);
  }

  /** Gives the slot or the place back. Safe to call again. */
  leave(): void {
    const was = this.#state;
    if (was === "left") return;
    this.#stopWaiting();
    this.#state = "left";
    if (was === "running") this.#host.giveBack();
    else this.#host.giveUp(this);
  }

  #begin(): void {
    this.#stopWaiting();
    this.#state = "running";
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#onCallerAbort);
  }
}

function tooManyRuns(message: string): GatewayError {
  return new GatewayError("too_many_runs", message, { retryAfterMs });
}

/** Whoever awaits it late, or not at all, must not bring the process down. */
function held(taken: Promise<void>): Promise<void> {
  taken.catch(() => undefined);
  return taken;
}
