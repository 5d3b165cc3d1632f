/** Very many messages in one write: one transaction that lets the process do its other work meanwhile. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as otherWork } from "node:timers/promises";

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import Database from "libsql";

import type { SessionStore } from "../../src/domain/session.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { StoredSessions } from "../../src/store/session-store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { beginTurns, endOf, key, messagesIn, turnMessages, turnOf } from "./turn-of.ts";

const messages = Array.from({ length: 2_500 }, (_, index) => turnMessages(`${index}`)).flat();
const nothing = { input: [], added: [] };

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

function countMessages(where: string): number {
  const [row] = observer.prepare(`select count(*) as count from messages where ${where}`).all([]) as { count: number }[];
  return row!.count;
}

/** What has to be there before, and then the write of all messages at once, told by the rows that come with it. */
const writes = [
  {
    what: "what a caller brings",
    seen: "state = 'unanswered'",
    prepare: (store: SessionStore, sessionKey: string) =>
      Promise.resolve(async () => void (await beginTurns(store, turnOf("long", undefined, { sessionKey, input: messages })))),
  },
  {
    what: "a turn",
    seen: "state = 'unanswered'",
    prepare: async (store: SessionStore, sessionKey: string) => {
      const writer = await beginTurns(store, turnOf("long", undefined, { sessionKey, ...nothing }));
      return () => writer.addTurn(messages);
    },
  },
  {
    what: "the end of a run, of what it wrote last",
    seen: "state = 'active'",
    prepare: async (store: SessionStore, sessionKey: string) => {
      const writer = await beginTurns(store, turnOf("long", undefined, { sessionKey, ...nothing }));
      return () => writer.end(messages, endOf("long", "completed"));
    },
  },
  {
    what: "the end of a run, of what it wrote before",
    seen: "state = 'active'",
    prepare: async (store: SessionStore, sessionKey: string) => {
      const writer = await beginTurns(store, turnOf("long", undefined, { sessionKey, input: messages.slice(0, 4_000) }));
      await writer.addTurn(messages.slice(4_000));
      return () => writer.end([], endOf("long", "completed"));
    },
  },
];

describe.each(writes)("very much: $what", ({ seen, prepare }) => {
  test("lets other work go on between its parts, and none of it is seen before all of it is there", async () => {
    const store = new StoredSessions(openSqlite(file));
    const write = await prepare(store, key);
    const counts: number[] = [];
    let isDone = false;
    const writing = write().finally(() => (isDone = true));
    while (!isDone) {
      counts.push(countMessages(seen));
      await otherWork();
    }
    await writing;
    expect(counts.length).toBeGreaterThan(15);
    expect(counts.filter((count) => count !== 0 && count !== messages.length)).toEqual([]);
    expect(countMessages(seen)).toBe(messages.length);
    expect(await messagesIn(store)).toEqual(seen === "state = 'active'" ? messages : []);
    await store.close();
  });

  test("that is cut by closing is there as a whole or not at all", async () => {
    for (const rounds of [0, 5, 15, 22, 30, 35]) {
      const store = new StoredSessions(openSqlite(file), 0);
      await store.check();
      const sessionKey = `agent:main:cut-${rounds}`;
      const write = await prepare(store, sessionKey);
      const writing = write().then(
        () => messages.length,
        () => 0,
      );
      for (let round = 0; round < rounds; round += 1) await otherWork();
      await store.close();
      expect([rounds, countMessages(`${seen} and session_key = '${sessionKey}'`)]).toEqual([rounds, await writing]);
    }
    expect(observer.pragma("integrity_check")).toEqual([{ integrity_check: "ok" }]);
  });
});

test("a very long turn is read as a whole by whoever asks while it is written", async () => {
  const store = await openSessionStore(":memory:");
  const writer = await beginTurns(store, turnOf("long", undefined, nothing));
  const end = writer.end(messages, endOf("long", "completed"));
  for (let round = 0; round < 30; round += 1) await otherWork();
  const read = messagesIn(store);
  await end;
  expect(await read).toEqual(messages);
  await store.close();
});
