/** Transactions that are committed together. They succeed, or fail, together too. */
export class CommitGroup {
  /** Settles with the commit. */
  readonly committed: Promise<void>;
  #settle!: { readonly resolve: () => void; readonly reject: (reason: unknown) => void };
  #hasBegun = false;
  #size = 0;

  constructor() {
    this.committed = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    // Whoever has a part in it awaits it; there may be nobody.
    this.committed.catch(() => undefined);
  }

  /** Those that have done their part. */
  get size(): number {
    return this.#size;
  }

  begin(): "first" | "later" {
    const place = this.#hasBegun ? "later" : "first";
    this.#hasBegun = true;
    return place;
  }

  add(): void {
    this.#size++;
  }

  succeed(): void {
    this.#settle.resolve();
  }

  fail(reason: unknown): void {
    this.#settle.reject(reason);
  }
}
