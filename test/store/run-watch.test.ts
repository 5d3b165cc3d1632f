/** Runs at work, among processes: whose are kept running, whose are marked as interrupted, and who hears that one is to end. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import Database from "libsql";

import { GuardedDatabase } from "../../src/store/guarded-database.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { nameOwner } from "../../src/store/process-identity.ts";
import { StoredRuns } from "../../src/store/run-store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { endingOf, numbered, outcome, runOf, texts } from "./run-of.ts";
import { appendTurn, beginTurns, key, turnOf } from "./turn-of.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const worker = fileURLToPath(new URL("run-without-end.ts", import.meta.url));
const longestSilenceMs = 15_000;
const lookMs = 5_000;
const stranger = "12/34/abc@another host";

let folder: string;
let file: string;
/** For what another process, or an accident, does to the rows. */
let raw: Database.Database;
let closers: (() => Promise<void>)[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "clawgate-watch-"));
  file = join(folder, "sessions.db");
  await (await openSessionStore(file)).close();
  raw = new Database(file);
  closers = [];
});

afterEach(async () => {
  for (const close of closers) await close();
  raw.close();
  rmSync(folder, { recursive: true });
});

/** As one process has them. */
async function openRuns(lockPatienceMs?: number): Promise<StoredRuns> {
  const db = new GuardedDatabase(openSqlite(file, lockPatienceMs), 0);
  const runs = new StoredRuns(db, nameOwner(), longestSilenceMs);
  closers.push(async () => {
    runs.stop();
    await db.close();
  });
  await runs.start();
  return runs;
}

const keyed = (id: string) => runOf(id, { idempotency: { key: id, fingerprint: "f" } });
const statusOf = (id: string) => (raw.prepare("select status from runs where id = ?").get([id]) as { status: string }).status;

describe("while time passes", () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask", "setImmediate", "setTimeout", "hrtime"] });
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  /** Looks are under way when the clock stands still: what they do is done when this resolves. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += lookMs) {
      jest.advanceTimersByTime(Math.min(lookMs, ms - passed));
      for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  };

  test("a run whose process lives goes on, however long it takes and wherever the clock of the host is set", async () => {
    const [one] = [await openRuns(), await openRuns()];
    await one.open(runOf("a"));
    for (let round = 0; round < 10; round++) {
      jest.setSystemTime(Date.now() + 3_600_000);
      await pass(longestSilenceMs);
    }
    expect(statusOf("a")).toBe("running");
    await one.end(endingOf("a"));
    await pass(2 * longestSilenceMs);
    expect(await one.find("a")).toMatchObject({ status: "completed", outcome });
  });

  test("one whose process is silent is interrupted when it was watched for the longest silence, and not before", async () => {
    const runs = await openRuns();
    await runs.open(keyed("a"));
    await runs.appendEvents("a", texts(1, "a"));
    raw.prepare("update runs set process = ?").run([stranger]);
    await pass(longestSilenceMs);
    raw.exec("update runs set renewals = renewals + 1");
    await pass(longestSilenceMs);
    expect(statusOf("a")).toBe("running");
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

  test("one that was taken for interrupted and ends after all has its true outcome", async () => {
    const runs = await openRuns();
    await runs.open(runOf("a"));
    raw.prepare("update runs set process = ?").run([stranger]);
    await pass(longestSilenceMs + lookMs);
    expect(statusOf("a")).toBe("interrupted");
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
    raw.prepare("update runs set process = ?").run([stranger]);
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
    raw.exec("create trigger refuse before update of status on runs begin select raise(abort, 'The disk is full.'); end");
    await expect(runs.end(endingOf("a"))).rejects.toMatchObject({ code: "store_unavailable" });
    runs.abandon("a");
    await pass(2 * lookMs);
    expect(statusOf("a")).toBe("running");
    raw.exec("drop trigger refuse");
    await pass(lookMs);
    expect(["a", "b"].map(statusOf)).toEqual(["interrupted", "running"]);
    expect(await runs.open(keyed("a2"))).toBeUndefined();
    await pass(longestSilenceMs);
    expect(statusOf("b")).toBe("running");
  });

  test("what an interrupted run had written to its session is noted there, for the sake of whoever tidies up", async () => {
    const runs = await openRuns();
    const store = await openSessionStore(file);
    closers.push(() => store.close());
    await beginTurns(store, turnOf("cut", undefined));
    await runs.open(runOf("waits", { sessionKey: "agent:main:other" }));
    await appendTurn(store, turnOf("done", undefined, { sessionKey: "agent:main:other" }));
    expect(await store.catalog.listBranched(9)).toEqual([]);
    raw.exec("update sessions set updated_at = '2020-01-01T00:00:00.000Z'");
    raw.prepare("update runs set process = ? where status = 'running'").run([stranger]);
    await pass(longestSilenceMs + lookMs);
    expect(["cut", "waits"].map(statusOf)).toEqual(["interrupted", "interrupted"]);
    expect(await store.catalog.listBranched(9)).toEqual([key]);
    expect(await store.catalog.listOldest(9, Date.parse("2021-01-01"))).toMatchObject([{ key: "agent:main:other" }]);
  });

  test("a look that finds the database locked is made up for by the next", async () => {
    const [one, other] = [await openRuns(0), await openRuns(0)];
    await one.open(runOf("a"));
    raw.exec("begin immediate");
    await pass(2 * lookMs);
    raw.exec("commit");
    await pass(lookMs);
    // One that was refused as the clock stood still tries again by its own time.
    while ((raw.prepare("select renewals from runs").get([]) as { renewals: number }).renewals === 0) await new Promise(setImmediate);
    await pass(longestSilenceMs - lookMs);
    expect(await other.find("a")).toMatchObject({ status: "running" });
  });

  test("a store with nothing at work writes nothing, and none looks once it is stopped", async () => {
    const runs = await openRuns();
    await runs.open(runOf("a"));
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
    const child = spawn(process.execPath, ["--import", "tsx", worker, file], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    const exit = once(child, "exit");
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await exit;
  }

  test("are interrupted as soon as the store is opened again; only one that has executed a tool keeps its key", async () => {
    await workAndDie();
    expect(statusOf("harmless")).toBe("running");
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
    raw.prepare("update runs set process = ? where id = 'theirs'").run([stranger]);
    await workAndDie();
    await openRuns();
    expect(["ours", "theirs", "harmless"].map(statusOf)).toEqual(["running", "running", "interrupted"]);
  });
});
