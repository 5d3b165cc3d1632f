/**
 * The databases of a measurement: a Postgres that ends with this process, or the one of `TEST_POSTGRES_URL`, and what is left
 * in a database when the runs are over. How a server is started is `test/support/postgres.ts`'s.
 */
import { createPostgresDatabase, findPostgres } from "../../test/support/postgres.ts";
import type { Kysely } from "../../src/store/kysely.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import type { StoreTables } from "../../src/store/schema.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { parentOf } from "./processes.ts";

export interface PostgresServer {
  readonly url: string;
  /** Its version, and whether a commit waits for the disk. */
  readonly about: string;
  /** Of the process that all of its others are children of; undefined when it is on another machine. */
  readonly pid: number | undefined;
  createDatabase(): Promise<string>;
  dropAll(): Promise<void>;
}

/** Or why there is none. */
export async function openServer(): Promise<PostgresServer | { readonly reason: string }> {
  const found = await findPostgres();
  if ("reason" in found) return found;
  const made = [await createPostgresDatabase(found.url)];
  const sql = "select pg_backend_pid() as pid, current_setting('server_version') as version, current_setting('fsync') as fsync";
  const [row = {}] = await made[0]!.query(sql);
  return {
    url: found.url,
    about: `${String(row["version"])}, fsync ${String(row["fsync"])}`,
    pid: parentOf(Number(row["pid"]), "postgres"),
    createDatabase: async () => {
      const database = await createPostgresDatabase(found.url);
      made.push(database);
      return database.url;
    },
    dropAll: async () => {
      for (const database of made.splice(0)) await database.drop();
    },
  };
}

/** What is kept of runs that each brought a text of their own: `isWhole` when each is there once, with its answer. */
export async function countTurns(location: string, acknowledged: number): Promise<{ readonly kept: number; readonly isWhole: boolean }> {
  return inDatabase(location, async (db) => {
    const brought = await countMessages(db, "user");
    const answered = await countMessages(db, "assistant");
    return { kept: brought.rows, isWhole: [brought.rows, brought.texts, answered.rows].every((n) => n === acknowledged) };
  });
}

export async function countLeases(location: string): Promise<number> {
  const query = (db: Kysely<StoreTables>) => db.selectFrom("leases").select(({ fn }) => fn.count<number>("fence").as("rows"));
  return inDatabase(location, async (db) => (await query(db).executeTakeFirstOrThrow()).rows);
}

async function inDatabase<T>(location: string, read: (db: Kysely<StoreTables>) => Promise<T>): Promise<T> {
  const db = /^postgres/.test(location) ? (await openPostgres(location, 1)).db : openSqlite(location);
  try {
    return await read(db);
  } finally {
    await db.destroy();
  }
}

async function countMessages(db: Kysely<StoreTables>, role: "user" | "assistant"): Promise<{ rows: number; texts: number }> {
  const query = db.selectFrom("messages").where("state", "=", "active").where("role", "=", role);
  return query
    .select(({ fn }) => [fn.count<number>("id").as("rows"), fn.count<number>("body").distinct().as("texts")])
    .executeTakeFirstOrThrow();
}
