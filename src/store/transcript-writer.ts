/**
 * What one run writes to its session: beside the paths while it is under way, at the end of the active one when it completes.
 *
 * Each write is one transaction, and what is remembered here changes only once it is done: whoever was refused can go on as if
 * nothing had been tried. Instructions (`system`, `developer`) are dropped, so that callers may hand over messages as they came.
 * Deliberately absent: what is written (the run's business) and what is read (`session-store.ts`).
 */
import { setImmediate as otherWork } from "node:timers/promises";

import type { Transaction } from "kysely";

import { GatewayError } from "../domain/errors.ts";
import { isSystemMessage, type Message } from "../domain/message.ts";
import type { RunEnding } from "../domain/run-record.ts";
import type { TranscriptStart, TranscriptWriter } from "../domain/session.ts";
import type { GuardedDatabase } from "./guarded-database.ts";
import { freeLease, leaseLost, showLease } from "./lease-rows.ts";
import { encodeBody } from "./message-body.ts";
import type { Notices } from "./notices.ts";
import { endRun, insertRun } from "./run-rows.ts";
import type { MessagesTable, StoreTables } from "./schema.ts";
import type { SessionLeases } from "./session-leases.ts";
import { storedBytes } from "./stored-bytes.ts";
import { answerMessages, createSession, growSession, insertMessages, maxRowsPerStatement, type SessionChange } from "./transcript-rows.ts";

export interface TranscriptWriterParts {
  readonly db: GuardedDatabase;
  readonly leases: SessionLeases;
  /** One that sorts after all it gave, and after `after`. */
  readonly nextId: (after: string) => string;
  /** As `process-identity.ts` names it. */
  readonly processName: string;
  readonly notices: Notices;
}

const staleRetryAfterMs = 1_000;

/** Messages of one write, chained below what was kept before. */
interface Turn {
  readonly rows: readonly MessagesTable[];
  readonly bytes: number;
  readonly now: string;
}

export class StoredTranscriptWriter implements TranscriptWriter {
  readonly #parts: TranscriptWriterParts;
  readonly #start: TranscriptStart;
  /** Of what is kept so far, in order: all of it unanswered. */
  readonly #ids: string[] = [];
  #hasSession: boolean;

  constructor(parts: TranscriptWriterParts, start: TranscriptStart) {
    this.#parts = parts;
    this.#start = start;
    this.#hasSession = start.leafId !== undefined;
  }

  /** To be called once, before all else. */
  async begin(): Promise<void> {
    const { input, run } = this.#start;
    await this.#parts.db.run(async (db) => {
      const brought = await this.#turnOf(input, "caller", "unanswered");
      await db.transaction().execute(async (trx) => {
        if (!(await showLease(trx, this.#start.fence))) throw leaseLost();
        const isRight = brought.rows.length > 0 ? await this.#layBeside(trx, brought) : !(await this.#isForeign(trx));
        if (!isRight) throw movedOn();
        await insertRun(trx, run, this.#parts.processName);
      });
      this.#remember(brought);
    });
  }

  async addTurn(messages: readonly Message[]): Promise<void> {
    await this.#parts.db.run(async (db) => {
      const turn = await this.#turnOf(messages, "run", "unanswered");
      if (turn.rows.length === 0) return;
      await db.transaction().execute(async (trx) => {
        if (!(await showLease(trx, this.#start.fence))) throw leaseLost();
        if (!(await this.#layBeside(trx, turn, { updated_at: turn.now }))) throw movedOn();
      });
      this.#remember(turn);
    });
  }

  async end(messages: readonly Message[], ending: RunEnding): Promise<void> {
    const { fence } = this.#start;
    const { notices } = this.#parts;
    const isCompleted = ending.outcome.status === "completed";
    await this.#parts.db.run(async (db) => {
      const turn = await this.#turnOf(messages, "run", isCompleted ? "active" : "unanswered");
      await this.#parts.leases.endingWith(fence, () =>
        db.transaction().execute(async (trx) => {
          const isHad = await freeLease(trx, fence, notices);
          if (isCompleted) {
            if (!isHad) throw leaseLost();
            await this.#complete(trx, turn);
          } else if (turn.rows.length > 0) {
            // If the session is gone, so is what this would have stood below.
            await this.#layBeside(trx, turn, { branched_at: turn.now, updated_at: turn.now });
          } else if (this.#ids.length > 0) {
            await noteUnanswered(trx, this.#start.sessionKey, ending.runId, turn.now);
          }
          await endRun(trx, ending);
          await notices.tellFollowers(trx, ending.runId);
        }),
      );
    });
  }

  async #isForeign(trx: Transaction<StoreTables>): Promise<boolean> {
    const { sessionKey, owner } = this.#start;
    const session = await trx.selectFrom("sessions").where("key", "=", sessionKey).select("owner").executeTakeFirst();
    return session !== undefined && session.owner !== owner;
  }

  /**
   * False, and nothing is written, when the session is gone or somebody else's. That something lies beside the path is noted
   * by the run's end, or when the run is found to be interrupted (`run-watch.ts`); nor is the session's place in lists, which
   * costs as much as all else of it, changed by a begin.
   */
  async #layBeside(trx: Transaction<StoreTables>, turn: Turn, change: SessionChange = {}): Promise<boolean> {
    if (!(await this.#changeSession(trx, turn, change))) return false;
    await insertMessages(trx, turn.rows);
    return true;
  }

  /** Makes all that the run wrote the end of the active path, unless the session was changed since the run read it. */
  async #complete(trx: Transaction<StoreTables>, turn: Turn): Promise<void> {
    const { parentId, leafId } = this.#start;
    const leaf = turn.rows.at(-1)?.id ?? this.#ids.at(-1);
    if (leaf === undefined) return;
    const branching = parentId === leafId ? {} : { branched_at: turn.now };
    if (!(await this.#changeSession(trx, turn, { leaf_id: leaf, updated_at: turn.now, ...branching }))) throw movedOn();
    await insertMessages(trx, turn.rows);
    if ((await this.#answerEarlier(trx)) !== this.#ids.length) throw movedOn();
  }

  /** As `growSession`; makes the session first where the run has found none. */
  async #changeSession(trx: Transaction<StoreTables>, { rows, bytes, now }: Turn, change: SessionChange): Promise<boolean> {
    const { sessionKey: key, agentId: agent_id, owner, leafId } = this.#start;
    if (!this.#hasSession) {
      const began = { leaf_id: null, branched_at: null, created_at: now, updated_at: now };
      const created = await createSession(trx, { key, agent_id, owner, ...began, message_count: rows.length, bytes, ...change });
      // One that was made since, by an agent's memory for one, is changed like any other.
      if (created) return true;
    }
    return growSession(trx, { key, owner, rows: rows.length, bytes }, change, leafId ?? null);
  }

  /** How many they were. */
  async #answerEarlier(trx: Transaction<StoreTables>): Promise<number> {
    let count = 0;
    for (let start = 0; start < this.#ids.length; start += maxRowsPerStatement) {
      if (start > 0) await otherWork();
      const ids = this.#ids.slice(start, start + maxRowsPerStatement);
      const { sessionKey: session_key, run } = this.#start;
      count += await answerMessages(trx, { session_key, run_id: run.id, from: ids[0]!, to: ids.at(-1)! });
    }
    return count;
  }

  async #turnOf(messages: readonly Message[], origin: MessagesTable["origin"], state: MessagesTable["state"]): Promise<Turn> {
    const now = new Date().toISOString();
    const { sessionKey: session_key, run, parentId, leafId } = this.#start;
    const rows: MessagesTable[] = [];
    let parent_id = this.#ids.at(-1) ?? parentId ?? null;
    // Whoever reads all branches meets parents before their children, also when the clock was set back since.
    const newest = leafId !== undefined && leafId > (parent_id ?? "") ? leafId : (parent_id ?? "");
    let bytes = 0;
    for (const message of messages) {
      if (isSystemMessage(message)) continue;
      if (rows.length > 0 && rows.length % maxRowsPerStatement === 0) await otherWork();
      const [id, body] = [this.#parts.nextId(newest), encodeBody(message)];
      rows.push({ id, session_key, parent_id, run_id: run.id, origin, role: message.role, body, state, created_at: now });
      parent_id = id;
      bytes += storedBytes(body);
    }
    return { rows, bytes, now };
  }

  /** Of a turn that lies beside the path now. */
  #remember({ rows }: Turn): void {
    if (rows.length === 0) return;
    for (const { id } of rows) this.#ids.push(id);
    this.#hasSession = true;
  }
}

/** What a run has kept without completing lies beside its session's path for good. */
export async function noteUnanswered(trx: Transaction<StoreTables>, sessionKey: string, runId: string, now: string): Promise<void> {
  const kept = trx.selectFrom("messages").where("session_key", "=", sessionKey).where("run_id", "=", runId).select("id");
  await trx
    .updateTable("sessions")
    .set({ branched_at: now, updated_at: now })
    .where("key", "=", sessionKey)
    .where((eb) => eb.exists(kept))
    .execute();
}

function movedOn(): GatewayError {
  return new GatewayError("session_busy", "The session was changed by another run meanwhile; this one was not stored. Send it again.", {
    retryAfterMs: staleRetryAfterMs,
  });
}
