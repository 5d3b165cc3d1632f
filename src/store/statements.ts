/**
 * The prepared statements of one libsql connection, and how one is run while locks are held elsewhere.
 *
 * Deliberately absent: whose turn it is, and what is within a transaction (`libsql-dialect.ts`).
 */
import { setTimeout as sleep } from "node:timers/promises";

import type { CompiledQuery, QueryResult } from "kysely";
import type Database from "libsql";

/** Between two attempts to get a lock that is held elsewhere. */
const pauseMs = 5;
/** Prepared statements kept for reuse; the queries of the store are fewer. */
const maxPrepared = 128;

export async function executeWith<R>(
  statements: Statements,
  { sql, parameters }: CompiledQuery,
  deadline: number,
): Promise<QueryResult<R>> {
  const statement = await patiently(deadline, () => statements.prepare(sql));
  try {
    if (statement.reader) return { rows: (await patiently(deadline, () => statement.all(parameters))) as R[] };
    const { changes } = await patiently(deadline, () => statement.run(parameters));
    return { rows: [], numAffectedRows: BigInt(changes) };
  } catch (error) {
    statements.forget(sql);
    throw error;
  }
}

/** Prepared once, used again; none once closed. */
export class Statements {
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
export async function patiently<T>(deadline: number, attempt: () => T): Promise<T> {
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
