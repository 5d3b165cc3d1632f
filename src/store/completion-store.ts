/**
 * The queries behind the port `CompletionStore`, for every database that Kysely speaks to.
 *
 * Metadata is compared here and not by the database: looking into JSON is something else in each of them. It is done some
 * rows at a time, so that the process gets to its other work. Deliberately absent: how completions are written (`completion-rows.ts`, with the end of their run) and how they age (`run-removal.ts`).
 */
import type { Kysely } from "kysely";

import type { CompletionQuery, CompletionStore, ListedCompletion } from "../domain/kept-completion.ts";
import type { Message } from "../domain/message.ts";
import type { Page } from "../domain/session-catalog.ts";
import type { Metadata } from "../domain/run.ts";
import { listedColumns, toInput, toListed, toMetadata } from "./completion-rows.ts";
import type { GuardedDatabase } from "./guarded-database.ts";
import type { CompletionsTable, StoreTables } from "./schema.ts";
import { isStorableText, unknownCursor } from "./store-errors.ts";

/** Completions whose metadata is looked at in one go. */
const rowsPerLook = 500;

/** Where a completion stands in the order of all. */
interface Place {
  readonly run_id: string;
  readonly created_at: string;
}

export class StoredCompletions implements CompletionStore {
  readonly #db: GuardedDatabase;

  constructor(db: GuardedDatabase) {
    this.#db = db;
  }

  async list(query: CompletionQuery): Promise<Page<ListedCompletion>> {
    const now = new Date().toISOString();
    const { limit, after, order } = query;
    const place = after === undefined ? undefined : await this.#placeOf(after, query.owner, now);
    const found: string[] = [];
    for (let from = place; found.length <= limit;) {
      const rows = await this.#look(query, now, from);
      found.push(...rows.filter((row) => isWanted(row, query)).map(({ run_id }) => run_id));
      from = rows.at(-1);
      if (from === undefined || rows.length < rowsOf(query)) break;
    }
    const ids = found.slice(0, limit);
    if (ids.length === 0) return { items: [], hasMore: false };
    const rows = await this.#db.run((db) =>
      db
        .selectFrom("completions")
        .where("run_id", "in", ids)
        .select([...listedColumns])
        .orderBy("created_at", order)
        .orderBy("run_id", order)
        .execute(),
    );
    return { items: rows.map(toListed), hasMore: found.length > limit };
  }

  async find(runId: string): Promise<ListedCompletion | undefined> {
    if (!isStorableText(runId)) return undefined;
    const row = await this.#db.run((db) =>
      selectLiving(db, new Date().toISOString())
        .where("run_id", "=", runId)
        .select([...listedColumns])
        .executeTakeFirst(),
    );
    return row && toListed(row);
  }

  async readInput(runId: string): Promise<readonly Message[] | undefined> {
    if (!isStorableText(runId)) return undefined;
    const row = await this.#db.run((db) =>
      selectLiving(db, new Date().toISOString()).where("run_id", "=", runId).select("input").executeTakeFirst(),
    );
    return row && toInput(row.input, runId);
  }

  async setMetadata(runId: string, owner: string, metadata: Metadata): Promise<ListedCompletion | undefined> {
    if (!isStorableText(runId)) return undefined;
    const text = JSON.stringify(metadata);
    const row = await this.#db.run((db) =>
      db.transaction().execute(async (trx) => {
        const old = await selectLiving(trx, new Date().toISOString())
          .where("run_id", "=", runId)
          .where("owner", "=", owner)
          .select("metadata")
          .forUpdate()
          .executeTakeFirst();
        if (!old) return undefined;
        const added = Buffer.byteLength(text) - Buffer.byteLength(old.metadata);
        return trx
          .updateTable("completions")
          .set((eb) => ({ metadata: text, bytes: eb("bytes", "+", added) }))
          .where("run_id", "=", runId)
          .returning([...listedColumns])
          .executeTakeFirst();
      }),
    );
    return row && toListed(row);
  }

  async remove(runId: string, owner: string): Promise<boolean> {
    if (!isStorableText(runId)) return false;
    const { numDeletedRows } = await this.#db.run((db) =>
      db
        .transaction()
        .execute((trx) =>
          trx
            .deleteFrom("completions")
            .where("run_id", "=", runId)
            .where("owner", "=", owner)
            .where("expires_at", ">", new Date().toISOString())
            .executeTakeFirstOrThrow(),
        ),
    );
    return numDeletedRows > 0n;
  }

  async #placeOf(runId: string, owner: string | undefined, now: string): Promise<Place> {
    if (!isStorableText(runId)) throw unknownCursor();
    const place = await this.#db.run((db) => {
      const completion = selectLiving(db, now).where("run_id", "=", runId).select(["run_id", "created_at"]);
      return (owner === undefined ? completion : completion.where("owner", "=", owner)).executeTakeFirst();
    });
    if (!place) throw unknownCursor();
    return place;
  }

  /** Whatever their model and metadata are, which come with them. */
  #look(query: CompletionQuery, now: string, from: Place | undefined) {
    const { order, owner } = query;
    return this.#db.run((db) => {
      let rows = selectLiving(db, now);
      if (owner !== undefined) rows = rows.where("owner", "=", owner);
      if (from !== undefined) {
        const comparison = order === "asc" ? ">" : "<";
        rows = rows.where((eb) => eb(eb.refTuple("created_at", "run_id"), comparison, eb.tuple(from.created_at, from.run_id)));
      }
      return rows
        .select(["run_id", "created_at", "model_name", "metadata"])
        .orderBy("created_at", order)
        .orderBy("run_id", order)
        .limit(rowsOf(query))
        .execute();
    });
  }
}

/** One more than fit the page, so that it shows whether there are more; where they are sorted out afterwards, many. */
function rowsOf({ limit, modelName, metadata = {} }: CompletionQuery): number {
  return modelName === undefined && Object.keys(metadata).length === 0 ? limit + 1 : rowsPerLook;
}

function isWanted(
  row: Pick<CompletionsTable, "run_id" | "model_name" | "metadata">,
  { modelName, metadata = {} }: CompletionQuery,
): boolean {
  if (modelName !== undefined && row.model_name !== modelName) return false;
  const had = toMetadata(row);
  return Object.entries(metadata).every(([key, value]) => Object.hasOwn(had, key) && had[key] === value);
}

function selectLiving(db: Kysely<StoreTables>, now: string) {
  return db.selectFrom("completions").where("expires_at", ">", now);
}
