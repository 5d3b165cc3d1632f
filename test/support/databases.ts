/**
 * The databases that the store's tests run on, each the same tests: a file, and a real Postgres where one can be had.
 *
 * `await databaseEngines()` at the top of a test file, then `describe.each`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Kysely } from "kysely";
import Database from "libsql";

import { GuardedDatabase } from "../../src/store/guarded-database.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import type { StoreTables } from "../../src/store/schema.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { createPostgresDatabase, findPostgres } from "./postgres.ts";

type Row = { [column: string]: unknown };

export interface TestDatabase {
  /** As `session.database` names it. */
  readonly location: string;
  /** As a store gets it, without tables. It is closed by whoever opens it. */
  open(lockPatienceMs?: number): Promise<Kysely<StoreTables>>;
  /** By a connection of its own, for what another process, or an accident, does to the rows. Gives the rows of a query. */
  query(text: string, parameters?: readonly (string | number)[]): Promise<Row[]>;
  /** When all stores on it are closed. */
  drop(): Promise<void>;
}

export interface DatabaseEngine {
  readonly name: "SQLite" | "Postgres";
  readonly create: () => Promise<TestDatabase>;
}

/** Says why when there is no Postgres. */
export async function databaseEngines(): Promise<readonly DatabaseEngine[]> {
  const sqlite: DatabaseEngine = { name: "SQLite", create: () => Promise.resolve(createFile()) };
  const found = await findPostgres();
  if ("url" in found) return [sqlite, { name: "Postgres", create: () => createOnPostgres(found.url) }];
  process.stdout.write(`Nothing is tested on Postgres: ${found.reason}\n`);
  return [sqlite];
}

function createFile(): TestDatabase {
  const folder = mkdtempSync(join(tmpdir(), "clawgate-database-"));
  const location = join(folder, "sessions.db");
  return {
    location,
    open: (lockPatienceMs) => Promise.resolve(openSqlite(location, lockPatienceMs)),
    query: (text, parameters = []) => Promise.resolve(queryFile(location, text, parameters)),
    drop: () => Promise.resolve(rmSync(folder, { recursive: true })),
  };
}

function queryFile(file: string, text: string, parameters: readonly (string | number)[]): Row[] {
  const database = new Database(file);
  try {
    database.pragma("foreign_keys = ON");
    const statement = database.prepare(text);
    if (!statement.reader) {
      statement.run([...parameters]);
      return [];
    }
    return (statement.all([...parameters]) as Row[]).map(({ _metadata, ...row }) => row);
  } finally {
    database.close();
  }
}

async function createOnPostgres(serverUrl: string): Promise<TestDatabase> {
  const { url, query, drop } = await createPostgresDatabase(serverUrl);
  return { location: url, open: async () => (await openPostgres(url, 4)).db, query, drop };
}

/** Of which it is known when nothing is under way any more, whatever the clocks of the tests say. */
export class WatchedDatabase extends GuardedDatabase {
  #underWay = 0;

  override async run<T>(query: (db: Kysely<StoreTables>) => Promise<T>): Promise<T> {
    this.#underWay++;
    try {
      return await super.run(query);
    } finally {
      this.#underWay--;
    }
  }

  /** Who goes on as soon as a query is done has asked the next one by then. What waits for a clock that stands still is left alone. */
  async settle(maxTurns = Infinity): Promise<void> {
    for (let [idle, turn] = [0, 0]; idle < 10 && turn < maxTurns; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      idle = this.#underWay === 0 ? idle + 1 : 0;
    }
  }
}
