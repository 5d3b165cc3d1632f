/** A whole store as lines, out of one database and into another: all of it, the same everywhere, or nothing. */
import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";

import type { SessionStore } from "../../src/domain/session.ts";
import { exportStore, importStore, type Counts } from "../../src/store-desk.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { databaseEngines, type DatabaseEngine, type TestDatabase } from "../support/databases.ts";
import { completionOf, endingOf, runOf, texts } from "./run-of.ts";
import { appendTurn, beginTurns, endOf, key, messagesIn, turnOf } from "./turn-of.ts";

const engines = await databaseEngines();
const [sqlite] = engines;
const never = new AbortController().signal;

let databases: TestDatabase[];
let stores: SessionStore[];

beforeEach(() => {
  databases = [];
  stores = [];
});

afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await Promise.all(databases.map((database) => database.drop()));
});

async function create(engine: DatabaseEngine = sqlite!): Promise<TestDatabase> {
  const database = await engine.create();
  databases.push(database);
  return database;
}

async function open({ location }: TestDatabase): Promise<SessionStore> {
  const store = await openSessionStore(location);
  stores.push(store);
  return store;
}

async function close(store: SessionStore): Promise<void> {
  stores = stores.filter((other) => other !== store);
  await store.close();
}

/** Something in every table that moves, with what is awkward in texts. */
async function fill(database: TestDatabase): Promise<void> {
  const store = await open(database);
  await appendTurn(store, turnOf("first", undefined));
  const { leafId } = await store.readPath(key);
  await appendTurn(store, turnOf("second", leafId));
  await appendTurn(store, turnOf("beside", (await store.readPath(key)).leafId, { isAnswered: false }));
  const said = 'a "b"\n\\ \u0000 \ud800 \u2028 민지 🦞';
  const awkward = turnOf("awkward", undefined, { messages: [{ role: "user", content: [{ type: "text", text: said }] }, answer(said)] });
  await appendTurn(store, { ...awkward, sessionKey: "agent:main:민지 'x'" });
  await store.memoryOf({ sessionKey: key, agentId: "main", owner: "main" }).save("city", 'Seoul\n"서울"');
  await store.runs.open(runOf("background", { idempotency: { key: "once", fingerprint: "f" } }));
  await store.runs.appendEvents("background", texts(1, "some", "text"));
  await store.runs.end(endingOf("background", { events: texts(3, "end"), completion: completionOf("background") }));
  const limits = { monthlyBudget: 1.5 };
  await store.tokens.add({ name: "Laptop", sha256: "a".repeat(64), agents: ["main"], limits, createdAt: "2026-01-01T00:00:00.000Z" });
  await close(store);
  await database.query("insert into token_usage (owner, month, requests, tokens, cost) values ('Laptop', '2026-01', 3, 4000000000, 0.1)");
}

const answer = (content: string) => ({ role: "assistant", content, toolCalls: [] }) as const;

const options = { signal: never, onProgress: (): void => undefined };

async function exported({ location }: TestDatabase, onWrite: (text: string) => Promise<void> = () => Promise.resolve()): Promise<string> {
  let all = "";
  await exportStore(
    location,
    async (text) => {
      all += text;
      await onWrite(text);
    },
    options,
  );
  return all;
}

/** In pieces that end anywhere, within a character too. */
async function* pieces(text: string, size = 997): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += size) yield await Promise.resolve(bytes.subarray(start, start + size));
}

const imported = ({ location }: TestDatabase, text: string, signal = never): Promise<Counts> =>
  importStore(location, pieces(text), { ...options, signal });

const withoutTime = (text: string): string[] => text.trimEnd().split("\n").slice(1, -1);
const header = (text: string): object => ({ ...(JSON.parse(text.split("\n")[0]!) as object), exportedAt: "" });
const counts = (text: string): { [table: string]: number } =>
  (JSON.parse(text.trimEnd().split("\n").at(-1)!) as { counts: { [table: string]: number } }).counts;

const tables = ["sessions", "messages", "memories", "runs", "run_events", "completions", "tokens", "token_usage"];

async function rowsIn(database: TestDatabase): Promise<number> {
  let sum = 0;
  for (const table of tables) sum += Number((await database.query(`select count(*) as n from ${table}`))[0]!["n"]);
  return sum;
}

describe.each(engines)("by way of $name", (engine) => {
  test("all that is kept comes back as it was, and goes on from there", async () => {
    const [first, between, last] = [await create(), await create(engine), await create()];
    await fill(first);
    const before = await exported(first);
    expect(Object.keys(counts(before))).toEqual(tables);
    expect(Object.values(counts(before)).every((count) => count > 0)).toBe(true);
    expect(await imported(between, before)).toEqual(counts(before));
    const onTheWay = await exported(between);
    await imported(last, onTheWay);
    const after = await exported(last);
    expect(withoutTime(onTheWay)).toEqual(withoutTime(before));
    expect(withoutTime(after)).toEqual(withoutTime(before));
    expect([header(onTheWay), header(after)]).toEqual([header(before), header(before)]);

    const store = await open(between);
    const { leafId } = await store.readPath(key);
    await appendTurn(store, turnOf("third", leafId));
    expect((await messagesIn(store)).map((message) => JSON.stringify(message)).join()).toMatch(
      /first answer.*second answer.*third answer/s,
    );
    expect((await store.tokens.list()).tokens.map(({ name, limits }) => [name, limits])).toEqual([["Laptop", { monthlyBudget: 1.5 }]]);
  });

  test("an export is of one moment, whatever is written meanwhile", async () => {
    const database = await create(engine);
    await fill(database);
    const before = await exported(database);
    const store = await open(database);
    let written = 0;
    const during = await exported(database, async () => {
      const { leafId } = await store.readPath(key);
      await appendTurn(store, turnOf(`meanwhile-${written}`, leafId));
      await appendTurn(store, turnOf(`other-${written++}`, undefined, { sessionKey: `agent:main:other-${written}` }));
    });
    expect(written).toBeGreaterThan(tables.length);
    expect(withoutTime(during)).toEqual(withoutTime(before));
    expect(counts(await exported(database))["sessions"]).toBe(counts(before)["sessions"]! + written);
  });

  test("a run at work arrives as interrupted, with what it has kept beside the path", async () => {
    const [from, to] = [await create(engine), await create()];
    const working = await open(from);
    const writer = await beginTurns(working, turnOf("at-work", undefined));
    await imported(to, await exported(from));
    const rows = await to.query("select status, ended_at, branched_at, state from runs, sessions, messages");
    expect(rows).toEqual([{ status: "interrupted", ended_at: expect.any(String), branched_at: expect.any(String), state: "unanswered" }]);
    expect((await from.query("select status from runs"))[0]).toEqual({ status: "running" });
    await writer.end(turnOf("at-work", undefined).added, endOf("at-work", "completed"));
  });

  describe("what is not right is refused, and leaves nothing", () => {
    /** With a hash that fits. */
    const sealed = (lines: readonly string[], trailer: object): string => {
      const text = lines.map((line) => `${line}\n`).join("");
      const sha256 = createHash("sha256").update(text).digest("hex");
      return `${text}${JSON.stringify({ ...trailer, sha256 })}\n`;
    };
    type Change = (lines: string[], counts: { [table: string]: number }) => string;
    const change =
      (from: string | RegExp, to: string): Change =>
      (lines, all) =>
        sealed(
          lines.map((line) => line.replace(from, to)),
          { counts: all },
        );
    const cases: readonly (readonly [string, Change, RegExp])[] = [
      ["a file that ends early", (lines) => lines.join("\n"), /ends without its last line/],
      ["a file that ends within a row", (lines) => lines.join("\n").slice(0, -20), /^Line \d+ is damaged, or cut off/],
      ["no file", () => "", /nothing to import/],
      ["something else", () => "hello\n", /no export of a store/],
      ["a changed letter", (lines, all) => sealed(lines, { counts: all }).replace("first question", "First question"), /SHA-256/],
      ["a wrong count", (lines, all) => sealed(lines, { counts: { ...all, messages: 1 } }), /should have 1 rows of messages/],
      ["a row that is missing", (lines, all) => sealed(lines.slice(0, -1), { counts: all }), /should have 1 rows of token_usage: 0 were/],
      ["a column of another version", change('"leaf_id"', '"leaves":1,"leaf_id"'), /column that sessions has not: "leaves"/],
      ["a row without a column", change('"leaf_id"', '"agent_id"'), /has no sessions.leaf_id/],
      ["a number that is none", change(/"bytes":\d+/, '"bytes":"1"'), /sessions.bytes that cannot stand there/],
      ["a text that no database keeps", change('"agent_id":"main"', '"agent_id":"\\u0000"'), /sessions.agent_id that cannot stand/],
      ["a table of another version", change('"table":"memories"', '"table":"leases"'), /of no table/],
      ["rows that are there twice", (lines, all) => sealed([...lines, lines.at(-1)!], { counts: all }), /contradict each other/],
      ["a message without its session", change(/"session_key":"[^"]*"/, '"session_key":"x"'), /contradict each other/],
      ["a newer version", change('"schema":"0', '"schema":"9'), /a newer version/],
      ["an older version", change(/"schema":"[^"]*"/, '"schema":"0001_sessions"'), /an older version/],
      ["more after the end", (lines, all) => `${sealed(lines, { counts: all })}{}\n`, /goes on after its last line/],
    ];

    test.each(cases)("%s", async (_name, broken, why) => {
      const [from, to] = [await create(), await create(engine)];
      await fill(from);
      const whole = await exported(from);
      const text = broken(whole.trimEnd().split("\n").slice(0, -1), counts(whole));
      await expect(imported(to, text)).rejects.toMatchObject({ code: "invalid_value", message: expect.stringMatching(why) });
      expect(await rowsIn(to)).toBe(0);
      await imported(to, whole);
      expect(await rowsIn(to)).toBe(Object.values(counts(whole)).reduce((sum, count) => sum + count));
    });

    test("a database that is not empty", async () => {
      const database = await create(engine);
      await fill(database);
      const text = await exported(database);
      await expect(imported(database, text)).rejects.toThrow(/not empty: it has 2 sessions, /);
      expect(withoutTime(await exported(database))).toEqual(withoutTime(text));
    });

    test("an import that is stopped", async () => {
      const [from, to] = [await create(), await create(engine)];
      await fill(from);
      const text = await exported(from);
      const stop = new AbortController();
      async function* stopping(): AsyncGenerator<Buffer> {
        for await (const piece of pieces(text)) {
          yield piece;
          if (piece.includes("answer")) stop.abort();
        }
      }
      await expect(importStore(to.location, stopping(), { ...options, signal: stop.signal })).rejects.toThrow();
      expect(await rowsIn(to)).toBe(0);
    });
  });

  test("a large store is in memory a few pages at a time", async () => {
    const [from, to] = [await create(engine), await create()];
    await fill(from);
    await from.query(`
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
      insert into messages (id, session_key, parent_id, run_id, origin, role, body, state, created_at)
      select 'z' || i, '${key}', null, 'many', 'run', 'user', '"${"0123456789".repeat(200)}"', 'unanswered', '2026' from n`);
    let [longest, bytes, reports] = [0, 0, 0];
    const through = new TransformStream<string, Buffer>({ transform: (text, to) => to.enqueue(Buffer.from(text)) });
    const writer = through.writable.getWriter();
    const write = async (text: string): Promise<void> => {
      longest = Math.max(longest, text.length);
      bytes += text.length;
      await writer.ready;
      await writer.write(text);
    };
    const exporting = exportStore(from.location, write, { ...options, onProgress: () => reports++ }).then(() => writer.close());
    const { messages } = await importStore(to.location, through.readable, options);
    await exporting;
    expect(messages).toBeGreaterThan(20_000);
    expect(bytes).toBeGreaterThan(40_000_000);
    expect(longest).toBeLessThan(8_000_000);
    expect(reports).toBeGreaterThan(20);
  });
});

test("what is not there, and what is in memory, cannot be moved", async () => {
  const nowhere = { ...(await create()), location: "/nowhere/at/all.db" };
  await expect(exported(nowhere)).rejects.toMatchObject({ code: "not_found" });
  await expect(exported({ ...nowhere, location: ":memory:" })).rejects.toMatchObject({ code: "invalid_value" });
});
