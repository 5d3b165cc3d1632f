/** What an agent may remember under one session key, and its bounds. */

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import type { SessionStore } from "../../src/domain/session.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { databaseEngines, type TestDatabase } from "../support/databases.ts";
import { appendTurn, messagesIn, turnOf } from "./turn-of.ts";

const engines = await databaseEngines();

describe.each(engines)("on $name", ({ create }) => {
  let database: TestDatabase;
  let store: SessionStore;

  beforeAll(async () => {
    database = await create();
    store = await openSessionStore(database.location);
  });

  afterAll(async () => {
    await store.close();
    await database.drop();
  });

  describe("session memory", () => {
    test("of an unknown key is empty", async () => {
      expect(await store.memoryOf({ sessionKey: "agent:main:nobody", agentId: "main", owner: "main" }).recall()).toEqual(new Map());
    });

    test("recalls the oldest name first, and a name saved again keeps its place", async () => {
      const memory = store.memoryOf({ sessionKey: "agent:main:order", agentId: "main", owner: "main" });
      for (const name of ["zebra", "ant", "mole"]) await memory.save(name, `a ${name}`);
      await memory.save("zebra", "two zebras");
      expect([...(await memory.recall())]).toEqual([
        ["zebra", "two zebras"],
        ["ant", "a ant"],
        ["mole", "a mole"],
      ]);
    });

    test("of one session is not seen in another", async () => {
      await store.memoryOf({ sessionKey: "agent:main:one", agentId: "main", owner: "main" }).save("colour", "blue");
      expect(await store.memoryOf({ sessionKey: "agent:main:two", agentId: "main", owner: "main" }).recall()).toEqual(new Map());
    });

    test("does not stand in the way of the session's first turn", async () => {
      const sessionKey = "agent:main:turn";
      await store.memoryOf({ sessionKey: sessionKey, agentId: "main", owner: "main" }).save("colour", "blue");
      await appendTurn(store, turnOf("first", undefined, { sessionKey }));
      expect(await messagesIn(store, sessionKey)).toHaveLength(4);
      expect(await store.memoryOf({ sessionKey: sessionKey, agentId: "main", owner: "main" }).recall()).toEqual(
        new Map([["colour", "blue"]]),
      );
    });

    test("goes with its session", async () => {
      const memory = store.memoryOf({ sessionKey: "agent:main:gone", agentId: "main", owner: "main" });
      await memory.save("colour", "blue");
      await database.query("delete from sessions where key = ?", ["agent:main:gone"]);
      expect(await memory.recall()).toEqual(new Map());
    });

    test("takes names of 128 characters and values of 16 KiB, and refuses longer ones in words for the model", async () => {
      const memory = store.memoryOf({ sessionKey: "agent:main:bounds", agentId: "main", owner: "main" });
      await memory.save("n".repeat(128), "é".repeat(8_192));
      await expect(memory.save("", "value")).rejects.toThrow("the name is empty");
      await expect(memory.save("n".repeat(129), "value")).rejects.toThrow("the name has 129 characters; at most 128 are allowed");
      await expect(memory.save("name", "é".repeat(8_193))).rejects.toThrow("the value has 16386 bytes; at most 16384 are allowed");
      await expect(memory.save("name", "a\0b")).rejects.toThrow("plain text");
      await expect(memory.save("\ud800", "value")).rejects.toThrow("plain text");
      expect([...(await memory.recall()).keys()]).toEqual(["n".repeat(128)]);
    });

    test("takes 256 names; one more is refused, but a known one can still be saved over", async () => {
      const memory = store.memoryOf({ sessionKey: "agent:main:full", agentId: "main", owner: "main" });
      for (let index = 0; index < 256; index += 1) await memory.save(`name ${index}`, "value");
      await expect(memory.save("one too many", "value")).rejects.toThrow("already remembers 256 names");
      await memory.save("name 7", "changed");
      const recalled = await memory.recall();
      expect(recalled.size).toBe(256);
      expect(recalled.get("name 7")).toBe("changed");
      expect(recalled.has("one too many")).toBe(false);
    });
  });
});
