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
import { key, messagesIn, turnMessages, turnOf } from "./turn-of.ts";

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
  await first.appendTurn(turnOf("first", undefined));
  await first.memoryOf({ sessionKey: key, agentId: "main", owner: "main" }).save("colour", "blue");
  await first.close();
  blocker = new Database(file);
});

afterEach(async () => {
  blocker.close();
  await store.close();
  rmSync(folder, { recursive: true });
});

function lockedStore(lockPatienceMs: number, closePatienceMs?: number): StoredSessions {
  store = new StoredSessions(openSqlite(file, lockPatienceMs), closePatienceMs);
  blocker.exec("begin immediate");
  return store;
}

const appendToOthers = () => otherKeys.map((sessionKey) => store.appendTurn(turnOf("waiting", undefined, { sessionKey })));

describe("while another process holds the lock", () => {
  test("reads do not wait behind the writers that do, and these write once it is free", async () => {
    lockedStore(endlessMs);
    const appends = appendToOthers();
    const save = store.memoryOf({ sessionKey: key, agentId: "main", owner: "main" }).save("colour", "green");
    await store.check();
    expect(await messagesIn(store, key)).toEqual(turnMessages("first"));
    expect(await store.memoryOf({ sessionKey: key, agentId: "main", owner: "main" }).recall()).toEqual(new Map([["colour", "blue"]]));
    blocker.exec("commit");
    await Promise.all([...appends, save]);
    for (const other of otherKeys) expect(await messagesIn(store, other)).toEqual(turnMessages("waiting"));
    expect(await store.memoryOf({ sessionKey: key, agentId: "main", owner: "main" }).recall()).toEqual(new Map([["colour", "green"]]));
  });

  test("writers that came together give up together, not one patience after another", async () => {
    const patienceMs = 500;
    lockedStore(patienceMs);
    const refusals = appendToOthers().map((append) => append.catch((error: unknown) => error));
    await Promise.race(refusals);
    const all = Promise.all(refusals);
    expect(await Promise.race([all, sleep(patienceMs, "another patience")])).not.toBe("another patience");
    for (const refusal of await all) expect(refusal).toMatchObject({ code: "store_unavailable", cause: { code: "SQLITE_BUSY" } });
  });

  test("closing waits for the writers that came before it and takes no one after it", async () => {
    lockedStore(endlessMs, endlessMs);
    const appends = appendToOthers();
    const closing = store.close();
    await expect(store.check()).rejects.toMatchObject({ code: "store_unavailable", cause: { message: "The session store is closed." } });
    blocker.exec("commit");
    await Promise.all([...appends, closing]);
    const rows = blocker.prepare("select distinct session_key from messages where run_id = 'waiting' order by session_key").all([]);
    expect(rows).toEqual(otherKeys.map((sessionKey) => ({ session_key: sessionKey })));
  });

  test("closing refuses the writers that wait for longer than it does", async () => {
    lockedStore(endlessMs, 0);
    const refusals = Promise.allSettled(appendToOthers());
    await store.close();
    for (const refusal of await refusals) expect(refusal).toMatchObject({ reason: { code: "store_unavailable" } });
    blocker.exec("commit");
    expect(blocker.prepare("select count(*) as count from messages where run_id = 'waiting'").all([])).toEqual([{ count: 0 }]);
  });
});
