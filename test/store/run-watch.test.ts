/** Runs at work, among processes: whose are kept running, whose are marked as interrupted, and who hears that one is to end. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import Database from "libsql";

import { openSessionStore } from "../../src/store/open-session-store.ts";
import { nameOwner } from "../../src/store/process-identity.ts";
import { StoredRuns } from "../../src/store/run-store.ts";
import { databaseEngines, type TestDatabase, WatchedDatabase } from "../support/databases.ts";
import { endingOf, numbered, outcome, runOf, texts } from "./run-of.ts";
import { appendTurn, beginTurns, key, turnOf } from "./turn-of.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const worker = fileURLToPath(new URL("run-without-end.ts", import.meta.url));
const longestSilenceMs = 15_000;
const lookMs = 5_000;
const stranger = "12/34/abc@another host";

const engines = await databaseEngines();

describe.each(engines)("on $name", ({ name, create }) => {
  let database: TestDatabase;
  let opened: WatchedDatabase[];
  let closers: (() => Promise<void>)[];

  beforeEach(async () => {
    database = await create();
    await (await openSessionStore(database.location)).close();
    opened = [];
    closers = [];
  });

  afterEach(async () => {
    for (const close of closers) await close();
    await database.drop();
  });

  /** As one process has them. */
  async function openRuns(lockPatienceMs?: number): Promise<StoredRuns> {
    const db = new WatchedDatabase(await database.open(lockPatienceMs), 0);
    opened.push(db);
    const runs = new StoredRuns(db, nameOwner(), longestSilenceMs);
    closers.push(async () => {
      runs.stop();
      await db.close();
    });
    await runs.start();
    return runs;
  }

  /** The end of a run cannot be written, as on a full disk. */
  async function refuseEnds(): Promise<void> {
    const message = "'The disk is full.'";
    if (name === "SQLite") {
      await database.query(`create trigger refuse before update of status on runs begin select raise(abort, ${message}); end`);
      return;
    }
    await database.query(
      `create function refuse() returns trigger language plpgsql as $$ begin raise exception using message = ${message}; end $$`,
    );
    await database.query("create trigger refuse before update of status on runs for each row execute function refuse()");
  }

  const allowEnds = () => database.query(`drop trigger refuse${name === "SQLite" ? "" : " on runs"}`);

  const keyed = (id: string) => runOf(id, { idempotency: { key: id, fingerprint: "f" } });
  const statusesOf = async (...ids: string[]) => {
    const statuses = new Map((await database.query("select id, status from runs")).map(({ id, status }) => [id, status]));
    return ids.map((id) => statuses.get(id));
  };

  describe("while time passes", () => {
    beforeEach(() => {
      jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask", "setImmediate", "setTimeout", "hrtime"] });
    });

    afterEach(() => {
      jest.useRealTimers();
    });

    /** Looks are under way when the clock stands still: what they do is done when this resolves. */
    const pass = async (ms: number, maxTurns?: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += lookMs) {
        jest.advanceTimersByTime(Math.min(lookMs, ms - passed));
        for (const db of opened) await db.settle(maxTurns);
      }
    };

    test("a run whose process lives goes on, however long it takes and wherever the clock of the host is set", async () => {
      const [one] = [await openRuns(), await openRuns()];
      await one.open(runOf("a"));
      for (let round = 0; round < 10; round++) {
        jest.setSystemTime(Date.now() + 3_600_000);
        await pass(longestSilenceMs);
      }
      expect(await statusesOf("a")).toEqual(["running"]);
      await one.end(endingOf("a"));
      await pass(2 * longestSilenceMs);
      expect(await one.find("a")).toMatchObject({ status: "completed", outcome });
    });

    test("one whose process is silent is interrupted when it was watched for the longest silence, and not before", async () => {
      const runs = await openRuns();
      await runs.open(keyed("a"));
      await runs.appendEvents("a", texts(1, "a"));
      await database.query("update runs set process = ?", [stranger]);
      await pass(longestSilenceMs);
      await database.query("update runs set renewals = renewals + 1");
      await pass(longestSilenceMs);
      expect(await statusesOf("a")).toEqual(["running"]);
      await pass(lookMs);
      expect(await runs.find("a")).toEqual({
        ...(({ expiresAt: _expiresAt, idempotency: _idempotency, ...identity }) => identity)(runOf("a")),
        createdAt: expect.any(Number),
        status: "interrupted",
        outcome: { status: "interrupted", model: "stub/first", turns: 0, endedAt: expect.any(Number) },
      });
      expect(await runs.readEvents("a", 0)).toEqual(texts(1, "a"));
      expect(await runs.open(keyed("a2"))).toBeUndefined();
    });

    test("nobody counts as silent for as long as the database was away: its process could not show anything", async () => {
      const runs = await openRuns();
      await runs.open(runOf("a"));
      await database.query("update runs set process = ?", [stranger]);
      await pass(lookMs);
      await database.query("alter table runs rename to away");
      await pass(3 * longestSilenceMs);
      await database.query("alter table away rename to runs");
      await pass(longestSilenceMs);
      expect(await statusesOf("a")).toEqual(["running"]);
      await pass(lookMs);
      expect(await statusesOf("a")).toEqual(["interrupted"]);
    });

    test("one that was taken for interrupted and ends after all has its true outcome", async () => {
      const runs = await openRuns();
      await runs.open(runOf("a"));
      await database.query("update runs set process = ?", [stranger]);
      await pass(longestSilenceMs + lookMs);
      expect(await statusesOf("a")).toEqual(["interrupted"]);
      await runs.appendEvents("a", texts(1, "a"));
      await runs.end(endingOf("a", { events: texts(2, "b") }));
      expect(await runs.find("a")).toMatchObject({ status: "completed", outcome });
      expect(await runs.readEvents("a", 0)).toEqual(texts(1, "a", "b"));
    });

    test("the process that works on a run hears, once, that another one asks for its end; that of an ended run nobody does", async () => {
      const [one, other] = [await openRuns(), await openRuns()];
      const [heardByOne, heardByOther] = [jest.fn(), jest.fn()];
      one.onCancelRequested(heardByOne);
      other.onCancelRequested(heardByOther);
      for (const id of ["a", "b", "c"]) await one.open(runOf(id));
      await one.end(endingOf("c"));
      for (const id of ["a", "c", "nobody"]) await other.requestCancel(id);
      await pass(3 * lookMs);
      expect(heardByOne.mock.calls).toEqual([["a"]]);
      await other.requestCancel("b");
      await pass(lookMs);
      await one.end(endingOf("a", { outcome: { ...outcome, status: "aborted" } }));
      await pass(3 * lookMs);
      expect(heardByOne.mock.calls).toEqual([["a"], ["b"]]);
      expect(heardByOther).not.toHaveBeenCalled();
      expect(await other.find("a")).toMatchObject({ status: "aborted" });
    });

    test("one that was taken for interrupted begins no tool any more when others may have its key; it may without one", async () => {
      const runs = await openRuns();
      await runs.open(keyed("a"));
      await runs.open(runOf("b"));
      await database.query("update runs set process = ?", [stranger]);
      await pass(longestSilenceMs + lookMs);
      const begin = numbered(1, [{ type: "tool_start", call: { id: "call", name: "remember", arguments: "{}" } }]);
      await expect(runs.appendEvents("a", begin)).rejects.toMatchObject({ code: "run_interrupted" });
      expect(await runs.readEvents("a", 0)).toEqual([]);
      await runs.appendEvents("b", begin);
      await runs.appendEvents("nobody", begin);
    });

    test("one that has ended, which could not be written, is interrupted as soon as it can be; the others of its process go on", async () => {
      const runs = await openRuns();
      for (const id of ["a", "b"]) await runs.open(keyed(id));
      await refuseEnds();
      await expect(runs.end(endingOf("a"))).rejects.toMatchObject({ code: "store_unavailable" });
      runs.abandon("a");
      await pass(2 * lookMs);
      expect(await statusesOf("a")).toEqual(["running"]);
      await allowEnds();
      await pass(lookMs);
      expect(await statusesOf("a", "b")).toEqual(["interrupted", "running"]);
      expect(await runs.open(keyed("a2"))).toBeUndefined();
      await pass(longestSilenceMs);
      expect(await statusesOf("b")).toEqual(["running"]);
    });

    test("what an interrupted run had written to its session is noted there, for the sake of whoever tidies up", async () => {
      const runs = await openRuns();
      const store = await openSessionStore(database.location);
      closers.push(() => store.close());
      await beginTurns(store, turnOf("cut", undefined));
      await runs.open(runOf("waits", { sessionKey: "agent:main:other" }));
      await appendTurn(store, turnOf("done", undefined, { sessionKey: "agent:main:other" }));
      expect(await store.catalog.listBranched(9)).toEqual([]);
      await database.query("update sessions set updated_at = '2020-01-01T00:00:00.000Z'");
      await database.query("update runs set process = ? where status = 'running'", [stranger]);
      await pass(longestSilenceMs + lookMs);
      expect(await statusesOf("cut", "waits")).toEqual(["interrupted", "interrupted"]);
      expect(await store.catalog.listBranched(9)).toEqual([key]);
      expect(await store.catalog.listOldest(9, Date.parse("2021-01-01"))).toMatchObject([{ key: "agent:main:other" }]);
    });

    if (name === "SQLite")
      test("a look that finds the database locked is made up for by the next", async () => {
        const [one, other] = [await openRuns(0), await openRuns(0)];
        await one.open(runOf("a"));
        const raw = new Database(database.location);
        raw.exec("begin immediate");
        await pass(2 * lookMs, 100);
        raw.exec("commit");
        await pass(lookMs, 100);
        // One that was refused as the clock stood still tries again by its own time.
        while ((raw.prepare("select renewals from runs").get([]) as { renewals: number }).renewals === 0) await new Promise(setImmediate);
        raw.close();
        await pass(longestSilenceMs - lookMs);
        expect(await other.find("a")).toMatchObject({ status: "running" });
      });

    if (name === "SQLite")
      test("a store with nothing at work writes nothing, and none looks once it is stopped", async () => {
        const runs = await openRuns();
        await runs.open(runOf("a"));
        const raw = new Database(database.location);
        closers.push(() => Promise.resolve(void raw.close()));
        const writes = () => raw.pragma("data_version");
        const before = writes();
        await pass(lookMs);
        expect(writes()).not.toEqual(before);
        await runs.end(endingOf("a"));
        const idle = writes();
        await pass(10 * longestSilenceMs);
        expect(writes()).toEqual(idle);
        runs.stop();
        await runs.open(runOf("b"));
        const stopped = writes();
        await pass(10 * longestSilenceMs);
        expect(writes()).toEqual(stopped);
      });
  });

  describe("runs of a process that was killed", () => {
    async function workAndDie(): Promise<void> {
      const child = spawn(process.execPath, ["--import", "tsx", worker, database.location], {
        cwd: root,
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exit = once(child, "exit");
      await once(child.stdout, "data");
      child.kill("SIGKILL");
      await exit;
    }

    test("are interrupted as soon as the store is opened again; only one that has executed a tool keeps its key", async () => {
      await workAndDie();
      expect(await statusesOf("harmless")).toEqual(["running"]);
      const runs = await openRuns();
      expect(await runs.find("harmless")).toMatchObject({ status: "interrupted", outcome: { status: "interrupted", turns: 0 } });
      expect(await runs.find("effective")).toMatchObject({ status: "interrupted" });
      expect(await runs.find("ended")).toMatchObject({ status: "completed" });
      expect((await runs.readEvents("effective", 0)).map(({ event }) => event.type)).toEqual(["run_start", "tool_start"]);
      expect(await runs.open(runOf("again", { idempotency: { key: "harmless", fingerprint: "f" } }))).toBeUndefined();
      const effective = await runs.open(runOf("twice", { idempotency: { key: "effective", fingerprint: "f" } }));
      expect(effective).toMatchObject({ record: { id: "effective", status: "interrupted" }, fingerprint: "f" });
    });

    test("are nobody else's: those of other hosts and of other stores of this process go on", async () => {
      const one = await openRuns();
      await one.open(runOf("ours"));
      await one.appendEvents("ours", numbered(1, [{ type: "run_start" }]));
      await one.open(runOf("theirs"));
      await database.query("update runs set process = ? where id = 'theirs'", [stranger]);
      await workAndDie();
      await openRuns();
      expect(await statusesOf("ours", "theirs", "harmless")).toEqual(["running", "running", "interrupted"]);
    });
  });
});
