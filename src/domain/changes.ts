/** Waiting for what another process does. */
export interface Changes {
  /**
   * Resolves after about `pauseMs`, or when the signal aborts. Sooner when something happened since the last call, and later
   * where the store is sure to hear of that. It is a hint in any case: who waits looks for itself. Keeps the process alive.
   */
  next(pauseMs: number, signal: AbortSignal): Promise<void>;
  /** To be called in the end. */
  stop(): void;
}
