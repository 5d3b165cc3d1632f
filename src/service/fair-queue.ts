/**
 * A queue in which nobody's many hold up somebody else's few: principals take turns, and so do the sessions of one principal.
 *
 * Within a session the first to come is the first to go. Deliberately absent: bounds, clocks, and what is queued.
 */

/** Who waits: the runs of one session, or all stateless runs of one principal. */
export interface QueueGroup {
  readonly principal: string;
  /** Undefined: stateless. */
  readonly sessionKey: string | undefined;
}

interface Share<T> {
  size: number;
  /** By session key; the one whose turn is next comes first. */
  readonly sessions: Map<string | undefined, Set<T>>;
}

export class FairQueue<T> {
  /** The one whose turn is next comes first. */
  readonly #shares = new Map<string, Share<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** A share that was empty comes last: it waits for one turn of each of the others at most. */
  add({ principal, sessionKey }: QueueGroup, item: T): void {
    let share = this.#shares.get(principal);
    if (share === undefined) this.#shares.set(principal, (share = { size: 0, sessions: new Map() }));
    const items = share.sessions.get(sessionKey);
    if (items === undefined) share.sessions.set(sessionKey, new Set([item]));
    else items.add(item);
    share.size++;
    this.#size++;
  }

  /** False when it was not there. */
  delete({ principal, sessionKey }: QueueGroup, item: T): boolean {
    const share = this.#shares.get(principal);
    const items = share?.sessions.get(sessionKey);
    if (share === undefined || items === undefined || !items.delete(item)) return false;
    if (items.size === 0) share.sessions.delete(sessionKey);
    if (--share.size === 0) this.#shares.delete(principal);
    this.#size--;
    return true;
  }

  /** The next in turn, taken out. */
  shift(): T | undefined {
    for (const [principal, share] of this.#shares) {
      for (const [sessionKey, items] of share.sessions) {
        for (const item of items) {
          this.delete({ principal, sessionKey }, item);
          // Whoever has more to come goes to the end of the line.
          if (items.size > 0) toEnd(share.sessions, sessionKey, items);
          if (share.size > 0) toEnd(this.#shares, principal, share);
          return item;
        }
      }
    }
    return undefined;
  }

  /**
   * Who makes way when there is place for one of them only: the newest item of the longest line, if that line stays no
   * shorter than that of `group` becomes. Undefined: nobody, `group` has had its share.
   */
  newestOfLonger({ principal, sessionKey }: QueueGroup): T | undefined {
    const own = this.#shares.get(principal);
    const longest = longestOf(this.#shares.values(), ({ size }) => size);
    if (longest === undefined) return undefined;
    if (longest.size > (own?.size ?? 0) + 1) return newestOf(longestOf(longest.sessions.values(), ({ size }) => size));
    const items = own && longestOf(own.sessions.values(), ({ size }) => size);
    return items !== undefined && items.size > (own?.sessions.get(sessionKey)?.size ?? 0) + 1 ? newestOf(items) : undefined;
  }
}

function toEnd<K, V>(line: Map<K, V>, key: K, value: V): void {
  line.delete(key);
  line.set(key, value);
}

function longestOf<V>(values: Iterable<V>, lengthOf: (value: V) => number): V | undefined {
  let longest: V | undefined;
  for (const value of values) if (longest === undefined || lengthOf(value) > lengthOf(longest)) longest = value;
  return longest;
}

function newestOf<V>(items: ReadonlySet<V> | undefined): V | undefined {
  let newest: V | undefined;
  for (const item of items ?? []) newest = item;
  return newest;
}
