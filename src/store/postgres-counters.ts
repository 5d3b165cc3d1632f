/**
 * The counts that gateways on one Postgres database share: rate-limiter-flexible on the store's own connections.
 *
 * Its statements go out without the names it gives them, which no connection behind a pooler would know. Their times are those of
 * the gateways' clocks. Deliberately absent: its table, which a migration makes, and clearing it, which retention does.
 */
import type { Pool } from "pg";
import { RateLimiterPostgres } from "rate-limiter-flexible";

import { countersOf, type WindowCounters } from "../domain/token-account.ts";

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
  return countersOf(limiter);
}

function whole(value: string | number | null): string | number | null {
  return typeof value === "number" ? Math.round(value) : value;
}
