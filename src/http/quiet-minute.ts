/**
 * Log lines that a flood of connections would repeat: one of each kind, then none for a minute. The next one says for how
 * many it speaks.
 *
 * Deliberately absent: lines of requests. These have one each.
 */

const quietMs = 60_000;

export class QuietMinute {
  /** Kinds are few: codes of errors, never what a client made up. */
  readonly #kinds = new Map<string, { untold: number; isQuiet: boolean }>();

  /** `write` gets how many there were since the last line of this kind, this one included. */
  tell(kind: string, write: (count: number) => void): void {
    const state = this.#kinds.get(kind) ?? { untold: 0, isQuiet: false };
    this.#kinds.set(kind, state);
    state.untold++;
    if (state.isQuiet) return;
    state.isQuiet = true;
    write(state.untold);
    state.untold = 0;
    setTimeout(() => (state.isQuiet = false), quietMs).unref();
  }
}
