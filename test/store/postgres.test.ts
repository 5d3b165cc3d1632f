/** What is of a database on a server only: that it can be away, slow and shared. What it has in common with a file is tested beside this file. */
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { setTimeout as sleep } from "node:timers/promises";

import type { SessionStore } from "../../src/domain/session.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { databaseEngines, type TestDatabase } from "../support/databases.ts";
import { type Relay, startRelay } from "../support/relay.ts";
import { numbered, runOf, texts } from "./run-of.ts";
import { appendTurn, beginTurns, endOf, key, messagesIn, turnMessages, turnOf } from "./turn-of.ts";

const server = (await databaseEngines()).find(({ name }) => name === "Postgres");
const unavailable = { code: "store_unavailable", retryAfterMs: 5_000 };
const ignore = (): void => undefined;
const never = new AbortController().signal;

(server ? describe : describe.skip)("a store on Postgres", () => {
  let database: TestDatabase;
  let relay: Relay;
  let open: SessionStore[];

  beforeEach(async () => {
    database = await server!.create();
    relay = await startRelay(database.location);
    open = [];
  });

  afterEach(async () => {
    await Promise.all(open.map((store) => store.close()));
    await relay.close();
    await database.drop();
  });

  async function openStore(poolSize = 4, url = relay.url, listenUrl?: string): Promise<SessionStore> {
    const store = await openSessionStore(url, { poolSize, listenUrl });
    open.push(store);
    return store;
  }

  /** Repeats `attempt` until it is done without an error. */
  async function untilDone<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      const done = await attempt().then(
        (value) => ({ value }),
        () => undefined,
      );
      if (done) return done.value;
      await sleep(20);
    }
  }

  const connections = async (): Promise<number> => {
    const rows = await database.query(
      "select count(*) as n from pg_stat_activity where datname = current_database() and application_name = 'clawgate'",
    );
    return rows[0]?.["n"] as number;
  };

  describe("that cannot be reached", () => {
    test("says so with the host, the database and the reason, and without its password", async () => {
      await relay.cut();
      const url = new URL(relay.url);
      url.password = "hunter2";
      url.search = "?application_name=hunter3";
      const error: unknown = await openSessionStore(url.href).catch((thrown: unknown) => thrown);
      const { host, pathname } = url;
      expect(error).toMatchObject({
        code: "store_unavailable",
        message: `The session database postgres://${host}${pathname} cannot be opened: connect ECONNREFUSED ${host}`,
      });
      const { message, stack, cause } = error as Error;
      expect([message, stack, JSON.stringify(cause), String((cause as Error).stack)].join()).not.toMatch(/hunter/);
    });

    test("when its database does not exist or a host name leads nowhere says that", async () => {
      const elsewhere = new URL(database.location);
      elsewhere.pathname = "/nowhere";
      await expect(openSessionStore(elsewhere.href)).rejects.toMatchObject({
        message: expect.stringContaining('"nowhere" does not exist'),
      });
      await expect(openSessionStore("postgres://u:hunter2@no-such-host.invalid/d")).rejects.toMatchObject({
        message: expect.stringMatching(/^The session database postgres:\/\/no-such-host\.invalid\/d cannot be opened: getaddrinfo/),
      });
    });

    test("fails for who uses it in the meantime, and works again by itself as soon as it is back", async () => {
      const store = await openStore();
      await appendTurn(store, turnOf("first", undefined));
      const { leafId } = await store.readPath(key);
      const writer = await beginTurns(store, turnOf("second", leafId));
      await relay.cut();
      await expect(store.check()).rejects.toMatchObject(unavailable);
      await expect(writer.addTurn(turnMessages("second").slice(1, 3))).rejects.toMatchObject(unavailable);
      await relay.mend();
      await untilDone(() => store.check());
      await writer.addTurn(turnMessages("second").slice(1, 3));
      await writer.end(turnMessages("second").slice(3), endOf("second", "completed"));
      expect(await messagesIn(store)).toEqual([...turnMessages("first"), ...turnMessages("second")]);
    });

    test("outlives that a server ends all its connections, in the middle of a transaction too", async () => {
      const store = await openStore();
      let failures = 0;
      for (let turn = 0; turn < 40; turn++) {
        const { leafId } = await untilDone(() => store.readPath(key));
        const appended = appendTurn(store, turnOf(`turn-${turn}`, leafId)).catch((thrown: unknown) => {
          expect(thrown).toMatchObject(unavailable);
          failures += 1;
        });
        await database.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'clawgate'",
        );
        await appended;
      }
      expect(failures).toBeGreaterThan(0);
      const nodes = (await untilDone(() => store.readPath(key))).nodes;
      // A commit whose answer was lost may have been one.
      expect(nodes.length).toBeGreaterThanOrEqual(4 * (40 - failures));
      const kept = [...new Set(nodes.map(({ runId }) => runId))];
      expect(nodes.map(({ message }) => message)).toEqual(kept.flatMap((runId) => turnMessages(runId)));
    });
  });

  test("that does not answer is waited for within a limit, closing too", async () => {
    const store = await openStore();
    await store.check();
    relay.hold();
    const startedAt = performance.now();
    await expect(store.check()).rejects.toMatchObject(unavailable);
    expect(performance.now() - startedAt).toBeLessThan(60_000);
    await store.close();
    await relay.mend();
  });

  describe("with few connections", () => {
    test("makes no more than it may, and serves whoever waits for one", async () => {
      const store = await openStore(2);
      const keys = Array.from({ length: 30 }, (_, index) => `agent:main:many-${index}`);
      let most = 0;
      const turns = keys.map(async (sessionKey) => {
        const lease = await store.claimLease(sessionKey, ignore).attempt();
        most = Math.max(most, await connections());
        await appendTurn(store, turnOf("first", undefined, { sessionKey, runId: sessionKey, fence: lease!.fence }));
      });
      await Promise.all(turns);
      // One more listens.
      expect(most).toBeLessThanOrEqual(3);
      for (const sessionKey of keys) expect(await messagesIn(store, sessionKey)).toHaveLength(4);
    });

    test("never waits for itself: with one connection everything can be done, at the same time too", async () => {
      const store = await openStore(1);
      const work = Array.from({ length: 12 }, async (_, index) => {
        const sessionKey = `agent:main:${index}`;
        const id = `run-${index}`;
        await store.runs.open(runOf(id, { sessionKey, idempotency: { key: id, fingerprint: "f" } }));
        const lease = await store.claimLease(sessionKey, ignore).attempt();
        const writer = await beginTurns(store, turnOf("first", undefined, { sessionKey, runId: id, fence: lease!.fence }));
        await store.runs.appendEvents(id, texts(1, "a"));
        await store.memoryOf({ sessionKey, agentId: "main", owner: "main", fence: lease!.fence }).save("colour", "blue");
        await writer.end(turnMessages("first").slice(1), endOf(id, "completed"));
        await store.catalog.remove(sessionKey, "main");
        return store.runs.find(id);
      });
      expect((await Promise.all(work)).every((record) => record === undefined)).toBe(true);
      expect(await store.catalog.measure()).toMatchObject({ sessions: 0 });
    });
  });

  test("takes its locks from a process that stops in the middle of a transaction", async () => {
    const store = await openStore();
    await appendTurn(store, turnOf("first", undefined));
    const { leafId } = await store.readPath(key);
    const stopped = await database.open();
    const blocked = stopped.transaction().execute(async (trx) => {
      await trx.updateTable("sessions").set({ leaf_id: null }).execute();
      await sleep(60_000, undefined, { ref: false, signal: stop.signal });
    });
    const stop = new AbortController();
    const outcome = blocked.catch(ignore);
    while (
      (await database.query("select 1 from pg_locks where mode = 'RowExclusiveLock' and relation = 'sessions'::regclass")).length === 0
    );
    await appendTurn(store, turnOf("second", leafId));
    expect(await messagesIn(store)).toEqual([...turnMessages("first"), ...turnMessages("second")]);
    stop.abort();
    await outcome;
    await stopped.destroy();
  });

  test("counts beyond 32 bits", async () => {
    const store = await openStore();
    await appendTurn(store, turnOf("first", undefined));
    const many = 5_000_000_000;
    await database.query("update sessions set bytes = ?", [many]);
    await database.query(`alter table leases alter column fence restart with ${many}`);
    expect(await store.catalog.find(key)).toMatchObject({ bytes: many });
    expect(await store.catalog.measure()).toMatchObject({ bytes: many });
    expect(await store.claimLease(key, ignore).attempt()).toMatchObject({ fence: many });
  });

  test("sorts as a file does, byte by byte, whatever the language of the database", async () => {
    const store = await openStore();
    const keys = ["agent:main:a", "agent:main:B", "agent:main:_", "agent:main:é", "agent:main:Z"];
    for (const sessionKey of keys) await appendTurn(store, turnOf("first", undefined, { sessionKey, runId: sessionKey }));
    await database.query("update sessions set updated_at = '2026-01-01T00:00:00.000Z', branched_at = ''");
    expect(await store.catalog.listBranched(9)).toEqual([...keys].sort());
  });

  test("takes a cursor that no text column can hold for one that it does not know", async () => {
    const store = await openStore();
    const unknown = { code: "invalid_value", param: "after" };
    await appendTurn(store, turnOf("first", undefined));
    await expect(store.catalog.list({ limit: 1, order: "asc", after: "a\0" })).rejects.toMatchObject(unknown);
    const query = { limit: 1, order: "asc", after: "a\0" } as const;
    for (const branches of [true, false]) {
      await expect(store.catalog.readMessages(key, { ...query, branches })).rejects.toMatchObject(unknown);
    }
  });

  test("is opened by many at once, the first time too", async () => {
    const stores = await Promise.all(Array.from({ length: 5 }, () => openStore()));
    await Promise.all(stores.map((store) => store.check()));
    expect(await database.query("select count(*) as n from kysely_migration")).toEqual([{ n: 8 }]);
  });

  test("minds neither tables of other schemas, nor migrations of other programs there", async () => {
    await database.query("create schema theirs");
    await database.query("create table theirs.kysely_migration (name text)");
    await database.query("insert into theirs.kysely_migration values ('9999_theirs')");
    const store = await openStore();
    await appendTurn(store, turnOf("first", undefined));
    expect(await messagesIn(store)).toHaveLength(4);
  });

  describe("that is shared", () => {
    /** What waits is told only when it is known to hear: resolves then. */
    async function untilItHears(store: SessionStore): Promise<void> {
      const [one] = await Promise.all([store.runs.watch("nobody")]);
      await one.next(1, never);
      for (let pause = 0; pause < 500;) {
        const startedAt = performance.now();
        await one.next(1, never);
        pause = performance.now() - startedAt;
      }
      one.stop();
    }

    test("hears at once that a lease was given back, that a run has gone on, and that one is to end", async () => {
      // The way of one of them to listen is not the way of its queries.
      const [one, other] = [await openStore(), await openStore(4, relay.url, database.location)];
      await Promise.all([untilItHears(one), untilItHears(other)]);
      const lease = await one.claimLease(key, ignore).attempt();
      const claim = other.claimLease(key, ignore);
      expect(await claim.attempt()).toBeUndefined();
      // Longer than the test may take: it ends because it is told.
      const changed = claim.nextChange(600_000, never);
      await lease!.release();
      await changed;
      expect(await claim.attempt()).toBeDefined();

      await one.runs.open(runOf("a"));
      const changes = await other.runs.watch("a");
      const told = changes.next(600_000, never);
      const isTold = told.then(() => true);
      for (let seq = 1; !(await Promise.race([isTold, sleep(50, false)])); seq++) await one.runs.appendEvents("a", texts(seq, "x"));
      changes.stop();

      const onCancel = jest.fn<(id: string) => void>();
      const cancelled = new Promise<void>((resolve) => one.runs.onCancelRequested((id) => resolve(onCancel(id))));
      const startedAt = performance.now();
      await other.runs.requestCancel("a");
      await cancelled;
      expect(onCancel.mock.calls).toEqual([["a"]]);
      // Without a notice it would take as long as the next look.
      expect(performance.now() - startedAt).toBeLessThan(4_000);
    });

    test("goes on by looking where nothing can be heard", async () => {
      const deaf = "postgres://clawgate@127.0.0.1:1/nowhere";
      const [one, other] = [await openStore(4, relay.url, deaf), await openStore(4, relay.url, deaf)];
      const lease = await one.claimLease(key, ignore).attempt();
      const claim = other.claimLease(key, ignore);
      expect(await claim.attempt()).toBeUndefined();
      await claim.nextChange(1, never);
      await lease!.release();
      await claim.nextChange(1, never);
      expect(await claim.attempt()).toBeDefined();
      await one.runs.open(runOf("a"));
      const changes = await other.runs.watch("a");
      await one.runs.appendEvents("a", numbered(1, [{ type: "run_start" }]));
      await changes.next(1, never);
      expect(await other.runs.readEvents("a", 0)).toHaveLength(1);
      changes.stop();
    });

    test("gives a key to one run, and a lease to one process, however many want them at the same moment", async () => {
      const stores = await Promise.all([openStore(), openStore(), openStore()]);
      for (let round = 0; round < 20; round++) {
        const sessionKey = `agent:main:${round}`;
        const opened = await Promise.all(
          stores.map((store, index) =>
            store.runs.open(runOf(`${round}-${index}`, { sessionKey, idempotency: { key: `k${round}`, fingerprint: "f" } })),
          ),
        );
        expect(opened.filter((other) => other === undefined)).toHaveLength(1);
        const claims = stores.map((store) => store.claimLease(sessionKey, ignore));
        const leases = await Promise.all(claims.map((claim) => claim.attempt()));
        expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1);
        await leases.find((lease) => lease !== undefined)!.release();
        // The others get it one after the other.
        let waiting = claims.filter((_, index) => leases[index] === undefined);
        while (waiting.length > 0) {
          const next = await Promise.all(waiting.map((claim) => claim.attempt()));
          expect(next.filter((lease) => lease !== undefined).length).toBeLessThanOrEqual(1);
          waiting = waiting.filter((_, index) => next[index] === undefined);
          await next.find((lease) => lease !== undefined)?.release();
        }
        expect(await database.query("select * from leases")).toEqual([]);
      }
    });
  });
});
