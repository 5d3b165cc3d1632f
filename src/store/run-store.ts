/**
 * The queries behind the port `RunStore`, for every database that Kysely speaks to.
 *
 * Deliberately absent: the rows themselves (`run-rows.ts`), which a session's transactions write too, signs of life
 * (`run-watch.ts`), and how runs go (`run-removal.ts`).
 */
import type { Transaction } from "kysely";

import { GatewayError } from "../domain/errors.ts";
import type { KeyedRun, NumberedEvent, OpenedRun, RunEnding, RunRecord, RunStore } from "../domain/run-record.ts";
import type { IdempotencyKey } from "../domain/run.ts";
import type { Changes } from "../domain/changes.ts";
import type { GuardedDatabase } from "./guarded-database.ts";
import { noNotices, type Notices } from "./notices.ts";
import { decodeEvents } from "./run-event-body.ts";
import { measureReplies, removeExpired, removeOldestReplies } from "./run-removal.ts";
import { endRun, insertEvents, insertKeyedRun, insertRun, recordColumns, toRecord } from "./run-rows.ts";
import { RunWatch } from "./run-watch.ts";
import type { StoreTables } from "./schema.ts";
import { isStorableText } from "./store-errors.ts";

/** A process that shows no sign of life for so long has stopped, or cannot reach its database. */
const defaultLongestSilenceMs = 15_000;
/** A page is in memory as a whole. */
const maxPageBytes = 256 * 1024;
/** Rows whose sizes are looked at for one page. */
const maxPageRows = 500;

export class StoredRuns implements RunStore {
  readonly #db: GuardedDatabase;
  readonly #process: string;
  readonly #notices: Notices;
  readonly #watch: RunWatch;

  /** `processName` is what `nameOwner` gave. */
  constructor(db: GuardedDatabase, processName: string, longestSilenceMs: number = defaultLongestSilenceMs, notices: Notices = noNotices) {
    this.#db = db;
    this.#process = processName;
    this.#notices = notices;
    this.#watch = new RunWatch(db, processName, longestSilenceMs, notices);
  }

  /** Marks the runs of dead processes as interrupted, and from now on shows signs of life and looks for those of others. */
  start(): Promise<void> {
    return this.#watch.start();
  }

  /** Before the database is closed. */
  stop(): void {
    this.#watch.stop();
  }

  async open(run: OpenedRun): Promise<KeyedRun | undefined> {
    if (run.idempotency && !isStorableText(run.idempotency.key)) throw unstorableKey();
    return this.#transact(async (trx) => {
      if (run.idempotency) return this.#openKeyed(trx, run, run.idempotency);
      await insertRun(trx, run, this.#process);
      return undefined;
    });
  }

  async discard(runId: string): Promise<void> {
    await this.#transact(async (trx) => {
      await trx.deleteFrom("runs").where("id", "=", runId).execute();
      await this.#notices.tellFollowers(trx, runId);
    });
  }

  abandon(runId: string): void {
    this.#watch.abandon(runId);
  }

  end(ending: RunEnding): Promise<void> {
    return this.#transact(async (trx) => {
      await endRun(trx, ending);
      await this.#notices.tellFollowers(trx, ending.runId);
    });
  }

  async appendEvents(runId: string, events: readonly NumberedEvent[]): Promise<void> {
    if (events.length === 0) return;
    await this.#transact(async (trx) => {
      await insertEvents(trx, runId, events);
      await this.#notices.tellFollowers(trx, runId);
    });
  }

  readEvents(runId: string, after: number): Promise<readonly NumberedEvent[]> {
    return this.#db.run(async (db) => {
      const events = db.selectFrom("run_events").where("run_id", "=", runId);
      // The row that holds the next event is found by its beginning, for which there is an index.
      const beginning = events.where("first_seq", "<=", after + 1).select((eb) => eb.fn.max("first_seq").as("first_seq"));
      const sizes = await events
        .where("first_seq", ">=", (eb) => eb.fn.coalesce(beginning, eb.lit(0)))
        .where("last_seq", ">", after)
        .select((eb) => ["first_seq", eb.fn<number>("octet_length", ["body"]).as("bytes")])
        .orderBy("first_seq")
        .limit(maxPageRows)
        .execute();
      const [first, last] = [sizes[0], lastFitting(sizes)];
      if (first === undefined || last === undefined) return [];
      const rows = await events
        .where("first_seq", ">=", first.first_seq)
        .where("first_seq", "<=", last.first_seq)
        .select(["first_seq", "last_seq", "body"])
        .orderBy("first_seq")
        .execute();
      return rows.flatMap((row) => decodeEvents(row, runId)).filter(({ seq }) => seq > after);
    });
  }

  async find(runId: string): Promise<RunRecord | undefined> {
    if (!isStorableText(runId)) return undefined;
    return this.#db.run(async (db) => {
      const row = await db
        .selectFrom("runs")
        .where("id", "=", runId)
        .where("expires_at", ">", new Date().toISOString())
        .select([...recordColumns])
        .executeTakeFirst();
      return row && toRecord(row);
    });
  }

  watch(runId: string): Promise<Changes> {
    return Promise.resolve(this.#notices.follow(runId));
  }

  async requestCancel(runId: string): Promise<void> {
    await this.#transact(async (trx) => {
      await trx.updateTable("runs").set({ is_cancel_requested: 1 }).where("id", "=", runId).where("status", "=", "running").execute();
      await this.#notices.tell(trx, `cancel:${runId}`);
    });
  }

  onCancelRequested(listener: (runId: string) => void): void {
    this.#watch.onCancelRequested(listener);
  }

  removeExpired(limit: number): Promise<number> {
    return removeExpired(this.#db, limit);
  }

  measure(): Promise<number> {
    return measureReplies(this.#db);
  }

  removeOldest(limit: number): Promise<{ readonly count: number; readonly bytes: number }> {
    return removeOldestReplies(this.#db, limit);
  }

  /** A run whose time is over gives way: it is as if it were not there. */
  async #openKeyed(trx: Transaction<StoreTables>, run: OpenedRun, { key, fingerprint }: IdempotencyKey): Promise<KeyedRun | undefined> {
    let other;
    // On a server it may be gone by the time that it is looked at: then the key is to be had.
    while (other === undefined) {
      if (await insertKeyedRun(trx, run, this.#process)) return undefined;
      other = await trx
        .selectFrom("runs")
        .where("owner", "=", run.owner)
        .where("idempotency_key", "=", key)
        .select([...recordColumns, "expires_at", "fingerprint"])
        .forUpdate()
        .executeTakeFirst();
    }
    if (Date.parse(other.expires_at) > Date.now()) return { record: toRecord(other), fingerprint: other.fingerprint ?? fingerprint };
    await trx.updateTable("runs").set({ idempotency_key: null }).where("id", "=", other.id).execute();
    await insertRun(trx, run, this.#process);
    return undefined;
  }

  /** Also for one statement: outside of a transaction a write that finds the database locked cannot be given up safely. */
  #transact<T>(work: (trx: Transaction<StoreTables>) => Promise<T>): Promise<T> {
    return this.#db.run((db) => db.transaction().execute(work));
  }
}

function unstorableKey(): GatewayError {
  const message = "An idempotency key must not contain NUL characters or broken Unicode.";
  return new GatewayError("invalid_value", message, { param: "idempotency-key" });
}

/** The last row of a page that is not too large, but has one row at least. */
function lastFitting<Row extends { readonly bytes: number }>(rows: readonly Row[]): Row | undefined {
  let bytes = 0;
  const tooMuch = rows.findIndex((row, index) => (bytes += row.bytes) > maxPageBytes && index > 0);
  return rows.at(tooMuch < 0 ? -1 : tooMuch - 1);
}
