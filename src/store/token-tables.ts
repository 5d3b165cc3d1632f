/**
 * The step of `migrations.ts` that makes the tables of `token-store.ts`. It was released: it is never edited.
 */
import type { Kysely } from "kysely";

import { sql } from "./kysely.ts";

/** Until now all tokens were those of the config. */
export async function createTokens(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("tokens")
    .addColumn("folded_name", "text", (column) => column.primaryKey().notNull())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("sha256", "text", (column) => column.notNull())
    .addColumn("rights", "text", (column) => column.notNull())
    .addColumn("expires_at", "text")
    .addColumn("created_at", "text", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("token_changes")
    .addColumn("count", "integer", (column) => column.notNull())
    .execute();
  await sql`insert into token_changes (count) values (0)`.execute(db);
}
