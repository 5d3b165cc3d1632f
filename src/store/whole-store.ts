/**
 * A database opened for one who reads all of it, or fills it: one transaction, of any length.
 *
 * A reader sees one moment, whatever others do meanwhile, and holds up nobody. Deliberately absent: what is read and written
 * (`export-store.ts`, `import-store.ts`).
 */
import { existsSync } from "node:fs";
import Database from "libsql";
import { GatewayError } from "../domain/errors.ts";
import { keptTables } from "./kept-tables.ts";
import { Kysely, sql } from "./kysely.ts";
import { LibsqlDialect } from "./libsql-dialect.ts";
import { isServer, openSessionStore } from "./open-session-store.ts";
import type { StoreTables } from "./schema.ts";
import { openSqlite } from "./sqlite.ts";

type Work<T> = (db: Kysely<StoreTables>) => Promise<T>;

/** For a lock that another process holds. Who reads needs none but for a moment. */
const lockPatienceMs = 5_000;

export async function readWhole<T>(database: string, work: Work<T>): Promise<T> {
  if (!isServer(database) && database !== ":memory:" && !existsSync(database)) {
    throw new GatewayError("not_found", `There is no database at ${database}.`);
  }
  await bringUpToDate(database);
  if (!isServer(database)) return readFile(database, work);
  return onServer(database, async (trx) => {
    await sql`set transaction isolation level repeatable read, read only`.execute(trx);
    return work(trx);
  });
}

/** All of it is kept, or nothing. Nobody else changes these tables meanwhile. */
export async function fillWhole<T>(database: string, work: Work<T>): Promise<T> {
  await bringUpToDate(database);
  if (!isServer(database)) return fillFile(database, work);
  return onServer(database, async (trx) => {
    await sql`lock table ${sql.join(keptTables.map((table) => sql.table(table)))} in share row exclusive mode`.execute(trx);
    return work(trx);
  });
}

/** As by whatever else opens it: tables are made or changed, and runs whose process is gone are marked. */
async function bringUpToDate(database: string): Promise<void> {
  if (database === ":memory:") {
    throw new GatewayError("invalid_value", "A database in memory is gone with its process: there is nothing to move from it, or to it.");
  }
  await (await openSessionStore(database, { poolSize: 1, listenUrl: undefined })).close();
}

/** Kysely's transactions on a file begin with the lock of a writer, so this one is begun beside it. */
async function readFile<T>(path: string, work: Work<T>): Promise<T> {
  const reader = new Database(path);
  reader.pragma("query_only = ON");
  reader.exec("begin");
  const db = new Kysely<StoreTables>({ dialect: new LibsqlDialect({ writer: reader, openReader: undefined }, lockPatienceMs) });
  try {
    return await work(db);
  } finally {
    reader.exec("rollback");
    await db.destroy();
  }
}

async function fillFile<T>(path: string, work: Work<T>): Promise<T> {
  const db = openSqlite(path);
  try {
    return await db.transaction().execute(work);
  } finally {
    await db.destroy();
  }
}

async function onServer<T>(url: string, work: Work<T>): Promise<T> {
  const { openPostgres } = await import("./postgres.ts");
  const { db } = await openPostgres(url, 1);
  try {
    return await db.transaction().execute(async (trx) => {
      // Whoever reads the export, or brings the import, may be slow.
      await sql`set local idle_in_transaction_session_timeout = 0`.execute(trx);
      return work(trx);
    });
  } finally {
    await db.destroy();
  }
}
