/** Statements that are put together once: for how long that holds, and what each asking brings itself. */
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";

import { HotStatement } from "../../src/store/hot-statement.ts";
import { sql } from "../../src/store/kysely.ts";
import { openSqlite } from "../../src/store/sqlite.ts";

type Db = ReturnType<typeof openSqlite>;

let db: Db;
let timesBuilt: number;

/** Says what it is told, and how many times it was put together by then. */
const echo = new HotStatement<{ first: string; second: string | null }, { said: string; built: number }>((asked, place) => {
  const built = ++timesBuilt;
  return {
    compile: () =>
      sql<{ said: string; built: number }>`
        select ${place("second")} || ${"-"} || ${place("first")} || ${"-"} || ${place("second")} as said, ${built} as built`.compile(asked),
  };
});

beforeEach(() => {
  timesBuilt = 0;
  db = openSqlite(":memory:");
});

afterEach(() => db.destroy());

describe("a hot statement", () => {
  test("has each value where its name stands, and what it says itself in between", async () => {
    expect((await echo.first(db, { first: "one", second: "two" }))?.said).toBe("two-one-two");
  });

  test("is asked with other values each time, and null is one of them", async () => {
    await echo.first(db, { first: "one", second: "two" });
    expect((await echo.first(db, { first: "three", second: "four" }))?.said).toBe("four-three-four");
    expect((await echo.first(db, { first: "three", second: null }))?.said).toBeNull();
  });

  test("is put together once for a database and all of its transactions", async () => {
    await echo.first(db, { first: "a", second: "b" });
    const within = await db.transaction().execute((trx) => echo.first(trx, { first: "c", second: "d" }));
    expect(within).toEqual({ said: "d-c-d", built: 1 });
    expect(timesBuilt).toBe(1);
  });

  test("is put together anew for another database, which may have another language", async () => {
    await echo.first(db, { first: "a", second: "b" });
    const other = openSqlite(":memory:");
    try {
      expect((await echo.first(other, { first: "a", second: "b" }))?.built).toBe(2);
    } finally {
      await other.destroy();
    }
  });

  test("says how many rows it changed, also when there are none", async () => {
    await sql`create table leases (fence integer primary key, session_key text)`.execute(db);
    await sql`insert into leases values (1, 'a'), (2, 'a'), (3, 'b')`.execute(db);
    const remove = new HotStatement<{ key: string }>((asked, place) => asked.deleteFrom("leases").where("session_key", "=", place("key")));
    expect(await remove.count(db, { key: "a" })).toBe(2);
    expect(await remove.count(db, { key: "a" })).toBe(0);
    expect(await remove.count(db, { key: "b" })).toBe(1);
  });
});
