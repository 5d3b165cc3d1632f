/**
 * A lease's row: taken, shown, given back, each as a part of somebody's transaction.
 *
 * Deliberately absent: whose turn it is, and when a lease counts as abandoned (`session-leases.ts`).
 */
import type { Kysely, Selectable, Transaction } from "kysely";

import { GatewayError } from "../domain/errors.ts";
import { HotStatement } from "./hot-statement.ts";
import { sql } from "./kysely.ts";
import type { Notices } from "./notices.ts";
import type { LeasesTable, StoreTables } from "./schema.ts";

const lostRetryAfterMs = 1_000;

type Lease = Selectable<LeasesTable>;

/** What a write is answered whose lease was lost. */
export function leaseLost(consequence = "the run was not stored"): GatewayError {
  return new GatewayError("session_busy", `Another process took over this session meanwhile; ${consequence}. Send it again.`, {
    retryAfterMs: lostRetryAfterMs,
  });
}

/** Whether the lease of a write, if it has one, is still had. Nobody takes it before the write is done. */
export async function showLease(trx: Transaction<StoreTables>, fence: number | undefined): Promise<boolean> {
  if (fence === undefined) return true;
  return (await shown.first(trx, { fence })) !== undefined;
}

const shown = new HotStatement<Pick<Lease, "fence">, Pick<Lease, "fence">>((db, place) =>
  db.selectFrom("leases").where("fence", "=", place("fence")).select("fence").forUpdate(),
);

/** Like `showLease`; if there is one it is handed over to whoever is next. */
export async function freeLease(trx: Transaction<StoreTables>, fence: number | undefined, notices: Notices): Promise<boolean> {
  if (fence === undefined || (await freed.count(trx, { fence })) > 0) return true;
  // It is gone, or somebody waits for it.
  const row = await trx.deleteFrom("leases").where("fence", "=", fence).returning(["session_key", "next_owner"]).executeTakeFirst();
  if (row?.next_owner) {
    await insertLease(trx, row.session_key, row.next_owner);
    await notices.tell(trx, `lease:${fence}`);
  }
  return row !== undefined;
}

const freed = new HotStatement<Pick<Lease, "fence">>((db, place) =>
  db.deleteFrom("leases").where("fence", "=", place("fence")).where("next_owner", "is", null),
);

/** Undefined when there is one already. */
export async function insertLease(trx: Transaction<StoreTables>, sessionKey: string, owner: string): Promise<number | undefined> {
  return (await taken.first(trx, { session_key: sessionKey, owner }))?.fence;
}

const taken = new HotStatement<Pick<Lease, "session_key" | "owner">, Pick<Lease, "fence">>((db, place) =>
  db
    .insertInto("leases")
    .values({ session_key: place("session_key"), owner: place("owner"), next_owner: sql.lit(null), renewals: sql.lit(0) })
    .onConflict((conflict) => conflict.column("session_key").doNothing())
    .returning("fence"),
);

export function selectLease(db: Kysely<StoreTables>, sessionKey: string) {
  return db.selectFrom("leases").where("session_key", "=", sessionKey).select(["fence", "owner", "renewals", "next_owner"]);
}
