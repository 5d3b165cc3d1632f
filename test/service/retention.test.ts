/** What goes when the store is over its limits, in which order, and what is left alone. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import Database from "libsql";
import { pino } from "pino";
import type { RetentionConfig } from "../../src/config/config.ts";
import type { SessionStore } from "../../src/domain/session.ts";
import { Lanes } from "../../src/service/lanes.ts";
import { Retention } from "../../src/service/retention.ts";
import { SessionTurns } from "../../src/service/session-turns.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { appendTurn, beginTurns, endOf, turnMessages, turnOf } from "../store/turn-of.ts";

const day = 86_400_000;
let folder: string;
let file: string;
let store: SessionStore;
let lanes: Lanes;
let lines: { [key: string]: unknown }[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "clawgate-retention-"));
  file = join(folder, "sessions.db");
  store = await openSessionStore(file);
  lanes = new Lanes({ maxQueued: 4, maxWaitMs: 1_000 });
  lines = [];
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function retentionOf(limits: Partial<RetentionConfig>): Retention {
  const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line) as { [key: string]: unknown }) });
  return new Retention({
    catalog: store.catalog,
    runs: store.runs,
    accounts: store.accounts,
    turns: new SessionTurns({ lanes, store, maxWaitMs: 1_000, log }),
    limits: { isEnforced: true, pruneAfterMs: undefined, maxEntries: undefined, maxDiskBytes: undefined, ...limits },
    log,
  });
}

function sql(text: string): void {
  const database = new Database(file);
  database.exec(text);
  database.close();
}

const keyOf = (name: string) => `agent:main:${name}`;

/** A session with two turns on its path and, if asked for, a superseded one and an unanswered one; last active so many days ago. */
async function keep(name: string, daysAgo: number, hasBranches = false): Promise<void> {
  const sessionKey = keyOf(name);
  const leaf = async () => (await store.readPath(sessionKey)).leafId;
  await appendTurn(store, turnOf("one", undefined, { sessionKey }));
  const root = await leaf();
  if (hasBranches) {
    await appendTurn(store, turnOf("superseded", root, { sessionKey }));
    await appendTurn(store, turnOf("lost", await leaf(), { sessionKey, isAnswered: false }));
  }
  await appendTurn(store, { ...turnOf("two", await leaf(), { sessionKey }), parentId: root });
  const time = new Date(Date.now() - daysAgo * day).toISOString();
  sql(
    `update sessions set updated_at = '${time}' where key = '${sessionKey}'; update messages set created_at = '${time}' where session_key = '${sessionKey}'`,
  );
}

async function names(): Promise<string[]> {
  const { items } = await store.catalog.list({ limit: 1000, order: "asc" });
  return items.map(({ key }) => key.slice("agent:main:".length));
}

const countOf = async (name: string) => (await store.catalog.find(keyOf(name)))?.messageCount;

describe("age", () => {
  test("takes sessions that were not active since, with their memory; of younger ones old branches", async () => {
    await keep("old", 31);
    await keep("young", 29, true);
    await keep("mixed", 31, true);
    await store.memoryOf({ sessionKey: keyOf("old"), agentId: "main", owner: "main" }).save("city", "Seoul");
    sql(`update sessions set updated_at = '2000-01-01T00:00:00.000Z' where key = '${keyOf("old")}'`);
    sql(`update sessions set updated_at = '${new Date().toISOString()}' where key = '${keyOf("mixed")}'`);
    await retentionOf({ pruneAfterMs: 30 * day }).pass();
    expect(await names()).toEqual(["young", "mixed"]);
    expect([await countOf("young"), await countOf("mixed")]).toEqual([16, 8]);
    expect(await store.memoryOf({ sessionKey: keyOf("old"), agentId: "main", owner: "main" }).recall()).toEqual(new Map());
    expect(lines.at(-1)).toMatchObject({ msg: "old sessions removed", sessions: 1, branches: 1, messages: 16 });
  });

  test("the path that goes on is whole afterwards, and a turn can be added", async () => {
    await keep("old", 31, true);
    sql(`update sessions set updated_at = '${new Date().toISOString()}'`);
    const path = await store.readPath(keyOf("old"));
    await retentionOf({ pruneAfterMs: 30 * day }).pass();
    expect(await store.readTree(keyOf("old"))).toEqual(path);
    await appendTurn(store, turnOf("three", path.leafId, { sessionKey: keyOf("old") }));
    expect(await countOf("old")).toBe(12);
  });
});

describe("count", () => {
  test("takes those that were not active for longest, however many there are", async () => {
    for (let n = 0; n < 230; n++) await appendTurn(store, turnOf("one", undefined, { sessionKey: keyOf(`s${n}`) }));
    sql("update sessions set updated_at = printf('2026-01-01T00:00:00.%03dZ', cast(substr(key, 13) as integer))");
    await retentionOf({ maxEntries: 3 }).pass();
    expect(await names()).toEqual(["s227", "s228", "s229"]);
    expect(lines.at(-1)).toMatchObject({ sessions: 227 });
  });
});

describe("size", () => {
  test("takes branches first, then the sessions that were not active for longest, and no more than it must", async () => {
    await keep("a", 3);
    await keep("b", 2, true);
    await keep("c", 1);
    const { bytes } = await store.catalog.measure();
    await retentionOf({ maxDiskBytes: bytes - 1 }).pass();
    expect([await countOf("a"), await countOf("b"), await countOf("c")]).toEqual([8, 8, 8]);
    const left = (await store.catalog.measure()).bytes;
    await retentionOf({ maxDiskBytes: left - 1 }).pass();
    expect(await names()).toEqual(["b", "c"]);
    await retentionOf({ maxDiskBytes: left - 1 }).pass();
    expect(await names()).toEqual(["b", "c"]);
    expect(lines.at(-1)).toMatchObject({ msg: "no old sessions to remove" });
  });
});

describe("what is left alone", () => {
  test("a session with a run at work in this process", async () => {
    await keep("busy", 40, true);
    await keep("old", 40);
    const ticket = lanes.enter(keyOf("busy"), new AbortController().signal);
    await retentionOf({ pruneAfterMs: day, maxEntries: 1, maxDiskBytes: 1 }).pass();
    expect(await names()).toEqual(["busy"]);
    expect(await countOf("busy")).toBe(16);
    ticket.leave();
    await retentionOf({ pruneAfterMs: day }).pass();
    expect(await names()).toEqual([]);
  });

  test("a session with a run at work in another process, which does not notice", async () => {
    await keep("busy", 40);
    const other = await openSessionStore(file);
    const lease = await other.claimLease(keyOf("busy"), () => undefined).attempt();
    const { leafId } = await other.readPath(keyOf("busy"));
    await retentionOf({ pruneAfterMs: day }).pass();
    expect(await names()).toEqual(["busy"]);
    await appendTurn(other, turnOf("late", leafId, { sessionKey: keyOf("busy"), fence: lease!.fence }));
    await lease!.release();
    await other.close();
    await retentionOf({ pruneAfterMs: day }).pass();
    expect(await countOf("busy")).toBe(12);
  });

  test("what a run at work has written beside the path so far; once it has failed it goes", async () => {
    await keep("busy", 1);
    const other = await openSessionStore(file);
    const sessionKey = keyOf("busy");
    const lease = await other.claimLease(sessionKey, () => undefined).attempt();
    const { leafId } = await other.readPath(sessionKey);
    const writer = await beginTurns(other, turnOf("cut", leafId, { sessionKey, fence: lease!.fence }));
    await writer.addTurn(turnMessages("cut").slice(1, 3));
    const path = await store.readPath(sessionKey);
    sql("update messages set created_at = '2000-01-01T00:00:00.000Z'");
    await retentionOf({ pruneAfterMs: 30 * day }).pass();
    expect(await countOf("busy")).toBe(11);
    await writer.end([], endOf("cut", "failed"));
    await other.close();
    await retentionOf({ pruneAfterMs: 30 * day }).pass();
    expect(await countOf("busy")).toBe(8);
    expect(await store.readTree(sessionKey)).toEqual(path);
  });

  test("what others stand on meanwhile, when it was held up for so long that they took over the session", async () => {
    await keep("busy", 1, true);
    const sessionKey = keyOf("busy");
    const tree = await store.readTree(sessionKey);
    const superseded = tree.nodes.filter(({ runId }) => runId === "superseded").at(-1)!;
    const removeBranches = store.catalog.removeBranches.bind(store.catalog);
    jest.spyOn(store.catalog, "removeBranches").mockImplementationOnce(async (...asked) => {
      sql("delete from leases");
      const again = { ...turnOf("again", tree.leafId, { sessionKey }), parentId: superseded.id };
      await appendTurn(store, again);
      return removeBranches(...asked);
    });
    await retentionOf({ pruneAfterMs: 1 }).pass();
    expect((await store.readPath(sessionKey)).nodes.map(({ runId }) => runId)).toEqual(
      ["one", "superseded", "again"].flatMap((runId) => Array.from({ length: 4 }, () => runId)),
    );
    expect(lines.at(-1)).toMatchObject({ msg: "old sessions could not be removed", err: { code: "session_busy" } });
  });

  test("everything, when no limit is set", async () => {
    await keep("ancient", 4_000, true);
    const retention = retentionOf({});
    retention.start();
    await retention.stop();
    expect(await countOf("ancient")).toBe(16);
    expect(lines).toEqual([]);
  });

  test("everything, when it is to warn only; it says how much there would be to do", async () => {
    await keep("old", 40, true);
    await keep("young", 1);
    const limits = { pruneAfterMs: 30 * day, maxEntries: 1, maxDiskBytes: 1_000, isEnforced: false };
    await retentionOf(limits).pass();
    const { bytes } = await store.catalog.measure();
    expect(lines).toMatchObject([{ level: 40, inactive: 1, sessionsOver: 1, bytesOver: bytes - 1_000 }]);
    expect([await countOf("old"), await countOf("young")]).toEqual([16, 8]);
  });
});

test("it lets the process get to its other work", async () => {
  for (let n = 0; n < 50; n++) await appendTurn(store, turnOf("one", undefined, { sessionKey: keyOf(`s${n}`) }));
  sql("update sessions set updated_at = '2000-01-01T00:00:00.000Z'");
  const pass = retentionOf({ pruneAfterMs: day }).pass();
  const seen: (string | undefined)[] = [];
  await new Promise<void>((resolve) => {
    const look = async (): Promise<void> => {
      seen.push(...(await store.catalog.listOldest(1)).map(({ key }) => key));
      if (seen.length > 5) resolve();
      else setImmediate(() => void look());
    };
    void look();
  });
  expect(await store.catalog.measure()).not.toMatchObject({ sessions: 0 });
  await pass;
  expect(await names()).toEqual([]);
});

test("it stops between two steps, and a store that fails is only spoken of", async () => {
  for (let n = 0; n < 20; n++) await appendTurn(store, turnOf("one", undefined, { sessionKey: keyOf(`s${n}`) }));
  sql("update sessions set updated_at = '2000-01-01T00:00:00.000Z'");
  const retention = retentionOf({ pruneAfterMs: day });
  retention.start();
  await retention.stop();
  expect((await names()).length).toBeGreaterThan(0);
  await store.close();
  await retentionOf({ pruneAfterMs: day }).pass();
  expect(lines.at(-1)).toMatchObject({ level: 40, msg: "old sessions could not be removed" });
});

test("other limits hold from the next pass on", async () => {
  await keep("old", 3);
  await keep("new", 0);
  const retention = retentionOf({});
  await retention.pass();
  expect(await catalogKeys()).toEqual([keyOf("new"), keyOf("old")]);
  retention.limit({ isEnforced: true, pruneAfterMs: undefined, maxEntries: 1, maxDiskBytes: undefined });
  await retention.pass();
  expect(await catalogKeys()).toEqual([keyOf("new")]);
});

async function catalogKeys(): Promise<string[]> {
  const { items } = await store.catalog.list({ limit: 10, order: "asc" });
  return items.map(({ key }) => key).sort();
}
