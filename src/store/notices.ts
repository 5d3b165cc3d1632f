/**
 * How processes on one database tell each other that something happened, as a hint: whoever misses it looks by itself later on.
 *
 * A notice names what changed by an id and says nothing more. Deliberately absent: how it travels. On the embedded database
 * it does not travel at all; on a server it does, in `postgres-notices.ts`.
 */
import { setTimeout as sleep } from "node:timers/promises";

import type { Transaction } from "kysely";

import type { Changes } from "../domain/changes.ts";
import type { StoreTables } from "./schema.ts";

/** `lease`: the lease of that fence ended. `cancel`: that run is to end. `run`: that run went on, or ended. `tokens`: some are others now. */
export type Topic = `${"lease" | "cancel" | "run"}:${string}` | "tokens:changed";

export interface Notices {
  /** Sent when and if the transaction commits. */
  tell(trx: Transaction<StoreTables>, topic: Topic): Promise<void>;
  /** The same of a run, where a process waits for that. */
  tellFollowers(trx: Transaction<StoreTables>, runId: string): Promise<void>;
  /** From now on, until it is stopped. */
  watch(topic: Topic): Changes;
  /** The same of a run: its process is asked to tell. */
  follow(runId: string): Changes;
  onCancel(listener: (runId: string) => void): void;
  /** Nothing is heard any more. Never rejects. */
  close(): Promise<void>;
}

/** Where nobody tells anybody: who waits looks again and again. */
export const noNotices: Notices = {
  tell: () => Promise.resolve(),
  tellFollowers: () => Promise.resolve(),
  watch: () => looking,
  follow: () => looking,
  onCancel: () => undefined,
  close: () => Promise.resolve(),
};

const looking: Changes = {
  next: (pauseMs, signal) => sleep(pauseMs, undefined, { signal }).catch(() => undefined),
  stop: () => undefined,
};
