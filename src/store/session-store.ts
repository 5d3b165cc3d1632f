/**
 * The queries behind the port `SessionStore`, for every database that Kysely speaks to.
 *
 * Instructions (`system`, `developer`) are dropped here, so that callers may hand over a request's messages as they came.
 * Deliberately absent: SQL of one database only, caching (the row is the truth), and retention.
 */
import { setImmediate as otherWork } from "node:timers/promises";

import { sql } from "kysely";
import type { Kysely, Transaction } from "kysely";

import { GatewayError } from "../domain/errors.ts";
import { isSystemMessage, type Message } from "../domain/message.ts";
import type { LeaseClaim, SessionKey, SessionMemory, SessionOwnership, SessionStore, TurnRecord } from "../domain/session.ts";
import type { SessionCatalog } from "../domain/session-catalog.ts";
import type { StoredTranscript, TranscriptNode } from "../domain/transcript-tree.ts";
import { GuardedDatabase } from "./guarded-database.ts";
import { decodeBody, encodeBody } from "./message-body.ts";
import type { StoredMessage } from "./message-body.ts";
import { createOrderedIds } from "./ordered-id.ts";
import type { MessagesTable, StoreTables } from "./schema.ts";
import { leaseLost, SessionLeases, showLease } from "./session-leases.ts";
import { StoredMemory } from "./session-memory.ts";
import { StoredCatalog } from "./session-catalog.ts";
import { isStorableText } from "./store-errors.ts";
import { storedBytes } from "./stored-bytes.ts";

/**
 * Databases bound the parameters of one statement: a turn longer than this takes several, in the same transaction.
 * Between them the process gets to its other work.
 */
const maxRowsPerInsert = 500;
const staleRetryAfterMs = 1_000;
const defaultClosePatienceMs = 5_000;

export class StoredSessions implements SessionStore {
  readonly #db: GuardedDatabase;
  readonly #leases: SessionLeases;
  readonly #nextId = createOrderedIds();
  readonly catalog: SessionCatalog;

  /** Takes over `db`: closing the store closes it, once what has begun is done or `closePatienceMs` have passed. */
  constructor(db: Kysely<StoreTables>, closePatienceMs: number = defaultClosePatienceMs) {
    this.#db = new GuardedDatabase(db, closePatienceMs);
    this.#leases = new SessionLeases(this.#db);
    this.catalog = new StoredCatalog(this.#db);
  }

  async ownerOf(sessionKey: SessionKey): Promise<string | undefined> {
    refuseUnstorableKey(sessionKey);
    return this.#db.run(async (db) => {
      const session = await db.selectFrom("sessions").where("key", "=", sessionKey).select("owner").executeTakeFirst();
      return session?.owner;
    });
  }

  readPath(sessionKey: SessionKey): Promise<StoredTranscript> {
    return this.#read(sessionKey, selectActivePath);
  }

  readTree(sessionKey: SessionKey): Promise<StoredTranscript> {
    return this.#read(sessionKey, selectAnswered);
  }

  /**
   * An answered turn is refused with `session_busy` when the active leaf has moved since its writer read the transcript.
   * A turn of nothing but instructions stores nothing.
   */
  async appendTurn(record: TurnRecord): Promise<void> {
    refuseUnstorableKey(record.sessionKey);
    const messages = [...withOrigin(record.input, "caller"), ...withOrigin(record.added, "run")];
    if (messages.length === 0) return;
    const now = new Date().toISOString();
    await this.#db.run(async (db) => {
      const rows = await this.#chain(record, messages, now);
      await this.#leases.endingWith(record, () =>
        db.transaction().execute(async (trx) => {
          if (!(await showLease(trx, record)) && record.isAnswered) throw leaseLost();
          await insertTurn(trx, record, rows, now);
        }),
      );
    });
  }

  memoryOf(session: SessionOwnership): SessionMemory {
    refuseUnstorableKey(session.sessionKey);
    return new StoredMemory(this.#db, this.#nextId, session);
  }

  claimLease(sessionKey: SessionKey, onLost: (error: GatewayError) => void): LeaseClaim {
    refuseUnstorableKey(sessionKey);
    return this.#leases.claim(sessionKey, onLost);
  }

  /** See `SessionLeases.freeDead`. */
  async freeDeadLeases(): Promise<void> {
    await this.#leases.freeDead();
  }

  async check(): Promise<void> {
    await this.#db.run((db) => db.selectFrom("sessions").select("key").limit(1).execute());
  }

  async close(): Promise<void> {
    // The database is closed whatever becomes of the leases: others take them over.
    const released = this.#leases.close().catch(() => undefined);
    await this.#db.close();
    await released;
  }

  async #read(sessionKey: SessionKey, select: SelectNodes): Promise<StoredTranscript> {
    refuseUnstorableKey(sessionKey);
    return this.#db.run(async (db) => {
      const session = await db.selectFrom("sessions").where("key", "=", sessionKey).select(["leaf_id", "owner"]).executeTakeFirst();
      if (!session?.leaf_id) return { owner: session?.owner, leafId: undefined, nodes: [] };
      // Messages are never moved: those above the leaf are there still, whatever was added meanwhile.
      const rows = await select(db, sessionKey, session.leaf_id).execute();
      return { owner: session.owner, leafId: session.leaf_id, nodes: rows.map(toNode) };
    });
  }

  async #chain(record: TurnRecord, messages: readonly Brought[], now: string): Promise<MessagesTable[]> {
    const rows: MessagesTable[] = [];
    let parentId = record.parentId ?? null;
    for (const { message, origin } of messages) {
      if (rows.length > 0 && rows.length % maxRowsPerInsert === 0) await otherWork();
      const id = this.#nextId();
      rows.push({
        id,
        session_key: record.sessionKey,
        parent_id: parentId,
        run_id: record.runId,
        origin,
        role: message.role,
        body: encodeBody(message),
        state: record.isAnswered ? "active" : "unanswered",
        created_at: now,
      });
      parentId = id;
    }
    return rows;
  }
}

interface Brought {
  readonly message: StoredMessage;
  readonly origin: MessagesTable["origin"];
}

function withOrigin(messages: readonly Message[], origin: MessagesTable["origin"]): Brought[] {
  return messages.flatMap((message) => (isSystemMessage(message) ? [] : [{ message, origin }]));
}

type SelectNodes = (db: Kysely<StoreTables>, sessionKey: SessionKey, leafId: string) => { execute(): Promise<NodeRow[]> };

type NodeRow = Pick<MessagesTable, "id" | "parent_id" | "run_id" | "origin" | "body">;

/** Only answered messages are ever read. */
function toNode({ id, parent_id, run_id, origin, body }: NodeRow): TranscriptNode {
  return { id, parentId: parent_id ?? undefined, runId: run_id, origin, message: decodeBody(body, id), isAnswered: true };
}

const nodeColumns = ["messages.id", "messages.parent_id", "messages.run_id", "messages.origin", "messages.body"] as const;

function selectAnswered(db: Kysely<StoreTables>, sessionKey: SessionKey) {
  return db
    .selectFrom("messages")
    .where("session_key", "=", sessionKey)
    .where("state", "=", "active")
    .select([...nodeColumns])
    .orderBy("id");
}

/** From the active leaf up its parents, then turned around: superseded branches and unanswered messages are never touched. */
function selectActivePath(db: Kysely<StoreTables>, sessionKey: SessionKey, leafId: string) {
  return db
    .withRecursive("path(id, parent_id, run_id, origin, body, depth)", (qb) =>
      qb
        .selectFrom("messages")
        .where("messages.id", "=", leafId)
        .where("messages.session_key", "=", sessionKey)
        .select([...nodeColumns, sql<number>`0`.as("depth")])
        .unionAll(
          qb
            .selectFrom("path")
            .innerJoin("messages", "messages.id", "path.parent_id")
            .select([...nodeColumns, sql<number>`path.depth + 1`.as("depth")]),
        ),
    )
    .selectFrom("path")
    .select(["id", "parent_id", "run_id", "origin", "body"])
    .orderBy("depth", "desc");
}

/** The first statement creates or locks the session's row: of two writers, the second sees the leaf of the first. */
async function insertTurn(trx: Transaction<StoreTables>, record: TurnRecord, rows: readonly MessagesTable[], now: string): Promise<void> {
  const message_count = rows.length;
  const bytes = rows.reduce((sum, { body }) => sum + storedBytes(body), 0);
  const isBeside = !record.isAnswered || record.parentId !== record.leafId;
  const branched_at = isBeside ? now : null;
  const session = await trx
    .insertInto("sessions")
    .values({
      key: record.sessionKey,
      agent_id: record.agentId,
      owner: record.owner,
      leaf_id: null,
      created_at: now,
      updated_at: now,
      message_count,
      bytes,
      branched_at,
    })
    .onConflict((conflict) =>
      conflict.column("key").doUpdateSet((eb) => ({
        updated_at: now,
        message_count: eb("sessions.message_count", "+", message_count),
        bytes: eb("sessions.bytes", "+", bytes),
        ...(isBeside ? { branched_at } : {}),
      })),
    )
    .returning(["leaf_id", "owner"])
    .executeTakeFirstOrThrow();
  if (session.owner !== record.owner || (record.isAnswered && session.leaf_id !== (record.leafId ?? null))) {
    throw new GatewayError("session_busy", "The session was changed by another run meanwhile; this one was not stored. Send it again.", {
      retryAfterMs: staleRetryAfterMs,
    });
  }
  for (let start = 0; start < rows.length; start += maxRowsPerInsert) {
    if (start > 0) await otherWork();
    await trx
      .insertInto("messages")
      .values(rows.slice(start, start + maxRowsPerInsert))
      .execute();
  }
  const last = rows.at(-1);
  if (!record.isAnswered || last === undefined) return;
  await trx.updateTable("sessions").set({ leaf_id: last.id }).where("key", "=", record.sessionKey).execute();
}

function refuseUnstorableKey(sessionKey: SessionKey): void {
  if (isStorableText(sessionKey)) return;
  throw new GatewayError("invalid_value", "A session key must not contain NUL characters or broken Unicode.");
}
