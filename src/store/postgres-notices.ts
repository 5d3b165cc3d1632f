/**
 * Notices by Postgres' LISTEN and NOTIFY, over one connection that is used for nothing else.
 *
 * That anything is heard is not taken for granted: the connection may be gone without a word, or lead to a pooler that passes
 * nothing on. So every process tells itself something now and then, and only as long as it hears that, whoever waits looks
 * less often. A commit with a notice waits for all others of the whole server, so nothing is told that nobody waits for.
 * Deliberately absent: what is lost between two connections; whoever waits looks by itself.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import type { Transaction } from "kysely";
import pg from "pg";

import type { Changes } from "../domain/changes.ts";
import { sql, type Kysely } from "./kysely.ts";
import type { Notices, Topic } from "./notices.ts";
import { connectionOf } from "./postgres.ts";
import type { StoreTables } from "./schema.ts";
import { Watcher } from "./watcher.ts";

const channel = "clawgate";
const connectPatienceMs = 5_000;
const closePatienceMs = 1_000;
const pingMs = 5_000;
/** Two pings may be lost. */
const deafAfterMs = 3 * pingMs;
/** Whoever follows a run says so again as often as it pings. */
const followedMs = 3 * pingMs;
const firstRetryMs = 1_000;
const longestRetryMs = 30_000;

export class PostgresNotices implements Notices {
  readonly #db: Kysely<StoreTables>;
  readonly #url: string;
  readonly #name = randomUUID();
  readonly #watchers = new Map<string, Set<Watcher>>();
  /** Runs that some process follows, and until when that holds. */
  readonly #followed = new Map<string, number>();
  #onCancel: (runId: string) => void = () => undefined;
  #client: pg.Client | undefined;
  #heardAt = -Infinity;
  #retryMs = firstRetryMs;
  #retry: NodeJS.Timeout | undefined;
  #pinging: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** `db`: where notices are sent. `url`: where they are listened for. */
  constructor(db: Kysely<StoreTables>, url: string) {
    this.#db = db;
    this.#url = url;
  }

  /** Begins to listen; until that works, everybody looks by themselves. */
  start(): void {
    void this.#listen();
    this.#pinging = setInterval(() => this.#ping(), pingMs).unref();
  }

  async tell(trx: Transaction<StoreTables>, topic: Topic): Promise<void> {
    await notify(topic).execute(trx);
  }

  async tellFollowers(trx: Transaction<StoreTables>, runId: string): Promise<void> {
    if ((this.#followed.get(runId) ?? 0) > performance.now()) await this.tell(trx, `run:${runId}`);
  }

  watch(topic: Topic): Changes {
    const watchers = this.#watchers.get(topic) ?? new Set();
    const watcher = new Watcher(
      () => this.#isHearing,
      () => {
        watchers.delete(watcher);
        if (watchers.size === 0 && this.#watchers.get(topic) === watchers) this.#watchers.delete(topic);
      },
    );
    this.#watchers.set(topic, watchers.add(watcher));
    return watcher;
  }

  follow(runId: string): Changes {
    this.#send(`follow:${runId}`);
    return this.watch(`run:${runId}`);
  }

  onCancel(listener: (runId: string) => void): void {
    this.#onCancel = listener;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#pinging);
    clearTimeout(this.#retry);
    this.#deafen();
    // The connection does not keep the process alive: somebody must, for whoever waits for this to be heard of its end.
    const isOver = new AbortController();
    const tooLate = sleep(closePatienceMs, undefined, { signal: isOver.signal }).catch(() => undefined);
    await Promise.race([this.#client?.end().catch(() => undefined), tooLate]);
    isOver.abort();
  }

  get #isHearing(): boolean {
    return performance.now() - this.#heardAt < deafAfterMs;
  }

  async #listen(): Promise<void> {
    const client = new pg.Client({
      ...connectionOf(this.#url),
      connectionTimeoutMillis: connectPatienceMs,
      query_timeout: connectPatienceMs,
    });
    this.#client = client;
    client.on("error", () => undefined);
    client.on("notification", ({ payload = "" }) => this.#hear(payload));
    client.once("end", () => this.#lost(client));
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
      // As long as there is something to do, something else keeps the process alive.
      (client as pg.Client & { unref(): void }).unref();
      this.#send(`ping:${this.#name}`);
    } catch {
      this.#lost(client);
    }
  }

  #lost(client: pg.Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    void client.end().catch(() => undefined);
    this.#deafen();
    if (this.#isClosed) return;
    this.#retry = setTimeout(() => void this.#listen(), this.#retryMs).unref();
    this.#retryMs = Math.min(2 * this.#retryMs, longestRetryMs);
  }

  #deafen(): void {
    this.#heardAt = -Infinity;
    for (const watchers of this.#watchers.values()) for (const watcher of watchers) watcher.wake();
  }

  #ping(): void {
    const now = performance.now();
    for (const [runId, until] of this.#followed) if (until < now) this.#followed.delete(runId);
    // A connection on which nothing is heard may be dead.
    if (this.#heardAt > 0 && !this.#isHearing && this.#client) this.#lost(this.#client);
    if (this.#client === undefined) return;
    this.#send(`ping:${this.#name}`);
    for (const topic of this.#watchers.keys()) if (topic.startsWith("run:")) this.#send(`follow:${topic.slice("run:".length)}`);
  }

  /** What does not get out now is made up for by the next ping, or by a look. */
  #send(payload: string): void {
    notify(payload)
      .execute(this.#db)
      .catch(() => undefined);
  }

  #hear(payload: string): void {
    const [kind = "", id = ""] = payload.split(":", 2);
    if (kind === "follow") this.#followed.set(id, performance.now() + followedMs);
    else if (kind === "cancel") this.#onCancel(id);
    else if (kind !== "ping") for (const watcher of this.#watchers.get(payload) ?? []) watcher.wake();
    else if (id === this.#name) {
      this.#heardAt = performance.now();
      this.#retryMs = firstRetryMs;
    }
  }
}

function notify(payload: string) {
  return sql`select pg_notify(${channel}, ${payload})`;
}
