/** A database that another process has locked: who waits for it, and who does not. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import Database from "libsql";

import { openSessionStore } from "../../src/store/open-session-store.ts";
import { StoredSessions } from "../../src/store/session-store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { appendTurn, beginTurns, endOf, key, messagesIn, turnMessages, turnOf } from "./turn-of.ts";

/** Longer than a test may take: whoever waits for the lock waits until it is free. */
const endlessMs = 600_000;
const otherKeys = Array.from({ length: 8 }, (_, index) => `agent:main:waiting-${index}`);

let folder: string;
let file: string;
let store: StoredSessions;
let blocker: Database.Database;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "clawgate-locked-"));
  file = join(folder, "sessions.db");
  const first = await openSessionStore(file);
  await appendTurn(first, turnOf("first", undefined));
  await first.memoryOf({ sessionKey: key, agentId: "main", owner: "main" }).save("colour", "blue");
  await first.close();
  blocker = new Database(file);
});

afterEach(async () => {
  blocker.close();
  await store.close();
  rmSync(folder, { recursive: true });
});

/** Runs that are about to end when another process takes the lock. */
async function lockedStore(lockPatienceMs: number, closePatienceMs?: number): Promise<() => Promise<void>[]> {
  store = new StoredSessions(openSqlite(file, lockPatienceMs), closePatienceMs);
  const ends: (() => Promise<void>)[] = [];
  for (const [index, sessionKey] of otherKeys.entries()) {
    const turn = turnOf("waiting", undefined, { sessionKey, runId: `waiting-${index}` });
    const writer = await beginTurns(store, turn);
    ends.push(() => writer.end(turn.added, endOf(turn.runId, "completed")));
  }
  blocker.exec("begin immediate");
  return () => ends.map((end) => end());
}

describe("while another process holds the lock", () => {
  test("reads do not wait behind the writers that do, and these write once it is free", async () => {
    const endAll = await lockedStore(endlessMs);
    const ends = endAll();
    const save = store.memoryOf({ sessionKey: key, agentId: "main", owner: "main" }).save("colour", "green");
    await store.check();
    expect(await messagesIn(store, key)).toEqual(turnMessages("first"));
    expect(await store.memoryOf({ sessionKey: key, agentId: "main", owner: "main" }).recall()).toEqual(new Map([["colour", "blue"]]));
    blocker.exec("commit");
    await Promise.all([...ends, save]);
    for (const other of otherKeys) expect(await messagesIn(store, other)).toEqual(turnMessages("waiting"));
    expect(await store.memoryOf({ sessionKey: key, agentId: "main", owner: "main" }).recall()).toEqual(new Map([["colour", "green"]]));
  });

  test("writers that came together give up together, not one patience after another", async () => {
    const patienceMs = 500;
    const endAll = await lockedStore(patienceMs);
    const refusals = endAll().map((end) => end.catch((error: unknown) => error));
    await Promise.race(refusals);
    const all = Promise.all(refusals);
    expect(await Promise.race([all, sleep(patienceMs, "another patience")])).not.toBe("another patience");
    for (const refusal of await all) expect(refusal).toMatchObject({ code: "store_unavailable", cause: { code: "SQLITE_BUSY" } });
  });

  test("closing waits for the writers that came before it and takes no one after it", async () => {
    const endAll = await lockedStore(endlessMs, endlessMs);
    const ends = endAll();
    const closing = store.close();
    await expect(store.check()).rejects.toMatchObject({ code: "store_unavailable", cause: { message: "The session store is closed." } });
    blocker.exec("commit");
    await Promise.all([...ends, closing]);
    const rows = blocker
      .prepare("select distinct session_key from messages where state = 'active' and run_id like 'waiting-%' order by session_key")
      .all([]);
    expect(rows).toEqual(otherKeys.map((sessionKey) => ({ session_key: sessionKey })));
  });

  test("closing refuses the writers that wait for longer than it does", async () => {
    const endAll = await lockedStore(endlessMs, 0);
    const refusals = Promise.allSettled(endAll());
    await store.close();
    for (const refusal of await refusals) expect(refusal).toMatchObject({ reason: { code: "store_unavailable" } });
    blocker.exec("commit");
    expect(blocker.prepare("select count(*) as count from messages where state = 'active' and run_id like 'waiting-%'").all([])).toEqual([
      { count: 0 },
    ]);
  });
});
