/**
 * Who hears of which run: whoever asked for all that it may know, and whoever has named the run or its session. Found by names,
 * so that what a run costs grows with those who hear of it, and not with all who are connected.
 *
 * Those who hear of all get it in batches, but for runs that they have named: of these they hear at once, as do the others.
 */
import { mainPrincipal, mayKnow, type Principal } from "../domain/principal.ts";
import type { RunIdentity } from "../domain/run-record.ts";
import type { EncodedEvent } from "./frames.ts";
import { type BatchLimits, type Hearer, SharedEvents } from "./shared-events.ts";

/** Of one connection, the newest ones: it may name any number. */
const maxNames = 1000;

export interface Named {
  readonly runId?: string;
  readonly sessionKey: string;
}

/** What is to be known of a connection here. */
export interface Listener extends Hearer {
  /** Undefined before `hello-ok`. */
  readonly principal: Principal | undefined;
  readonly hearsOf: "all" | "named" | "nothing";
  /** Of those who do not hear of all. */
  tell(events: readonly EncodedEvent[]): void;
}

export class RunAudience {
  readonly #limits: BatchLimits;
  /** For those who hear of all, by the name of their principal. */
  readonly #shared = new Map<string, SharedEvents>();
  /** By ids of runs and keys of sessions. */
  readonly #hearNamed = new ListenersByName();
  readonly #namesOf = new Map<Listener, Set<string>>();

  constructor(limits: BatchLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#namesOf.size === 0;
  }

  join(listener: Listener): void {
    if (listener.hearsOf === "nothing") return;
    this.#namesOf.set(listener, new Set());
    if (listener.hearsOf === "named") return;
    const { name } = listener.principal!;
    const shared = this.#shared.get(name) ?? new SharedEvents(this.#limits);
    this.#shared.set(name, shared);
    shared.join(listener);
  }

  leave(listener: Listener): void {
    for (const name of this.#namesOf.get(listener) ?? []) this.#hearNamed.delete(name, listener);
    this.#namesOf.delete(listener);
    const shared = this.#sharedBy(listener);
    shared?.leave(listener);
    if (shared?.isUnheard) this.#shared.delete(listener.principal!.name);
  }

  /** Does nothing for a connection that hears of nothing, or has left. */
  name(listener: Listener, { runId, sessionKey }: Named): void {
    const names = this.#namesOf.get(listener);
    if (!names) return;
    for (const name of runId === undefined ? [sessionKey] : [sessionKey, runId]) {
      // The newest one is the last one.
      names.delete(name);
      names.add(name);
      this.#hearNamed.add(name, listener);
    }
    for (const oldest of names) {
      if (names.size <= maxNames) return;
      names.delete(oldest);
      this.#hearNamed.delete(oldest, listener);
    }
  }

  hearsOf({ id, sessionKey, owner }: RunIdentity): boolean {
    const { name: main } = mainPrincipal;
    return this.#shared.has(main) || this.#shared.has(owner) || this.#hearNamed.has(id) || this.#hearNamed.has(sessionKey);
  }

  tell({ id, sessionKey, owner }: RunIdentity, events: readonly EncodedEvent[]): void {
    for (const name of new Set([mainPrincipal.name, owner])) this.#shared.get(name)?.tell(events);
    for (const listener of new Set([...this.#hearNamed.of(id), ...this.#hearNamed.of(sessionKey)])) {
      if (!mayKnow(listener.principal!, owner)) continue;
      if (listener.hearsOf === "all") this.catchUp(listener);
      else listener.tell(events);
    }
  }

  /** What it is told next comes after all that it was to hear. */
  catchUp(listener: Listener): void {
    this.#sharedBy(listener)?.catchUp(listener);
  }

  /** To all of these, at once. */
  announce(event: EncodedEvent, listeners: Iterable<Listener>): void {
    for (const shared of this.#shared.values()) {
      shared.tell([event]);
      shared.flush();
    }
    for (const listener of listeners) if (listener.hearsOf !== "all") listener.tell([event]);
  }

  #sharedBy({ hearsOf, principal }: Listener): SharedEvents | undefined {
    return hearsOf === "all" && principal ? this.#shared.get(principal.name) : undefined;
  }
}

class ListenersByName {
  readonly #sets = new Map<string, Set<Listener>>();

  add(name: string, listener: Listener): void {
    const set = this.#sets.get(name);
    if (set) set.add(listener);
    else this.#sets.set(name, new Set([listener]));
  }

  delete(name: string, listener: Listener): void {
    const set = this.#sets.get(name);
    if (set?.delete(listener) && set.size === 0) this.#sets.delete(name);
  }

  has(name: string): boolean {
    return this.#sets.has(name);
  }

  of(name: string): Iterable<Listener> {
    return this.#sets.get(name) ?? [];
  }
}
