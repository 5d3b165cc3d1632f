/** Opening a database: what is created, who may read it, what is refused. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import Database from "libsql";

import { openSessionStore } from "../../src/store/open-session-store.ts";
import { appendTurn, key, messagesIn, turnOf } from "./turn-of.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "clawgate-open-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

const modeOf = (path: string) => statSync(path).mode & 0o777;

describe("opening a session store", () => {
  test("creates folders and files that only their owner can read", async () => {
    const file = join(folder, "state", "deep", "sessions.db");
    const store = await openSessionStore(file);
    await appendTurn(store, turnOf("first", undefined));
    expect([join(folder, "state"), join(folder, "state", "deep")].map(modeOf)).toEqual([0o700, 0o700]);
    expect([file, `${file}-wal`, `${file}-shm`].map(modeOf)).toEqual([0o600, 0o600, 0o600]);
    await store.close();
  });

  test("and closing it again leaves everything in the one file", async () => {
    const file = join(folder, "sessions.db");
    const store = await openSessionStore(file);
    await appendTurn(store, turnOf("first", undefined));
    await store.close();
    copyFileSync(file, join(folder, "copy.db"));
    const copy = await openSessionStore(join(folder, "copy.db"));
    expect(await messagesIn(copy, key)).toHaveLength(4);
    await copy.close();
  });

  test("many times at once on a new file gives one sound database", async () => {
    const file = join(folder, "sessions.db");
    const stores = await Promise.all(Array.from({ length: 8 }, () => openSessionStore(file)));
    await appendTurn(stores[0]!, turnOf("first", undefined));
    for (const store of stores) expect(await messagesIn(store, key)).toHaveLength(4);
    for (const store of stores) await store.close();
  });

  test("refuses a database that is newer than the program, and leaves it as it was", async () => {
    const file = join(folder, "sessions.db");
    await (await openSessionStore(file)).close();
    const database = new Database(file);
    database.exec("insert into kysely_migration values ('9999_from_the_future', '2099-01-01T00:00:00.000Z')");
    const countChanges = () => database.prepare("select count(*) as count from kysely_migration").all([]);
    const before = countChanges();
    await expect(openSessionStore(file)).rejects.toMatchObject({
      code: "store_unavailable",
      message:
        "The session database is newer than this program: it has changes unknown here (9999_from_the_future). " +
        "Start the newer program, or configure another database.",
    });
    expect(countChanges()).toEqual(before);
    database.close();
  });

  test("gives what an older database does not say: who brought its messages, and whose its sessions are", async () => {
    const file = join(folder, "sessions.db");
    const store = await openSessionStore(file);
    await appendTurn(store, turnOf("first", undefined));
    const { leafId } = await store.readPath(key);
    const result = { role: "tool", toolCallId: "call_1", content: [{ type: "text", text: "21 °C" }] } as const;
    await appendTurn(store, turnOf("second", leafId, { messages: [result, { role: "assistant", content: "Clear.", toolCalls: [] }] }));
    const written = await store.readTree(key);
    await store.close();
    const database = new Database(file);
    for (const index of ["sessions_by_activity", "sessions_by_owner", "sessions_with_branches"]) database.exec(`drop index ${index}`);
    for (const column of ["message_count", "bytes", "branched_at"]) database.exec(`alter table sessions drop column ${column}`);
    database.exec("alter table messages drop column origin; alter table sessions drop column owner");
    database.exec("drop table leases; drop table run_events; drop table runs; drop table completions; drop table tokens");
    database.exec("drop table token_changes; drop table counters; drop table token_usage; drop table token_runs");
    database.exec("delete from kysely_migration where name > '0001_sessions'");
    database.close();
    const reopened = await openSessionStore(file);
    expect(await reopened.readTree(key)).toEqual(written);
    expect(written.nodes.map(({ origin }) => origin)).toEqual(["caller", "run", "run", "run", "caller", "run"]);
    await reopened.close();
  });

  test("runs its changes as a whole or not at all", async () => {
    const file = join(folder, "sessions.db");
    const database = new Database(file);
    database.exec("create table memories (something text)");
    await expect(openSessionStore(file)).rejects.toMatchObject({ code: "store_unavailable", message: expect.stringContaining("memories") });
    const tables = database.prepare("select name from sqlite_master where name in ('sessions', 'messages', 'memories')").all([]);
    expect(tables).toEqual([{ name: "memories" }]);
    database.close();
  });

  test("says which file it could not open and why", async () => {
    const junk = join(folder, "junk.db");
    writeFileSync(junk, "This is a letter, not a database. ".repeat(100));
    mkdirSync(join(folder, "folder.db"));
    for (const [file, reason] of [
      [junk, "file is not a database"],
      [join(folder, "folder.db"), "EISDIR"],
      [join(junk, "below-a-file.db"), "EEXIST"],
    ] as const) {
      await expect(openSessionStore(file)).rejects.toMatchObject({
        code: "store_unavailable",
        message: expect.stringMatching(new RegExp(`${file}.*${reason}`)),
      });
    }
  });
});
