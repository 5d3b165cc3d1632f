/** Runs that are kept: their records, their events in pages, the keys that name them, and how they go. */

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";

import { GatewayError } from "../../src/domain/errors.ts";
import type { RunEvent } from "../../src/domain/run.ts";
import type { SessionStore } from "../../src/domain/session.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { databaseEngines, type TestDatabase } from "../support/databases.ts";
import { completionOf, day, endingOf, numbered, outcome, readAll, runOf, texts } from "./run-of.ts";

const engines = await databaseEngines();

describe.each(engines)("on $name", ({ create }) => {
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

  const count = async (table: string) => (await database.query(`select count(*) as n from ${table}`))[0]?.["n"];
  const past = (): number => Date.now() - 1;

  describe("the record of a run", () => {
    test("says all that was known when it was opened, and that it is running", async () => {
      const { expiresAt: _expiresAt, idempotency: _idempotency, ...identity } = runOf("a", { sessionKey: "agent:main:somebody" });
      expect(await store.runs.open(runOf("a", { ...identity, idempotency: { key: "k", fingerprint: "f" } }))).toBeUndefined();
      expect(await store.runs.find("a")).toEqual({ ...identity, status: "running" });
    });

    test.each([
      { ...outcome, usage: { inputTokens: 3, outputTokens: 2, reasoningTokens: 1 }, cost: 0.25 },
      {
        status: "failed" as const,
        model: "stub/last",
        turns: 2,
        endedAt: 5,
        error: { code: "upstream_error" as const, message: "The provider failed.", param: "model", hasEffects: true },
      },
      { status: "aborted" as const, model: "stub/first", turns: 0, endedAt: 6 },
      { status: "interrupted" as const, model: "stub/first", turns: 1, endedAt: 7 },
    ])("says how it ended: $status", async (ended) => {
      const { expiresAt: _expiresAt, ...identity } = runOf("a");
      await store.runs.open(runOf("a", identity));
      await store.runs.end(endingOf("a", { outcome: ended }));
      expect(await store.runs.find("a")).toEqual({ ...identity, model: ended.model, status: ended.status, outcome: ended });
    });

    test("is found by nobody when there is none, when it was discarded and when its time is over", async () => {
      await store.runs.open(runOf("discarded", { idempotency: { key: "k", fingerprint: "f" } }));
      await store.runs.appendEvents("discarded", texts(1, "a"));
      await store.runs.discard("discarded");
      await store.runs.open(runOf("expired", { expiresAt: past() }));
      for (const id of ["nobody", "discarded", "expired", "expired\0", "\ud800"]) expect(await store.runs.find(id)).toBeUndefined();
      expect([await count("runs"), await count("run_events")]).toEqual([1, 0]);
      expect(await store.runs.open(runOf("next", { idempotency: { key: "k", fingerprint: "f" } }))).toBeUndefined();
    });

    test("that is damaged is an error of its own", async () => {
      await store.runs.open(runOf("a"));
      await store.runs.open(runOf("b"));
      await store.runs.end(endingOf("a"));
      for (const text of ["{", "[]", '{"turns":"1"}', '{"turns":1,"error":{"code":"no such code","message":""}}']) {
        await database.query("update runs set outcome = ? where id = 'a'", [text]);
        await expect(store.runs.find("a")).rejects.toMatchObject({
          code: "store_unavailable",
          message: expect.stringMatching(/^The record of this run is damaged/),
        });
      }
      expect(await store.runs.find("b")).toMatchObject({ status: "running" });
    });
  });

  test.each(["a\u0000b", "a\ud800", "\udc00"])("an idempotency key that the database would alter is refused: %j", async (key) => {
    const refused = { code: "invalid_value", param: "idempotency-key" };
    await expect(store.runs.open(runOf("a", { idempotency: { key, fingerprint: "f" } }))).rejects.toMatchObject(refused);
    expect(await count("runs")).toBe(0);
  });

  describe("the events of a run", () => {
    const call = { id: "call_1", name: "lookup", arguments: '{"secret":"told"}' };
    const silent = { ...call, arguments: "" };
    const error = new GatewayError("upstream_rate_limited", "Slow down.", {
      param: "model",
      retryAfterMs: 1_500,
      cause: new Error("secret"),
    });
    const told: RunEvent[] = [
      { type: "run_queued" },
      { type: "run_start" },
      { type: "turn_start", turn: 1, model: "stub/first" },
      { type: "model_fallback", from: "stub/first", to: "stub/last", error },
      { type: "reasoning_delta", text: "hm" },
      { type: "text_delta", text: "\0\ud800 é 漢字 \u2028" },
      { type: "refusal_delta", text: "no" },
      { type: "tool_call_start", owner: "agent", index: 0, id: "call_1", name: "lookup" },
      { type: "tool_call_delta", owner: "agent", index: 0, arguments: call.arguments },
      { type: "tool_call_end", owner: "agent", index: 0, call },
      { type: "tool_call_start", owner: "caller", index: 0, id: "call_2", name: "theirs" },
      { type: "tool_call_delta", owner: "caller", index: 0, arguments: '{"a":1}' },
      { type: "tool_call_end", owner: "caller", index: 0, call: { id: "call_2", name: "theirs", arguments: '{"a":1}' } },
      { type: "tool_start", call },
      { type: "tool_result", call, content: "secret answer", isError: false },
      {
        type: "turn_end",
        messages: [{ role: "tool", toolCallId: "call_1", content: [{ type: "text", text: "secret answer" }] }],
        finishReason: "tool_calls",
        usage: { inputTokens: 1, outputTokens: 2 },
        cost: 0.5,
      },
      { type: "run_end", status: "failed", error, hasEffects: true, model: "stub/last", turns: 1 },
    ];
    const kept = told.map((event): RunEvent => {
      if (event.type === "tool_call_delta" && event.owner === "agent") return { ...event, arguments: "" };
      if (event.type === "tool_call_end" && event.owner === "agent") return { ...event, call: silent };
      if (event.type === "tool_start") return { ...event, call: silent };
      if (event.type === "tool_result") return { ...event, call: silent, content: "" };
      if (event.type === "turn_end") return { ...event, messages: [] };
      return event;
    });

    test("come back as they were, but for what the agent's tools were told and answered; errors without their cause", async () => {
      await store.runs.open(runOf("a"));
      await store.runs.appendEvents("a", numbered(1, told.slice(0, 9)));
      await store.runs.end(endingOf("a", { events: numbered(10, told.slice(9)) }));
      const { events } = await readAll(store.runs, "a");
      expect(events).toEqual(numbered(1, kept));
      expect(JSON.stringify(await database.query("select * from run_events"))).not.toContain("secret");
      for (const { event } of events) {
        if (!("error" in event)) continue;
        expect(event.error).toBeInstanceOf(GatewayError);
        expect({ ...event.error, cause: event.error.cause }).toEqual({ ...error, cause: undefined });
      }
    });

    test("are read from any number on, also in the middle of what was written at once", async () => {
      await store.runs.open(runOf("a"));
      await store.runs.appendEvents("a", numbered(1, told.slice(0, 5)));
      await store.runs.appendEvents("a", numbered(6, told.slice(5, 6)));
      await store.runs.appendEvents("a", []);
      await store.runs.end(endingOf("a", { events: numbered(7, told.slice(6)) }));
      for (let after = 0; after <= told.length; after++) {
        expect((await readAll(store.runs, "a", after)).events).toEqual(numbered(1, kept).slice(after));
      }
      expect(await store.runs.readEvents("a", 1_000)).toEqual([]);
      expect(await store.runs.readEvents("nobody", 0)).toEqual([]);
    });

    test("come in pages of bounded size, however they were written", async () => {
      const said = (length: number, times: number): string[] => Array.from({ length: times }, (_, index) => `${index}`.padEnd(length, "."));
      const writes = [
        said(10, 3),
        said(40_000, 30),
        said(600_000, 2),
        ...Array.from({ length: 1_300 }, () => said(3, 1)),
        said(200, 5_000),
      ];
      await store.runs.open(runOf("a"));
      const all = texts(1, ...writes.flat());
      for (let first = 0; writes.length > 0;) {
        const length = writes.shift()!.length;
        await store.runs.appendEvents("a", all.slice(first, first + length));
        first += length;
      }
      const { events, pages } = await readAll(store.runs, "a");
      expect(events).toEqual(all);
      let first = 0;
      for (const length of pages) {
        const size = JSON.stringify(all.slice(first, first + length).map(({ event }) => event)).length;
        // One event that is larger than a page is a page.
        if (length > 1) expect(size).toBeLessThan(300 * 1024);
        first += length;
      }
      for (const after of [2, 3, 4, 20, 33, 34, 35, 700, 1_335, 1_336, 4_000]) {
        expect((await store.runs.readEvents("a", after))[0]).toEqual(all[after]);
      }
    });

    test("of a run that is gone are dropped without a word, and so are those that its end brings", async () => {
      await store.runs.open(runOf("a"));
      await store.runs.discard("a");
      await store.runs.appendEvents("a", texts(1, "a"));
      await store.runs.end(endingOf("a", { events: texts(2, "b"), completion: completionOf("a") }));
      expect([await count("runs"), await count("run_events")]).toEqual([0, 0]);
      expect(await store.completions.find("a")).toMatchObject({ runId: "a" });
    });

    test("that are damaged are an error of their own run", async () => {
      for (const id of ["a", "b"]) {
        await store.runs.open(runOf(id));
        await store.runs.appendEvents(id, texts(1, "x", "y"));
      }
      const damages = [
        "[",
        "{}",
        "[]",
        '[{"type":"text_delta","text":"x"}]',
        '[{"type":"text_delta"},{"type":"run_start"}]',
        '[{"type":"toString"},{"type":"run_start"}]',
        "[null,1]",
      ];
      for (const text of damages) {
        await database.query("update run_events set body = ? where run_id = 'a'", [text]);
        await expect(store.runs.readEvents("a", 0)).rejects.toMatchObject({
          code: "store_unavailable",
          message: expect.stringMatching(/^An event of this run is damaged/),
        });
      }
      expect(await store.runs.readEvents("b", 0)).toHaveLength(2);
    });
  });

  describe("an idempotency key", () => {
    const keyed = (id: string, change: { owner?: string; key?: string; fingerprint?: string; expiresAt?: number } = {}) => {
      const { key = "k", fingerprint = `of ${id}`, ...rest } = change;
      return runOf(id, { ...rest, idempotency: { key, fingerprint } });
    };

    test("names one run of its owner's: the next to open one with it is shown that run, and keeps nothing", async () => {
      const { expiresAt: _expiresAt, idempotency: _idempotency, ...identity } = keyed("a");
      await store.runs.open({ ...keyed("a"), ...identity });
      expect(await store.runs.open(keyed("b"))).toEqual({ record: { ...identity, status: "running" }, fingerprint: "of a" });
      await store.runs.end(endingOf("a"));
      expect(await store.runs.open(keyed("b"))).toMatchObject({ record: { id: "a", status: "completed", outcome }, fingerprint: "of a" });
      expect(await store.runs.find("b")).toBeUndefined();
      expect(await store.runs.open(keyed("c", { owner: "other" }))).toBeUndefined();
      expect(await store.runs.open(keyed("d", { key: "K" }))).toBeUndefined();
      for (const id of ["e", "f"]) expect(await store.runs.open(runOf(id))).toBeUndefined();
    });

    test("is one run's, however many open one at the same time, in whichever process", async () => {
      const other = await openSessionStore(database.location);
      const seen = await Promise.all(
        Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? store : other).runs.open(keyed(`r${index}`))),
      );
      await other.close();
      expect(seen.filter((run) => run === undefined)).toHaveLength(1);
      const [{ id }] = (await database.query("select id from runs")) as [{ id: string }];
      expect(new Set(seen.map((run) => run?.record.id))).toEqual(new Set([undefined, id]));
    });

    test("is free again when its run says so at its end, and not otherwise", async () => {
      await store.runs.open(keyed("a"));
      await store.runs.end(endingOf("a", { outcome: { ...outcome, status: "aborted" }, freesKey: true }));
      expect(await store.runs.open(keyed("b"))).toBeUndefined();
      await store.runs.end(endingOf("b", { outcome: { ...outcome, status: "failed" } }));
      expect(await store.runs.open(keyed("c"))).toMatchObject({ record: { id: "b" } });
      expect(await store.runs.find("a")).toMatchObject({ status: "aborted" });
    });

    test("is free again when the time of its run is over, also before anybody has tidied up", async () => {
      await store.runs.open(keyed("a", { expiresAt: past() }));
      await store.runs.end(endingOf("a"));
      expect(await store.runs.open(keyed("b"))).toBeUndefined();
      expect(await store.runs.open(keyed("c"))).toMatchObject({ record: { id: "b" } });
    });

    test("that was opened before is not in the way when the transcript of its run begins", async () => {
      await store.runs.open(keyed("a"));
      const session = { sessionKey: "agent:main:somebody", agentId: "main", owner: "main", leafId: undefined, parentId: undefined };
      await store.beginTurns({ ...session, input: completionOf("a").input, run: keyed("a") });
      expect(await count("runs")).toBe(1);
    });
  });

  describe("what goes", () => {
    /** An ended run with events of so many rows. */
    const end = async (id: string, rows: number, change: Parameters<typeof runOf>[1] = {}): Promise<void> => {
      await store.runs.open(runOf(id, change));
      for (let row = 1; row <= rows; row++) await store.runs.appendEvents(id, texts(row, "x".repeat(100)));
      await store.runs.end(endingOf(id));
    };
    const ids = async (table: "runs" | "completions") =>
      (await database.query(`select * from ${table}`)).map(({ id, run_id }) => id ?? run_id).sort();

    test("are runs and completions whose time is over, with their events, so many at a time; never one that is at work", async () => {
      for (let n = 0; n < 5; n++) await end(`old${n}`, n * 40, { expiresAt: past() });
      await end("young", 2);
      await store.runs.open(runOf("at work", { expiresAt: past() }));
      await store.runs.appendEvents("at work", texts(1, "a"));
      for (const [id, expiresAt] of [
        ["one", past()],
        ["two", past()],
        ["kept", Date.now() + day],
      ] as const) {
        await store.runs.end(endingOf("-", { completion: completionOf(id, { expiresAt }) }));
      }
      const removed: number[] = [];
      for (let some = -1; some !== 0;) removed.push((some = await store.runs.removeExpired(3)));
      expect(removed).toEqual([3, 3, 1, 0]);
      expect([await ids("runs"), await ids("completions"), await count("run_events")]).toEqual([["at work", "young"], ["kept"], 3]);
    });

    test("are the oldest replies and completions first, as many as asked for; the records of the runs stay, and their keys are free", async () => {
      const at = (hour: number) => ({ createdAt: Date.now() - day + hour * 3_600_000 });
      await end("empty", 0, at(0));
      await end("first", 120, { ...at(1), idempotency: { key: "k", fingerprint: "f" } });
      await store.runs.end(endingOf("-", { completion: completionOf("second", at(2)) }));
      await end("third", 1, at(3));
      await store.runs.open(runOf("at work", at(0)));
      await store.runs.appendEvents("at work", texts(1, "a"));
      const before = await store.runs.measure();
      const { bytes } = await store.runs.removeOldest(1);
      expect(bytes).toBeGreaterThan(120 * 100);
      expect(await store.runs.measure()).toBe(before - bytes);
      expect(await readAll(store.runs, "first")).toEqual({ events: [], pages: [] });
      expect(await store.runs.find("first")).toMatchObject({ status: "completed", outcome });
      expect(await store.runs.open(runOf("again", { idempotency: { key: "k", fingerprint: "f" } }))).toBeUndefined();
      expect(await ids("completions")).toEqual(["second"]);
      expect((await readAll(store.runs, "third")).events).toHaveLength(1);
      expect(await store.runs.removeOldest(1)).toMatchObject({ count: 1 });
      expect(await ids("completions")).toEqual([]);
      expect(await store.runs.removeOldest(9)).toMatchObject({ count: 1 });
      expect(await store.runs.removeOldest(9)).toEqual({ count: 0, bytes: 0 });
      expect((await readAll(store.runs, "at work")).events).toHaveLength(1);
      expect(await ids("runs")).toEqual(["again", "at work", "empty", "first", "third"]);
    });

    test("is measured as events and completions, wherever they came from; records alone are nothing", async () => {
      await end("empty", 0);
      expect(await store.runs.measure()).toBe(0);
      await store.runs.open(runOf("a"));
      await store.runs.appendEvents("a", texts(1, "x".repeat(1_000)));
      const events = await store.runs.measure();
      expect(events).toBeGreaterThan(1_000);
      await store.runs.end(endingOf("a", { events: texts(2, "x".repeat(1_000)) }));
      expect(await store.runs.measure()).toBe(2 * events);
      await store.runs.end(endingOf("-", { completion: completionOf("a", { metadata: { note: "x".repeat(500) } }) }));
      const { length } = JSON.stringify(completionOf("a").result) + JSON.stringify(completionOf("a").input);
      expect((await store.runs.measure()) - 2 * events).toBeGreaterThan(length + 500);
    });

    test.each(["remove", "empty"] as const)(
      "with a session, by %s, are its runs and their events; not one that waits for its turn",
      async (how) => {
        const sessionKey = "agent:main:somebody";
        await store.memoryOf({ sessionKey, agentId: "main", owner: "main" }).save("city", "Seoul");
        for (let n = 0; n < 250; n++) await end(`r${n}`, n === 7 ? 130 : 0, { sessionKey });
        await end("else", 1, { sessionKey: "agent:main:else" });
        await store.runs.open(runOf("waits", { sessionKey }));
        await store.runs.appendEvents("waits", texts(1, "a"));
        expect(await store.catalog[how](sessionKey, "other")).toBeUndefined();
        expect(await count("runs")).toBe(252);
        await store.catalog[how](sessionKey, "main");
        expect([await ids("runs"), await count("run_events")]).toEqual([["else", "waits"], 2]);
      },
    );
  });
});
