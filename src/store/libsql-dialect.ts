/**
 * Kysely's SQLite dialect, made safe and quick for libsql: how statements and transactions reach one database.
 *
 * Transactions have one connection, one after the other. Those that end in the same turn of the event loop are committed
 * together: to write the pages is most of what a small transaction costs, and they touch much the same ones. Each is told that
 * it is done once that commit is, and one that fails takes back its own part only. Reads have a connection of their own, which
 * sees what is committed.
 *
 * libsql leaves a statement that failed with SQLITE_BUSY in progress; until it is collected, later commits on the connection
 * fail, or worse: a single write is reported done and never committed. So transactions are begun, committed and rolled back
 * with `exec`, which leaves nothing behind, and take the write lock at their beginning: inside them nothing can be busy.
 * A single write is a transaction too. A read that was busy is run again as the same statement, which resets it.
 *
 * The driver is synchronous. It must not sleep on a lock that another connection of the same process may hold, so it waits
 * with timers. Deliberately absent: streaming and savepoints of the queries' own, which nobody uses.
 */
import type { CompiledQuery, DatabaseConnection, DialectAdapter, Driver, QueryCompiler, QueryResult } from "kysely";
import type Database from "libsql";
import { CommitGroup } from "./commit-group.ts";
import { SqliteDialect } from "./kysely.ts";
import { LocklessCompiler, TransactionalAdapter } from "./sqlite-traits.ts";
import { executeWith, patiently, Statements } from "./statements.ts";
import { Turns } from "./turns.ts";

/** Transactions in one commit. */
const maxGrouped = 64;

export interface LibsqlConnections {
  readonly writer: Database.Database;
  /** Opens one to the same database that only reads; undefined where nobody else can see it, in memory. */
  readonly openReader: (() => Database.Database) | undefined;
}

export class LibsqlDialect extends SqliteDialect {
  readonly #connections: LibsqlConnections;
  readonly #lockPatienceMs: number;

  /** `lockPatienceMs`: how long a lock held elsewhere is waited for before the store counts as unusable. */
  constructor(connections: LibsqlConnections, lockPatienceMs: number) {
    super({ database: connections.writer });
    this.#connections = connections;
    this.#lockPatienceMs = lockPatienceMs;
  }

  override createAdapter(): DialectAdapter {
    return new TransactionalAdapter();
  }

  override createDriver(): Driver {
    return new LibsqlDriver(this.#connections, this.#lockPatienceMs);
  }

  override createQueryCompiler(): QueryCompiler {
    return new LocklessCompiler();
  }
}

class LibsqlDriver implements Driver {
  readonly #writer: Database.Database;
  readonly #openReader: (() => Database.Database) | undefined;
  readonly #lockPatienceMs: number;
  readonly #written: Statements;
  #reader: { readonly database: Database.Database; readonly statements: Statements } | undefined;
  /** Whose the writer is. */
  readonly #turns = new Turns();
  /** Of the transaction that is open. */
  #group: CommitGroup | undefined;

  constructor({ writer, openReader }: LibsqlConnections, lockPatienceMs: number) {
    this.#writer = writer;
    this.#openReader = openReader;
    this.#lockPatienceMs = lockPatienceMs;
    this.#written = new Statements(writer);
  }

  init(): Promise<void> {
    return Promise.resolve();
  }

  /** Patience begins here. */
  acquireConnection(): Promise<LibsqlConnection> {
    return Promise.resolve(new LibsqlConnection(this, this.#deadline()));
  }

  releaseConnection(): Promise<void> {
    return Promise.resolve();
  }

  /** Outside of a transaction. What writes gets one of its own: given up while it was busy, it would spoil all that comes after it. */
  async execute<R>(query: CompiledQuery, deadline: number): Promise<QueryResult<R>> {
    const isRead = /^\s*(?:select|with)\b/iu.test(query.sql);
    if (isRead && this.#openReader) return executeWith<R>(this.#readerStatements(), query, deadline);
    // SQLite refuses some of its settings within a transaction.
    if (!isRead && !/^\s*pragma\b/iu.test(query.sql)) return this.#executeAlone<R>(query, deadline);
    await this.#turns.enter();
    try {
      // What others have not committed yet is not committed with it, unless nobody else could see it anyway.
      if (this.#group && this.#openReader) await this.#commit(this.#group);
      return await executeWith<R>(this.#written, query, deadline);
    } finally {
      this.#turns.leave();
    }
  }

  async #executeAlone<R>(query: CompiledQuery, deadline: number): Promise<QueryResult<R>> {
    const connection = new LibsqlConnection(this, deadline);
    await this.beginTransaction(connection);
    try {
      const result = await connection.executeQuery<R>(query);
      await this.commitTransaction(connection);
      return result;
    } catch (error) {
      await this.rollbackTransaction(connection);
      throw error;
    }
  }

  /** Within the transaction that has its turn. */
  executeWithin<R>(query: CompiledQuery, deadline: number): Promise<QueryResult<R>> {
    return executeWith<R>(this.#written, query, deadline);
  }

  /** Of those that wait for the write lock one tries at a time; the others try when their turn comes, and only once if their patience has ended meanwhile. */
  async beginTransaction(connection: LibsqlConnection): Promise<void> {
    await this.#turns.enter();
    try {
      if (this.#group) this.#joinGroup();
      else await patiently(connection.deadline, () => this.#beginGroup());
      connection.enter(this.#group!.begin());
    } catch (error) {
      this.#turns.leave();
      throw error;
    }
  }

  async commitTransaction(connection: LibsqlConnection): Promise<void> {
    const group = this.#group!;
    if (!connection.isFirst) this.#writer.exec("release part");
    connection.leave();
    group.add();
    if (group.size >= maxGrouped) await this.#commit(group);
    else if (group.size === 1) setImmediate(() => void this.#commitInTurn(group));
    this.#turns.leave();
    await group.committed;
  }

  /** Does nothing once it was handed over to be committed. After a full disk, for one, SQLite has rolled back already, and the others' parts with it. */
  rollbackTransaction(connection: LibsqlConnection): Promise<void> {
    if (!connection.isWithin) return Promise.resolve();
    const group = this.#group!;
    const isAlone = connection.isFirst || !this.#writer.inTransaction;
    try {
      if (isAlone || !this.#takeBackPart()) this.#giveUp(group, connection.failure);
    } finally {
      connection.leave();
      this.#turns.leave();
    }
    return Promise.resolve();
  }

  /** False when the part cannot be told from the others' any more. */
  #takeBackPart(): boolean {
    try {
      this.#writer.exec("rollback to part");
      this.#writer.exec("release part");
      return true;
    } catch {
      return false;
    }
  }

  /** Nothing of it is kept. Should even that fail, SQLite does it when the connection is closed, and nobody was told otherwise. */
  #giveUp(group: CommitGroup, reason: unknown): void {
    this.#group = undefined;
    group.fail(reason);
    if (this.#writer.inTransaction) this.#writer.exec("rollback");
  }

  /**
   * Statements are refused first and the writer is waited for then: libsql takes the whole process down when a connection is
   * closed under a transaction. It closes the file for good only when its statements are collected, so what the log holds is
   * moved over here.
   */
  async destroy(): Promise<void> {
    this.#written.close();
    this.#reader?.statements.close();
    await this.#turns.enter();
    try {
      if (this.#group) await this.#commit(this.#group);
      if (this.#writer.open) this.#writer.pragma("wal_checkpoint(TRUNCATE)");
    } catch {
      // Nothing is lost: the next one to open the database reads the log.
    }
    try {
      this.#reader?.database.close();
      this.#writer.close();
    } finally {
      // Those still in the queue are to learn that the statements are closed.
      this.#turns.leave();
    }
  }

  #beginGroup(): void {
    // It may have been closed while the lock was waited for.
    this.#written.refuseIfClosed();
    this.#writer.exec("begin immediate");
    this.#group = new CommitGroup();
  }

  #joinGroup(): void {
    this.#written.refuseIfClosed();
    this.#writer.exec("savepoint part");
  }

  async #commitInTurn(group: CommitGroup): Promise<void> {
    await this.#turns.enter();
    if (this.#group === group) await this.#commit(group);
    this.#turns.leave();
  }

  /** Never rejects: whoever waits for the group is told. */
  async #commit(group: CommitGroup): Promise<void> {
    this.#group = undefined;
    try {
      await patiently(this.#deadline(), () => this.#writer.exec("commit"));
      group.succeed();
    } catch (error) {
      try {
        this.#giveUp(group, error);
      } catch {
        // The next one to begin is told.
      }
    }
  }

  #readerStatements(): Statements {
    this.#written.refuseIfClosed();
    if (!this.#reader) {
      const database = this.#openReader!();
      this.#reader = { database, statements: new Statements(database) };
    }
    return this.#reader.statements;
  }

  #deadline(): number {
    return performance.now() + this.#lockPatienceMs;
  }
}

/** Lent to a query, or to a transaction that waits for locks until `deadline`. */
class LibsqlConnection implements DatabaseConnection {
  readonly deadline: number;
  readonly #driver: LibsqlDriver;
  #place: "none" | "first" | "later" = "none";
  /** Why its last statement failed. */
  failure: unknown;

  constructor(driver: LibsqlDriver, deadline: number) {
    this.#driver = driver;
    this.deadline = deadline;
  }

  /** In a transaction that has its turn. */
  get isWithin(): boolean {
    return this.#place !== "none";
  }

  /** Nobody else's part comes before it in the group. */
  get isFirst(): boolean {
    return this.#place === "first";
  }

  enter(place: "first" | "later"): void {
    this.#place = place;
  }

  leave(): void {
    this.#place = "none";
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (!this.isWithin) return this.#driver.execute(query, this.deadline);
    try {
      return await this.#driver.executeWithin(query, this.deadline);
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("The session store does not stream rows.");
  }
}
