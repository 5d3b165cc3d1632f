/**
 * The one way to a session store: opens the database, brings its tables up to date, hands over the port.
 *
 * It does so or rejects; it never leaves a half-opened database behind.
 * Deliberately absent: the choice of path, which is the configuration's.
 */
import { GatewayError } from "../domain/errors.ts";
import type { SessionStore } from "../domain/session.ts";
import { migrateToLatest } from "./migrations.ts";
import { StoredSessions } from "./session-store.ts";
import { openSqlite } from "./sqlite.ts";

/** `databasePath` is a file's path, created with its folders when absent, or `:memory:`. */
export async function openSessionStore(databasePath: string): Promise<SessionStore> {
  try {
    const db = openSqlite(databasePath);
    const store = new StoredSessions(db);
    try {
      await migrateToLatest(db);
      await store.start();
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new GatewayError("store_unavailable", `The session database ${databasePath} cannot be opened: ${reason}`, { cause: error });
  }
}
