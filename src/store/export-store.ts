/**
 * Writes a whole store as lines (`export-format.ts`), as it stands at one moment, a page in memory at a time.
 *
 * Runs that are at work are written as what they become when this is all that is left of them: interrupted, as `run-watch.ts`
 * marks them. Deliberately absent: where the lines go.
 */
import { createHash } from "node:crypto";
import type { Kysely } from "kysely";
import { headerLine, rowLine, trailerLine } from "./export-format.ts";
import { type Counts, type KeptTable, keptTables, noCounts, type Row, shapeOf } from "./kept-tables.ts";
import { sql } from "./kysely.ts";
import type { StoreTables } from "./schema.ts";
import { readWhole } from "./whole-store.ts";

export interface MoveOptions {
  /** Ends it, with nothing done. */
  readonly signal: AbortSignal;
  /** Called now and then, with what is done so far. */
  readonly onProgress: (counts: Counts) => void;
}

const maxPageRows = 500;
/** Of texts. A row that is larger is a page of its own. */
const maxPageBytes = 4 * 1024 * 1024;

/** `write` resolves when there is room for more. */
export function exportStore(database: string, write: (text: string) => Promise<void>, options: MoveOptions): Promise<Counts> {
  const hash = createHash("sha256");
  const add = (text: string): Promise<void> => {
    hash.update(text, "utf8");
    return write(text);
  };
  return readWhole(database, async (db) => {
    const exportedAt = new Date().toISOString();
    const interrupt = await interrupter(db, exportedAt);
    const counts = noCounts();
    await add(headerLine(exportedAt));
    for (const table of keptTables) {
      for await (const page of pagesOf(db, table)) {
        options.signal.throwIfAborted();
        await add(page.map((row) => rowLine(table, interrupt(table, row))).join(""));
        counts[table] += page.length;
        options.onProgress(counts);
      }
    }
    await write(trailerLine({ counts, sha256: hash.digest("hex") }));
    return counts;
  });
}

async function* pagesOf(db: Kysely<StoreTables>, table: KeptTable): AsyncGenerator<readonly Row[]> {
  const { key, columns } = shapeOf(table);
  const names = Object.keys(columns);
  const keyColumns = sql.join(key.map((name) => sql.ref(name)));
  const texts = names.filter((name) => columns[name]!.startsWith("text"));
  const bytes = sql.join(
    texts.map((name) => sql`coalesce(octet_length(${sql.ref(name)}), 0)`),
    sql` + `,
  );
  const valuesOf = (row: Row) => sql.join(key.map((name) => row[name]));
  for (let after: Row | undefined; ;) {
    const begin = after === undefined ? sql`` : sql`where (${keyColumns}) > (${valuesOf(after)})`;
    const { rows: sizes } = await sql<Row & { readonly row_bytes: number }>`
      select ${keyColumns}, ${bytes} as row_bytes from ${sql.table(table)} ${begin} order by ${keyColumns} limit ${sql.lit(maxPageRows)}`.execute(
      db,
    );
    const last = lastFitting(sizes);
    if (last === undefined) return;
    const upTo = sql`${after === undefined ? sql`where` : sql`and`} (${keyColumns}) <= (${valuesOf(last)})`;
    const { rows } = await sql<Row>`
      select ${sql.join(names.map((name) => sql.ref(name)))} from ${sql.table(table)} ${begin} ${upTo} order by ${keyColumns}`.execute(db);
    yield rows.map((row) => Object.fromEntries(names.map((name) => [name, row[name] ?? null])));
    after = last;
  }
}

function lastFitting(sizes: readonly (Row & { readonly row_bytes: number })[]): Row | undefined {
  let bytes = 0;
  const tooMany = sizes.findIndex(({ row_bytes }, index) => (bytes += row_bytes) > maxPageBytes && index > 0);
  return tooMany < 0 ? sizes.at(-1) : sizes[tooMany - 1];
}

/** What of a row has to be another, because the run at work on it does not go along. */
async function interrupter(db: Kysely<StoreTables>, now: string): Promise<(table: KeptTable, row: Row) => Row> {
  const begun = await db
    .selectFrom("runs")
    .innerJoin("messages", (join) => join.onRef("messages.session_key", "=", "runs.session_key").onRef("messages.run_id", "=", "runs.id"))
    .where("runs.status", "=", sql.lit("running" as const))
    .select("runs.session_key")
    .distinct()
    .execute();
  const branched = new Set(begun.map(({ session_key }) => session_key));
  return (table, row) => {
    if (table === "sessions" && branched.has(String(row["key"]))) return { ...row, branched_at: now, updated_at: now };
    if (table !== "runs" || row["status"] !== "running") return row;
    // What has had effects must not be done again by whoever sends the request again.
    return { ...row, status: "interrupted", ended_at: now, idempotency_key: row["has_effects"] === 1 ? row["idempotency_key"]! : null };
  };
}
