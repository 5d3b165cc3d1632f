/**
 * Keeps the store within its limits: what has aged goes, then what is too much: superseded branches, then kept replies and
 * completions, then whole sessions, and of those the ones that were not active for longest. A session with a run at work, or
 * waiting, is never touched.
 *
 * It works in small steps and lets the process get to its other work after each. Deliberately absent: limits of its own; where
 * none is configured, only records whose stated time is over are removed.
 */
import { setImmediate as otherWork } from "node:timers/promises";
import type { Logger } from "pino";
import type { RetentionConfig } from "../config/config.ts";
import type { RunStore } from "../domain/run-record.ts";
import type { Removed, SessionCatalog } from "../domain/session-catalog.ts";
import type { TokenAccounts } from "../domain/token-account.ts";
import type { SessionTurns } from "./session-turns.ts";
import { monthAt } from "./token-limits.ts";

export interface RetentionParts {
  readonly catalog: SessionCatalog;
  readonly runs: Pick<RunStore, "removeExpired" | "measure" | "removeOldest">;
  readonly accounts: Pick<TokenAccounts, "removeBefore">;
  readonly turns: SessionTurns;
  readonly limits: RetentionConfig;
  readonly log: Logger;
}

const pauseMs = 3_600_000;
/** How long it is known what a token has used: this month, that of the year before, and those between. */
const monthsOfUse = 12;
/** Sessions looked up at a time. */
const batchSize = 100;

/** What one pass has removed to stay within the limits. */
interface Tally {
  branches: number;
  /** Of runs, and completions. */
  replies: number;
  sessions: number;
  messages: number;
  bytes: number;
}

export class Retention {
  readonly #parts: RetentionParts;
  #limits: RetentionConfig;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #pass: Promise<void> | undefined;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
    this.#limits = parts.limits;
  }

  /** For the passes that begin from now on. */
  limit(limits: RetentionConfig): void {
    this.#limits = limits;
  }

  /** Now and then every hour. */
  start(): void {
    this.#timer = setInterval(() => void this.pass(), pauseMs).unref();
    void this.pass();
  }

  /** Resolves when nothing of it is at work any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#pass;
  }

  /** Never rejects: what could not be removed now is looked at again by the next pass. One at a time. */
  pass(): Promise<void> {
    this.#pass ??= this.#logged(async () => {
      await this.#removeExpired();
      const { isEnforced, pruneAfterMs, maxEntries, maxDiskBytes } = this.#limits;
      if (pruneAfterMs === undefined && maxEntries === undefined && maxDiskBytes === undefined) return;
      await (isEnforced ? this.#tidy() : this.#survey());
    }).finally(() => {
      this.#pass = undefined;
    });
    return this.#pass;
  }

  async #logged(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      this.#parts.log.warn({ err: thrown }, "old sessions could not be removed");
    }
  }

  /** Whatever the limits are: their time was stated when they were kept. */
  async #removeExpired(): Promise<void> {
    const { runs, accounts, log } = this.#parts;
    await accounts.removeBefore(monthAt(Date.now(), monthsOfUse));
    let expired = 0;
    for (let removed = batchSize; removed === batchSize && !this.#stop.signal.aborted;) {
      removed = await runs.removeExpired(batchSize);
      expired += removed;
      await otherWork();
    }
    if (expired > 0) log.info({ expired }, "runs and completions removed whose time is over");
  }

  async #tidy(): Promise<void> {
    const { catalog, log } = this.#parts;
    const { pruneAfterMs, maxEntries, maxDiskBytes } = this.#limits;
    const startedAt = performance.now();
    const tally: Tally = { branches: 0, replies: 0, sessions: 0, messages: 0, bytes: 0 };
    if (pruneAfterMs !== undefined) {
      const before = Date.now() - pruneAfterMs;
      await this.#removeBranches(tally, () => false, before);
      await this.#removeOldest(tally, () => false, before);
    }
    if (maxEntries !== undefined) {
      const { sessions } = await catalog.measure();
      const enough = tally.sessions + sessions - maxEntries;
      await this.#removeOldest(tally, () => tally.sessions >= enough);
    }
    if (maxDiskBytes !== undefined) {
      const enough = tally.bytes + (await this.#measure()) - maxDiskBytes;
      const isEnough = (): boolean => tally.bytes >= enough;
      await this.#removeBranches(tally, isEnough);
      await this.#removeReplies(tally, isEnough);
      await this.#removeOldest(tally, isEnough);
    }
    const line = { ...tally, durationMs: Math.round(performance.now() - startedAt) };
    if (tally.messages + tally.sessions + tally.replies > 0) log.info(line, "old sessions removed");
    else log.debug(line, "no old sessions to remove");
  }

  /** `mode: "warn"`: how much is over the limits. */
  async #survey(): Promise<void> {
    const { catalog, log } = this.#parts;
    const { pruneAfterMs, maxEntries, maxDiskBytes } = this.#limits;
    const { sessions, inactive } = await catalog.measure(pruneAfterMs === undefined ? undefined : Date.now() - pruneAfterMs);
    const over = {
      inactive,
      sessionsOver: maxEntries === undefined ? 0 : Math.max(0, sessions - maxEntries),
      bytesOver: maxDiskBytes === undefined ? 0 : Math.max(0, (await this.#measure()) - maxDiskBytes),
    };
    if (Object.values(over).some((count) => count > 0))
      log.warn(over, "there are sessions over the limits of session.maintenance, which only warns");
  }

  /** Of all that is kept. */
  async #measure(): Promise<number> {
    const { catalog, runs } = this.#parts;
    return (await catalog.measure()).bytes + (await runs.measure());
  }

  async #removeBranches(tally: Tally, isEnough: () => boolean, before?: number): Promise<void> {
    const { catalog, turns } = this.#parts;
    for (let after = ""; ;) {
      const keys = await catalog.listBranched(batchSize, after);
      for (const key of keys) {
        if (isEnough() || this.#stop.signal.aborted) return;
        const removed = await turns.takeIfFree(key, (fence) => catalog.removeBranches(key, before, fence));
        if (removed?.messages) tally.branches++;
        add(tally, removed);
        await otherWork();
      }
      const last = keys.at(-1);
      if (last === undefined) return;
      after = last;
    }
  }

  /** One at a time, so that it is no more than must be. */
  async #removeReplies(tally: Tally, isEnough: () => boolean): Promise<void> {
    while (!isEnough() && !this.#stop.signal.aborted) {
      const { count, bytes } = await this.#parts.runs.removeOldest(1);
      if (count === 0) return;
      tally.replies += count;
      tally.bytes += bytes;
      await otherWork();
    }
  }

  async #removeOldest(tally: Tally, isEnough: () => boolean, before?: number): Promise<void> {
    const { catalog, turns } = this.#parts;
    for (;;) {
      const sessionsBefore = tally.sessions;
      for (const { key, owner, lastActiveAt } of await catalog.listOldest(batchSize, before)) {
        if (isEnough() || this.#stop.signal.aborted) return;
        const removed = await turns.takeIfFree(key, async (fence) => {
          // A run may have ended in it this moment.
          const session = await catalog.find(key);
          return session?.lastActiveAt === lastActiveAt ? catalog.remove(key, owner, fence) : undefined;
        });
        if (removed) tally.sessions++;
        add(tally, removed);
        await otherWork();
      }
      // What is left is at work, or there is nothing left.
      if (tally.sessions === sessionsBefore) return;
    }
  }
}

function add(tally: Tally, removed: Removed | undefined): void {
  tally.messages += removed?.messages ?? 0;
  tally.bytes += removed?.bytes ?? 0;
}
