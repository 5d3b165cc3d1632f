/**
 * Keeps the store within its limits: what has aged goes, then what is too much, superseded branches before whole sessions,
 * and of those the ones that were not active for longest. A session with a run at work, or waiting, is never touched.
 *
 * It works in small steps and lets the process get to its other work after each. Deliberately absent: limits of its own;
 * where none is configured nothing is ever removed.
 */
import { setImmediate as otherWork } from "node:timers/promises";
import type { Logger } from "pino";
import type { RetentionConfig } from "../config/config.ts";
import type { Removed, SessionCatalog } from "../domain/session-catalog.ts";
import type { SessionTurns } from "./session-turns.ts";

export interface RetentionParts {
  readonly catalog: SessionCatalog;
  readonly turns: SessionTurns;
  readonly limits: RetentionConfig;
  readonly log: Logger;
}

const pauseMs = 3_600_000;
/** Sessions looked up at a time. */
const batchSize = 100;

/** What one pass has removed. */
interface Tally {
  branches: number;
  sessions: number;
  messages: number;
  bytes: number;
}

export class Retention {
  readonly #parts: RetentionParts;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #pass: Promise<void> | undefined;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  /** Now and then every hour. */
  start(): void {
    const { pruneAfterMs, maxEntries, maxDiskBytes } = this.#parts.limits;
    if (pruneAfterMs === undefined && maxEntries === undefined && maxDiskBytes === undefined) return;
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
    this.#pass ??= this.#logged(this.#parts.limits.isEnforced ? () => this.#tidy() : () => this.#survey()).finally(() => {
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

  async #tidy(): Promise<void> {
    const { catalog, limits, log } = this.#parts;
    const { pruneAfterMs, maxEntries, maxDiskBytes } = limits;
    const startedAt = performance.now();
    const tally: Tally = { branches: 0, sessions: 0, messages: 0, bytes: 0 };
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
      const { bytes } = await catalog.measure();
      const enough = tally.bytes + bytes - maxDiskBytes;
      const isEnough = (): boolean => tally.bytes >= enough;
      await this.#removeBranches(tally, isEnough);
      await this.#removeOldest(tally, isEnough);
    }
    const line = { ...tally, durationMs: Math.round(performance.now() - startedAt) };
    if (tally.messages + tally.sessions > 0) log.info(line, "old sessions removed");
    else log.debug(line, "no old sessions to remove");
  }

  /** `mode: "warn"`: how much is over the limits. */
  async #survey(): Promise<void> {
    const { catalog, limits, log } = this.#parts;
    const { pruneAfterMs, maxEntries, maxDiskBytes } = limits;
    const { sessions, bytes, inactive } = await catalog.measure(pruneAfterMs === undefined ? undefined : Date.now() - pruneAfterMs);
    const over = {
      inactive,
      sessionsOver: maxEntries === undefined ? 0 : Math.max(0, sessions - maxEntries),
      bytesOver: maxDiskBytes === undefined ? 0 : Math.max(0, bytes - maxDiskBytes),
    };
    if (Object.values(over).some((count) => count > 0))
      log.warn(over, "there are sessions over the limits of session.maintenance, which only warns");
  }

  async #removeBranches(tally: Tally, isEnough: () => boolean, before?: number): Promise<void> {
    const { catalog, turns } = this.#parts;
    for (let after = ""; ;) {
      const keys = await catalog.listBranched(batchSize, after);
      for (const key of keys) {
        if (isEnough() || this.#stop.signal.aborted) return;
        const removed = await turns.takeIfFree(key, () => catalog.removeBranches(key, before));
        if (removed?.messages) tally.branches++;
        add(tally, removed);
        await otherWork();
      }
      const last = keys.at(-1);
      if (last === undefined) return;
      after = last;
    }
  }

  async #removeOldest(tally: Tally, isEnough: () => boolean, before?: number): Promise<void> {
    const { catalog, turns } = this.#parts;
    for (;;) {
      const sessionsBefore = tally.sessions;
      for (const { key, owner, lastActiveAt } of await catalog.listOldest(batchSize, before)) {
        if (isEnough() || this.#stop.signal.aborted) return;
        const removed = await turns.takeIfFree(key, async () => {
          // A run may have ended in it this moment.
          const session = await catalog.find(key);
          return session?.lastActiveAt === lastActiveAt ? catalog.remove(key, owner) : undefined;
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
