/**
 * A run's row: opened, ended, read. Each function is a part of somebody's transaction: of the runs' own, or of a session's.
 *
 * Deliberately absent: what becomes of runs whose process is no more (`run-watch.ts`), and how runs go (`run-removal.ts`).
 */
import type { Transaction } from "kysely";

import { GatewayError } from "../domain/errors.ts";
import type { OpenedRun, RunEnding, RunOutcome, NumberedEvent, RunRecord } from "../domain/run-record.ts";
import { insertCompletion } from "./completion-rows.ts";
import { HotStatement } from "./hot-statement.ts";
import { encodeEvents, isErrorCode } from "./run-event-body.ts";
import { sql } from "./kysely.ts";
import type { RunsTable, StoreTables } from "./schema.ts";
import { storedBytes } from "./stored-bytes.ts";
import { hasStrings, isRecord, parseStored } from "./stored-json.ts";

export const recordColumns = [
  "id",
  "agent_id",
  "session_key",
  "owner",
  "model_name",
  "model",
  "is_background",
  "status",
  "created_at",
  "ended_at",
  "outcome",
] as const;

type RecordRow = Pick<RunsTable, (typeof recordColumns)[number]>;

/** What is not in columns of its own. */
type StoredOutcome = Omit<RunOutcome, "status" | "model" | "endedAt">;

/** Nothing when the run has a row already. */
export async function insertRun(trx: Transaction<StoreTables>, run: OpenedRun, processName: string): Promise<void> {
  await opening.ask(trx, toRow(run, processName));
}

const opening = new HotStatement<OpenedRow>((db, place) =>
  db
    .insertInto("runs")
    .values({
      id: place("id"),
      agent_id: place("agent_id"),
      session_key: place("session_key"),
      owner: place("owner"),
      model_name: place("model_name"),
      model: place("model"),
      is_background: place("is_background"),
      created_at: place("created_at"),
      expires_at: place("expires_at"),
      process: place("process"),
      idempotency_key: place("idempotency_key"),
      fingerprint: place("fingerprint"),
      ...asOpened,
    })
    .onConflict((conflict) => conflict.column("id").doNothing()),
);

/** False when another run of the owner's has its idempotency key. */
export async function insertKeyedRun(trx: Transaction<StoreTables>, run: OpenedRun, processName: string): Promise<boolean> {
  const row = await trx
    .insertInto("runs")
    .values({ ...toRow(run, processName), ...asOpened })
    .onConflict((conflict) => conflict.columns(["owner", "idempotency_key"]).where("idempotency_key", "is not", null).doNothing())
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * A run that was taken for interrupted and ends after all has its true outcome. Of one whose row is gone, only the completion
 * is kept.
 */
export async function endRun(trx: Transaction<StoreTables>, { runId, outcome, events, freesKey, completion }: RunEnding): Promise<void> {
  const { status, model, endedAt, ...rest } = outcome;
  const rows = encodeEvents(events);
  const ended_at = new Date(endedAt).toISOString();
  const ended = { id: runId, status, model, ended_at, outcome: JSON.stringify(rest satisfies StoredOutcome), bytes: bytesOf(rows) };
  const isThere = (await ending.count(trx, ended)) > 0;
  if (isThere && freesKey) await trx.updateTable("runs").set({ idempotency_key: null }).where("id", "=", runId).execute();
  if (isThere && rows.length > 0) await insertRows(trx, runId, rows);
  if (completion) await insertCompletion(trx, completion);
}

type EndedRow = Pick<RunsTable, "id" | "status" | "model" | "ended_at" | "outcome" | "bytes">;

const ending = new HotStatement<EndedRow>((db, place) =>
  db
    .updateTable("runs")
    .set((eb) => ({
      status: place("status"),
      model: place("model"),
      ended_at: place("ended_at"),
      outcome: place("outcome"),
      bytes: eb("bytes", "+", place("bytes")),
    }))
    .where("id", "=", place("id")),
);

/** Nothing when the run has no row any more. */
export async function insertEvents(trx: Transaction<StoreTables>, runId: string, events: readonly NumberedEvent[]): Promise<void> {
  const rows = encodeEvents(events);
  const hasEffects = events.some(({ event }) => event.type === "tool_start");
  const run = await trx
    .updateTable("runs")
    .set((eb) => ({ bytes: eb("bytes", "+", bytesOf(rows)), ...(hasEffects ? { has_effects: 1 as const } : {}) }))
    .where("id", "=", runId)
    .returning(["fingerprint", "idempotency_key"])
    .executeTakeFirst();
  if (hasEffects && run && run.fingerprint !== null && run.idempotency_key === null) throw keyLost();
  if (run) await insertRows(trx, runId, rows);
}

/** Whoever has sent its request again meanwhile has another run, whose tools may be at work. */
function keyLost(): GatewayError {
  return new GatewayError(
    "run_interrupted",
    "The run was held up for so long that it was taken for interrupted, and its Idempotency-Key is free. It went no further.",
  );
}

export function toRecord(row: RecordRow): RunRecord {
  const outcome = outcomeOf(row);
  return {
    id: row.id,
    agentId: row.agent_id,
    sessionKey: row.session_key,
    owner: row.owner,
    modelName: row.model_name,
    model: row.model,
    isBackground: row.is_background === 1,
    createdAt: Date.parse(row.created_at),
    status: row.status,
    ...(outcome ? { outcome } : {}),
  };
}

type OpenedRow = Omit<RunsTable, keyof typeof asOpened>;

/** The same for every run. */
const asOpened = {
  status: sql.lit("running" as const),
  ended_at: sql.lit(null),
  outcome: sql.lit(null),
  renewals: sql.lit(0),
  is_cancel_requested: sql.lit(0 as const),
  has_effects: sql.lit(0 as const),
  bytes: sql.lit(0),
};

function toRow({ idempotency, ...run }: OpenedRun, processName: string): OpenedRow {
  return {
    id: run.id,
    agent_id: run.agentId,
    session_key: run.sessionKey,
    owner: run.owner,
    model_name: run.modelName,
    model: run.model,
    is_background: run.isBackground ? 1 : 0,
    created_at: new Date(run.createdAt).toISOString(),
    expires_at: new Date(run.expiresAt).toISOString(),
    process: processName,
    idempotency_key: idempotency?.key ?? null,
    fingerprint: idempotency?.fingerprint ?? null,
  };
}

type EncodedRows = ReturnType<typeof encodeEvents>;

function bytesOf(rows: EncodedRows): number {
  return rows.reduce((sum, { body }) => sum + storedBytes(body), 0);
}

async function insertRows(trx: Transaction<StoreTables>, runId: string, rows: EncodedRows): Promise<void> {
  await trx
    .insertInto("run_events")
    .values(rows.map((row) => ({ run_id: runId, ...row })))
    .execute();
}

function outcomeOf({ id, status, model, ended_at, outcome }: RecordRow): RunOutcome | undefined {
  if (status === "running") return undefined;
  const rest =
    outcome === null ? { turns: 0 } : parseStored(outcome, isStoredOutcome, "The record of this run", `the outcome of run ${id}`);
  return { ...rest, status, model, endedAt: Date.parse(ended_at ?? "") };
}

function isStoredOutcome(value: unknown): value is StoredOutcome {
  if (!isRecord(value) || typeof value["turns"] !== "number") return false;
  const { error } = value;
  return error === undefined || (isRecord(error) && isErrorCode(error["code"]) && hasStrings(error, "message"));
}
