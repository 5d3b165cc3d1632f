/** What a run writes to its session, from its begin over its turns to its end. Leases and crashes are tested beside this file. */

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import Database from "libsql";

import type { Message } from "../../src/domain/message.ts";
import type { SessionStore } from "../../src/domain/session.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { StoredSessions } from "../../src/store/session-store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { databaseEngines, type TestDatabase } from "../support/databases.ts";
import { runOf } from "./run-of.ts";
import { appendTurn, beginTurns, endOf, key, messagesIn, turnMessages, turnOf } from "./turn-of.ts";

const [, call, result, answer] = turnMessages("cut") as [Message, Message, Message, Message];
const instruction = { role: "system", content: [{ type: "text", text: "Be brief." }] } as const;
const moved = { code: "session_busy", retryAfterMs: 1_000 };

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

  /** By a connection of its own, as another process would. */
  const sql = (text: string) => database.query(text);

  const leafOf = async () => (await store.readPath(key)).leafId;
  const statesOf = async (runId: string) =>
    (await sql(`select role, state from messages where run_id = '${runId}' order by id`)).map(Object.values);
  const statusOf = async (runId: string) => (await store.runs.find(runId))?.status;

  describe("what a run writes", () => {
    test("is read by nobody until it completes, and then in order, below where the run began", async () => {
      await appendTurn(store, turnOf("first", undefined));
      const path = await store.readPath(key);
      const writer = await beginTurns(store, turnOf("cut", path.leafId));
      for (const turn of [[call, result], [call, result], []]) {
        await writer.addTurn(turn);
        expect(await store.readPath(key)).toEqual(path);
        expect(await store.readTree(key)).toEqual(path);
      }
      await writer.end([answer], endOf("cut", "completed"));
      const { nodes, leafId } = await store.readPath(key);
      expect(nodes.map(({ message }) => message)).toEqual([
        ...turnMessages("first"),
        turnMessages("cut")[0],
        ...[call, result, call, result],
        answer,
      ]);
      expect(nodes.map(({ origin }) => origin).slice(4)).toEqual(["caller", "run", "run", "run", "run", "run"]);
      expect(leafId).toBe(nodes.at(-1)?.id);
      expect(await store.readTree(key)).toEqual({ owner: "main", leafId, nodes });
    });

    test("stays beside the path, unanswered, when it fails, with what it said last", async () => {
      await appendTurn(store, turnOf("first", undefined));
      const path = await store.readPath(key);
      const writer = await beginTurns(store, turnOf("cut", path.leafId));
      await writer.addTurn([call, result]);
      await writer.end([answer], endOf("cut", "failed"));
      expect(await store.readTree(key)).toEqual(path);
      expect(await statesOf("cut")).toEqual(["user", "assistant", "tool", "assistant"].map((role) => [role, "unanswered"]));
      expect(await sql("select count(*) as n from messages m where parent_id is null or parent_id in (select id from messages)")).toEqual([
        { n: 8 },
      ]);
    });

    test("holds no instructions, whichever write they come with; where nothing else comes there is no session", async () => {
      const writer = await beginTurns(store, turnOf("cut", undefined, { input: [instruction] }));
      await writer.addTurn([instruction]);
      expect(await sql("select key from sessions")).toEqual([]);
      await writer.end([instruction], endOf("cut", "completed"));
      expect(await sql("select key from sessions")).toEqual([]);
      expect(await statusOf("cut")).toBe("completed");
    });

    test("may be an answer alone, to what the transcript has already", async () => {
      await appendTurn(store, turnOf("first", undefined));
      const { nodes, leafId } = await store.readPath(key);
      const turn = { ...turnOf("again", leafId), parentId: nodes[0]!.id, input: [] };
      const writer = await beginTurns(store, turn);
      expect((await store.catalog.find(key))?.messageCount).toBe(4);
      await writer.addTurn([call, result]);
      await writer.end([answer], endOf("again", "completed"));
      expect(await messagesIn(store)).toEqual([turnMessages("first")[0], call, result, answer]);
    });

    test("may be an answer alone in a new session, also when the run has remembered something there before", async () => {
      for (const remembers of [false, true]) {
        const sessionKey = `agent:main:remembers-${remembers}`;
        const writer = await beginTurns(store, turnOf("alone", undefined, { sessionKey, input: [instruction], runId: sessionKey }));
        if (remembers) await store.memoryOf({ sessionKey, agentId: "main", owner: "main" }).save("colour", "blue");
        await writer.end([answer], endOf(sessionKey, "completed"));
        expect(await messagesIn(store, sessionKey)).toEqual([answer]);
      }
    });

    test("may be thousands of messages that a caller brings", async () => {
      const input = Array.from({ length: 2_000 }, (_, n): Message => ({
        role: "user",
        content: [{ type: "text", text: `question ${n}` }],
      }));
      const writer = await beginTurns(store, turnOf("long", undefined, { input }));
      expect(await store.catalog.find(key)).toMatchObject({ messageCount: 2_000 });
      expect(await messagesIn(store)).toEqual([]);
      await writer.end([answer], endOf("long", "completed"));
      expect(await messagesIn(store)).toEqual([...input, answer]);
      expect(await sql("select distinct state from messages")).toEqual([{ state: "active" }]);
    });

    if (name === "SQLite")
      test("is found again by an index, however many messages other sessions have got meanwhile", async () => {
        const plan = await sql(
          "explain query plan update messages set state = 'active' where session_key = 'a' and id >= '1' and id <= '2' and run_id = 'r'",
        );
        expect(plan.map(({ detail }) => detail)).toEqual([
          expect.stringContaining("messages_by_session (session_key=? AND id>? AND id<?)"),
        ]);
      });
  });

  describe("the record of a run", () => {
    test("is opened with its first write and ended with its last", async () => {
      const writer = await beginTurns(store, turnOf("cut", undefined));
      expect(await store.runs.find("cut")).toMatchObject({
        id: "cut",
        sessionKey: key,
        owner: "main",
        model: "stub/first",
        status: "running",
      });
      await writer.addTurn([call, result]);
      expect(await statusOf("cut")).toBe("running");
      await writer.end([answer], endOf("cut", "completed"));
      expect(await store.runs.find("cut")).toMatchObject({
        status: "completed",
        outcome: { model: "stub/last", turns: 1, finishReason: "stop" },
      });
    });

    test("is the one that was opened before, if it was", async () => {
      await store.runs.open(runOf("cut", { sessionKey: key, modelName: "mine" }));
      await appendTurn(store, turnOf("cut", undefined));
      expect(await store.runs.find("cut")).toMatchObject({ modelName: "mine", isBackground: true, status: "completed" });
      expect(await sql("select id from runs")).toEqual([{ id: "cut" }]);
    });

    test("is not there when the first write was refused", async () => {
      await appendTurn(store, turnOf("first", undefined));
      const before = await store.catalog.find(key);
      for (const { input } of [turnOf("foreign", undefined), { input: [] }]) {
        await expect(beginTurns(store, turnOf("foreign", undefined, { owner: "alice", input }))).rejects.toMatchObject(moved);
        expect(await statusOf("foreign")).toBeUndefined();
      }
      expect(await store.catalog.find(key)).toEqual(before);
    });
  });

  describe("an end that is refused", () => {
    const takeOver = async (): Promise<void> => {
      await store.catalog.remove(key, "main");
      await appendTurn(store, turnOf("foreign", undefined, { owner: "alice" }));
    };

    test("because the session has moved on leaves everything as it was, and the run can be ended as a failed one", async () => {
      await appendTurn(store, turnOf("first", undefined));
      const writer = await beginTurns(store, turnOf("cut", await leafOf()));
      await writer.addTurn([call, result]);
      await appendTurn(store, turnOf("second", await leafOf()));
      const before = { session: await store.catalog.find(key), rows: await sql("select * from messages") };
      await expect(writer.end([answer], endOf("cut", "completed"))).rejects.toMatchObject(moved);
      expect({ session: await store.catalog.find(key), rows: await sql("select * from messages") }).toEqual(before);
      expect(await statusOf("cut")).toBe("running");
      await writer.end([], endOf("cut", "failed"));
      expect(await statusOf("cut")).toBe("failed");
      expect(await messagesIn(store)).toEqual([...turnMessages("first"), ...turnMessages("second")]);
      expect(await statesOf("cut")).toEqual(["user", "assistant", "tool"].map((role) => [role, "unanswered"]));
    });

    if (name === "SQLite")
      test("because the database was locked can be tried again", async () => {
        const impatient = new StoredSessions(openSqlite(database.location, 0));
        const writer = await beginTurns(impatient, turnOf("cut", undefined));
        const blocker = new Database(database.location);
        for (const attempt of [() => writer.addTurn([call, result]), () => writer.end([answer], endOf("cut", "completed"))]) {
          blocker.exec("begin immediate");
          await expect(attempt()).rejects.toMatchObject({ code: "store_unavailable" });
          blocker.exec("commit");
          await attempt();
        }
        blocker.close();
        expect(await messagesIn(impatient)).toEqual(turnMessages("cut"));
        await impatient.close();
      });

    test.each([
      ["deleted", async () => void (await store.catalog.remove(key, "main"))],
      ["emptied", async () => void (await store.catalog.empty(key, "main"))],
      ["deleted, and is somebody else's now,", takeOver],
    ])("because the session was %s brings nothing back", async (_what, change) => {
      const writer = await beginTurns(store, turnOf("cut", undefined));
      await writer.addTurn([call, result]);
      await change();
      const before = { session: await store.catalog.find(key), rows: await sql("select * from messages") };
      await expect(writer.end([answer], endOf("cut", "completed"))).rejects.toMatchObject(moved);
      await writer.end([], endOf("cut", "failed"));
      expect({ session: await store.catalog.find(key), rows: await sql("select * from messages") }).toEqual(before);
    });

    test("because the session is somebody else's now leaves nothing there, also when nothing was kept or answered in it yet", async () => {
      const writer = await beginTurns(store, turnOf("cut", undefined, { input: [] }));
      await store.memoryOf({ sessionKey: key, agentId: "main", owner: "alice" }).save("colour", "blue");
      const before = await store.catalog.find(key);
      await expect(writer.addTurn([call, result])).rejects.toMatchObject(moved);
      await expect(writer.end([answer], endOf("cut", "completed"))).rejects.toMatchObject(moved);
      await writer.end([answer], endOf("cut", "failed"));
      expect(await store.catalog.find(key)).toEqual(before);
      expect(await sql("select id from messages")).toEqual([]);
      expect(await statusOf("cut")).toBe("failed");
    });

    test("does not make a session again that was deleted, nor fails for what its run said last", async () => {
      const writer = await beginTurns(store, turnOf("cut", undefined));
      await store.catalog.remove(key, "main");
      await expect(writer.addTurn([call, result])).rejects.toMatchObject(moved);
      await writer.end([answer], endOf("cut", "failed"));
      expect(await sql("select key from sessions")).toEqual([]);
    });
  });

  describe("whether something lies beside the path", () => {
    const branchedAt = async () => (await sql("select branched_at from sessions"))[0]?.["branched_at"];
    const expectBranched = async (isBranched: boolean): Promise<void> => {
      expect(await store.catalog.listBranched(9)).toEqual(isBranched ? [key] : []);
    };

    test("is not noted as long as a run is under way, nor when it completes at the leaf, but when it fails, whatever it said last", async () => {
      for (const label of ["first", "second"]) {
        const writer = await beginTurns(store, turnOf(label, await leafOf()));
        await expectBranched(false);
        await writer.addTurn([call, result]);
        await expectBranched(false);
        await writer.end([answer], endOf(label, "completed"));
        await expectBranched(false);
      }
      expect(await store.catalog.removeBranches(key)).toEqual({ messages: 0, bytes: 0 });
      for (const [label, last] of [
        ["third", []],
        ["fourth", [answer]],
      ] as const) {
        const writer = await beginTurns(store, turnOf(label, await leafOf()));
        await expectBranched(false);
        await writer.end(last, endOf(label, "failed"));
        await expectBranched(true);
        await store.catalog.removeBranches(key);
      }
    });

    test("when a session was active last is when something of a run was answered or failed in it, not when the run began", async () => {
      const lastActive = async () => (await sql("select updated_at from sessions"))[0]?.["updated_at"];
      const age = () => sql("update sessions set updated_at = '2020-01-01T00:00:00.000Z' returning updated_at");
      const isAged = async () => (await lastActive()) === "2020-01-01T00:00:00.000Z";
      for (const [label, status] of [
        ["first", "completed"],
        ["second", "failed"],
      ] as const) {
        const writer = await beginTurns(store, turnOf(label, await leafOf()));
        if (label === "first") expect(await lastActive()).toBeDefined();
        await age();
        for (const write of [() => writer.addTurn([call, result]), () => writer.end([], endOf(label, status))]) {
          await write();
          expect(await isAged()).toBe(false);
          await age();
        }
      }
      await beginTurns(store, turnOf("third", await leafOf()));
      expect(await isAged()).toBe(true);
    });

    test("is noted of what failed before, whatever completes since; of an answer that was asked for again too", async () => {
      await appendTurn(store, turnOf("first", undefined));
      await appendTurn(store, turnOf("lost", await leafOf(), { isAnswered: false }));
      const since = await branchedAt();
      await appendTurn(store, turnOf("second", await leafOf()));
      expect(await branchedAt()).toBe(since);
      await expectBranched(true);
      await store.catalog.removeBranches(key);
      await expectBranched(false);
      const { nodes, leafId } = await store.readPath(key);
      const again = { ...turnOf("again", leafId), parentId: nodes[0]!.id, input: [] };
      const writer = await beginTurns(store, again);
      await expectBranched(false);
      await writer.end(again.added, endOf("again", "completed"));
      await expectBranched(true);
      expect(await store.catalog.removeBranches(key)).toMatchObject({ messages: 7 });
    });

    test("is noted when a run completes while another one, which has lost its place, has written too", async () => {
      const winner = await beginTurns(store, turnOf("winner", undefined));
      const lost = await beginTurns(store, turnOf("lost", undefined));
      await lost.end([], endOf("lost", "failed"));
      await winner.end([answer], endOf("winner", "completed"));
      await expectBranched(true);
      expect(await store.catalog.removeBranches(key)).toMatchObject({ messages: 1 });
      await expectBranched(false);
    });

    test("is as counted: the messages and their bytes, after each write", async () => {
      const counted = async () => {
        const [row] = await sql("select count(*) as count, sum(octet_length(body) + 256) as bytes from messages");
        return { messageCount: row?.["count"], bytes: row?.["bytes"] };
      };
      const writer = await beginTurns(store, turnOf("first", undefined));
      for (const write of [
        () => writer.addTurn([call, result]),
        () => writer.addTurn([]),
        () => writer.end([answer], endOf("first", "completed")),
        () => appendTurn(store, turnOf("lost", undefined, { isAnswered: false })),
      ]) {
        await write();
        expect(await store.catalog.find(key)).toMatchObject(await counted());
      }
    });
  });
});
