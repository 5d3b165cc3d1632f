/**
 * The queries behind the port `SessionCatalog`: lists and sizes.
 *
 * Deliberately absent: SQL of one database only, how a transcript is read page by page (`transcript-page.ts`) and how things
 * are taken out (`session-removal.ts`).
 */
import type {
  KeptMessage,
  KeptSession,
  Page,
  Removed,
  SessionCatalog,
  SessionKey,
  SessionQuery,
  TranscriptQuery,
} from "../domain/session-catalog.ts";
import type { GuardedDatabase } from "./guarded-database.ts";
import { decodeBody } from "./message-body.ts";
import { sessionColumns, type SessionsTable } from "./schema.ts";
import { emptySession, removeBesidePath, removeSession } from "./session-removal.ts";
import { isStorableText, unknownCursor } from "./store-errors.ts";
import { readTranscriptPage } from "./transcript-page.ts";

export class StoredCatalog implements SessionCatalog {
  readonly #db: GuardedDatabase;

  constructor(db: GuardedDatabase) {
    this.#db = db;
  }

  list({ limit, after, order, agentId, owner }: SessionQuery): Promise<Page<KeptSession>> {
    return this.#db.run(async (db) => {
      let sessions = db.selectFrom("sessions");
      if (owner !== undefined) sessions = sessions.where("owner", "=", owner);
      let page = sessions;
      if (agentId !== undefined) page = page.where("agent_id", "=", agentId);
      if (after !== undefined) {
        if (!isStorableText(after)) throw unknownCursor();
        const known = await sessions.where("key", "=", after).select("updated_at").executeTakeFirst();
        if (!known) throw unknownCursor();
        const comparison = order === "asc" ? ">" : "<";
        page = page.where((eb) => eb(eb.refTuple("updated_at", "key"), comparison, eb.tuple(known.updated_at, after)));
      }
      const rows = await page
        .select([...sessionColumns])
        .orderBy("updated_at", order)
        .orderBy("key", order)
        .limit(limit + 1)
        .execute();
      return { items: rows.slice(0, limit).map(toSession), hasMore: rows.length > limit };
    });
  }

  async find(key: SessionKey): Promise<KeptSession | undefined> {
    if (!isStorableText(key)) return undefined;
    const row = await this.#db.run((db) =>
      db
        .selectFrom("sessions")
        .where("key", "=", key)
        .select([...sessionColumns])
        .executeTakeFirst(),
    );
    return row && toSession(row);
  }

  readMessages(key: SessionKey, query: TranscriptQuery): Promise<Page<KeptMessage>> {
    return this.#db.run((db) => readTranscriptPage(db, key, query));
  }

  async ownCallsOf(key: SessionKey, runIds: readonly string[]): Promise<ReadonlySet<string>> {
    if (runIds.length === 0) return new Set();
    const rows = await this.#db.run((db) =>
      db
        .selectFrom("messages")
        .where("session_key", "=", key)
        .where("run_id", "in", runIds)
        .where("role", "=", "tool")
        .where("origin", "=", "run")
        .select(["id", "body"])
        .execute(),
    );
    return new Set(
      rows.map(({ id, body }) => decodeBody(body, id)).flatMap((message) => (message.role === "tool" ? message.toolCallId : [])),
    );
  }

  async remove(key: SessionKey, owner: string, fence?: number): Promise<Removed | undefined> {
    return this.#db.run((db) => removeSession(db, key, owner, fence));
  }

  async empty(key: SessionKey, owner: string, fence?: number): Promise<KeptSession | undefined> {
    const row = await this.#db.run((db) => emptySession(db, key, owner, fence));
    return row && toSession(row);
  }

  async measure(before?: number): Promise<{ sessions: number; bytes: number; inactive: number }> {
    const counts = await this.#db.run((db) =>
      db
        .selectFrom("sessions")
        .select((eb) => [
          eb.fn.countAll().as("sessions"),
          eb.fn.sum("bytes").as("bytes"),
          eb.fn
            .countAll()
            .filterWhere("updated_at", "<", before === undefined ? "" : toText(before))
            .as("inactive"),
        ])
        .executeTakeFirstOrThrow(),
    );
    return { sessions: Number(counts.sessions), bytes: Number(counts.bytes), inactive: Number(counts.inactive) };
  }

  async listOldest(limit: number, before?: number): Promise<readonly KeptSession[]> {
    const rows = await this.#db.run((db) => {
      const sessions =
        before === undefined ? db.selectFrom("sessions") : db.selectFrom("sessions").where("updated_at", "<", toText(before));
      return sessions
        .select([...sessionColumns])
        .orderBy("updated_at")
        .orderBy("key")
        .limit(limit)
        .execute();
    });
    return rows.map(toSession);
  }

  async listBranched(limit: number, after: SessionKey = ""): Promise<readonly SessionKey[]> {
    const rows = await this.#db.run((db) =>
      db
        .selectFrom("sessions")
        .where("branched_at", "is not", null)
        .where("key", ">", after)
        .select("key")
        .orderBy("key")
        .limit(limit)
        .execute(),
    );
    return rows.map(({ key }) => key);
  }

  removeBranches(key: SessionKey, before?: number, fence?: number): Promise<Removed> {
    return this.#db.run((db) => removeBesidePath(db, key, before === undefined ? undefined : toText(before), fence));
  }
}

function toSession(row: Pick<SessionsTable, (typeof sessionColumns)[number]>): KeptSession {
  return {
    key: row.key,
    agentId: row.agent_id,
    owner: row.owner,
    createdAt: Date.parse(row.created_at),
    lastActiveAt: Date.parse(row.updated_at),
    messageCount: row.message_count,
    bytes: row.bytes,
  };
}

function toText(time: number): string {
  return new Date(time).toISOString();
}
