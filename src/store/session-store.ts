/**
 * The queries behind the port `SessionStore`, for every database that Kysely speaks to, and the other ports of the store by way
 * of it: they share one database and one name for this process.
 *
 * Deliberately absent: SQL of one database only, caching (the row is the truth), how a run writes (`transcript-writer.ts`), and
 * retention.
 */
import type { Kysely } from "kysely";

import { GatewayError } from "../domain/errors.ts";
import type {
  LeaseClaim,
  SessionKey,
  SessionMemory,
  SessionOwnership,
  SessionStore,
  TranscriptStart,
  TranscriptWriter,
} from "../domain/session.ts";
import type { SessionCatalog } from "../domain/session-catalog.ts";
import type { WindowCounters } from "../domain/token-account.ts";
import type { StoredTranscript, TranscriptNode } from "../domain/transcript-tree.ts";
import { StoredCompletions } from "./completion-store.ts";
import { GuardedDatabase } from "./guarded-database.ts";
import { decodeBody } from "./message-body.ts";
import { noNotices, type Notices } from "./notices.ts";
import { createOrderedIds } from "./ordered-id.ts";
import { nameOwner } from "./process-identity.ts";
import { StoredRuns } from "./run-store.ts";
import type { MessagesTable, StoreTables } from "./schema.ts";
import { SessionLeases } from "./session-leases.ts";
import { StoredMemory } from "./session-memory.ts";
import { StoredCatalog } from "./session-catalog.ts";
import { isStorableText } from "./store-errors.ts";
import { StoredTokenAccounts } from "./token-accounts.ts";
import { StoredTokens } from "./token-store.ts";
import { activePath, type PathRow } from "./transcript-rows.ts";
import { StoredTranscriptWriter } from "./transcript-writer.ts";

const defaultClosePatienceMs = 5_000;

export class StoredSessions implements SessionStore {
  readonly #db: GuardedDatabase;
  readonly #notices: Notices;
  readonly #leases: SessionLeases;
  readonly #nextId = createOrderedIds();
  /** Other stores of this process are other processes to it. */
  readonly #processName = nameOwner();
  readonly catalog: SessionCatalog;
  readonly runs: StoredRuns;
  readonly completions: StoredCompletions;
  readonly accounts: StoredTokenAccounts;
  readonly tokens: StoredTokens;
  readonly #counters: WindowCounters | undefined;

  /** Takes over `db`: closing the store closes it, once what has begun is done or `closePatienceMs` have passed. */
  constructor(
    db: Kysely<StoreTables>,
    closePatienceMs: number = defaultClosePatienceMs,
    notices: Notices = noNotices,
    counters?: WindowCounters,
  ) {
    this.#db = new GuardedDatabase(db, closePatienceMs);
    this.#notices = notices;
    this.#leases = new SessionLeases(this.#db, this.#processName, undefined, notices);
    this.catalog = new StoredCatalog(this.#db);
    this.runs = new StoredRuns(this.#db, this.#processName, undefined, notices);
    this.completions = new StoredCompletions(this.#db);
    this.accounts = new StoredTokenAccounts(this.#db, this.#processName);
    this.tokens = new StoredTokens(this.#db, notices);
    this.#counters = counters;
  }

  counters(): Promise<WindowCounters | undefined> {
    return Promise.resolve(this.#counters);
  }

  async ownerOf(sessionKey: SessionKey): Promise<string | undefined> {
    refuseUnstorableKey(sessionKey);
    return this.#db.run(async (db) => {
      const session = await db.selectFrom("sessions").where("key", "=", sessionKey).select("owner").executeTakeFirst();
      return session?.owner;
    });
  }

  async readPath(sessionKey: SessionKey): Promise<StoredTranscript> {
    refuseUnstorableKey(sessionKey);
    const { rows } = await this.#db.run((db) => activePath.ask(db, { key: sessionKey }));
    const leaf = rows.at(-1);
    return { owner: leaf?.owner ?? undefined, leafId: leaf?.id ?? undefined, nodes: rows.filter(isNode).map(toNode) };
  }

  async readTree(sessionKey: SessionKey): Promise<StoredTranscript> {
    refuseUnstorableKey(sessionKey);
    return this.#db.run(async (db) => {
      const session = await db.selectFrom("sessions").where("key", "=", sessionKey).select(["leaf_id", "owner"]).executeTakeFirst();
      if (!session?.leaf_id) return { owner: session?.owner, leafId: undefined, nodes: [] };
      // Messages are never moved: those above the leaf are there still, whatever was added meanwhile.
      const rows = await selectAnswered(db, sessionKey).execute();
      return { owner: session.owner, leafId: session.leaf_id, nodes: rows.map(toNode) };
    });
  }

  async beginTurns(start: TranscriptStart): Promise<TranscriptWriter> {
    refuseUnstorableKey(start.sessionKey);
    const parts = {
      db: this.#db,
      leases: this.#leases,
      nextId: this.#nextId,
      processName: this.#processName,
      notices: this.#notices,
    };
    const writer = new StoredTranscriptWriter(parts, start);
    await writer.begin();
    return writer;
  }

  memoryOf(session: SessionOwnership): SessionMemory {
    refuseUnstorableKey(session.sessionKey);
    return new StoredMemory(this.#db, this.#nextId, session);
  }

  claimLease(sessionKey: SessionKey, onLost: (error: GatewayError) => void): LeaseClaim {
    refuseUnstorableKey(sessionKey);
    return this.#leases.claim(sessionKey, onLost);
  }

  /** Clears away what processes that are no more have left behind, their leases, runs and places; for the last two also from now on. */
  async start(): Promise<void> {
    await this.#leases.freeDead();
    await this.runs.start();
    await this.accounts.start();
  }

  async check(): Promise<void> {
    await this.#db.run((db) => db.selectFrom("sessions").select("key").limit(1).execute());
  }

  async close(): Promise<void> {
    this.runs.stop();
    const deafened = this.#notices.close();
    // The database is closed whatever becomes of the leases: others take them over.
    const released = Promise.allSettled([this.#leases.close(), this.accounts.close()]);
    await this.#db.close();
    await Promise.all([released, deafened]);
  }
}

type NodeRow = Pick<MessagesTable, "id" | "parent_id" | "run_id" | "origin" | "body">;

/** A leaf may be named and not be there. */
function isNode(row: PathRow): row is PathRow & NodeRow {
  return row.body !== null;
}

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

function refuseUnstorableKey(sessionKey: SessionKey): void {
  if (isStorableText(sessionKey)) return;
  throw new GatewayError("invalid_value", "A session key must not contain NUL characters or broken Unicode.");
}
