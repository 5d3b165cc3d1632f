/**
 * What tokens with limits use up, and how many of their runs are at work, in all processes on the database.
 *
 * A run at work has a row that its process shows a sign of life for. It goes when the run ends, when its process is dead, or when
 * another one has seen it unchanged for the longest silence by its own steady clock: no time is compared between two processes, as
 * with leases (`session-leases.ts`). Deliberately absent: what somebody is told whom a limit refuses (`service/token-limits.ts`).
 */
import type { Kysely, Transaction } from "kysely";

import { spentOf, type AccountLimits, type CountedRun, type TokenAccounts, type TokenUse } from "../domain/token-account.ts";
import type { GuardedDatabase } from "./guarded-database.ts";
import { Lookout, type SignOfLife } from "./lookout.ts";
import { isDead } from "./process-identity.ts";
import type { StoreTables } from "./schema.ts";

/** A process that shows no sign of life for so long has stopped, or cannot reach its database. */
const defaultLongestSilenceMs = 15_000;
/** Counts are kept a little beyond their time: clocks differ. */
const counterGraceMs = 3_600_000;

const nothing: TokenUse = { requests: 0, tokens: 0, cost: 0 };

export class StoredTokenAccounts implements TokenAccounts {
  readonly #db: GuardedDatabase;
  readonly #process: string;
  readonly #lookout: Lookout;
  /** Ids of the runs that have a place here, or are about to. */
  readonly #held = new Set<string>();

  /** `processName`: as `process-identity.ts` gives it. */
  constructor(db: GuardedDatabase, processName: string, longestSilenceMs: number = defaultLongestSilenceMs) {
    this.#db = db;
    this.#process = processName;
    this.#lookout = new Lookout(longestSilenceMs, () => this.#look());
  }

  async enter(run: CountedRun, limits: AccountLimits): Promise<keyof AccountLimits | undefined> {
    const { maxConcurrentRuns: most } = limits;
    if (most === undefined) return spentOf(await this.#db.run((db) => selectUse(db, run)), limits);
    this.#held.add(run.runId);
    let inTheWay: keyof AccountLimits | undefined = "maxConcurrentRuns";
    try {
      inTheWay = await this.#transact((trx) => this.#takePlace(trx, run, { ...limits, maxConcurrentRuns: most }));
      return inTheWay;
    } finally {
      if (inTheWay !== undefined) this.#held.delete(run.runId);
    }
  }

  async leave(run: CountedRun, use: TokenUse): Promise<void> {
    const isHeld = this.#held.has(run.runId);
    try {
      await this.#transact(async (trx) => {
        await addUse(trx, run, use);
        if (isHeld) await trx.deleteFrom("token_runs").where("run_id", "=", run.runId).execute();
      });
    } finally {
      // What could not be given back now is given back by the next look.
      this.#held.delete(run.runId);
    }
  }

  async usedIn(month: string): Promise<ReadonlyMap<string, TokenUse>> {
    const rows = await this.#db.run((db) => db.selectFrom("token_usage").where("month", "=", month).selectAll().execute());
    return new Map(rows.map(({ owner, requests, tokens, cost }) => [owner, { requests, tokens, cost }]));
  }

  async removeBefore(month: string): Promise<void> {
    await this.#transact(async (trx) => {
      await trx.deleteFrom("token_usage").where("month", "<", month).execute();
      await trx
        .deleteFrom("counters")
        .where("expire", "<", Date.now() - counterGraceMs)
        .execute();
    });
  }

  /** Resolves when the places of dead processes are free. */
  async start(): Promise<void> {
    await this.#lookout.start();
  }

  /** Before the database is closed. */
  async close(): Promise<void> {
    this.#lookout.stop();
    if (this.#held.size === 0) return;
    this.#held.clear();
    await this.#transact((trx) => trx.deleteFrom("token_runs").where("process", "=", this.#process).execute());
  }

  async #takePlace(
    trx: Transaction<StoreTables>,
    run: CountedRun,
    limits: AccountLimits & { readonly maxConcurrentRuns: number },
  ): Promise<keyof AccountLimits | undefined> {
    // The row of the month is the lock: whoever else asks for a place of this owner's waits for the end of this transaction.
    await addUse(trx, run, nothing);
    const spent = spentOf(await selectUse(trx, run), limits);
    if (spent !== undefined) return spent;
    const rows = await selectRuns(trx).where("owner", "=", run.owner).execute();
    if (rows.length >= limits.maxConcurrentRuns) {
      const left = this.#lookout.abandoned(rows.filter((row) => row.process !== this.#process));
      await remove(trx, left);
      if (rows.length - left.length >= limits.maxConcurrentRuns) return "maxConcurrentRuns";
    }
    await trx.insertInto("token_runs").values({ run_id: run.runId, owner: run.owner, process: this.#process, renewals: 0 }).execute();
    return undefined;
  }

  /** A gateway with nothing to do pays for one look into an empty table. */
  async #look(): Promise<void> {
    const rows = await this.#db.run((db) => selectRuns(db).execute());
    const others = rows.filter((row) => row.process !== this.#process);
    const own = rows.filter((row) => row.process === this.#process);
    this.#lookout.see(others);
    const left = [...this.#lookout.abandoned(others), ...own.filter(({ id }) => !this.#held.has(id))];
    if (left.length === 0 && own.length === 0) return;
    await this.#transact(async (trx) => {
      await remove(trx, left);
      await trx
        .updateTable("token_runs")
        .set((eb) => ({ renewals: eb("renewals", "+", 1) }))
        .where("process", "=", this.#process)
        .execute();
    });
  }

  #transact<T>(work: (trx: Transaction<StoreTables>) => Promise<T>): Promise<T> {
    return this.#db.run((db) => db.transaction().execute(work));
  }
}

async function selectUse(db: Kysely<StoreTables>, { owner, month }: CountedRun): Promise<TokenUse> {
  const row = await db
    .selectFrom("token_usage")
    .where("owner", "=", owner)
    .where("month", "=", month)
    .select(["requests", "tokens", "cost"])
    .executeTakeFirst();
  return row ?? nothing;
}

async function addUse(trx: Transaction<StoreTables>, { owner, month }: CountedRun, { requests, tokens, cost }: TokenUse): Promise<void> {
  await trx
    .insertInto("token_usage")
    .values({ owner, month, requests, tokens, cost })
    .onConflict((conflict) =>
      conflict.columns(["owner", "month"]).doUpdateSet((eb) => ({
        requests: eb("token_usage.requests", "+", requests),
        tokens: eb("token_usage.tokens", "+", tokens),
        cost: eb("token_usage.cost", "+", cost),
      })),
    )
    .execute();
}

function selectRuns(db: Kysely<StoreTables>) {
  return db.selectFrom("token_runs").select(["run_id as id", "process", "renewals"]);
}

/** Unless they have shown a sign of life meanwhile. */
async function remove(trx: Transaction<StoreTables>, rows: readonly SignOfLife[]): Promise<void> {
  for (const { id, renewals, process } of rows) {
    const row = trx.deleteFrom("token_runs").where("run_id", "=", id);
    await (isDead(process) ? row : row.where("renewals", "=", renewals)).execute();
  }
}
