/** What the session store promises, kept on real databases. Crashes and opening are tested beside this file. */

import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import Database from "libsql";

import { type ImagePart, type Message, textOf } from "../../src/domain/message.ts";
import type { SessionStore } from "../../src/domain/session.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { StoredSessions } from "../../src/store/session-store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { databaseEngines, type TestDatabase } from "../support/databases.ts";
import { appendTurn, key, messagesIn, turnMessages, turnOf } from "./turn-of.ts";

const engines = await databaseEngines();

describe.each(engines)("on $name", ({ name, create }) => {
  let database: TestDatabase;
  let open: SessionStore[];

  beforeEach(async () => {
    database = await create();
    open = [];
  });

  afterEach(async () => {
    for (const store of open) await store.close();
    await database.drop();
  });

  async function openStore(path = database.location): Promise<SessionStore> {
    const store = await openSessionStore(path);
    open.push(store);
    return store;
  }

  test("what is written after the clock was set back comes after what it stands on", async () => {
    const earlier = await openStore();
    await appendAnswered(earlier, "first");
    jest.spyOn(Date, "now").mockReturnValue(Date.now() - 3_600_000);
    const store = await openStore();
    await appendAnswered(store, "second");
    jest.restoreAllMocks();
    const { nodes } = await store.readTree(key);
    const seen = new Set<string | undefined>([undefined]);
    for (const { id, parentId } of nodes) {
      expect(seen).toContain(parentId);
      seen.add(id);
    }
    expect(nodes.map(({ message }) => message)).toEqual([...turnMessages("first"), ...turnMessages("second")]);
  });

  async function appendAnswered(store: SessionStore, label: string, sessionKey = key): Promise<void> {
    const { leafId } = await store.readPath(sessionKey);
    await appendTurn(store, turnOf(label, leafId, { sessionKey }));
  }

  const rowsOf = (sql: string) => database.query(sql);

  describe("a transcript", () => {
    test("of an unknown key is empty, and reading it creates nothing", async () => {
      const store = await openStore();
      expect(await store.readPath(key)).toEqual({ owner: undefined, leafId: undefined, nodes: [] });
      expect(await rowsOf("select * from sessions")).toEqual([]);
    });

    test("gives back every message as it was appended, in order", async () => {
      const store = await openStore();
      await appendAnswered(store, "first");
      await appendAnswered(store, "second");
      const { leafId } = await store.readPath(key);
      expect(await messagesIn(store)).toEqual([...turnMessages("first"), ...turnMessages("second")]);
      expect(leafId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    });

    test("is the same after the database was closed and opened again", async () => {
      const before = await openStore();
      await appendAnswered(before, "first");
      const written = await before.readPath(key);
      await before.close();
      expect(await (await openStore()).readPath(key)).toEqual(written);
    });

    test("of one key holds nothing of another", async () => {
      const store = await openStore();
      await appendAnswered(store, "mine");
      await appendAnswered(store, "theirs", "agent:main:other");
      expect(await messagesIn(store, key)).toEqual(turnMessages("mine"));
    });

    if (name === "SQLite")
      test("works in memory without a file", async () => {
        const store = await openStore(":memory:");
        await appendAnswered(store, "first");
        expect(await messagesIn(store, key)).toHaveLength(4);
      });

    test("keeps NUL, broken Unicode and long text of a message", async () => {
      const store = await openStore();
      const text = `a\0b \ud800 ${"é".repeat(300_000)}`;
      await appendTurn(store, turnOf("odd", undefined, { messages: [{ role: "user", content: [{ type: "text", text }] }] }));
      expect((await messagesIn(store, key)).map(textOf)).toEqual([text]);
    });

    test("holds no instructions", async () => {
      const store = await openStore();
      const instruction = { role: "system", content: [{ type: "text", text: "Be brief." }] } as const;
      await appendTurn(store, turnOf("first", undefined, { messages: [instruction, ...turnMessages("first")] }));
      await appendTurn(store, turnOf("empty", undefined, { sessionKey: "agent:main:empty", messages: [instruction] }));
      expect(await messagesIn(store, key)).toEqual(turnMessages("first"));
      expect(await rowsOf("select key from sessions")).toEqual([{ key }]);
    });

    test("takes a turn of thousands of messages", async () => {
      const store = await openStore();
      const messages = Array.from({ length: 1_250 }, (_, index) => turnMessages(`${index}`)).flat();
      await appendTurn(store, turnOf("long", undefined, { messages }));
      expect(await messagesIn(store, key)).toEqual(messages);
    });

    test("gives back images, and what only a provider understands, as they were appended", async () => {
      const store = await openStore();
      const image: ImagePart = { type: "image", mediaType: "image/png", data: "iVBORw0KGgo=", detail: "low" };
      const replay = { model: "anthropic/claude", content: [{ type: "reasoning", signature: "빵", nested: { deep: [null, 1.5] } }] };
      const messages: Message[] = [
        {
          role: "user",
          content: [{ type: "text", text: "look" }, image, { type: "image", mediaType: "image/gif", data: "R0lG" }],
          name: "kim",
        },
        { role: "assistant", content: "A pixel.", toolCalls: [], replay },
      ];
      await appendTurn(store, turnOf("image", undefined, { messages }));
      await appendAnswered(store, "second");
      expect(await messagesIn(await openStore())).toEqual([...messages, ...turnMessages("second")]);
    });

    test("keeps as many bytes of images as one request may have", async () => {
      const store = await openStore();
      const half: ImagePart = { type: "image", mediaType: "image/png", data: "A".repeat(9_786_712) };
      await appendTurn(store, turnOf("large", undefined, { messages: [{ role: "user", content: [half, half] }] }));
      const [message] = await messagesIn(store, key);
      expect(message?.content).toHaveLength(2);
      expect(JSON.stringify(message).length).toBeGreaterThan(2 * half.data.length);
    });

    test("reads a row that was written before messages had images", async () => {
      const store = await openStore();
      await appendAnswered(store, "old");
      const body = '{"role":"user","content":[{"type":"text","text":"old question"}]}';
      await database.query("update messages set body = ? where role = 'user'", [body]);
      expect(await messagesIn(store, key)).toEqual(turnMessages("old"));
    });

    test("with a damaged message is an error of its own; other sessions go on", async () => {
      const store = await openStore();
      for (const [session, body] of [
        ["cut", '{"role":"user","con'],
        ["shape", '{"role":"user","content":7}'],
        ["foreign", "[]"],
        ["image", '{"role":"user","content":[{"type":"image","mediaType":"image/png"}]}'],
        ["part", '{"role":"user","content":[{"type":"attachment"}]}'],
      ]) {
        await appendAnswered(store, "damaged", `agent:main:${session}`);
        await database.query("update messages set body = ? where session_key = ? and role = 'user'", [body!, `agent:main:${session}`]);
        await expect(store.readPath(`agent:main:${session}`)).rejects.toMatchObject({
          code: "store_unavailable",
          cause: expect.any(Error),
        });
      }
      await appendAnswered(store, "sound");
      expect(await messagesIn(store, key)).toEqual(turnMessages("sound"));
    });

    test("refuses a key that a text column would alter, so that no two keys become one", async () => {
      const store = await openStore();
      for (const bad of ["agent:main:a\0b", "agent:main:\ud800"]) {
        await expect(store.readPath(bad)).rejects.toMatchObject({ code: "invalid_value" });
        await expect(appendTurn(store, turnOf("bad", undefined, { sessionKey: bad }))).rejects.toMatchObject({ code: "invalid_value" });
        expect(() => store.memoryOf({ sessionKey: bad, agentId: "main", owner: "main" })).toThrow(
          expect.objectContaining({ code: "invalid_value" }),
        );
      }
    });
  });

  describe("an unanswered turn", () => {
    test("is kept beside the path and never comes back", async () => {
      const store = await openStore();
      await appendAnswered(store, "first");
      const before = await store.readPath(key);
      await appendTurn(store, turnOf("failed", before.leafId, { isAnswered: false, messages: turnMessages("failed").slice(0, 1) }));
      expect(await store.readPath(key)).toEqual(before);
      await appendAnswered(store, "second");
      expect(await messagesIn(store, key)).toEqual([...turnMessages("first"), ...turnMessages("second")]);
      expect(await rowsOf("select run_id, state, parent_id from messages where state <> 'active'")).toEqual([
        { run_id: "failed", state: "unanswered", parent_id: before.leafId },
      ]);
    });

    test("may be the first of its session", async () => {
      const store = await openStore();
      await appendTurn(store, turnOf("failed", undefined, { isAnswered: false }));
      expect(await store.readPath(key)).toEqual({ owner: "main", leafId: undefined, nodes: [] });
      await appendAnswered(store, "first");
      expect(await messagesIn(store, key)).toEqual(turnMessages("first"));
    });

    test("is kept even when the session went on meanwhile", async () => {
      const store = await openStore();
      await appendAnswered(store, "first");
      await appendTurn(store, turnOf("late", undefined, { isAnswered: false }));
      expect(await messagesIn(store, key)).toEqual(turnMessages("first"));
    });
  });

  describe("a tree", () => {
    test("has who brought each message, and who wrote it", async () => {
      const store = await openStore();
      await appendAnswered(store, "first");
      const { nodes } = await store.readTree(key);
      expect(nodes.map(({ origin, runId, isAnswered }) => [origin, runId, isAnswered])).toEqual([
        ["caller", "first", true],
        ["run", "first", true],
        ["run", "first", true],
        ["run", "first", true],
      ]);
      expect(nodes.map(({ parentId }) => parentId)).toEqual([undefined, ...nodes.slice(0, -1).map(({ id }) => id)]);
    });

    test("keeps its branches, and the path is the one that was answered last", async () => {
      const store = await openStore();
      await appendAnswered(store, "first");
      await appendAnswered(store, "second");
      const { nodes, leafId } = await store.readTree(key);
      const question = nodes[0]!.id;
      const added = turnMessages("other").slice(1);
      await appendTurn(store, { ...turnOf("other", leafId), parentId: question, input: [], added });
      expect(await messagesIn(store)).toEqual([turnMessages("first")[0], ...added]);
      const tree = await store.readTree(key);
      expect(tree.nodes).toHaveLength(11);
      expect(tree.nodes.slice(0, 8)).toEqual(nodes);
      expect(tree.nodes.at(-1)?.id).toBe(tree.leafId);
    });

    test("may have more roots than one", async () => {
      const store = await openStore();
      await appendAnswered(store, "first");
      const { leafId } = await store.readPath(key);
      await appendTurn(store, { ...turnOf("other", leafId), parentId: undefined });
      expect(await messagesIn(store)).toEqual(turnMessages("other"));
      expect((await store.readTree(key)).nodes.filter(({ parentId }) => parentId === undefined)).toHaveLength(2);
    });

    test("holds nothing that was not answered, and nothing of another key", async () => {
      const store = await openStore();
      await appendAnswered(store, "first");
      const { leafId } = await store.readPath(key);
      await appendTurn(store, turnOf("failed", leafId, { isAnswered: false }));
      await appendAnswered(store, "foreign", "agent:main:other");
      expect(await store.readTree(key)).toEqual(await store.readPath(key));
      expect(await store.readTree("agent:main:nobody")).toEqual({ owner: undefined, leafId: undefined, nodes: [] });
    });
  });

  describe("two writers", () => {
    test("a stale one is refused, and leaves no more behind than what its caller said", async () => {
      const store = await openStore();
      await appendAnswered(store, "first");
      const { leafId } = await store.readPath(key);
      await appendTurn(store, turnOf("second", leafId));
      for (const parentId of [leafId, undefined]) {
        await expect(appendTurn(store, turnOf("stale", parentId))).rejects.toMatchObject({ code: "session_busy", retryAfterMs: 1_000 });
      }
      expect(await messagesIn(store, key)).toEqual([...turnMessages("first"), ...turnMessages("second")]);
      expect(await rowsOf("select role, state from messages where run_id = 'stale'")).toEqual([
        { role: "user", state: "unanswered" },
        { role: "user", state: "unanswered" },
      ]);
    });

    test("a stale first turn creates no session", async () => {
      const store = await openStore();
      await expect(appendTurn(store, turnOf("stale", "no-such-message"))).rejects.toMatchObject({ code: "session_busy" });
      expect(await rowsOf("select key from sessions")).toEqual([]);
    });

    test("on one database, each with its own connection, see each other's turns", async () => {
      const [one, two] = [await openStore(), await openStore()];
      for (const [index, store] of [one, two, one, two].entries()) await appendAnswered(store, `${index}`);
      const transcript = await one.readPath(key);
      expect(transcript.nodes).toHaveLength(16);
      expect(await two.readPath(key)).toEqual(transcript);
    });

    test("on one database at the same time, all turns to different sessions arrive", async () => {
      const stores = [await openStore(), await openStore(), await openStore()];
      const writers = stores.map(async (store, writer) => {
        for (let turn = 0; turn < 40; turn += 1) await appendAnswered(store, `${turn}`, `agent:main:writer-${writer}`);
      });
      await Promise.all(writers);
      for (const writer of stores.keys()) {
        expect(await messagesIn(stores[0]!, `agent:main:writer-${writer}`)).toHaveLength(160);
      }
    });

    test("on one leaf at the same time, exactly one wins", async () => {
      const stores = [await openStore(), await openStore(), await openStore()];
      const results = await Promise.allSettled(stores.map((store, index) => appendTurn(store, turnOf(`${index}`, undefined))));
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const result of results) if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "session_busy" });
      expect(await messagesIn(stores[0]!, key)).toHaveLength(4);
    });

    if (name === "SQLite")
      test("one that waited for a lock in vain can write once the lock is free", async () => {
        await (await openStore()).close();
        const store = new StoredSessions(openSqlite(database.location, 30));
        open.push(store);
        const blocker = new Database(database.location);
        blocker.exec("begin immediate");
        await expect(appendAnswered(store, "blocked")).rejects.toMatchObject({ code: "store_unavailable", cause: { code: "SQLITE_BUSY" } });
        blocker.exec("commit");
        blocker.close();
        await appendAnswered(store, "first");
        expect(await messagesIn(store, key)).toEqual(turnMessages("first"));
        expect(await rowsOf("select distinct run_id from messages")).toEqual([{ run_id: "first" }]);
      });
  });

  describe("a store that is closed", () => {
    test("answers everything with store_unavailable, and closing again does nothing", async () => {
      const store = await openStore();
      await store.check();
      await store.close();
      await expect(store.check()).rejects.toMatchObject({ code: "store_unavailable", cause: expect.any(Error) });
      await expect(store.readPath(key)).rejects.toMatchObject({ code: "store_unavailable" });
      await expect(appendTurn(store, turnOf("late", undefined))).rejects.toMatchObject({ code: "store_unavailable" });
      await expect(store.memoryOf({ sessionKey: key, agentId: "main", owner: "main" }).recall()).rejects.toMatchObject({
        code: "store_unavailable",
      });
      await store.close();
    });
  });
});
