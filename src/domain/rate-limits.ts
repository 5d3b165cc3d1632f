/** What is left to a token within a minute, for whoever tells its caller. Deliberately absent: how it is counted (`token-account.ts`). */

export interface RateLimit {
  readonly limit: number;
  readonly remaining: number;
  /** Until all of it is there again. */
  readonly resetMs: number;
}

/** What is not limited is not there. */
export interface RateLimits {
  readonly requests?: RateLimit;
  readonly tokens?: RateLimit;
}
