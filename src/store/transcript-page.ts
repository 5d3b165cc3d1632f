/**
 * One page of a session's transcript: of its active path, or of all that was kept, with the place of each message in the tree.
 *
 * A page is in memory as a whole and some messages hold images, so it may end early. Deliberately absent: reading a transcript
 * for a run (`session-store.ts`), which needs all of it.
 */
import type { Kysely } from "kysely";

import type { KeptMessage, MessageState, Page, PageRequest, SessionKey, TranscriptQuery } from "../domain/session-catalog.ts";
import { sql } from "./kysely.ts";
import { decodeBody } from "./message-body.ts";
import type { MessagesTable, StoreTables } from "./schema.ts";
import { isStorableText, unknownCursor } from "./store-errors.ts";

const maxPageBytes = 8 * 1024 * 1024;

/** A message without its body. */
type Meta = Pick<MessagesTable, "id" | "parent_id" | "run_id" | "origin" | "state" | "created_at"> & { readonly bytes: number };

export async function readTranscriptPage(db: Kysely<StoreTables>, key: SessionKey, query: TranscriptQuery): Promise<Page<KeptMessage>> {
  const path = await selectPath(db, key);
  const metas = query.branches ? await selectMetas(db, key, query) : pageOf(path, query);
  const page = fitting(metas.slice(0, query.limit));
  const onPath = new Set(path.map(({ id }) => id));
  const bodies = await selectBodies(
    db,
    page.map(({ id }) => id),
  );
  const items = page.flatMap((meta) => toMessage(meta, bodies.get(meta.id), onPath.has(meta.id)));
  return { items, hasMore: metas.length > page.length };
}

const metaColumns = [
  "messages.id",
  "messages.parent_id",
  "messages.run_id",
  "messages.origin",
  "messages.state",
  "messages.created_at",
] as const;
const bodyBytes = sql<number>`octet_length(messages.body)`;

/** The active path, root first, without the bodies: however long it is, they are only read of the messages that are asked for. */
function selectPath(db: Kysely<StoreTables>, key: SessionKey): Promise<Meta[]> {
  return db
    .withRecursive("path(id, parent_id, run_id, origin, state, created_at, bytes, depth)", (qb) =>
      qb
        .selectFrom("sessions")
        .innerJoin("messages", "messages.id", "sessions.leaf_id")
        .where("sessions.key", "=", key)
        .select([...metaColumns, bodyBytes.as("bytes"), sql<number>`0`.as("depth")])
        .unionAll(
          qb
            .selectFrom("path")
            .innerJoin("messages", "messages.id", "path.parent_id")
            .select([...metaColumns, bodyBytes.as("bytes"), sql<number>`path.depth + 1`.as("depth")]),
        ),
    )
    .selectFrom("path")
    .select(["id", "parent_id", "run_id", "origin", "state", "created_at", "bytes"])
    .orderBy("depth", "desc")
    .execute();
}

/** One more than fit the page, so that it shows whether there are more. */
function pageOf(path: readonly Meta[], { limit, after, order }: PageRequest): readonly Meta[] {
  const ordered = order === "asc" ? path : path.toReversed();
  const start = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && start === 0) throw unknownCursor();
  return ordered.slice(start, start + limit + 1);
}

/** The same of all messages, in the order of writing. */
async function selectMetas(db: Kysely<StoreTables>, key: SessionKey, { limit, after, order }: PageRequest): Promise<Meta[]> {
  let messages = db.selectFrom("messages").where("session_key", "=", key);
  if (after !== undefined) {
    if (!isStorableText(after) || !(await messages.where("id", "=", after).select("id").executeTakeFirst())) throw unknownCursor();
    messages = messages.where("id", order === "asc" ? ">" : "<", after);
  }
  return messages
    .select([...metaColumns, bodyBytes.as("bytes")])
    .orderBy("id", order)
    .limit(limit + 1)
    .execute();
}

/** As many as are not too large together, but one at least. */
function fitting(metas: readonly Meta[]): readonly Meta[] {
  let bytes = 0;
  const end = metas.findIndex((meta, index) => (bytes += meta.bytes) > maxPageBytes && index > 0);
  return end < 0 ? metas : metas.slice(0, end);
}

async function selectBodies(db: Kysely<StoreTables>, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db.selectFrom("messages").where("id", "in", ids).select(["id", "body"]).execute();
  return new Map(rows.map(({ id, body }) => [id, body]));
}

/** Nothing for a message that was deleted this moment. */
function toMessage(meta: Meta, body: string | undefined, isOnPath: boolean): KeptMessage[] {
  if (body === undefined) return [];
  const state: MessageState = meta.state === "unanswered" ? "unanswered" : isOnPath ? "active" : "superseded";
  return [
    {
      id: meta.id,
      parentId: meta.parent_id ?? undefined,
      runId: meta.run_id,
      origin: meta.origin,
      message: decodeBody(body, meta.id),
      createdAt: Date.parse(meta.created_at),
      state,
    },
  ];
}
