/** What lets clients send while a gateway is there, and holds them back while it is not. */

export class Gate {
  #isOpen = false;
  #inside = 0;
  #whenOpen: (() => void)[] = [];
  #whenEmpty: (() => void)[] = [];

  /** Waits until the gate is open. */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    while (!this.#isOpen) await new Promise<void>((resolve) => this.#whenOpen.push(resolve));
    this.#inside++;
    try {
      return await work();
    } finally {
      if (--this.#inside === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
    }
  }

  open(): void {
    this.#isOpen = true;
    for (const resolve of this.#whenOpen.splice(0)) resolve();
  }

  close(): void {
    this.#isOpen = false;
  }

  /** Resolves when nobody is inside any more. */
  async empty(): Promise<void> {
    if (this.#inside > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }
}
