/**
 * The counts that gateways on one Postgres database share: rate-limiter-flexible on the store's own connections.
 *
 * Its statements go out without the names it gives them, which no connection behind a pooler would know. Their times are those of
 * the gateways' clocks. Deliberately absent: its table, which a migration makes, and clearing it, which retention does.
 */
import type { Pool } from "pg";
import { RateLimiterPostgres, type RateLimiterRes } from "rate-limiter-flexible";

import type { WindowCount, WindowCounters } from "../domain/token-account.ts";

/** As it asks; times may have fractions. */
interface NamedQuery {
  readonly text: string;
  readonly values?: readonly (string | number | null)[];
}

export function countersOn(pool: Pool): WindowCounters {
  const storeClient = {
    query: ({ text, values = [] }: NamedQuery) => pool.query(text, values.map(whole)),
  };
  const limiter = new RateLimiterPostgres({
    storeClient,
    storeType: "client",
    tableName: "counters",
    tableCreated: true,
    clearExpiredByTimeout: false,
    keyPrefix: "",
    // What is too many is for others to say.
    points: Number.MAX_SAFE_INTEGER,
    duration: 1,
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

function whole(value: string | number | null): string | number | null {
  return typeof value === "number" ? Math.round(value) : value;
}

function countOf({ consumedPoints, msBeforeNext }: RateLimiterRes): WindowCount {
  return { count: consumedPoints, msLeft: Math.max(0, msBeforeNext) };
}
