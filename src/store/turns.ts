/** One at a time, first come first served: whoever entered must leave. */
export class Turns {
  #isTaken = false;
  readonly #waiting: (() => void)[] = [];

  async enter(): Promise<void> {
    if (this.#isTaken) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#isTaken = true;
  }

  /** Whoever is next has its turn at once: nobody else gets in between. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#isTaken = false;
  }
}
