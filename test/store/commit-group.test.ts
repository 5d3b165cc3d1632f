/** Transactions that are committed together, when one of them, or the commit, fails: nobody is told of what is not kept. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import Database from "libsql";

import { sql } from "../../src/store/kysely.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { StoredSessions } from "../../src/store/session-store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { appendTurn, beginTurns, endOf, messagesIn, turnMessages, turnOf } from "./turn-of.ts";

type Db = ReturnType<typeof openSqlite>;

/** Longer than a test may take. */
const endlessMs = 600_000;

let folder: string;
let file: string;
/** Sees what is committed, as another process does. */
let raw: Database.Database;
let db: Db;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "clawgate-group-"));
  file = join(folder, "sessions.db");
  db = openSqlite(file, endlessMs);
  await sql`create table kept (name text primary key, filling text)`.execute(db);
  raw = new Database(file);
});

afterEach(async () => {
  raw.close();
  await db.destroy();
  rmSync(folder, { recursive: true });
});

const keptNames = (): string[] =>
  (raw.prepare("select name from kept order by name").all([]) as { name: string }[]).map(({ name }) => name);
const hasOpenTransaction = (): boolean => {
  try {
    raw.exec("begin immediate");
    raw.exec("rollback");
    return false;
  } catch {
    return true;
  }
};

interface Part {
  readonly name: string;
  readonly bytes?: number;
  readonly fails?: boolean;
}

/** Two statements, with a turn of the event loop between them. */
function keep({ name, bytes = 1, fails = false }: Part): Promise<void> {
  return db.transaction().execute(async (trx) => {
    await sql`insert into kept values (${`${name} 1`}, '')`.execute(trx);
    await new Promise((resolve) => setImmediate(resolve));
    await sql`insert into kept values (${`${name} 2`}, ${"x".repeat(bytes)})`.execute(trx);
    if (fails) throw new Error(`${name} fails`);
  });
}

/** The names of those that were told that they are done, each with what it keeps. */
async function acknowledged(parts: readonly Part[]): Promise<string[]> {
  const ends = await Promise.allSettled(parts.map((part) => keep(part)));
  return parts
    .filter((_part, index) => ends[index]!.status === "fulfilled")
    .flatMap(({ name }) => [`${name} 1`, `${name} 2`])
    .sort();
}

const named = (count: number, more: (index: number) => Partial<Part> = () => ({})): Part[] =>
  Array.from({ length: count }, (_, index) => ({ name: `n${index}`, ...more(index) }));

describe("of transactions that end together", () => {
  test.each([0, 1, 5, 9])("number %d takes back its own part, and the others are kept", async (failing) => {
    const told = await acknowledged(named(10, (index) => ({ fails: index === failing })));
    expect(told).toHaveLength(18);
    expect(keptNames()).toEqual(told);
    expect(hasOpenTransaction()).toBe(false);
  });

  test("none is lost or doubled where there are more than one commit takes", async () => {
    const told = await acknowledged(named(300, (index) => ({ fails: index % 7 === 0 })));
    expect(told).toHaveLength(2 * 257);
    expect(keptNames()).toEqual(told);
  });

  test.each([0, 3, 9])("number %d fills the database: whoever is not kept is told so, and all is well when there is room", async (big) => {
    await keep({ name: "before" });
    const { page_count: pages } = raw.prepare("pragma page_count").get([]) as { page_count: number };
    await sql.raw(`pragma max_page_count = ${pages + 4}`).execute(db);
    const told = await acknowledged(named(10, (index) => (index === big ? { bytes: 1_000_000 } : {})));
    expect(told).not.toContain(`n${big} 1`);
    expect(keptNames()).toEqual(["before 1", "before 2", ...told]);
    expect(hasOpenTransaction()).toBe(false);
    await sql`pragma max_page_count = 1000000`.execute(db);
    const later = await acknowledged(named(10).map(({ name }) => ({ name: `later ${name}` })));
    expect(later).toHaveLength(20);
    expect(keptNames()).toEqual(["before 1", "before 2", ...told, ...later].sort());
  });

  test("none is told that it is done when the commit fails, and none is kept", async () => {
    // A reference that is checked at the commit, and leads nowhere then.
    await sql`create table refers (name text references kept (name) deferrable initially deferred)`.execute(db);
    const dangling = db.transaction().execute((trx) => sql`insert into refers values ('nobody')`.execute(trx));
    const [end, told] = await Promise.all([dangling.catch((error: unknown) => error), acknowledged(named(10))]);
    expect(end).toMatchObject({ code: expect.stringMatching(/^SQLITE_CONSTRAINT/) });
    expect(told).toEqual([]);
    expect(keptNames()).toEqual([]);
    expect(hasOpenTransaction()).toBe(false);
    expect(await acknowledged(named(10))).toHaveLength(20);
    expect(keptNames()).toHaveLength(20);
  });

  test("each is kept or refused when the database is closed meanwhile", async () => {
    const ending = acknowledged(named(100));
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    await db.destroy();
    expect(keptNames()).toEqual(await ending);
    expect(hasOpenTransaction()).toBe(false);
  });
});

describe("while another process holds the write lock", () => {
  const other = `
    const Database = require("libsql");
    const db = new Database(process.argv[1]);
    db.exec("begin immediate");
    process.stdout.write("held");
    process.stdin.on("end", () => { db.exec("commit"); db.close(); }).resume();`;

  test("nothing is told; when it is free, all is done", async () => {
    const child = spawn(process.execPath, ["-e", other, file], { stdio: ["pipe", "pipe", "inherit"] });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    let isTold = false;
    const ending = acknowledged(named(100)).finally(() => (isTold = true));
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(isTold).toBe(false);
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.stdin.end();
    expect(await ending).toHaveLength(200);
    expect(keptNames()).toEqual(await ending);
    await ended;
  });

  test("a single write that gave up spoils nothing that comes after it", async () => {
    const impatient = openSqlite(file, 0);
    raw.exec("begin immediate");
    const write = (name: string): Promise<unknown> => sql`insert into kept values (${name}, '')`.execute(impatient);
    for (const name of ["a", "b", "c"]) await expect(write(name)).rejects.toMatchObject({ code: "SQLITE_BUSY" });
    raw.exec("rollback");
    await write("single");
    expect(keptNames()).toEqual(["single"]);
    await impatient.transaction().execute((trx) => sql`insert into kept values ('together', '')`.execute(trx));
    expect(keptNames()).toEqual(["single", "together"]);
    await impatient.destroy();
  });
});

test("whatever comes and fails in whatever order, what is kept is what one after the other would have kept", async () => {
  const step = fc.record({
    key: fc.integer({ min: 0, max: 3 }),
    amount: fc.integer({ min: 1, max: 9 }),
    /** Turns of the event loop before it begins, and while it is at work. */
    before: fc.integer({ min: 0, max: 4 }),
    within: fc.integer({ min: 0, max: 2 }),
    how: fc.constantFrom("done" as const, "done" as const, "thrown" as const, "refused" as const, "single" as const),
  });
  const turns = async (count: number): Promise<void> => {
    for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  await sql`create table sums (key integer primary key, total integer, count integer)`.execute(db);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 90 }), async (steps) => {
      await sql`delete from sums`.execute(db);
      for (let key = 0; key < 4; key++) await sql`insert into sums values (${key}, 0, 0)`.execute(db);
      const model = Array.from({ length: 4 }, (_, key) => ({ key, total: 0, count: 0 }));
      await Promise.all(
        steps.map(async ({ key, amount, before, within, how }) => {
          await turns(before);
          if (how === "single") await sql`update sums set total = total + ${amount}, count = count + 1 where key = ${key}`.execute(db);
          else {
            const change = db.transaction().execute(async (trx) => {
              const { rows } = await sql<{ total: number }>`select total from sums where key = ${key}`.execute(trx);
              await sql`update sums set count = count + 1 where key = ${key}`.execute(trx);
              await turns(within);
              // What was read holds until the end, or something was lost.
              await sql`update sums set total = ${rows[0]!.total + amount} where key = ${key}`.execute(trx);
              if (how === "thrown") throw new Error("thrown");
              if (how === "refused") await sql`insert into sums values (${key}, 0, 0)`.execute(trx);
            });
            if (how !== "done") return expect(change).rejects.toThrow(how === "thrown" ? "thrown" : /UNIQUE/);
            await change;
          }
          model[key]!.total += amount;
          model[key]!.count += 1;
          // Whoever was told that it is done is seen by others.
          const seen = raw.prepare("select count from sums where key = ?").get([key]) as { count: number };
          expect(seen.count).toBeGreaterThanOrEqual(model[key]!.count);
        }),
      );
      expect(raw.prepare("select * from sums order by key").all([])).toEqual(model);
      expect(hasOpenTransaction()).toBe(false);
    }),
    { numRuns: 60 },
  );
}, 120_000);

test("runs on many sessions of which some fail leave what each was told, and their leases go", async () => {
  const path = join(folder, "runs.db");
  await (await openSessionStore(path)).close();
  const store = new StoredSessions(openSqlite(path));
  const keys = Array.from({ length: 60 }, (_, index) => `agent:main:many-${index}`);
  await Promise.all(
    keys.map(async (sessionKey, index) => {
      const lease = (await store.claimLease(sessionKey, () => undefined).attempt())!;
      await appendTurn(store, turnOf(`first-${index}`, undefined, { sessionKey }));
      // Whoever has read something outdated is refused; every third has.
      const { leafId } = await store.readPath(sessionKey);
      const turn = turnOf(`second-${index}`, index % 3 === 0 ? "outdated" : leafId, { sessionKey });
      const writer = await beginTurns(store, turn);
      const end = writer.end(turn.added, endOf(turn.runId, index % 3 === 2 ? "failed" : "completed"));
      if (index % 3 === 0) await expect(end).rejects.toMatchObject({ code: expect.any(String) });
      else await end;
      await lease.release();
    }),
  );
  for (const [index, sessionKey] of keys.entries()) {
    const label = (name: string) => turnMessages(`${name}-${index}`);
    expect(await messagesIn(store, sessionKey)).toEqual(index % 3 === 1 ? [...label("first"), ...label("second")] : label("first"));
  }
  await store.close();
  const after = new Database(path);
  expect(after.prepare("select * from leases").all([])).toEqual([]);
  after.close();
});
