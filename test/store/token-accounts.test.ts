/** What tokens use, and how many of their runs are at work, in tables: also when a process says nothing any more. */
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { setTimeout as sleep } from "node:timers/promises";

import type { CountedRun } from "../../src/domain/token-account.ts";
import { GuardedDatabase } from "../../src/store/guarded-database.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { nameOwner } from "../../src/store/process-identity.ts";
import { StoredTokenAccounts } from "../../src/store/token-accounts.ts";
import { databaseEngines, type TestDatabase } from "../support/databases.ts";

const nothing = { requests: 0, tokens: 0, cost: 0 };
const oneRun = { maxConcurrentRuns: 1 };
const run = (runId: string, owner = "ci", month = "2026-03"): CountedRun => ({ runId, owner, month });

describe.each(await databaseEngines())("on $name", ({ create }) => {
  let database: TestDatabase;
  let closers: (() => Promise<void>)[];

  beforeEach(async () => {
    database = await create();
    await (await openSessionStore(database.location)).close();
    closers = [];
  });

  afterEach(async () => {
    for (const close of closers) await close();
    await database.drop();
  });

  /** As one process has them; `longestSilenceMs` is how long it bears with others. */
  async function openAccounts(longestSilenceMs?: number, processName = nameOwner()): Promise<StoredTokenAccounts> {
    const db = new GuardedDatabase(await database.open(), 0);
    const accounts = new StoredTokenAccounts(db, processName, longestSilenceMs);
    closers.push(async () => {
      await accounts.close();
      await db.close();
    });
    return accounts;
  }

  test("what is used adds up by token and month, whoever adds it", async () => {
    const [one, other] = [await openAccounts(), await openAccounts()];
    await Promise.all([
      one.leave(run("a"), { requests: 1, tokens: 10, cost: 0.25 }),
      other.leave(run("b"), { requests: 1, tokens: 5, cost: 0.5 }),
      one.leave(run("c", "laptop"), { requests: 1, tokens: 1, cost: 0 }),
      other.leave(run("d", "ci", "2026-04"), { requests: 1, tokens: 7, cost: 0 }),
    ]);
    expect([...(await one.usedIn("2026-03"))].sort()).toEqual([
      ["ci", { requests: 2, tokens: 15, cost: 0.75 }],
      ["laptop", { requests: 1, tokens: 1, cost: 0 }],
    ]);
    expect(await other.enter(run("e"), { monthlyTokens: 15 })).toBe("monthlyTokens");
    expect(await other.enter(run("e"), { monthlyTokens: 16, monthlyBudget: 0.75 })).toBe("monthlyBudget");
    expect(await other.enter(run("e"), { ...oneRun, monthlyTokens: 15 })).toBe("monthlyTokens");
    expect(await other.enter(run("e", "ci", "2026-04"), { monthlyTokens: 15, monthlyBudget: 0.75 })).toBeUndefined();
  });

  test("old months go, and counts whose time is over", async () => {
    const accounts = await openAccounts();
    for (const month of ["2025-12", "2026-01", "2026-02"]) await accounts.leave(run("a", "ci", month), { ...nothing, requests: 1 });
    await database.query("insert into counters (key, points, expire) values ('past', 1, 1000), ('now', 1, ?)", [Date.now()]);
    await accounts.removeBefore("2026-01");
    expect(await database.query("select month from token_usage order by month")).toEqual([{ month: "2026-01" }, { month: "2026-02" }]);
    expect(await database.query("select key from counters")).toEqual([{ key: "now" }]);
  });

  test("a place is had by one run of a token at a time, and by others of other tokens", async () => {
    const [one, other] = [await openAccounts(), await openAccounts()];
    const asked = await Promise.all(["a", "b", "c", "d"].map((id, n) => (n % 2 ? one : other).enter(run(id), oneRun)));
    expect(asked.filter((inTheWay) => inTheWay === undefined)).toHaveLength(1);
    expect(await one.enter(run("e", "laptop"), oneRun)).toBeUndefined();
    const had = "abcd"[asked.indexOf(undefined)]!;
    await (asked.indexOf(undefined) % 2 ? one : other).leave(run(had), nothing);
    expect(await one.enter(run("f"), oneRun)).toBeUndefined();
  });

  test("the place of a process that shows no sign of life is given to others, and to nobody a moment before", async () => {
    const silent = await openAccounts();
    expect(await silent.enter(run("a"), oneRun)).toBeUndefined();
    const waiting = await openAccounts(600);
    const patient = await openAccounts(3_600_000);
    await Promise.all([waiting.start(), patient.start()]);
    while ((await waiting.enter(run("b"), oneRun)) !== undefined) await sleep(50);
    expect(await database.query("select run_id from token_runs")).toEqual([{ run_id: "b" }]);
    expect(await patient.enter(run("c"), oneRun)).toBe("maxConcurrentRuns");
    // What the silent one had is no more: it takes nothing away from anybody.
    await silent.leave(run("a"), nothing);
    expect(await database.query("select run_id from token_runs")).toEqual([{ run_id: "b" }]);
  });

  test("the place of a process that is dead is given to others at once", async () => {
    const dead = nameOwner().replace(/^\d+\/\d*/, "1/0");
    const accounts = await openAccounts();
    await database.query("insert into token_runs (run_id, owner, process, renewals) values ('a', 'ci', ?, 0)", [dead]);
    expect(await accounts.enter(run("b"), oneRun)).toBeUndefined();
  });

  test("a place of which its own process knows nothing is given back", async () => {
    const name = nameOwner();
    const accounts = await openAccounts(150, name);
    await accounts.start();
    // As when the answer to a request for it got lost.
    await database.query("insert into token_runs (run_id, owner, process, renewals) values ('a', 'ci', ?, 0)", [name]);
    while ((await database.query("select run_id from token_runs")).length > 0) await sleep(20);
  });
});
