/**
 * Opens a Postgres database by its URL: a pool of connections, and what this store asks of each.
 *
 * Everything is bounded: how long a connection is waited for, how long a statement takes, how long a transaction may do
 * nothing. Nothing is set for a whole session, so that a pooler which gives every transaction another one (PgBouncer) may
 * stand between. Deliberately absent: how statements run (`postgres-dialect.ts`), and notices (`postgres-notices.ts`).
 */
import pg from "pg";
import type { ClientConfig, CustomTypesConfig, Pool } from "pg";

import { Kysely } from "./kysely.ts";
import { PooledPostgresDialect } from "./postgres-dialect.ts";
import type { StoreTables } from "./schema.ts";

/** For a connection: a free one of the pool, or a new one. */
const connectPatienceMs = 5_000;
/** A statement that takes longer is given up here, whatever the server does. In transactions the server gives it up before. */
const queryPatienceMs = 10_000;
const idleTimeoutMs = 30_000;

export interface PostgresDatabase {
  readonly db: Kysely<StoreTables>;
  /** That of `db`, which closes it. */
  readonly pool: Pool;
  /** Where tables without a schema's name are. */
  readonly schema: string;
}

export async function openPostgres(url: string, poolSize: number): Promise<PostgresDatabase> {
  const pool = createPool(url, poolSize);
  const db = new Kysely<StoreTables>({ dialect: new PooledPostgresDialect(pool) });
  try {
    const { rows } = await pool.query<{ schema: string | null }>("select current_schema() as schema");
    const schema = rows[0]?.schema;
    if (schema) return { db, pool, schema };
    throw new Error("The user has no schema to create tables in: its search_path names none that exists.");
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

/** How a connection of its own is made, beside the pool. */
export function connectionOf(url: string): ClientConfig {
  return { connectionString: withCheckedTls(url), keepAlive: true, application_name: "clawgate", types };
}

function createPool(url: string, poolSize: number): Pool {
  const pool = new pg.Pool({
    ...connectionOf(url),
    max: poolSize,
    connectionTimeoutMillis: connectPatienceMs,
    query_timeout: queryPatienceMs,
    idleTimeoutMillis: idleTimeoutMs,
    allowExitOnIdle: true,
  });
  // Whoever uses a connection that breaks learns of it. Of one that is not used nobody has to: the pool makes another one.
  pool.on("error", ignore);
  pool.on("connect", (client) => client.on("error", ignore));
  return pool;
}

const ignore = (): void => undefined;

const numeric: readonly number[] = [pg.types.builtins.INT8, pg.types.builtins.NUMERIC];
/** 64-bit integers and sums of them, which are counts and sizes here, as numbers. */
const types: CustomTypesConfig = {
  getTypeParser: (oid: number, format?: "text" | "binary") =>
    numeric.includes(oid) ? Number : (pg.types.getTypeParser(oid, format) as unknown),
};

/** `require` and `verify-ca` mean what `verify-full` means here; the driver would say so with a warning each time. */
function withCheckedTls(url: string): string {
  return url.replace(/([?&]sslmode=)(?:require|verify-ca)(?=&|$)/, "$1verify-full");
}
