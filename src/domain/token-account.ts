/**
 * What is counted so that it can be limited, and the ports to where it is: one count for all processes on one store.
 *
 * Deliberately absent: which limits there are and what a caller is told (`service/token-limits.ts`, `service/failed-logins.ts`).
 */
import type { TokenLimits } from "./principal.ts";

export interface WindowCount {
  readonly count: number;
  /** Until it begins anew. */
  readonly msLeft: number;
}

/** Counts that begin anew some time after their first. */
export interface WindowCounters {
  /** The sum so far, `amount` included. `windowMs` is that of a count that begins with it. */
  add(key: string, amount: number, windowMs: number): Promise<WindowCount>;
  /** Undefined when there is none. */
  read(key: string): Promise<WindowCount | undefined>;
  /** Whatever it was and had to go. */
  set(key: string, count: number, windowMs: number): Promise<void>;
}

/** As rate-limiter-flexible's limiters count, whose times are seconds where they are given and milliseconds where they are told. */
interface PointLimiter {
  penalty(key: string, points: number, options: { readonly customDuration: number }): Promise<PointCount>;
  get(key: string): Promise<PointCount | null>;
  set(key: string, points: number, seconds: number): Promise<unknown>;
}

interface PointCount {
  readonly consumedPoints: number;
  readonly msBeforeNext: number;
}

export function countersOf(limiter: PointLimiter): WindowCounters {
  const countOf = ({ consumedPoints, msBeforeNext }: PointCount): WindowCount => ({
    count: consumedPoints,
    msLeft: Math.max(0, msBeforeNext),
  });
  return {
    add: async (key, amount, windowMs) => countOf(await limiter.penalty(key, amount, { customDuration: windowMs / 1000 })),
    read: async (key) => {
      const state = await limiter.get(key);
      return state ? countOf(state) : undefined;
    },
    set: async (key, count, windowMs) => void (await limiter.set(key, count, windowMs / 1000)),
  };
}

/** Of one token in one month. */
export interface TokenUse {
  readonly requests: number;
  readonly tokens: number;
  /** In the unit of the models' prices; models without a price cost nothing. */
  readonly cost: number;
}

/** A run of a token with limits. */
export interface CountedRun {
  readonly runId: string;
  /** The token's name. */
  readonly owner: string;
  /** In which it began, in UTC: `2026-01`. */
  readonly month: string;
}

/** The limits that are kept by accounts. The others are those of windows. */
export type AccountLimits = Pick<TokenLimits, "maxConcurrentRuns" | "monthlyTokens" | "monthlyBudget">;

/** Which limit of a month is used up. */
export function spentOf({ tokens, cost }: TokenUse, { monthlyTokens, monthlyBudget }: AccountLimits): keyof AccountLimits | undefined {
  if (monthlyTokens !== undefined && tokens >= monthlyTokens) return "monthlyTokens";
  return monthlyBudget !== undefined && cost >= monthlyBudget ? "monthlyBudget" : undefined;
}

export interface TokenAccounts {
  /**
   * Takes a place among the owner's runs at work, or says which limit is in the way. The place of a process that is dead, or
   * shows no sign of life, is given to others.
   */
  enter(run: CountedRun, limits: AccountLimits): Promise<keyof AccountLimits | undefined>;
  /** Gives the place back, if there was one, and adds what the run has used. */
  leave(run: CountedRun, use: TokenUse): Promise<void>;
  /** By owner. Runs at work are not in it. */
  usedIn(month: string): Promise<ReadonlyMap<string, TokenUse>>;
  /** What was used before that month, and counts whose time is over. */
  removeBefore(month: string): Promise<void>;
}
