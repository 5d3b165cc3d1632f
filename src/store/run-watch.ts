/**
 * Which runs are at work: this process shows a sign of life for its own, and marks those of others as interrupted when their
 * process is dead, or when it has seen them unchanged for the longest silence by its own steady clock. No time is ever
 * compared between two processes, as with leases (`session-leases.ts`).
 *
 * Deliberately absent: taking such a run over. Whoever wants its answer asks again.
 */
import type { Kysely } from "kysely";

import type { GuardedDatabase } from "./guarded-database.ts";
import { sql } from "./kysely.ts";
import { Lookout } from "./lookout.ts";
import type { Notices } from "./notices.ts";
import type { RunsTable, StoreTables } from "./schema.ts";
import { noteUnanswered } from "./transcript-writer.ts";

type RunAtWork = Pick<RunsTable, "id" | "session_key" | "process" | "renewals" | "is_cancel_requested">;

export class RunWatch {
  readonly #db: GuardedDatabase;
  readonly #process: string;
  readonly #lookout: Lookout;
  readonly #notices: Notices;
  /** Runs of this process that the listener was told of. */
  #told = new Set<string>();
  /** Runs of this process that are over, though that could not be written. */
  readonly #unended = new Set<string>();
  #listener: ((runId: string) => void) | undefined;

  constructor(db: GuardedDatabase, processName: string, longestSilenceMs: number, notices: Notices) {
    this.#db = db;
    this.#process = processName;
    this.#lookout = new Lookout(longestSilenceMs, () => this.#look());
    this.#notices = notices;
    notices.onCancel((runId) => void this.#hearCancel(runId));
  }

  onCancelRequested(listener: (runId: string) => void): void {
    this.#listener = listener;
  }

  /** A run of this process of which nothing more is to come. */
  abandon(runId: string): void {
    this.#unended.add(runId);
  }

  /** Resolves when the runs of dead processes are marked. */
  async start(): Promise<void> {
    await this.#lookout.start();
  }

  stop(): void {
    this.#lookout.stop();
  }

  /** A gateway with nothing to do pays for one look into an empty index. */
  async #look(): Promise<void> {
    const over = new Set(this.#unended);
    const atWork = await this.#db.run((db) => selectAtWork(db).execute());
    const own = atWork.filter((run) => run.process === this.#process);
    const others = atWork.filter((run) => run.process !== this.#process);
    if (own.length > 0) await this.#renew();
    this.#told = new Set(own.map(({ id }) => id).filter((id) => this.#told.has(id)));
    this.#tell(own.filter((run) => run.is_cancel_requested === 1));
    // As they were renewed with the others this moment.
    const unended = own.flatMap((run) => (over.has(run.id) ? { ...run, renewals: run.renewals + 1 } : []));
    this.#lookout.see(others);
    await this.#interrupt([...unended, ...this.#lookout.abandoned(others)]);
    for (const id of over) this.#unended.delete(id);
  }

  async #renew(): Promise<void> {
    // Outside of a transaction a write that finds the database locked cannot be given up safely.
    await this.#db.run((db) =>
      db.transaction().execute((trx) =>
        trx
          .updateTable("runs")
          .set((eb) => ({ renewals: eb("renewals", "+", 1) }))
          .where("process", "=", this.#process)
          .where("status", "=", running)
          .execute(),
      ),
    );
  }

  #tell(cancelled: readonly RunAtWork[]): void {
    for (const { id } of cancelled) {
      if (this.#told.has(id)) continue;
      this.#told.add(id);
      this.#listener?.(id);
    }
  }

  /** What is not heard now is seen with the next look. */
  async #hearCancel(runId: string): Promise<void> {
    const ownRun = (db: Kysely<StoreTables>) => selectAtWork(db).where("id", "=", runId).where("process", "=", this.#process);
    const runs = await this.#db.run((db) => ownRun(db).execute()).catch(() => []);
    this.#tell(runs);
  }

  async #interrupt(runs: readonly RunAtWork[]): Promise<void> {
    const ended_at = new Date().toISOString();
    for (const { id, session_key, renewals } of runs) {
      await this.#db.run((db) =>
        db.transaction().execute(async (trx) => {
          // The session first, as whoever ends a run does: otherwise the two could wait for each other.
          await trx.selectFrom("sessions").where("key", "=", session_key).select("key").forUpdate().execute();
          const run = await trx
            .updateTable("runs")
            .set((eb) => ({
              status: "interrupted",
              ended_at,
              // What has had effects must not be done again by whoever sends the request again.
              idempotency_key: eb.case().when("has_effects", "=", 1).then(eb.ref("idempotency_key")).else(null).end(),
            }))
            .where("id", "=", id)
            .where("status", "=", running)
            // It may have shown a sign of life this moment.
            .where("renewals", "=", renewals)
            .returning("id")
            .executeTakeFirst();
          if (run === undefined) return;
          await noteUnanswered(trx, session_key, id, ended_at);
          await this.#notices.tellFollowers(trx, id);
        }),
      );
    }
  }
}

/** As it stands in the index of runs at work, which serves no parameter. */
const running = sql.lit("running" as const);

function selectAtWork(db: Kysely<StoreTables>) {
  return db.selectFrom("runs").where("status", "=", running).select(["id", "session_key", "process", "renewals", "is_cancel_requested"]);
}
