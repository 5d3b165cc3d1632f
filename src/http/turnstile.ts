/**
 * How much of what has arrived at once is worked on in one turn of the event loop: so much time, then whatever else the process
 * has to do comes first, and the rest goes on in the order it came.
 *
 * Deliberately absent: a bound on how many wait. Those who wait have been read already, and admission bounds what may run.
 */

/** A fifth of the delay that nobody is to notice. */
const turnMs = 10;

export class Turnstile {
  readonly #waiting: (() => void)[] = [];
  /** Of the steady clock; undefined while nobody has passed in this turn. */
  #turnBeganAt: number | undefined;

  /** Resolves when there is time; undefined when there is now, which is nearly always. */
  pass(): Promise<void> | undefined {
    // Nobody waits while no turn has begun.
    if (this.#turnBeganAt === undefined) return this.#begin();
    if (this.#waiting.length === 0 && this.#hasTime) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  get #hasTime(): boolean {
    return performance.now() - this.#turnBeganAt! < turnMs;
  }

  #begin(): undefined {
    this.#turnBeganAt = performance.now();
    setImmediate(() => {
      this.#turnBeganAt = undefined;
      if (this.#waiting.length === 0) return;
      this.#begin();
      this.#admit();
    });
  }

  /** Each has done its work, as far as it need not wait, before the next is looked at. */
  #admit(): void {
    if (!this.#hasTime) return;
    this.#waiting.shift()?.();
    if (this.#waiting.length > 0) queueMicrotask(() => this.#admit());
  }
}
