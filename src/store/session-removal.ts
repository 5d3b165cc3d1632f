/**
 * How sessions, and parts of them, are taken out: each time in one transaction, which pauses between its steps, so that the
 * process gets to its other work however much there is to delete.
 *
 * Deliberately absent: what is to go, and whether somebody is at work on it.
 */
import { setImmediate as otherWork } from "node:timers/promises";

import type { Kysely, Transaction } from "kysely";

import type { Removed } from "../domain/session-catalog.ts";
import { besidePath } from "./beside-path.ts";
import { removeRunsOf } from "./run-removal.ts";
import { type SessionsTable, sessionColumns, type StoreTables } from "./schema.ts";
import { leaseLost, showLease } from "./lease-rows.ts";
import { rowOverheadBytes } from "./stored-bytes.ts";

type SessionRow = Pick<SessionsTable, (typeof sessionColumns)[number]>;

/** Rows of one statement; a database also bounds its parameters. */
const rowsPerStep = 500;
const nodesPerRead = 2_000;

/** Undefined when `owner` has no session of that key. */
export function removeSession(db: Kysely<StoreTables>, key: string, owner: string, fence?: number): Promise<Removed | undefined> {
  return underLease(db, fence, async (trx) => {
    // An update, for what it locks and what it returns.
    const session = await trx
      .updateTable("sessions")
      .set({ leaf_id: null })
      .where("key", "=", key)
      .where("owner", "=", owner)
      .returning(["message_count", "bytes"])
      .executeTakeFirst();
    if (!session) return undefined;
    await removeContents(trx, key);
    await trx.deleteFrom("sessions").where("key", "=", key).execute();
    return { messages: session.message_count, bytes: session.bytes };
  });
}

export function emptySession(db: Kysely<StoreTables>, key: string, owner: string, fence?: number): Promise<SessionRow | undefined> {
  return underLease(db, fence, async (trx) => {
    const session = await trx
      .updateTable("sessions")
      .set({ leaf_id: null, message_count: 0, bytes: 0, branched_at: null, updated_at: new Date().toISOString() })
      .where("key", "=", key)
      .where("owner", "=", owner)
      .returning([...sessionColumns])
      .executeTakeFirst();
    if (session) await removeContents(trx, key);
    return session;
  });
}

async function removeContents(trx: Transaction<StoreTables>, key: string): Promise<void> {
  for (;;) {
    const some = trx.selectFrom("messages").where("session_key", "=", key).select("id").limit(rowsPerStep);
    const { numDeletedRows } = await trx.deleteFrom("messages").where("id", "in", some).executeTakeFirstOrThrow();
    if (numDeletedRows < rowsPerStep) break;
    await otherWork();
  }
  await trx.deleteFrom("memories").where("session_key", "=", key).execute();
  await removeRunsOf(trx, key);
}

/** Reads and removes in one transaction, so that nothing comes to stand on what goes. */
export function removeBesidePath(db: Kysely<StoreTables>, key: string, before?: string, fence?: number): Promise<Removed> {
  return underLease(db, fence, async (trx) => {
    const session = await trx.selectFrom("sessions").where("key", "=", key).select("leaf_id").forUpdate().executeTakeFirst();
    if (!session) return { messages: 0, bytes: 0 };
    const { removable, staying } = besidePath(await readNodes(trx, key), session.leaf_id, before);
    const bytes = removable.reduce((sum, node) => sum + node.bytes + rowOverheadBytes, 0);
    await trx
      .updateTable("sessions")
      .set((eb) => ({
        message_count: eb("message_count", "-", removable.length),
        bytes: eb("bytes", "-", bytes),
        ...(staying === 0 ? { branched_at: null } : {}),
      }))
      .where("key", "=", key)
      .execute();
    for (let start = 0; start < removable.length; start += rowsPerStep) {
      if (start > 0) await otherWork();
      const ids = removable.slice(start, start + rowsPerStep).map(({ id }) => id);
      await trx.deleteFrom("messages").where("id", "in", ids).execute();
    }
    return { messages: removable.length, bytes };
  });
}

/** Whoever was held up and lost the session meanwhile must not take away what others stand on. */
function underLease<T>(
  db: Kysely<StoreTables>,
  fence: number | undefined,
  work: (trx: Transaction<StoreTables>) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (trx) => {
    if (!(await showLease(trx, fence))) throw leaseLost("nothing was removed");
    return work(trx);
  });
}

/** All of a session's messages without their bodies, in the order of writing. */
async function readNodes(db: Kysely<StoreTables>, key: string) {
  const read = (after: string) =>
    db
      .selectFrom("messages")
      .where("session_key", "=", key)
      .where("id", ">", after)
      .select((eb) => ["id", "parent_id", "created_at", eb.fn<number>("octet_length", ["body"]).as("bytes")])
      .orderBy("id")
      .limit(nodesPerRead)
      .execute();
  const nodes = await read("");
  for (let count = nodes.length; count === nodesPerRead;) {
    await otherWork();
    const more = await read(nodes.at(-1)!.id);
    nodes.push(...more);
    count = more.length;
  }
  return nodes;
}
