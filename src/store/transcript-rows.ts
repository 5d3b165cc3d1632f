/**
 * The rows of a session's transcript, as every kept run reads and writes them.
 *
 * Deliberately absent: which of them a run writes, and when (`transcript-writer.ts`), and what lists read (`session-catalog.ts`).
 */
import { setImmediate as otherWork } from "node:timers/promises";

import type { Kysely, Selectable, Transaction } from "kysely";

import { HotStatement, type Place } from "./hot-statement.ts";
import { sql } from "./kysely.ts";
import type { MessagesTable, SessionsTable, StoreTables } from "./schema.ts";

/** Databases bound the parameters of one statement. Between two of them the process gets to its other work. */
export const maxRowsPerStatement = 500;

type Session = Selectable<SessionsTable>;

/** What a write changes of a session besides its counts. */
export type SessionChange = Partial<Pick<Session, "leaf_id" | "branched_at" | "updated_at">>;

export interface PathRow extends Pick<MessagesTable, "parent_id" | "run_id" | "origin"> {
  readonly id: string | null;
  /** Null when there is no such message. */
  readonly body: string | null;
  /** Of the session; in the row of the leaf only. */
  readonly owner: string | null;
}

/**
 * From the active leaf up its parents, then turned around: superseded branches and unanswered messages are never touched. The
 * last row is that of the leaf, also where there is none; without a session there is no row.
 */
export const activePath = new HotStatement<{ key: string }, PathRow>((db, place) => ({
  compile: () =>
    sql<PathRow>`
      with recursive path(id, parent_id, run_id, origin, body, owner, depth) as (
        select sessions.leaf_id, messages.parent_id, messages.run_id, messages.origin, messages.body, sessions.owner, 0
        from sessions left join messages on messages.id = sessions.leaf_id and messages.session_key = sessions.key
        where sessions.key = ${place("key")}
        union all
        select messages.id, messages.parent_id, messages.run_id, messages.origin, messages.body, path.owner, path.depth + 1
        from path join messages on messages.id = path.parent_id
      )
      select id, parent_id, run_id, origin, body, case when depth = 0 then owner end as owner from path order by depth desc`.compile(db),
}));

/** False when there is one already. */
export async function createSession(trx: Transaction<StoreTables>, session: Session): Promise<boolean> {
  return (await creating.count(trx, session)) > 0;
}

const creating = new HotStatement<Session>((db, place) =>
  db
    .insertInto("sessions")
    .values({
      key: place("key"),
      agent_id: place("agent_id"),
      owner: place("owner"),
      leaf_id: place("leaf_id"),
      created_at: place("created_at"),
      updated_at: place("updated_at"),
      message_count: place("message_count"),
      bytes: place("bytes"),
      branched_at: place("branched_at"),
    })
    .onConflict((conflict) => conflict.column("key").doNothing()),
);

/** What a write adds to a session of that owner. */
export interface Growth extends Pick<Session, "key" | "owner"> {
  readonly rows: number;
  readonly bytes: number;
}

/** False, and nothing is changed, when the session is gone, somebody else's, or its leaf, if it is to move, is not `before`. */
export async function growSession(
  trx: Transaction<StoreTables>,
  growth: Growth,
  change: SessionChange,
  before: string | null,
): Promise<boolean> {
  const { leaf_id, updated_at, branched_at } = change;
  if (updated_at === undefined) return (await growing.count(trx, growth)) > 0;
  if (leaf_id && branched_at === undefined) return (await moving.count(trx, { ...growth, leaf_id, updated_at, before })) > 0;
  let update = grown(trx, (name) => sql.val(growth[name])).set(change);
  if (leaf_id !== undefined) update = update.where("leaf_id", "is not distinct from", before);
  return (await update.executeTakeFirstOrThrow()).numUpdatedRows > 0n;
}

/** As a run's beginning does it. */
const growing = new HotStatement<Growth>(grown);

/** As the end of a run does it that was completed and has not branched. */
const moving = new HotStatement<Growth & { leaf_id: string; updated_at: string; before: string | null }>((db, place) =>
  grown(db, place)
    .set({ leaf_id: place("leaf_id"), updated_at: place("updated_at") })
    .where("leaf_id", "is not distinct from", place("before")),
);

function grown(db: Kysely<StoreTables>, place: Place<Growth>) {
  return db
    .updateTable("sessions")
    .set((eb) => ({ message_count: eb("message_count", "+", place("rows")), bytes: eb("bytes", "+", place("bytes")) }))
    .where("key", "=", place("key"))
    .where("owner", "=", place("owner"));
}

export async function insertMessages(trx: Transaction<StoreTables>, rows: readonly MessagesTable[]): Promise<void> {
  const [first] = rows;
  // As most writes have it.
  if (first && rows.length === 1) return void (await inserting.ask(trx, first));
  for (let start = 0; start < rows.length; start += maxRowsPerStatement) {
    if (start > 0) await otherWork();
    await trx
      .insertInto("messages")
      .values(rows.slice(start, start + maxRowsPerStatement))
      .execute();
  }
}

const inserting = new HotStatement<MessagesTable>((db, place) =>
  db.insertInto("messages").values({
    id: place("id"),
    session_key: place("session_key"),
    parent_id: place("parent_id"),
    run_id: place("run_id"),
    origin: place("origin"),
    role: place("role"),
    body: place("body"),
    state: place("state"),
    created_at: place("created_at"),
  }),
);

/** How many there are of them: what a run wrote between two of its messages. Their number is not in the statement. */
export function answerMessages(trx: Transaction<StoreTables>, range: MessageRange): Promise<number> {
  return answering.count(trx, range);
}

export interface MessageRange extends Pick<MessagesTable, "session_key" | "run_id"> {
  readonly from: string;
  readonly to: string;
}

const answering = new HotStatement<MessageRange>((db, place) =>
  db
    .updateTable("messages")
    .set({ state: sql.lit("active") })
    .where("session_key", "=", place("session_key"))
    .where("id", ">=", place("from"))
    .where("id", "<=", place("to"))
    .where("run_id", "=", place("run_id")),
);
