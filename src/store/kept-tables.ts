/**
 * What a store holds that outlasts every process: the tables that move with it, with their columns, each in a fixed order.
 *
 * Deliberately absent: what the texts mean. A row moves as it is, damaged or not.
 */
import type { StoreTables } from "./schema.ts";
import { isStorableText } from "./store-errors.ts";

/**
 * Who is at work stays where it is: leases, runs of tokens with limits, counters of the last minute. How often tokens were
 * changed is each database's own count.
 */
type LeftOut = "leases" | "token_changes" | "counters" | "token_runs";

export type KeptTable = Exclude<keyof StoreTables, LeftOut>;

export type Counts = { readonly [Table in KeptTable]: number };

export type Row = { readonly [column: string]: string | number | null };

type Kind<Value> = null extends Value ? "text?" : [Value] extends [string] ? "text" : "integer" | "real";

export interface TableShape {
  /** Names a row, and gives the order of all. */
  readonly key: readonly string[];
  readonly columns: { readonly [column: string]: "text" | "text?" | "integer" | "real" };
}

const shapes: {
  readonly [Table in KeptTable]: {
    readonly key: readonly (keyof StoreTables[Table])[];
    readonly columns: { readonly [Column in keyof StoreTables[Table]]: Kind<StoreTables[Table][Column]> };
  };
} = {
  sessions: {
    key: ["key"],
    columns: {
      key: "text",
      agent_id: "text",
      owner: "text",
      leaf_id: "text?",
      created_at: "text",
      updated_at: "text",
      message_count: "integer",
      bytes: "integer",
      branched_at: "text?",
    },
  },
  messages: {
    key: ["session_key", "id"],
    columns: {
      id: "text",
      session_key: "text",
      parent_id: "text?",
      run_id: "text",
      origin: "text",
      role: "text",
      body: "text",
      state: "text",
      created_at: "text",
    },
  },
  memories: { key: ["id"], columns: { id: "text", session_key: "text", name: "text", value: "text", updated_at: "text" } },
  runs: {
    key: ["id"],
    columns: {
      id: "text",
      agent_id: "text",
      session_key: "text",
      owner: "text",
      model_name: "text",
      model: "text",
      is_background: "integer",
      status: "text",
      created_at: "text",
      expires_at: "text",
      ended_at: "text?",
      outcome: "text?",
      process: "text",
      renewals: "integer",
      is_cancel_requested: "integer",
      idempotency_key: "text?",
      fingerprint: "text?",
      has_effects: "integer",
      bytes: "integer",
    },
  },
  run_events: { key: ["run_id", "first_seq"], columns: { run_id: "text", first_seq: "integer", last_seq: "integer", body: "text" } },
  completions: {
    key: ["run_id"],
    columns: {
      run_id: "text",
      owner: "text",
      agent_id: "text",
      model_name: "text",
      created_at: "text",
      expires_at: "text",
      metadata: "text",
      result: "text",
      input: "text",
      bytes: "integer",
    },
  },
  tokens: {
    key: ["folded_name"],
    columns: { folded_name: "text", name: "text", sha256: "text", rights: "text", expires_at: "text?", created_at: "text" },
  },
  token_usage: {
    key: ["owner", "month"],
    columns: { owner: "text", month: "text", requests: "integer", tokens: "integer", cost: "real" },
  },
};

/** Those that others refer to come first. */
export const keptTables = Object.keys(shapes) as readonly KeptTable[];

export function shapeOf(table: KeptTable): TableShape {
  return shapes[table];
}

export function noCounts(): { [Table in KeptTable]: number } {
  return Object.fromEntries(keptTables.map((table) => [table, 0])) as { [Table in KeptTable]: number };
}

/** What keeps `value` from being a row of this table; undefined: nothing does. Says nothing of what is in it. */
export function problemOf(table: KeptTable, value: object): string | undefined {
  const { columns } = shapeOf(table);
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(columns, name));
  if (unknown !== undefined) return `has a column that ${table} has not: ${JSON.stringify(unknown.slice(0, 60))}`;
  for (const [name, kind] of Object.entries(columns)) {
    if (!Object.hasOwn(value, name)) return `has no ${table}.${name}`;
    if (!isOfKind(kind, (value as Row)[name])) return `has a value in ${table}.${name} that cannot stand there`;
  }
  return undefined;
}

function isOfKind(kind: TableShape["columns"][string], value: unknown): boolean {
  if (kind === "integer") return Number.isSafeInteger(value);
  if (kind === "real") return Number.isFinite(value);
  return typeof value === "string" ? isStorableText(value) : value === null && kind === "text?";
}
