/**
 * Who hears of which run: whoever asked for all that it may know, and whoever has named the run or its session. Found by names,
 * so that what a run costs grows with those who hear of it, and not with all who are connected.
 */
import { mayKnow, mainPrincipal } from "../domain/principal.ts";
import type { RunIdentity } from "../domain/run-record.ts";
import type { Connection } from "./connection.ts";
import type { EncodedEvent } from "./frames.ts";

/** Of one connection, the newest ones: it may name any number. */
const maxNames = 1000;

export interface Named {
  readonly runId?: string;
  readonly sessionKey: string;
}

export class RunAudience {
  /** By the name of their principal. */
  readonly #hearAll = new ConnectionsByName();
  /** By ids of runs and keys of sessions. */
  readonly #hearNamed = new ConnectionsByName();
  readonly #namesOf = new Map<Connection, Set<string>>();

  get isEmpty(): boolean {
    return this.#hearAll.isEmpty && this.#namesOf.size === 0;
  }

  join(connection: Connection): void {
    if (connection.hearsOf === "all") this.#hearAll.add(connection.principal!.name, connection);
    if (connection.hearsOf === "named") this.#namesOf.set(connection, new Set());
  }

  leave(connection: Connection): void {
    if (connection.principal) this.#hearAll.delete(connection.principal.name, connection);
    for (const name of this.#namesOf.get(connection) ?? []) this.#hearNamed.delete(name, connection);
    this.#namesOf.delete(connection);
  }

  /** Does nothing for a connection that hears of all, or has left. */
  name(connection: Connection, { runId, sessionKey }: Named): void {
    const names = this.#namesOf.get(connection);
    if (!names) return;
    for (const name of runId === undefined ? [sessionKey] : [sessionKey, runId]) {
      // The newest one is the last one.
      names.delete(name);
      names.add(name);
      this.#hearNamed.add(name, connection);
    }
    for (const oldest of names) {
      if (names.size <= maxNames) return;
      names.delete(oldest);
      this.#hearNamed.delete(oldest, connection);
    }
  }

  tell(run: RunIdentity, events: readonly EncodedEvent[]): void {
    const { id, sessionKey, owner } = run;
    for (const connection of this.#hearAll.of(mainPrincipal.name) ?? []) connection.tell(events);
    if (owner !== mainPrincipal.name) for (const connection of this.#hearAll.of(owner) ?? []) connection.tell(events);
    const [byRun, bySession] = [this.#hearNamed.of(id), this.#hearNamed.of(sessionKey)];
    const isMeant = (connection: Connection): boolean => mayKnow(connection.principal!, owner);
    for (const connection of byRun ?? []) if (isMeant(connection)) connection.tell(events);
    for (const connection of bySession ?? []) if (!byRun?.has(connection) && isMeant(connection)) connection.tell(events);
  }
}

class ConnectionsByName {
  readonly #sets = new Map<string, Set<Connection>>();

  get isEmpty(): boolean {
    return this.#sets.size === 0;
  }

  add(name: string, connection: Connection): void {
    const set = this.#sets.get(name);
    if (set) set.add(connection);
    else this.#sets.set(name, new Set([connection]));
  }

  delete(name: string, connection: Connection): void {
    const set = this.#sets.get(name);
    if (set?.delete(connection) && set.size === 0) this.#sets.delete(name);
  }

  of(name: string): ReadonlySet<Connection> | undefined {
    return this.#sets.get(name);
  }
}
