/**
 * How a database becomes what `schema.ts` says, one named step after the other, forward only.
 *
 * A step that was ever released is never edited; a new one is added with a name that sorts last.
 * Deliberately absent: ways back. An older program refuses a newer database instead of guessing.
 */
import type { Kysely, Migration } from "kysely";

import { GatewayError } from "../domain/errors.ts";
import { Migrator, sql } from "./kysely.ts";
import type { StoreTables } from "./schema.ts";
import { createTokens } from "./token-tables.ts";

const migrations: Readonly<Record<string, Migration>> = {
  "0001_sessions": { up: createSessions },
  "0002_message_origin": { up: addMessageOrigin },
  "0003_session_owner": { up: addSessionOwner },
  "0004_leases": { up: createLeases },
  "0005_session_listing": { up: addSessionListing },
  "0006_runs": { up: createRuns },
  "0007_tokens": { up: createTokens },
  "0008_token_use": { up: createTokenUse },
};

/** The last step: databases with the same one have the same tables. */
export const schemaName = Object.keys(migrations).at(-1)!;

/**
 * All pending steps in one transaction: the database is at the old state or at the new one, never between. Tables of other
 * schemas than `schema` are none of this store's; undefined where there is no such thing.
 */
export async function migrateToLatest(db: Kysely<StoreTables>, schema?: string): Promise<void> {
  await refuseNewerDatabase(db, schema);
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...migrations }) },
    ...(schema === undefined ? {} : { migrationTableSchema: schema }),
  });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  throw error instanceof Error ? error : new Error("A change of the session database failed.", { cause: error });
}

async function refuseNewerDatabase(db: Kysely<StoreTables>, schema: string | undefined): Promise<void> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === "kysely_migration" && table.schema === schema)) return;
  const done = await db
    .withTables<{ kysely_migration: { name: string } }>()
    .selectFrom("kysely_migration")
    .select("name")
    .orderBy("name")
    .execute();
  const unknown = done.filter(({ name }) => !Object.hasOwn(migrations, name)).map(({ name }) => name);
  if (unknown.length === 0) return;
  throw new GatewayError(
    "store_unavailable",
    `The session database is newer than this program: it has changes unknown here (${unknown.join(", ")}). ` +
      "Start the newer program, or configure another database.",
  );
}

async function createSessions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("sessions")
    .addColumn("key", "text", (column) => column.primaryKey().notNull())
    .addColumn("agent_id", "text", (column) => column.notNull())
    .addColumn("leaf_id", "text")
    .addColumn("created_at", "text", (column) => column.notNull())
    .addColumn("updated_at", "text", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("messages")
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    .addColumn("session_key", "text", (column) => column.notNull().references("sessions.key").onDelete("cascade"))
    .addColumn("parent_id", "text")
    .addColumn("run_id", "text", (column) => column.notNull())
    .addColumn("role", "text", (column) => column.notNull())
    .addColumn("body", "text", (column) => column.notNull())
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("created_at", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("messages_by_session").on("messages").columns(["session_key", "id"]).execute();
  await db.schema
    .createTable("memories")
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    .addColumn("session_key", "text", (column) => column.notNull().references("sessions.key").onDelete("cascade"))
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("value", "text", (column) => column.notNull())
    .addColumn("updated_at", "text", (column) => column.notNull())
    .addUniqueConstraint("memories_by_name", ["session_key", "name"])
    .execute();
}

/** Until now who brought a message could only be told from its place: within a run, everything from the first reply on is the run's. */
async function addMessageOrigin(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable("messages")
    .addColumn("origin", "text", (column) => column.notNull().defaultTo("caller"))
    .execute();
  await sql`
    update messages set origin = 'run'
    where role <> 'user' and exists (
      select 1 from messages as reply
      where reply.run_id = messages.run_id and reply.session_key = messages.session_key
        and reply.role = 'assistant' and reply.id <= messages.id
    )`.execute(db);
}

/** Until now there was one principal. */
async function addSessionOwner(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable("sessions")
    .addColumn("owner", "text", (column) => column.notNull().defaultTo("main"))
    .execute();
}

/** 256 bytes stand for what is around a row's text. Until now nobody noted which sessions have branches, so each may. */
async function addSessionListing(db: Kysely<unknown>): Promise<void> {
  for (const name of ["message_count", "bytes"]) {
    await db.schema
      .alterTable("sessions")
      .addColumn(name, "integer", (column) => column.notNull().defaultTo(0))
      .execute();
  }
  await db.schema.alterTable("sessions").addColumn("branched_at", "text").execute();
  await sql`
    update sessions set
      branched_at = updated_at,
      message_count = (select count(*) from messages where session_key = sessions.key),
      bytes = (select coalesce(sum(octet_length(body) + 256), 0) from messages where session_key = sessions.key)
        + (select coalesce(sum(octet_length(name) + octet_length(value) + 256), 0) from memories where session_key = sessions.key)`.execute(
    db,
  );
  // The agent is in them so that a list of one agent's sessions need not look at the others' rows.
  await db.schema.createIndex("sessions_by_activity").on("sessions").columns(["updated_at", "key", "agent_id"]).execute();
  await db.schema.createIndex("sessions_by_owner").on("sessions").columns(["owner", "updated_at", "key", "agent_id"]).execute();
  await db.schema
    .createIndex("sessions_with_branches")
    .on("sessions")
    .column("key")
    .where(sql.ref("branched_at"), "is not", null)
    .execute();
}

/** Until now nothing kept two processes from working on one session. Numbers that were given are never given again. */
async function createLeases(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("leases")
    .addColumn("fence", "integer", (column) => column.primaryKey().autoIncrement())
    .addColumn("session_key", "text", (column) => column.notNull().unique())
    .addColumn("owner", "text", (column) => column.notNull())
    .addColumn("next_owner", "text")
    .addColumn("renewals", "integer", (column) => column.notNull())
    .execute();
}

/** Until now nothing was kept of a run but its messages. */
async function createRuns(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("runs")
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    .addColumn("agent_id", "text", (column) => column.notNull())
    .addColumn("session_key", "text", (column) => column.notNull())
    .addColumn("owner", "text", (column) => column.notNull())
    .addColumn("model_name", "text", (column) => column.notNull())
    .addColumn("model", "text", (column) => column.notNull())
    .addColumn("is_background", "integer", (column) => column.notNull())
    .addColumn("status", "text", (column) => column.notNull())
    .addColumn("created_at", "text", (column) => column.notNull())
    .addColumn("expires_at", "text", (column) => column.notNull())
    .addColumn("ended_at", "text")
    .addColumn("outcome", "text")
    .addColumn("process", "text", (column) => column.notNull())
    .addColumn("renewals", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("is_cancel_requested", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("idempotency_key", "text")
    .addColumn("fingerprint", "text")
    .addColumn("has_effects", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("bytes", "integer", (column) => column.notNull().defaultTo(0))
    .execute();
  const keyed = db.schema.createIndex("runs_by_key").unique().on("runs").columns(["owner", "idempotency_key"]);
  await keyed.where(sql.ref("idempotency_key"), "is not", null).execute();
  await db.schema.createIndex("runs_at_work").on("runs").column("process").where(sql.ref("status"), "=", sql.lit("running")).execute();
  await db.schema.createIndex("runs_by_expiry").on("runs").column("expires_at").execute();
  await db.schema.createIndex("runs_by_session").on("runs").column("session_key").execute();
  const withEvents = db.schema.createIndex("runs_with_events").on("runs").columns(["created_at", "id"]);
  await withEvents.where(sql.ref("bytes"), ">", sql.lit(0)).execute();
  await db.schema
    .createTable("run_events")
    .addColumn("run_id", "text", (column) => column.notNull().references("runs.id").onDelete("cascade"))
    .addColumn("first_seq", "integer", (column) => column.notNull())
    .addColumn("last_seq", "integer", (column) => column.notNull())
    .addColumn("body", "text", (column) => column.notNull())
    .addPrimaryKeyConstraint("run_events_by_seq", ["run_id", "first_seq"])
    .execute();
  await db.schema
    .createTable("completions")
    .addColumn("run_id", "text", (column) => column.primaryKey().notNull())
    .addColumn("owner", "text", (column) => column.notNull())
    .addColumn("agent_id", "text", (column) => column.notNull())
    .addColumn("model_name", "text", (column) => column.notNull())
    .addColumn("created_at", "text", (column) => column.notNull())
    .addColumn("expires_at", "text", (column) => column.notNull())
    .addColumn("metadata", "text", (column) => column.notNull())
    .addColumn("result", "text", (column) => column.notNull())
    .addColumn("input", "text", (column) => column.notNull())
    .addColumn("bytes", "integer", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("completions_by_owner").on("completions").columns(["owner", "created_at", "run_id"]).execute();
  await db.schema.createIndex("completions_by_age").on("completions").columns(["created_at", "run_id", "bytes"]).execute();
  await db.schema.createIndex("completions_by_expiry").on("completions").column("expires_at").execute();
}

/** Until now nothing was counted of what a token uses. `counters` has the columns that rate-limiter-flexible asks for, in its order. */
async function createTokenUse(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("counters")
    .addColumn("key", "text", (column) => column.primaryKey().notNull())
    .addColumn("points", "integer", (column) => column.notNull())
    .addColumn("expire", "integer")
    .execute();
  await db.schema
    .createTable("token_usage")
    .addColumn("owner", "text", (column) => column.notNull())
    .addColumn("month", "text", (column) => column.notNull())
    .addColumn("requests", "integer", (column) => column.notNull())
    .addColumn("tokens", "integer", (column) => column.notNull())
    .addColumn("cost", "double precision", (column) => column.notNull())
    .addPrimaryKeyConstraint("token_usage_by_month", ["owner", "month"])
    .execute();
  await db.schema
    .createTable("token_runs")
    .addColumn("run_id", "text", (column) => column.primaryKey().notNull())
    .addColumn("owner", "text", (column) => column.notNull())
    .addColumn("process", "text", (column) => column.notNull())
    .addColumn("renewals", "integer", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("token_runs_by_owner").on("token_runs").column("owner").execute();
}
