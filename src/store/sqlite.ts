/**
 * Opens the embedded database: one file that only its owner can read, or `:memory:`.
 *
 * Folders and the file are made private when they are created; the modes of those that exist are the operator's choice and
 * stay as they are. Deliberately absent: the tables (`migrations.ts`) and how statements run (`libsql-dialect.ts`).
 */
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";

import { Kysely } from "./kysely.ts";
import Database from "libsql";

import { LibsqlDialect } from "./libsql-dialect.ts";
import type { StoreTables } from "./schema.ts";

/** While opening, nothing else runs: waiting inside SQLite is the simplest there. */
const openingBusyTimeoutMs = 5_000;
/** Afterwards SQLite gives up at once and the driver waits without holding up the process. */
const busyTimeoutMs = 0;
const defaultLockPatienceMs = 5_000;

/** `lockPatienceMs`: how long a query waits for a lock of another connection before it fails, counted from when it was queued. */
export function openSqlite(databasePath: string, lockPatienceMs: number = defaultLockPatienceMs): Kysely<StoreTables> {
  if (databasePath !== ":memory:") createPrivately(databasePath);
  const database = new Database(databasePath);
  try {
    // The timeout first: the switch to WAL needs a lock that another process may hold.
    database.pragma(`busy_timeout = ${openingBusyTimeoutMs}`);
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = NORMAL");
    database.pragma("foreign_keys = ON");
    database.pragma(`busy_timeout = ${busyTimeoutMs}`);
  } catch (error) {
    database.close();
    throw error;
  }
  const openReader = databasePath === ":memory:" ? undefined : () => openForReading(databasePath);
  return new Kysely<StoreTables>({ dialect: new LibsqlDialect({ writer: database, openReader }, lockPatienceMs) });
}

function openForReading(databasePath: string): Database.Database {
  const database = new Database(databasePath);
  database.pragma(`busy_timeout = ${busyTimeoutMs}`);
  database.pragma("query_only = ON");
  return database;
}

/** SQLite gives its `-wal` and `-shm` files the mode of the database file. */
function createPrivately(databasePath: string): void {
  mkdirSync(dirname(databasePath), { recursive: true, mode: 0o700 });
  closeSync(openSync(databasePath, "a", 0o600));
}
