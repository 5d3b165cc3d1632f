/**
 * Fills an empty store with the lines of another one (`export-format.ts`): all of them, or none.
 *
 * Every row is checked before it is written, and all that was written is counted at the end. Deliberately absent: merging. What
 * is there already is never touched.
 */
import { createHash } from "node:crypto";
import type { Kysely } from "kysely";
import { GatewayError } from "../domain/errors.ts";
import { checkHeader, linesOf, readLine, refused, type Trailer } from "./export-format.ts";
import type { MoveOptions } from "./export-store.ts";
import { type Counts, type KeptTable, keptTables, noCounts, type Row, shapeOf } from "./kept-tables.ts";
import { sql } from "./kysely.ts";
import { nameOf } from "./open-session-store.ts";
import type { StoreTables } from "./schema.ts";
import { fillWhole } from "./whole-store.ts";

const maxBatchRows = 100;
/** Of lines. A row that is larger is a batch of its own. */
const maxBatchBytes = 1024 * 1024;

export async function importStore(database: string, input: AsyncIterable<Buffer>, options: MoveOptions): Promise<Counts> {
  return fillWhole(database, async (db) => {
    await refuseUnlessEmpty(db, nameOf(database));
    const { counts, trailer } = await writeAll(db, input, options);
    const stored = await countAll(db);
    const wrong = keptTables.find((table) => counts[table] !== trailer.counts[table] || counts[table] !== stored[table]);
    if (wrong !== undefined) {
      const [said, had, has] = [trailer.counts[wrong], counts[wrong], stored[wrong]];
      throw refused(`The export should have ${said} rows of ${wrong}: ${had} were in it, and ${has} are in the database.`);
    }
    // Whoever has read the tokens of this database reads them again.
    await db
      .updateTable("token_changes")
      .set((eb) => ({ count: eb("count", "+", 1) }))
      .execute();
    return counts;
  });
}

async function refuseUnlessEmpty(db: Kysely<StoreTables>, name: string): Promise<void> {
  const counts = await countAll(db);
  const there = keptTables.filter((table) => counts[table] > 0).map((table) => `${counts[table]} ${table}`);
  if (there.length === 0) return;
  throw refused(
    `The database ${name} is not empty: it has ${there.join(", ")}. An import goes into an empty one only: name another, or empty this one yourself.`,
  );
}

interface Written {
  readonly counts: Counts;
  readonly trailer: Trailer;
}

async function writeAll(db: Kysely<StoreTables>, input: AsyncIterable<Buffer>, { signal, onProgress }: MoveOptions): Promise<Written> {
  const hash = createHash("sha256");
  const counts = noCounts();
  const batch = new Batch(db);
  let trailer: Trailer | undefined;
  let number = 0;
  for await (const text of linesOf(input)) {
    signal.throwIfAborted();
    number++;
    if (trailer) throw refused(`The export goes on after its last line, with line ${number}.`);
    if (number === 1) checkHeader(text);
    else {
      const line = readLine(text, number);
      if ("trailer" in line) {
        trailer = line.trailer;
        continue;
      }
      counts[line.table]++;
      if (await batch.add(line.table, line.row, text.length, number)) onProgress(counts);
    }
    hash.update(text).update("\n");
  }
  await batch.write(number);
  if (!trailer) throw refused(number === 0 ? "There is nothing to import." : "The export ends without its last line: it was cut off.");
  if (hash.digest("hex") !== trailer.sha256)
    throw refused("The export was changed after it was written: its SHA-256 is not the one it says.");
  return { counts, trailer };
}

/** Rows of one table that are written in one go. */
class Batch {
  readonly #db: Kysely<StoreTables>;
  #table: KeptTable | undefined;
  #rows: Row[] = [];
  #bytes = 0;

  constructor(db: Kysely<StoreTables>) {
    this.#db = db;
  }

  /** True when rows were written. */
  async add(table: KeptTable, row: Row, bytes: number, line: number): Promise<boolean> {
    const isFull = table !== this.#table || this.#rows.length >= maxBatchRows || this.#bytes + bytes > maxBatchBytes;
    if (isFull) await this.write(line);
    this.#table = table;
    this.#rows.push(row);
    this.#bytes += bytes;
    return isFull;
  }

  async write(line: number): Promise<void> {
    const [table, rows] = [this.#table, this.#rows];
    this.#rows = [];
    this.#bytes = 0;
    if (table === undefined || rows.length === 0) return;
    const names = Object.keys(shapeOf(table).columns);
    const values = rows.map((row) => sql`(${sql.join(names.map((name) => row[name]))})`);
    const columns = sql.join(names.map((name) => sql.ref(name)));
    try {
      await sql`insert into ${sql.table(table)} (${columns}) values ${sql.join(values)}`.execute(this.#db);
    } catch (thrown) {
      if (isContradiction(thrown)) throw refused(`Rows before line ${line} contradict each other: one is there twice, or belongs to none.`);
      throw new GatewayError("store_unavailable", `What stands before line ${line} cannot be written.`, { cause: thrown });
    }
  }
}

/** A constraint of the tables. */
function isContradiction(thrown: unknown): boolean {
  const { code } = thrown as { readonly code?: unknown };
  return typeof code === "string" && /^(?:23\d{3}$|SQLITE_CONSTRAINT)/.test(code);
}

async function countAll(db: Kysely<StoreTables>): Promise<Counts> {
  const counts = noCounts();
  for (const table of keptTables) {
    const { rows } = await sql<{ readonly count: number }>`select count(*) as count from ${sql.table(table)}`.execute(db);
    counts[table] = rows[0]?.count ?? 0;
  }
  return counts;
}
