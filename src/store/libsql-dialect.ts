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

import type { CompiledQuery, DatabaseConnection, DialectAdapter, Driver, QueryCompiler, QueryResult } from "kysely";
import type Database from "libsql";
import { SqliteAdapter, SqliteDialect, SqliteDriver, SqliteQueryCompiler } from "./kysely.ts";

/** Between two attempts to get a lock that is held elsewhere. */
const pauseMs = 5;
/** Prepared statements kept for reuse; the queries of the store are fewer. */
const maxPrepared = 128;

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

  override createQueryCompiler(): QueryCompiler {
    return new LocklessCompiler();
  }
}

/** SQLite has no locks of rows, and needs none: a transaction has the whole database from its beginning (`for update` says nothing more). */
class LocklessCompiler extends SqliteQueryCompiler {
  protected override visitSelectModifier(): void {
    // Nothing else that stands there is used.
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
  readonly #statements: Statements;
  /** Settles when the last of the transactions that wait for the write lock has had its turn. */
  #lastTurn: Promise<void> = Promise.resolve();

  constructor(database: Database.Database, lockPatienceMs: number) {
    super({ database });
    this.#database = database;
    this.#lockPatienceMs = lockPatienceMs;
    this.#statements = new Statements(database);
  }

  /** The base class holds the queue for the one connection; what it hands out is ours. Patience begins with the queueing. */
  override async acquireConnection(): Promise<LibsqlConnection> {
    const deadline = this.#deadline();
    await super.acquireConnection();
    return new LibsqlConnection(this.#statements, deadline);
  }

  /**
   * While the write lock is held elsewhere, the connection is free for others: a read needs no lock. Of those that wait, one
   * tries at a time; the others try when their turn comes, and only once if their patience has ended meanwhile.
   */
  override async beginTransaction({ deadline }: LibsqlConnection): Promise<void> {
    if (this.#tryBegin(deadline)) return;
    await super.releaseConnection();
    const turn = this.#lastTurn.then(() => this.#acquireAndBegin(deadline));
    this.#lastTurn = turn.catch(() => undefined);
    await turn;
  }

  override async commitTransaction(): Promise<void> {
    await patiently(this.#deadline(), () => this.#database.exec("commit"));
  }

  /** After a full disk, for one, SQLite has rolled back already. */
  override async rollbackTransaction(): Promise<void> {
    if (this.#database.inTransaction) await patiently(this.#deadline(), () => this.#database.exec("rollback"));
  }

  /**
   * Statements are refused first and the connection is waited for then: libsql takes the whole process down when a connection is
   * closed under a transaction. It closes the file for good only when its statements are collected, so what the log holds is
   * moved over here.
   */
  override async destroy(): Promise<void> {
    this.#statements.close();
    await super.acquireConnection();
    try {
      if (this.#database.open) this.#database.pragma("wal_checkpoint(TRUNCATE)");
    } catch {
      // Nothing is lost: the next one to open the database reads the log.
    }
    try {
      await super.destroy();
    } finally {
      // Those still in the queue are to learn that the statements are closed.
      await super.releaseConnection();
    }
  }

  /** Whether it resolves or rejects, the caller has the connection again. */
  async #acquireAndBegin(deadline: number): Promise<void> {
    await super.acquireConnection();
    while (!this.#tryBegin(deadline)) {
      await super.releaseConnection();
      await sleep(pauseMs);
      await super.acquireConnection();
    }
  }

  #deadline(): number {
    return performance.now() + this.#lockPatienceMs;
  }

  #tryBegin(deadline: number): boolean {
    this.#statements.refuseIfClosed();
    try {
      this.#database.exec("begin immediate");
      return true;
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
      return false;
    }
  }
}

/** The one connection, lent to a query or a transaction that waits for locks until `deadline`. */
class LibsqlConnection implements DatabaseConnection {
  readonly deadline: number;
  readonly #statements: Statements;

  constructor(statements: Statements, deadline: number) {
    this.deadline = deadline;
    this.#statements = statements;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const statement = await patiently(this.deadline, () => this.#statements.prepare(sql));
    try {
      if (statement.reader) return { rows: (await patiently(this.deadline, () => statement.all(parameters))) as R[] };
      const { changes } = await patiently(this.deadline, () => statement.run(parameters));
      return { rows: [], numAffectedRows: BigInt(changes) };
    } catch (error) {
      this.#statements.forget(sql);
      throw error;
    }
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("The session store does not stream rows.");
  }
}

/** Prepared once, used again; none once closed. */
class Statements {
  readonly #database: Database.Database;
  readonly #prepared = new Map<string, Database.Statement>();
  #isClosed = false;

  constructor(database: Database.Database) {
    this.#database = database;
  }

  prepare(sql: string): Database.Statement {
    this.refuseIfClosed();
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      if (this.#prepared.size >= maxPrepared) this.#prepared.clear();
      statement = this.#database.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  forget(sql: string): void {
    this.#prepared.delete(sql);
  }

  refuseIfClosed(): void {
    if (this.#isClosed) throw new Error("The session database is closed.");
  }

  close(): void {
    this.#isClosed = true;
    this.#prepared.clear();
  }
}

/** Tries at least once, and while a lock is held elsewhere, again until `deadline`. */
async function patiently<T>(deadline: number, attempt: () => T): Promise<T> {
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
