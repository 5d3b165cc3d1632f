/**
 * Which process is at work on which session: a row per session with a run, whose number fences off whoever had it before.
 *
 * The owner renews its rows. Others take a row over when its owner is dead, or when they have seen it unchanged for the
 * longest silence by their own steady clock: no time is ever compared between two processes, so no clock that is set can
 * take a session from whoever is at work on it. The first to be refused is noted in the row and gets it when it is released;
 * a process with many runs for one session cannot keep it from another one.
 * Deliberately absent: the row itself (`lease-rows.ts`), and how long and how often somebody tries (`service/lease-wait.ts`).
 */
import type { Transaction } from "kysely";

import type { GatewayError } from "../domain/errors.ts";
import type { LeaseClaim, SessionKey, SessionLease } from "../domain/session.ts";
import type { Changes } from "../domain/changes.ts";
import type { GuardedDatabase } from "./guarded-database.ts";
import { freeLease, insertLease, leaseLost, selectLease } from "./lease-rows.ts";
import { noNotices, type Notices } from "./notices.ts";
import { isDead } from "./process-identity.ts";
import type { LeasesTable, StoreTables } from "./schema.ts";

/** A process that does not renew for so long has stopped, or cannot reach its database: it could not write either. */
const defaultLongestSilenceMs = 15_000;
/** One lost renewal is made up for by the next. */
const renewalsPerSilence = 3;
/** Databases bound the parameters of one statement. */
const maxRenewedAtOnce = 500;

/** What a waiting process has seen of a row. */
interface Sighting extends Pick<LeasesTable, "owner" | "renewals"> {
  readonly fence: number;
  /** Of the steady clock of this process. */
  readonly since: number;
}

/** Of which this process hears when it ends. */
interface WatchedLease {
  readonly fence: number;
  readonly changes: Changes;
}

type LeaseRow = Pick<Sighting, "fence" | "owner" | "renewals"> & Pick<LeasesTable, "next_owner">;

export class SessionLeases {
  readonly #db: GuardedDatabase;
  readonly #owner: string;
  readonly #longestSilenceMs: number;
  readonly #notices: Notices;
  /** By fence: what is told to whoever has the lease when it is lost. */
  readonly #held = new Map<number, (error: GatewayError) => void>();
  /** Those of them that are being given back: that their row is gone means nothing. */
  readonly #ending = new Set<number>();
  #renewal: NodeJS.Timeout | undefined;
  #isRenewing = false;

  /** `owner`: the name of whoever asks, as `process-identity.ts` gives it. */
  constructor(db: GuardedDatabase, owner: string, longestSilenceMs: number = defaultLongestSilenceMs, notices: Notices = noNotices) {
    this.#db = db;
    this.#owner = owner;
    this.#longestSilenceMs = longestSilenceMs;
    this.#notices = notices;
  }

  claim(sessionKey: SessionKey, onLost: (error: GatewayError) => void): LeaseClaim {
    let sighting: Sighting | undefined;
    let watched: WatchedLease | undefined;
    const attempt = async (): Promise<SessionLease | undefined> => {
      if (sighting !== undefined) {
        // Most of the time nothing has happened: that is seen without a lock.
        const row = await this.#db.run((db) => selectLease(db, sessionKey).executeTakeFirst());
        if (row !== undefined) sighting = watch(row, sighting);
        const isSame = row?.fence === watched?.fence && row?.next_owner !== null;
        if (row !== undefined && isSame && !this.#isMine(row) && !this.#isAbandoned(sighting)) return undefined;
      }
      let fence: number | undefined;
      try {
        await this.#transact(async (trx) => {
          const taken = await this.#take(trx, sessionKey, sighting);
          if (typeof taken !== "number") {
            // Before the transaction ends: until then the lease cannot end unheard.
            watched = this.#watchInstead(watched, taken.fence);
            return void (sighting = taken);
          }
          // Before the transaction ends: another claim of this process must not find the row without its holder.
          this.#held.set((fence = taken), onLost);
        });
      } catch (error) {
        if (fence !== undefined) this.#held.delete(fence);
        throw error;
      }
      if (fence === undefined) return undefined;
      watched?.changes.stop();
      return this.#leaseOf(fence);
    };
    const nextChange = async (pauseMs: number, signal: AbortSignal): Promise<void> => watched?.changes.next(pauseMs, signal);
    const withdraw = (): Promise<void> => {
      watched?.changes.stop();
      return this.#withdraw(sessionKey);
    };
    return { attempt, nextChange, withdraw };
  }

  /** `write` is a transaction that frees the lease, if there is one: then nobody else has to. */
  async endingWith(fence: number | undefined, write: () => Promise<void>): Promise<void> {
    if (fence === undefined) return write();
    this.#ending.add(fence);
    try {
      await write();
      this.#held.delete(fence);
    } finally {
      this.#ending.delete(fence);
    }
  }

  /** Leases of processes of this host that are no more: nobody has to find that out one by one. */
  async freeDead(): Promise<void> {
    const owners = await this.#db.run((db) => db.selectFrom("leases").select("owner").distinct().execute());
    const dead = owners.map(({ owner }) => owner).filter(isDead);
    if (dead.length > 0) await this.#transact((trx) => trx.deleteFrom("leases").where("owner", "in", dead).execute());
  }

  /** Before the database is closed. Whoever still has a lease cannot write any more. */
  async close(): Promise<void> {
    if (this.#renewal === undefined) return;
    clearInterval(this.#renewal);
    this.#renewal = undefined;
    this.#held.clear();
    await this.#transact((trx) => trx.deleteFrom("leases").where("owner", "=", this.#owner).execute());
  }

  #watchInstead(watched: WatchedLease | undefined, fence: number): WatchedLease {
    if (watched?.fence === fence) return watched;
    watched?.changes.stop();
    return { fence, changes: this.#notices.watch(`lease:${fence}`) };
  }

  /** The fence of the lease, or what was seen of somebody else's. */
  async #take(trx: Transaction<StoreTables>, sessionKey: SessionKey, before: Sighting | undefined): Promise<number | Sighting> {
    let row: LeaseRow | undefined;
    // On a server it may have gone between the two: then it is to be had.
    while (row === undefined) {
      const fence = await insertLease(trx, sessionKey, this.#owner);
      if (fence !== undefined) return fence;
      row = await selectLease(trx, sessionKey).forUpdate().executeTakeFirst();
    }
    if (this.#isMine(row)) return row.fence;
    const sighting = watch(row, before);
    if (this.#isAbandoned(sighting)) {
      await trx.deleteFrom("leases").where("fence", "=", row.fence).execute();
      const next = await insertLease(trx, sessionKey, this.#owner);
      if (next !== undefined) return next;
    }
    if (row.next_owner === null || isDead(row.next_owner)) {
      await trx.updateTable("leases").set({ next_owner: this.#owner }).where("fence", "=", row.fence).execute();
    }
    return sighting;
  }

  #leaseOf(fence: number): SessionLease {
    this.#renewal ??= setInterval(() => void this.#renew(), this.#longestSilenceMs / renewalsPerSilence).unref();
    return { fence, release: () => this.#release(fence) };
  }

  /** Handed over by whoever had it, or left behind when it could not be released. */
  #isMine({ owner, fence }: LeaseRow): boolean {
    return owner === this.#owner && !this.#held.has(fence);
  }

  #isAbandoned({ owner, since }: Sighting): boolean {
    return isDead(owner) || performance.now() - since >= this.#longestSilenceMs;
  }

  async #release(fence: number): Promise<void> {
    if (!this.#held.delete(fence)) return;
    await this.#transact((trx) => freeLease(trx, fence, this.#notices));
  }

  async #withdraw(sessionKey: SessionKey): Promise<void> {
    await this.#transact(async (trx) => {
      const row = await selectLease(trx, sessionKey).forUpdate().executeTakeFirst();
      if (row === undefined) return;
      if (this.#isMine(row)) await freeLease(trx, row.fence, this.#notices);
      else if (row.next_owner === this.#owner) {
        await trx.updateTable("leases").set({ next_owner: null }).where("fence", "=", row.fence).execute();
      }
    });
  }

  /** A renewal that fails is made up for by the next: as long as nobody else took a lease, it is had. */
  async #renew(): Promise<void> {
    if (this.#held.size === 0 || this.#isRenewing) return;
    this.#isRenewing = true;
    try {
      const fences = [...this.#held.keys()];
      for (let start = 0; start < fences.length; start += maxRenewedAtOnce) {
        await this.#renewSome(fences.slice(start, start + maxRenewedAtOnce));
      }
    } catch {
      // Whoever works finds out at its next write, with the reason.
    } finally {
      this.#isRenewing = false;
    }
  }

  async #renewSome(fences: readonly number[]): Promise<void> {
    const renewed = await this.#transact((trx) =>
      trx
        .updateTable("leases")
        .set((eb) => ({ renewals: eb("renewals", "+", 1) }))
        .where("fence", "in", fences)
        .returning("fence")
        .execute(),
    );
    const kept = new Set(renewed.map(({ fence }) => fence));
    for (const fence of fences) {
      const onLost = kept.has(fence) || this.#ending.has(fence) ? undefined : this.#held.get(fence);
      if (onLost === undefined) continue;
      this.#held.delete(fence);
      onLost(leaseLost());
    }
  }

  /** Also for one statement: outside of a transaction a write that finds the database locked cannot be given up safely. */
  #transact<T>(work: (trx: Transaction<StoreTables>) => Promise<T>): Promise<T> {
    return this.#db.run((db) => db.transaction().execute(work));
  }
}

function watch({ fence, owner, renewals }: LeaseRow, before: Sighting | undefined): Sighting {
  const isSame = before !== undefined && before.fence === fence && before.renewals === renewals;
  return isSame ? before : { fence, owner, renewals, since: performance.now() };
}
