/** A turn of very many messages: one transaction that lets the process do its other work meanwhile. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as otherWork } from "node:timers/promises";

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import Database from "libsql";

import { openSessionStore } from "../../src/store/open-session-store.ts";
import { StoredSessions } from "../../src/store/session-store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { messagesIn, turnMessages, turnOf } from "./turn-of.ts";

const messages = Array.from({ length: 2_500 }, (_, index) => turnMessages(`${index}`)).flat();
const turn = turnOf("long", undefined, { messages });

let folder: string;
let file: string;
let observer: Database.Database;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "clawgate-long-"));
  file = join(folder, "sessions.db");
  await (await openSessionStore(file)).close();
  observer = new Database(file);
});

afterEach(() => {
  observer.close();
  rmSync(folder, { recursive: true });
});

function countMessages(): number {
  const [row] = observer.prepare("select count(*) as count from messages").all([]) as { count: number }[];
  return row!.count;
}

describe("a very long turn", () => {
  test("lets other work go on between its parts, and none of it is seen before all of it is there", async () => {
    const store = new StoredSessions(openSqlite(file));
    const seen: number[] = [];
    let isDone = false;
    const append = store.appendTurn(turn).finally(() => (isDone = true));
    while (!isDone) {
      seen.push(countMessages());
      await otherWork();
    }
    await append;
    expect(seen.length).toBeGreaterThan(20);
    expect(seen.filter((count) => count !== 0 && count !== messages.length)).toEqual([]);
    expect(await messagesIn(store)).toEqual(messages);
    await store.close();
  });

  test("is read as a whole by whoever asks while it is written", async () => {
    const store = await openSessionStore(":memory:");
    const append = store.appendTurn(turn);
    for (let round = 0; round < 30; round += 1) await otherWork();
    const read = messagesIn(store);
    await append;
    expect(await read).toEqual(messages);
    await store.close();
  });

  test("that is cut by closing is there as a whole or not at all", async () => {
    for (const rounds of [0, 5, 22, 30, 35]) {
      const store = new StoredSessions(openSqlite(file), 0);
      await store.check();
      const sessionKey = `agent:main:cut-${rounds}`;
      const before = countMessages();
      const append = store.appendTurn({ ...turn, sessionKey }).then(
        () => messages.length,
        () => 0,
      );
      for (let round = 0; round < rounds; round += 1) await otherWork();
      await store.close();
      expect(countMessages() - before).toBe(await append);
    }
    expect(observer.pragma("integrity_check")).toEqual([{ integrity_check: "ok" }]);
  });
});
