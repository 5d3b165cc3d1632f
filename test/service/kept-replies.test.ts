/** How long runs, their replies and completions are kept, and when they go for lack of room. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { pino } from "pino";

import type { RetentionConfig } from "../../src/config/config.ts";
import type { SessionStore } from "../../src/domain/session.ts";
import { Lanes } from "../../src/service/lanes.ts";
import { Retention } from "../../src/service/retention.ts";
import { SessionTurns } from "../../src/service/session-turns.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { completionOf, day, endingOf, runOf, texts } from "../store/run-of.ts";
import { appendTurn, key, turnOf } from "../store/turn-of.ts";

let folder: string;
let store: SessionStore;
let lines: { [key: string]: unknown }[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "clawgate-replies-"));
  store = await openSessionStore(join(folder, "sessions.db"));
  lines = [];
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function retentionOf(limits: Partial<RetentionConfig>): Retention {
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line) as { [key: string]: unknown }) });
  return new Retention({
    catalog: store.catalog,
    runs: store.runs,
    accounts: store.accounts,
    turns: new SessionTurns({ lanes: new Lanes({ maxQueued: 4, maxWaitMs: 1_000 }), store, maxWaitMs: 1_000, log }),
    limits: { isEnforced: true, pruneAfterMs: undefined, maxEntries: undefined, maxDiskBytes: undefined, ...limits },
    log,
  });
}

/** An ended run with a reply of 1 000 characters, made so many hours ago. */
async function reply(id: string, hoursAgo: number, change: Parameters<typeof runOf>[1] = {}): Promise<void> {
  await store.runs.open(runOf(id, { createdAt: Date.now() - hoursAgo * 3_600_000, ...change }));
  await store.runs.end(endingOf(id, { events: texts(1, "x".repeat(1_000)) }));
}

const complete = (runId: string, hoursAgo: number, expiresAt = Date.now() + day): Promise<void> => {
  const createdAt = Date.now() - hoursAgo * 3_600_000;
  return store.runs.end(endingOf(runId, { completion: completionOf(runId, { createdAt, expiresAt }) }));
};

/** Ids of those that have anything left to read. */
async function kept(...ids: string[]): Promise<string[]> {
  const found = await Promise.all(
    ids.map(async (id) => (await store.runs.readEvents(id, 0)).length > 0 || (await store.completions.find(id)) !== undefined),
  );
  return ids.filter((_id, index) => found[index]);
}

const all = async (): Promise<number> => (await store.catalog.measure()).bytes + (await store.runs.measure());

test("what is over its time goes when the gateway starts, though no limit is set and though it is to warn only", async () => {
  for (const limits of [{}, { isEnforced: false, pruneAfterMs: day }]) {
    for (let n = 0; n < 130; n++) await store.runs.open(runOf(`r${n}`, { expiresAt: Date.now() - 1 }));
    for (let n = 0; n < 130; n++) await store.runs.end(endingOf(`r${n}`));
    await reply("old", 25, { expiresAt: Date.now() - 1 });
    await complete("oldest", 800, Date.now() - 1);
    await reply("young", 1);
    const retention = retentionOf(limits);
    retention.start();
    await retention.pass();
    await retention.stop();
    expect(lines).toMatchObject([{ level: 30, expired: 132 }]);
    expect(await kept("old", "oldest", "young")).toEqual(["young"]);
    expect(await store.runs.removeExpired(1)).toBe(0);
    await store.runs.discard("young");
    lines = [];
  }
});

test("it is looked at every hour", async () => {
  jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask", "setImmediate", "setTimeout", "hrtime"] });
  try {
    const retention = retentionOf({});
    retention.start();
    await retention.pass();
    await reply("old", 25, { expiresAt: Date.now() });
    jest.advanceTimersByTime(3_600_000);
    await retention.pass();
    expect(await kept("old")).toEqual([]);
    await retention.stop();
  } finally {
    jest.useRealTimers();
  }
});

test("over the size branches go first, then the oldest replies and completions, then sessions; no more than must", async () => {
  await appendTurn(store, turnOf("one", undefined));
  await appendTurn(store, turnOf("lost", (await store.readPath(key)).leafId, { isAnswered: false }));
  await reply("first", 4);
  await complete("second", 3);
  await reply("third", 2);
  const count = async () => (await store.catalog.find(key))?.messageCount;
  await retentionOf({ maxDiskBytes: await all() }).pass();
  expect([await count(), lines]).toEqual([8, []]);
  await retentionOf({ maxDiskBytes: (await all()) - 1 }).pass();
  expect([await count(), await kept("first", "second", "third")]).toEqual([4, ["first", "second", "third"]]);
  await retentionOf({ maxDiskBytes: (await all()) - 1 }).pass();
  expect([await count(), await kept("first", "second", "third")]).toEqual([4, ["second", "third"]]);
  expect(lines.at(-1)).toMatchObject({ msg: "old sessions removed", replies: 1, sessions: 0 });
  await retentionOf({ maxDiskBytes: (await store.catalog.measure()).bytes }).pass();
  expect([await count(), await kept("first", "second", "third")]).toEqual([4, []]);
  await retentionOf({ maxDiskBytes: 1 }).pass();
  expect(await count()).toBeUndefined();
  expect(await store.runs.find("first")).toMatchObject({ status: "completed" });
});

test("where it is to warn only, replies and completions count too", async () => {
  await reply("first", 4);
  await complete("second", 3);
  const bytes = await store.runs.measure();
  await retentionOf({ maxDiskBytes: bytes, isEnforced: false }).pass();
  expect(lines).toEqual([]);
  await retentionOf({ maxDiskBytes: 100, isEnforced: false }).pass();
  expect(lines).toMatchObject([{ level: 40, bytesOver: bytes - 100 }]);
  expect(await kept("first", "second")).toEqual(["first", "second"]);
});
