/**
 * Kysely's SQLite dialect, made safe for libsql: how statements and transactions reach one libsql connection.
 *
 * libsql leaves a statement that failed with SQLITE_BUSY in progress; until it is collected, later commits on the connection
 * fail, or worse: a single write is reported done and never committed. So transactions are begun, committed and rolled back
 * with `exec`, which leaves nothing behind, and take the write lock at their beginning: inside them nothing can be busy.
 * A statement outside of one that was busy is run again as the same statement, which resets it.
 *
 * The driver is synchronous. It must not sleep on a lock that another connection of the same process may hold, so it waits
 * with timers. Deliberately absent: streaming and savepoints, which nobody uses.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { SqliteAdapter, SqliteDialect, SqliteDriver } from "kysely";
import type { CompiledQuery, DatabaseConnection, DialectAdapter, Driver, QueryResult } from "kysely";
import type Database from "libsql";

/** Between two attempts to get a lock that is held elsewhere. */
const pauseMs = 5;
/** Prepared statements kept for reuse; the queries of the store are fewer. */
const maxPrepared = 64;

export class LibsqlDialect extends SqliteDialect {
  readonly #database: Database.Database;
  readonly #lockPatienceMs: number;

  /** `lockPatienceMs`: how long a lock held elsewhere is waited for before the store counts as unusable. */
  constructor(database: Database.Database, lockPatienceMs: number) {
    super({ database });
    this.#database = database;
    this.#lockPatienceMs = lockPatienceMs;
  }

  override createAdapter(): DialectAdapter {
    return new TransactionalAdapter();
  }

  override createDriver(): Driver {
    return new LibsqlDriver(this.#database, this.#lockPatienceMs);
  }
}

/** SQLite can change tables inside a transaction; Kysely's adapter does not use it. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class LibsqlDriver extends SqliteDriver {
  readonly #database: Database.Database;
  readonly #lockPatienceMs: number;
  readonly #connection: LibsqlConnection;

  constructor(database: Database.Database, lockPatienceMs: number) {
    super({ database });
    this.#database = database;
    this.#lockPatienceMs = lockPatienceMs;
    this.#connection = new LibsqlConnection(database, lockPatienceMs);
  }

  /** The base class holds the queue for the one connection; what it hands out is ours. */
  override async acquireConnection(): Promise<DatabaseConnection> {
    await super.acquireConnection();
    return this.#connection;
  }

  override async beginTransaction(): Promise<void> {
    await patiently(this.#lockPatienceMs, () => this.#database.exec("begin immediate"));
  }

  override async commitTransaction(): Promise<void> {
    await patiently(this.#lockPatienceMs, () => this.#database.exec("commit"));
  }

  /** After a full disk, for one, SQLite has rolled back already. */
  override async rollbackTransaction(): Promise<void> {
    if (this.#database.inTransaction) await patiently(this.#lockPatienceMs, () => this.#database.exec("rollback"));
  }

  /** libsql closes the file for good only when its statements are collected, so what the log holds is moved over here. */
  override async destroy(): Promise<void> {
    this.#connection.forgetStatements();
    try {
      if (this.#database.open) this.#database.pragma("wal_checkpoint(TRUNCATE)");
    } catch {
      // Nothing is lost: the next one to open the database reads the log.
    }
    await super.destroy();
  }
}

class LibsqlConnection implements DatabaseConnection {
  readonly #database: Database.Database;
  readonly #lockPatienceMs: number;
  readonly #prepared = new Map<string, Database.Statement>();

  constructor(database: Database.Database, lockPatienceMs: number) {
    this.#database = database;
    this.#lockPatienceMs = lockPatienceMs;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const statement = await patiently(this.#lockPatienceMs, () => this.#prepare(sql));
    try {
      if (statement.reader) return { rows: (await patiently(this.#lockPatienceMs, () => statement.all(parameters))) as R[] };
      const { changes } = await patiently(this.#lockPatienceMs, () => statement.run(parameters));
      return { rows: [], numAffectedRows: BigInt(changes) };
    } catch (error) {
      this.#prepared.delete(sql);
      throw error;
    }
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("The session store does not stream rows.");
  }

  forgetStatements(): void {
    this.#prepared.clear();
  }

  #prepare(sql: string): Database.Statement {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      if (this.#prepared.size >= maxPrepared) this.#prepared.clear();
      statement = this.#database.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}

async function patiently<T>(patienceMs: number, attempt: () => T): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
    }
    await sleep(pauseMs);
  }
}

function isBusy(error: unknown): boolean {
  const code: unknown = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && code.startsWith("SQLITE_BUSY");
}
