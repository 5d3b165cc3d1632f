/**
 * Counts of what happens within a time: those that all processes on the store share, and this one's own where there are none
 * or they cannot be had.
 *
 * Deliberately absent: taking over what was counted while the store was away. The one count goes on where it was left, the other
 * one is forgotten when its time is over.
 */
import { RateLimiterMemory } from "rate-limiter-flexible";
import { countersOf, type WindowCount, type WindowCounters } from "../domain/token-account.ts";
import { inTime } from "./in-time.ts";

/** So long after a failure nothing is asked of the store: not each caller is to wait in vain. */
const pauseMs = 1_000;

export class WindowCounts implements WindowCounters {
  readonly #shared: () => Promise<WindowCounters | undefined>;
  readonly #own: WindowCounters = ownCounts();
  #awayUntil = 0;

  /** `shared`: undefined where no other process counts. */
  constructor(shared: () => Promise<WindowCounters | undefined> = () => Promise.resolve(undefined)) {
    this.#shared = shared;
  }

  add(key: string, amount: number, windowMs: number): Promise<WindowCount> {
    return this.#ask((counters) => counters.add(key, amount, windowMs));
  }

  read(key: string): Promise<WindowCount | undefined> {
    return this.#ask((counters) => counters.read(key));
  }

  set(key: string, count: number, windowMs: number): Promise<void> {
    return this.#ask((counters) => counters.set(key, count, windowMs));
  }

  async #ask<T>(question: (counters: WindowCounters) => Promise<T>): Promise<T> {
    if (performance.now() < this.#awayUntil) return question(this.#own);
    const counters = await this.#sharedNow();
    if (counters === undefined) return question(this.#own);
    try {
      return await inTime(question(counters));
    } catch {
      this.#awayUntil = performance.now() + pauseMs;
      return question(this.#own);
    }
  }

  async #sharedNow(): Promise<WindowCounters | undefined> {
    try {
      return await this.#shared();
    } catch {
      return undefined;
    }
  }
}

function ownCounts(): WindowCounters {
  // What is too many is for others to say.
  return countersOf(new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: 1, keyPrefix: "" }));
}
