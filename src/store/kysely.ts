/**
 * What of Kysely is there at run time. It comes from its CommonJS build, which Node reads in half the time that its 260 ES
 * modules take; whoever waits for a command to start notices. Types are imported from the package itself.
 */
import { createRequire } from "node:module";
import type * as Package from "kysely";

const kysely = createRequire(import.meta.url)("kysely") as typeof Package;

export const {
  Kysely,
  Migrator,
  PostgresAdapter,
  PostgresDialect,
  PostgresQueryCompiler,
  sql,
  SqliteAdapter,
  SqliteDialect,
  SqliteQueryCompiler,
} = kysely;
/** As a type, beside the class of that name. */
export type Kysely<Tables> = Package.Kysely<Tables>;
