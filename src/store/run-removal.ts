/**
 * How runs, their events and kept completions go: in small steps, each a transaction of its own, between which the process
 * gets to its other work.
 *
 * A run that is at work is never touched. Deliberately absent: when and how much is to go (`service/retention.ts`).
 */
import { setImmediate as otherWork } from "node:timers/promises";

import type { Kysely, Transaction } from "kysely";

import type { GuardedDatabase } from "./guarded-database.ts";
import { sql } from "./kysely.ts";
import type { StoreTables } from "./schema.ts";

/** Rows of one statement; those of events hold more. */
const runsPerStep = 100;
const eventRowsPerStep = 50;

/** Those that are read no more: nobody minds one that is half gone. At most `limit` runs and completions together. */
export async function removeExpired(db: GuardedDatabase, limit: number): Promise<number> {
  const now = new Date().toISOString();
  const runs = await db.run((reader) => selectEnded(reader).where("expires_at", "<=", now).orderBy("expires_at").limit(limit).execute());
  await removeInSteps(runs, (some) => inOneStep(db, (trx) => removeRuns(trx, some)));
  const completions = await db.run((reader) =>
    reader
      .selectFrom("completions")
      .where("expires_at", "<=", now)
      .select("run_id")
      .orderBy("expires_at")
      .limit(limit - runs.length)
      .execute(),
  );
  for (const { run_id } of completions) {
    await inOneStep(db, (trx) => removeCompletion(trx, run_id));
    await otherWork();
  }
  return runs.length + completions.length;
}

/** What is kept besides sessions, in bytes. */
export async function measureReplies(db: GuardedDatabase): Promise<number> {
  return db.run(async (reader) => {
    const sum = sql<number>`coalesce(sum(bytes), 0)`.as("bytes");
    const events = await reader.selectFrom("runs").where("bytes", ">", none).select(sum).executeTakeFirstOrThrow();
    const completions = await reader.selectFrom("completions").select(sum).executeTakeFirstOrThrow();
    return Number(events.bytes) + Number(completions.bytes);
  });
}

/** The events of ended runs, whose records stay, and completions: those that are oldest, at most `limit`. */
export async function removeOldestReplies(db: GuardedDatabase, limit: number): Promise<{ count: number; bytes: number }> {
  const oldest = await db.run(async (reader) => {
    const runs = await selectEnded(reader)
      .where("bytes", ">", none)
      .select("created_at")
      .orderBy("created_at")
      .orderBy("id")
      .limit(limit)
      .execute();
    const completions = await reader
      .selectFrom("completions")
      .select(["run_id as id", "bytes", "created_at"])
      .orderBy("created_at")
      .orderBy("run_id")
      .limit(limit)
      .execute();
    const all = [...runs.map((row) => ({ ...row, remove: emptyRun })), ...completions.map((row) => ({ ...row, remove: removeCompletion }))];
    return all.sort((a, b) => (a.created_at < b.created_at ? -1 : 1)).slice(0, limit);
  });
  for (const { id, remove } of oldest) {
    await inOneStep(db, (trx) => remove(trx, id));
    await otherWork();
  }
  return { count: oldest.length, bytes: oldest.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** As part of the removal of the session. A run that waits for its turn in it is not at work there yet, and stays. */
export async function removeRunsOf(trx: Transaction<StoreTables>, sessionKey: string): Promise<void> {
  await removeInSteps(await selectEnded(trx).where("session_key", "=", sessionKey).execute(), (some) => removeRuns(trx, some));
}

type EndedRun = { readonly id: string; readonly bytes: number };

/** As they stand in the indexes of runs, which serve no parameters. */
const none = sql.lit(0);
const running = sql.lit("running" as const);

function selectEnded(db: Kysely<StoreTables>) {
  return db.selectFrom("runs").where("status", "<>", running).select(["id", "bytes"]);
}

function inOneStep(db: GuardedDatabase, work: (trx: Transaction<StoreTables>) => Promise<void>): Promise<void> {
  return db.run((reader) => reader.transaction().execute(work));
}

async function removeInSteps(runs: readonly EndedRun[], remove: (some: readonly EndedRun[]) => Promise<void>): Promise<void> {
  for (let start = 0; start < runs.length; start += runsPerStep) {
    await remove(runs.slice(start, start + runsPerStep));
    await otherWork();
  }
}

async function removeRuns(trx: Transaction<StoreTables>, runs: readonly EndedRun[]): Promise<void> {
  for (const { id, bytes } of runs) if (bytes > 0) await removeEvents(trx, id);
  const ids = runs.map(({ id }) => id);
  await trx.deleteFrom("runs").where("id", "in", ids).execute();
}

/** Without its events there is nothing that a request with its idempotency key could be answered. */
async function emptyRun(trx: Transaction<StoreTables>, id: string): Promise<void> {
  await removeEvents(trx, id);
  await trx.updateTable("runs").set({ bytes: 0, idempotency_key: null }).where("id", "=", id).execute();
}

async function removeEvents(trx: Transaction<StoreTables>, id: string): Promise<void> {
  const events = trx.selectFrom("run_events").where("run_id", "=", id).select("first_seq").orderBy("first_seq").limit(eventRowsPerStep);
  for (;;) {
    const { numDeletedRows } = await trx
      .deleteFrom("run_events")
      .where("run_id", "=", id)
      .where("first_seq", "in", events)
      .executeTakeFirstOrThrow();
    if (numDeletedRows < eventRowsPerStep) return;
    await otherWork();
  }
}

async function removeCompletion(trx: Transaction<StoreTables>, runId: string): Promise<void> {
  await trx.deleteFrom("completions").where("run_id", "=", runId).execute();
}
