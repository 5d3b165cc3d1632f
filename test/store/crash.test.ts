/** A writer process is killed without warning, again and again: no acknowledged run is lost, no half of one is ever read. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";

import { openSessionStore } from "../../src/store/open-session-store.ts";
import { databaseEngines, type TestDatabase } from "../support/databases.ts";
import { appendTurn, key, messagesIn, turnMessages, turnOf } from "./turn-of.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

const engines = await databaseEngines();

describe.each(engines)("on $name", ({ name, create }) => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await create();
  });

  afterEach(async () => {
    await database.drop();
  });

  /** Kills the program after so many lines of its output and returns the last one that it managed to print. */
  async function runUntilKilled(program: string, args: readonly string[], lines: number): Promise<string> {
    const path = fileURLToPath(new URL(program, import.meta.url));
    const child = spawn(process.execPath, ["--import", "tsx", path, ...args], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    const exit = once(child, "exit");
    let count = 0;
    let last = "";
    for await (const line of createInterface({ input: child.stdout })) {
      last = line;
      count += 1;
      if (count === lines) child.kill("SIGKILL");
    }
    expect(await exit).toEqual([null, "SIGKILL"]);
    return last;
  }

  async function query(sql: string): Promise<unknown[]> {
    if (name === "SQLite") expect(await database.query("pragma integrity_check")).toEqual([{ integrity_check: "ok" }]);
    return database.query(sql);
  }

  test("after kill -9 in the middle of runs, every acknowledged one is there, and every one is there as a whole or unanswered", async () => {
    for (const acknowledgements of name === "SQLite" ? [1, 40, 150, 333] : [1, 150]) {
      const last = Number(await runUntilKilled("append-without-end.ts", [database.location], acknowledgements));
      const store = await openSessionStore(database.location);
      const messages = await messagesIn(store);
      const count = messages.length / 4;
      expect(count).toBeGreaterThanOrEqual(last + 1);
      expect(messages).toEqual(Array.from({ length: count }, (_, index) => turnMessages(`${index}`)).flat());
      await store.close();
      const joined = name === "SQLite" ? "group_concat(role, ' ')" : "string_agg(role, ' ' order by id)";
      const roles = `select state, ${joined} as roles from (select * from messages order by id) as ordered group by run_id, state`;
      const kinds = (await query(`select distinct state, roles from (${roles}) as turns order by state, roles desc`)) as {
        state: string;
        roles: string;
      }[];
      expect(kinds[0]).toEqual({ state: "active", roles: "user assistant tool assistant" });
      for (const { state, roles } of kinds.slice(1)) expect(["user", "user assistant tool"]).toContain(state === "unanswered" && roles);
      expect(await query("select distinct status from runs where status not in ('completed', 'interrupted')")).toEqual([]);
    }
  });

  test.each([0, 1, 2])(
    "a process that is killed in a run, after %i turns, leaves the path as it was, and what was written beside it",
    async (turns) => {
      const before = await openSessionStore(database.location);
      await appendTurn(before, turnOf("first", undefined));
      const path = await before.readPath(key);
      await before.close();
      await runUntilKilled("stop-within-run.ts", [database.location, `${turns}`], 1);

      const store = await openSessionStore(database.location);
      expect(await store.readPath(key)).toEqual(path);
      expect(await store.readTree(key)).toEqual(path);
      const { items } = await store.catalog.readMessages(key, { limit: 100, order: "asc", branches: true });
      const beside = items.filter(({ state }) => state !== "active");
      expect(beside.map(({ runId, state }) => `${runId} ${state}`)).toEqual(Array.from({ length: 1 + 2 * turns }, () => "cut unanswered"));
      const written = Array.from({ length: turns }, (_, turn) => turnMessages(`cut ${turn}`).slice(1, 3));
      expect(beside.map(({ message }) => message)).toEqual([turnMessages("cut")[0], ...written.flat()]);
      expect(await store.runs.find("cut")).toMatchObject({ status: "interrupted" });
      expect(await query("select * from leases")).toEqual([]);

      expect(await store.catalog.listBranched(9)).toEqual([key]);
      await appendTurn(store, turnOf("second", path.leafId));
      expect(await store.catalog.listBranched(9)).toEqual([key]);
      expect(await store.catalog.removeBranches(key)).toMatchObject({ messages: 1 + 2 * turns });
      expect(await store.catalog.listBranched(9)).toEqual([]);
      expect(await messagesIn(store)).toEqual([...turnMessages("first"), ...turnMessages("second")]);
      await store.close();
    },
  );
});
