/**
 * The one way to a session store: opens the database, brings its tables up to date, hands over the port.
 *
 * It does so or rejects; it never leaves a half-opened database behind.
 * Deliberately absent: the choice of database, which is the configuration's.
 */
import type { DatabaseServerConfig } from "../config/config.ts";
import { GatewayError } from "../domain/errors.ts";
import type { SessionStore } from "../domain/session.ts";
import { migrateToLatest } from "./migrations.ts";
import { StoredSessions } from "./session-store.ts";

const usualServer: DatabaseServerConfig = { poolSize: 10, listenUrl: undefined };

/**
 * `database` is a file's path, created with its folders when absent, or `:memory:`, or the URL of a Postgres database. What
 * only one of them needs is loaded with it.
 */
export async function openSessionStore(database: string, server: DatabaseServerConfig = usualServer): Promise<SessionStore> {
  try {
    return await (isServer(database) ? openOnServer(database, server) : openOnFile(database));
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw new GatewayError("store_unavailable", `The session database ${nameOf(database)} cannot be opened: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

async function openOnFile(path: string): Promise<SessionStore> {
  const { openSqlite } = await import("./sqlite.ts");
  const db = openSqlite(path);
  return whenReady(new StoredSessions(db), () => migrateToLatest(db));
}

async function openOnServer(url: string, { poolSize, listenUrl }: DatabaseServerConfig): Promise<SessionStore> {
  const { openPostgres } = await import("./postgres.ts");
  const { PostgresNotices } = await import("./postgres-notices.ts");
  const { countersOn } = await import("./postgres-counters.ts");
  const { db, pool, schema } = await openPostgres(url, poolSize);
  const notices = new PostgresNotices(db, listenUrl ?? url);
  return whenReady(new StoredSessions(db, undefined, notices, countersOn(pool)), async () => {
    await migrateToLatest(db, schema);
    notices.start();
  });
}

async function whenReady(store: StoredSessions, prepare: () => Promise<void>): Promise<SessionStore> {
  try {
    await prepare();
    await store.start();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

export function isServer(database: string): boolean {
  return /^postgres(?:ql)?:\/\//i.test(database);
}

/** Without its password, and without its parameters, which may hold one. */
export function nameOf(database: string): string {
  if (!isServer(database)) return database;
  if (!URL.canParse(database)) return "on Postgres";
  const { protocol, host, pathname } = new URL(database);
  return `${protocol}//${host}${pathname}`;
}

/** A host with several addresses fails for each of them, in an error without words. */
function reasonOf(error: unknown): string {
  const { message, errors } = error as { readonly message?: string; readonly errors?: readonly unknown[] };
  return message || errors?.map(reasonOf).join("; ") || String(error);
}
