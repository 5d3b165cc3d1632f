/** What is kept, listed and taken out: pages, counts, branches, and what stays. */
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";

import type { SessionStore } from "../../src/domain/session.ts";
import type { KeptSession, TranscriptQuery } from "../../src/domain/session-catalog.ts";
import { besidePath } from "../../src/store/beside-path.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { databaseEngines, type TestDatabase } from "../support/databases.ts";
import { appendTurn, beginTurns, endOf, turnOf } from "./turn-of.ts";

const engines = await databaseEngines();

describe.each(engines)("on $name", ({ name, create }) => {
  let database: TestDatabase;
  let store: SessionStore;

  beforeEach(async () => {
    database = await create();
    store = await openSessionStore(database.location);
  });

  afterEach(async () => {
    await store.close();
    await database.drop();
  });

  const keyOf = (name: string, agent = "main") => `agent:${agent}:${name}`;

  /** One answered turn of four messages. */
  async function keep(name: string, { agent = "main", owner = "main", label = "turn" } = {}): Promise<string> {
    const sessionKey = keyOf(name, agent);
    const { leafId } = await store.readPath(sessionKey);
    await appendTurn(store, turnOf(label, leafId, { sessionKey, agentId: agent, owner }));
    return sessionKey;
  }

  async function leafOf(sessionKey: string): Promise<string | undefined> {
    return (await store.readPath(sessionKey)).leafId;
  }

  /** SQL beside the store: to move points in time, and to look. */
  const sql = (text: string) => database.query(text);

  const counts = () =>
    database.query("select (select count(*) from sessions) s, (select count(*) from messages) m, (select count(*) from memories) r");

  async function setActive(key: string, time: string): Promise<void> {
    await sql(`update sessions set updated_at = '${time}' where key = '${key}'`);
  }

  const keysOf = (sessions: readonly KeptSession[]) => sessions.map(({ key }) => key);

  describe("the list", () => {
    beforeEach(async () => {
      for (const [day, name] of ["a", "b", "c", "d", "e"].entries()) {
        const key = await keep(name, name === "c" ? { agent: "beta" } : name === "d" ? { owner: "alice" } : {});
        await setActive(key, `2026-01-0${day + 1}T00:00:00.000Z`);
      }
    });

    test("has the one that was active last first, page by page, or the other way round", async () => {
      const { catalog } = store;
      const first = await catalog.list({ limit: 2, order: "desc" });
      expect(keysOf(first.items)).toEqual(["agent:main:e", "agent:main:d"]);
      const second = await catalog.list({ limit: 2, order: "desc", after: "agent:main:d" });
      expect(keysOf(second.items)).toEqual(["agent:beta:c", "agent:main:b"]);
      const last = await catalog.list({ limit: 2, order: "desc", after: "agent:main:b" });
      expect([first.hasMore, second.hasMore, last.hasMore]).toEqual([true, true, false]);
      expect(keysOf(last.items)).toEqual(["agent:main:a"]);
      const turned = await catalog.list({ limit: 3, order: "asc", after: "agent:main:a" });
      expect(keysOf(turned.items)).toEqual(["agent:main:b", "agent:beta:c", "agent:main:d"]);
    });

    test("sessions that were active at the same moment are each listed once", async () => {
      await sql("update sessions set updated_at = '2026-01-01T00:00:00.000Z'");
      const seen: string[] = [];
      for (let after: string | undefined; ;) {
        const page = await store.catalog.list({ limit: 2, order: "desc", after });
        seen.push(...keysOf(page.items));
        after = seen.at(-1);
        if (!page.hasMore) break;
      }
      expect(seen.sort()).toEqual(["agent:beta:c", "agent:main:a", "agent:main:b", "agent:main:d", "agent:main:e"]);
    });

    test("keeps to one agent and to one owner, whose cursor another's session is not", async () => {
      expect(keysOf((await store.catalog.list({ limit: 9, order: "desc", agentId: "beta" })).items)).toEqual(["agent:beta:c"]);
      expect(keysOf((await store.catalog.list({ limit: 9, order: "desc", owner: "alice" })).items)).toEqual(["agent:main:d"]);
      await expect(store.catalog.list({ limit: 9, order: "desc", owner: "alice", after: "agent:main:a" })).rejects.toMatchObject({
        code: "invalid_value",
        param: "after",
      });
    });

    // What a server does is a matter of how many there are.
    if (name === "SQLite")
      test("no list sorts all sessions: an index has their order", async () => {
        const plan = async (where: string) =>
          (await sql(`explain query plan select key, bytes from sessions ${where} order by updated_at desc, key desc limit 21`)).map(
            ({ detail }) => detail,
          );
        expect(await plan("")).toEqual(["SCAN sessions USING INDEX sessions_by_activity"]);
        expect(await plan("where (updated_at, key) < ('2026', 'x')")).toEqual([
          expect.stringMatching(/^SEARCH sessions USING INDEX sessions_by_activity/),
        ]);
        expect(await plan("where owner = 'alice'")).toEqual([expect.stringMatching(/^SEARCH sessions USING INDEX sessions_by_owner/)]);
      });
  });

  describe("counts", () => {
    test("follow turns, memories and what is taken out", async () => {
      const key = await keep("a");
      const first = await store.catalog.find(key);
      expect(first).toMatchObject({ key, agentId: "main", owner: "main", messageCount: 4 });
      const bytesOf = async () =>
        Number((await sql(`select sum(octet_length(body) + 256) b from messages where session_key = '${key}'`))[0]?.["b"]);
      expect(first?.bytes).toBe(await bytesOf());
      await appendTurn(store, turnOf("lost", await leafOf(key), { sessionKey: key, isAnswered: false }));
      expect(await store.catalog.find(key)).toMatchObject({ messageCount: 8, bytes: await bytesOf() });
      const memory = store.memoryOf({ sessionKey: key, agentId: "main", owner: "main" });
      await memory.save("city", "서울");
      await memory.save("city", "Busan");
      expect((await store.catalog.find(key))?.bytes).toBe((await bytesOf()) + 256 + 4 + 5);
      await store.catalog.removeBranches(key);
      expect(await store.catalog.find(key)).toMatchObject({ messageCount: 4, bytes: (await bytesOf()) + 256 + 4 + 5 });
      expect(await store.catalog.measure()).toEqual({ sessions: 1, bytes: (await bytesOf()) + 256 + 4 + 5, inactive: 0 });
    });

    test("a write that is refused leaves them as they were", async () => {
      const key = await keep("a");
      const turn = turnOf("stale", undefined, { sessionKey: key });
      const writer = await beginTurns(store, turn);
      const before = await store.catalog.find(key);
      await expect(writer.end(turn.added, endOf("stale", "completed"))).rejects.toMatchObject({ code: "session_busy" });
      await expect(beginTurns(store, { ...turn, owner: "alice" })).rejects.toMatchObject({ code: "session_busy" });
      expect(await store.catalog.find(key)).toEqual(before);
    });

    test("an older database is given them", async () => {
      const key = await keep("a");
      await store.memoryOf({ sessionKey: key, agentId: "main", owner: "main" }).save("city", "서울");
      await appendTurn(store, turnOf("lost", await leafOf(key), { sessionKey: key, isAnswered: false }));
      const before = await store.catalog.find(key);
      await store.close();
      for (const index of ["sessions_by_activity", "sessions_by_owner", "sessions_with_branches"]) await sql(`drop index ${index}`);
      for (const column of ["message_count", "bytes", "branched_at"]) await sql(`alter table sessions drop column ${column}`);
      const tables = ["run_events", "runs", "completions", "tokens", "token_changes", "counters", "token_usage", "token_runs"];
      for (const table of tables) await sql(`drop table ${table}`);
      await sql("delete from kysely_migration where name >= '0005'");
      store = await openSessionStore(database.location);
      expect(await store.catalog.find(key)).toEqual(before);
      expect(await store.catalog.listBranched(9)).toEqual([key]);
    });
  });

  describe("a transcript", () => {
    const read = async (key: string, query: Partial<TranscriptQuery> = {}) => {
      const page = await store.catalog.readMessages(key, { limit: 100, order: "asc", branches: false, ...query });
      return { ...page, items: page.items.map(({ runId, message, state }) => `${runId} ${message.role} ${state}`) };
    };

    test("is the active path, or all branches with the state of each message", async () => {
      const key = await keep("a", { label: "one" });
      const root = await leafOf(key);
      await keep("a", { label: "two" });
      await appendTurn(store, { ...turnOf("three", await leafOf(key), { sessionKey: key }), parentId: root });
      await appendTurn(store, turnOf("lost", await leafOf(key), { sessionKey: key, isAnswered: false }));
      const states = (label: string, state: string) =>
        ["user", "assistant", "tool", "assistant"].map((role) => `${label} ${role} ${state}`);
      expect(await read(key)).toEqual({ items: [...states("one", "active"), ...states("three", "active")], hasMore: false });
      expect((await read(key, { branches: true })).items).toEqual([
        ...states("one", "active"),
        ...states("two", "superseded"),
        ...states("three", "active"),
        ...states("lost", "unanswered"),
      ]);
    });

    test.each([true, false])("is read page by page, in either order (branches: %s)", async (branches) => {
      const key = await keep("a", { label: "one" });
      await keep("a", { label: "two" });
      for (const order of ["asc", "desc"] as const) {
        const whole = await store.catalog.readMessages(key, { limit: 100, order, branches });
        const ids: string[] = [];
        for (let after: string | undefined; ;) {
          const page = await store.catalog.readMessages(key, { limit: 3, order, branches, after });
          ids.push(...page.items.map(({ id }) => id));
          after = ids.at(-1);
          if (!page.hasMore) break;
        }
        expect(ids).toEqual(whole.items.map(({ id }) => id));
      }
      await expect(read(key, { branches, after: "nothing" })).rejects.toMatchObject({ code: "invalid_value", param: "after" });
      expect(await read(keyOf("unknown"), { branches })).toEqual({ items: [], hasMore: false });
    });

    test("of large messages comes in pages of fewer", async () => {
      const key = keyOf("large");
      const text = "x".repeat(5 * 1024 * 1024);
      const messages = [1, 2, 3].map(() => ({ role: "user", content: [{ type: "text", text }] }) as const);
      await appendTurn(store, { ...turnOf("one", undefined, { sessionKey: key }), input: messages, added: [] });
      const { items, hasMore } = await store.catalog.readMessages(key, { limit: 100, order: "asc", branches: true });
      expect({ count: items.length, hasMore }).toEqual({ count: 1, hasMore: true });
      const rest = await store.catalog.readMessages(key, { limit: 100, order: "asc", branches: false, after: items[0]!.id });
      expect({ count: rest.items.length, hasMore: rest.hasMore }).toEqual({ count: 1, hasMore: true });
    });
  });

  describe("taking out", () => {
    test("a session takes its messages and its memory, and nothing of others", async () => {
      const [a, b] = [await keep("a"), await keep("b")];
      await store.memoryOf({ sessionKey: a, agentId: "main", owner: "main" }).save("city", "Seoul");
      await store.memoryOf({ sessionKey: b, agentId: "main", owner: "main" }).save("city", "Busan");
      const { bytes } = (await store.catalog.find(a))!;
      expect(await store.catalog.remove(a, "main")).toEqual({ messages: 4, bytes });
      expect(await counts()).toEqual([{ s: 1, m: 4, r: 1 }]);
      expect(await store.catalog.find(a)).toBeUndefined();
      expect(await store.catalog.remove(a, "main")).toBeUndefined();
    });

    test("is for its owner: under another name it is not there", async () => {
      const key = await keep("a", { owner: "alice" });
      expect(await store.catalog.remove(key, "main")).toBeUndefined();
      expect(await store.catalog.empty(key, "bob")).toBeUndefined();
      expect((await store.catalog.find(key))?.messageCount).toBe(4);
    });

    test("all that is in a session leaves it, its owner and its age", async () => {
      const key = await keep("a", { owner: "alice" });
      const before = await store.catalog.find(key);
      const emptied = await store.catalog.empty(key, "alice");
      expect(emptied).toEqual({ ...before, messageCount: 0, bytes: 0, lastActiveAt: emptied!.lastActiveAt });
      expect(emptied!.lastActiveAt).toBeGreaterThanOrEqual(before!.lastActiveAt);
      expect(await store.readTree(key)).toEqual({ owner: "alice", leafId: undefined, nodes: [] });
      expect(await counts()).toEqual([{ s: 1, m: 0, r: 0 }]);
    });

    test("a very long session lets the process get to its other work", async () => {
      const key = keyOf("long");
      const messages = Array.from({ length: 3_000 }, (_, n) => ({ role: "user", content: [{ type: "text", text: `${n}` }] }) as const);
      await appendTurn(store, { ...turnOf("one", undefined, { sessionKey: key }), input: messages, added: [] });
      let turns = 0;
      const timer = setInterval(() => turns++, 0);
      await store.catalog.remove(key, "main");
      clearInterval(timer);
      expect(turns).toBeGreaterThan(2);
      expect(await counts()).toEqual([{ s: 0, m: 0, r: 0 }]);
    });

    test("is refused once the lease is lost under which it was to be, and then leaves everything", async () => {
      const key = await keep("a");
      await appendTurn(store, turnOf("lost", await leafOf(key), { sessionKey: key, isAnswered: false }));
      const before = { session: await store.catalog.find(key), counts: await counts() };
      const lease = await store.claimLease(key, () => undefined).attempt();
      await lease!.release();
      const refused = { code: "session_busy", message: expect.stringContaining("nothing was removed"), retryAfterMs: 1_000 };
      await expect(store.catalog.remove(key, "main", lease!.fence)).rejects.toMatchObject(refused);
      await expect(store.catalog.empty(key, "main", lease!.fence)).rejects.toMatchObject(refused);
      await expect(store.catalog.removeBranches(key, undefined, lease!.fence)).rejects.toMatchObject(refused);
      expect({ session: await store.catalog.find(key), counts: await counts() }).toEqual(before);
      const next = await store.claimLease(key, () => undefined).attempt();
      expect(await store.catalog.remove(key, "main", next!.fence)).toMatchObject({ messages: 8 });
    });

    test("a run that read the session before cannot write to what came after", async () => {
      const key = await keep("a");
      const leafId = await leafOf(key);
      await store.catalog.remove(key, "main");
      await expect(appendTurn(store, turnOf("late", leafId, { sessionKey: key }))).rejects.toMatchObject({ code: "session_busy" });
      expect(await counts()).toEqual([{ s: 0, m: 0, r: 0 }]);
    });
  });

  describe("branches", () => {
    test("go, and the session is no longer looked at for them; the path that is active stays whole", async () => {
      const key = await keep("a", { label: "one" });
      const root = await leafOf(key);
      expect(await store.catalog.listBranched(9)).toEqual([]);
      await keep("a", { label: "two" });
      await appendTurn(store, { ...turnOf("three", await leafOf(key), { sessionKey: key }), parentId: root });
      await keep("b");
      expect(await store.catalog.listBranched(9)).toEqual([key]);
      const path = await store.readPath(key);
      const { bytes } = (await store.catalog.find(key))!;
      const removed = await store.catalog.removeBranches(key);
      expect(removed.messages).toBe(4);
      expect(await store.catalog.find(key)).toMatchObject({ messageCount: 8, bytes: bytes - removed.bytes });
      expect(await store.readTree(key)).toEqual(path);
      expect(await store.catalog.listBranched(9)).toEqual([]);
      expect(await store.catalog.removeBranches(key)).toEqual({ messages: 0, bytes: 0 });
    });

    test("that are younger stay, and the session is looked at again", async () => {
      const key = await keep("a", { label: "one" });
      const root = await leafOf(key);
      await keep("a", { label: "two" });
      await appendTurn(store, { ...turnOf("three", await leafOf(key), { sessionKey: key }), parentId: root });
      await appendTurn(store, turnOf("lost", await leafOf(key), { sessionKey: key, isAnswered: false }));
      await sql("update messages set created_at = '2020-01-01T00:00:00.000Z' where run_id = 'two'");
      expect(await store.catalog.removeBranches(key, Date.parse("2021-01-01"))).toMatchObject({ messages: 4 });
      expect(await store.catalog.listBranched(9)).toEqual([key]);
      expect((await store.catalog.find(key))?.messageCount).toBe(12);
    });
  });
});

describe("what lies beside a path", () => {
  const tree = (...lines: string[]) =>
    lines.map((line) => {
      const [id = "", parent_id = "", created_at = ""] = line.split(" ");
      return { id, parent_id: parent_id === "-" ? null : parent_id, created_at };
    });

  test.each([
    ["nothing of one path", tree("1 - 1", "2 1 1", "3 2 1"), "3", undefined, [], 0],
    ["another branch, children first", tree("1 - 1", "2 1 1", "3 2 1", "4 1 1"), "4", undefined, ["3", "2"], 0],
    ["another root", tree("1 - 1", "2 - 1"), "2", undefined, ["1"], 0],
    ["everything where nothing was answered", tree("1 - 1", "2 1 1"), null, undefined, ["2", "1"], 0],
    ["not what is younger", tree("1 - 1", "2 1 1", "3 1 5"), "2", "4", [], 1],
    ["not what younger messages stand on", tree("1 - 1", "2 - 1", "3 2 1", "4 3 5", "5 3 1"), "1", "4", ["5"], 3],
  ])("is %s", (_what, nodes, leafId, before, removable, staying) => {
    const beside = besidePath(nodes, leafId, before);
    expect({ ...beside, removable: beside.removable.map(({ id }) => id) }).toEqual({ removable, staying });
  });
});
