/** One who waits for something that may be heard of: woken by a notice, and in any case after a while. */
import type { Changes } from "../domain/changes.ts";

/** How long whoever is sure to hear waits at most. */
const longestPauseMs = 1_000;

export class Watcher implements Changes {
  readonly #isHearing: () => boolean;
  readonly #onStop: () => void;
  #hasHappened = false;
  /** The first pause is never a long one: what happened just before one began to listen was not heard. */
  #isFirst = true;
  #resolve: () => void = () => undefined;

  constructor(isHearing: () => boolean, onStop: () => void) {
    this.#isHearing = isHearing;
    this.#onStop = onStop;
  }

  wake(): void {
    this.#hasHappened = true;
    this.#resolve();
  }

  async next(pauseMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#hasHappened && !signal.aborted) {
      const ms = this.#isHearing() && !this.#isFirst ? Math.max(pauseMs, longestPauseMs) : pauseMs;
      await this.#pause(ms, signal);
    }
    this.#isFirst = false;
    this.#hasHappened = false;
  }

  stop(): void {
    this.#onStop();
    this.#resolve();
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = deferred();
    this.#resolve = resolve;
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", resolve, { once: true });
    await promise;
    clearTimeout(timer);
    signal.removeEventListener("abort", resolve);
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}
