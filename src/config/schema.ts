/**
 * The config file as a user writes it: every key with its type, unit, default and reason.
 *
 * Deliberately absent: rules that span several keys (`load.ts` and the files it calls), `${VAR}` (`substitute.ts`)
 * and what happens to unknown keys (`unknown-keys.ts`). The JSON Schema for editors is made from this.
 */
import { z } from "zod";
import { agentsSchema } from "./schema-agents.ts";
import { gatewaySchema } from "./schema-gateway.ts";
import { mcpSchema } from "./schema-mcp.ts";
import { modelsSchema } from "./schema-models.ts";
import { milliseconds, text } from "./schema-values.ts";

const sessionSchema = z
  .strictObject({
    database: text()
      .optional()
      .describe(
        "SQLite file, relative to this file, or :memory:, or the URL of a Postgres database (postgres://…). Else OPENCLAW_DATABASE_URL, a URL; else clawgate.db in the state folder.",
      ),
    databasePoolSize: z
      .int()
      .min(1)
      .max(1_000)
      .default(10)
      .describe("Connections to a Postgres database, at most; one more listens for what other gateways tell. Default 10."),
    databaseListenUrl: text()
      .optional()
      .describe("Where that one leads to, if `database` leads to a pooler such as PgBouncer. Default: the same as `database`."),
    maxQueued: z.int().min(0).default(32).describe("Runs that may wait for one session. Default 32."),
    maxWaitMs: milliseconds().default(120_000).describe("Milliseconds a run waits at most before it begins. Default 120000."),
    maintenance: z
      .strictObject({
        mode: z
          .enum(["enforce", "warn"])
          .default("enforce")
          .describe("enforce removes what is over the limits, warn only says in the log how much that would be. Default enforce."),
        pruneAfter: z
          .union([z.string(), z.number()])
          .optional()
          .describe("Time without activity after which a session goes, such as 30d or 12h; a bare number is days. Default: never."),
        maxEntries: z.int().min(1).optional().describe("Sessions kept, at most; those longest without activity go. Default: no limit."),
        maxDiskBytes: z
          .union([z.string(), z.number(), z.literal(false)])
          .optional()
          .describe("Size of all sessions and kept replies, at most, such as 500mb or 2gb; a bare number is bytes. Default: no limit."),
      })
      .optional()
      .describe(
        "What is removed, superseded branches before whole sessions, at start and then every hour. Nothing, unless a limit is set.",
      ),
  })
  .describe("Durable conversations.");

const logSchema = z
  .strictObject({
    level: z
      .enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"])
      .default("info")
      .describe("The least urgent line that is written. Default info."),
  })
  .describe("The gateway's log.");

export const configFileSchema = z.strictObject({
  $schema: z.string().optional().describe("For editors; not read."),
  gateway: gatewaySchema.prefault({}),
  agents: agentsSchema.prefault({}),
  models: modelsSchema.prefault({}),
  mcp: mcpSchema.prefault({}),
  session: sessionSchema.prefault({}),
  log: logSchema.prefault({}),
});

/** The file after its check: every key that has a default is there. */
export type ConfigFile = z.output<typeof configFileSchema>;
