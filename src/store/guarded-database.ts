/**
 * The only way from the queries to a database: nothing begins after it was closed, and nothing of the driver's errors gets out.
 *
 * Closing waits for what has begun, within a limit; what then still runs fails as a whole, because the driver refuses its next
 * statement. Deliberately absent: an order among the queries; who gets a connection when is the driver's.
 */
import { setTimeout as sleep } from "node:timers/promises";

import type { Kysely } from "kysely";

import type { StoreTables } from "./schema.ts";
import { closedError, isDeadlock, publicError } from "./store-errors.ts";

/** Of a query that a database gives up for the sake of others. */
const maxAttempts = 3;

export class GuardedDatabase {
  readonly #db: Kysely<StoreTables>;
  readonly #closePatienceMs: number;
  readonly #running = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  /** `closePatienceMs`: how long closing waits for queries that have begun. */
  constructor(db: Kysely<StoreTables>, closePatienceMs: number) {
    this.#db = db;
    this.#closePatienceMs = closePatienceMs;
  }

  async run<T>(query: (db: Kysely<StoreTables>) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw closedError();
    const running = this.#try(query);
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      throw publicError(error);
    } finally {
      this.#running.delete(running);
    }
  }

  /** Of transactions that wait for each other a server gives one up. Nothing of it was done, and the others have gone on. */
  async #try<T>(query: (db: Kysely<StoreTables>) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await query(this.#db);
      } catch (error) {
        if (!isDeadlock(error) || attempt === maxAttempts || this.#closing !== undefined) throw error;
      }
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#running.size > 0) {
      await Promise.race([Promise.allSettled(this.#running), sleep(this.#closePatienceMs, undefined, { ref: false })]);
    }
    try {
      await this.#db.destroy();
    } catch (error) {
      throw publicError(error);
    }
  }
}
