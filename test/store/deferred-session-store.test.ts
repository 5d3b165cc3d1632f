/** A store that opens on first use, and what closing it means before, during and after that. */
import { expect, test } from "@jest/globals";

import type { SessionStore } from "../../src/domain/session.ts";
import { DeferredSessionStore } from "../../src/store/deferred-session-store.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { key, turnOf } from "./turn-of.ts";

const closed = { code: "store_unavailable", cause: { message: "The session store is closed." } };

test("a store that was closed before its first use never opens", async () => {
  let openings = 0;
  const store = new DeferredSessionStore(() => {
    openings += 1;
    return openSessionStore(":memory:");
  });
  await store.close();
  await expect(store.check()).rejects.toMatchObject(closed);
  await expect(store.readPath(key)).rejects.toMatchObject(closed);
  await expect(store.appendTurn(turnOf("late", undefined))).rejects.toMatchObject(closed);
  await expect(store.memoryOf({ sessionKey: key, agentId: "main", owner: "main" }).save("colour", "blue")).rejects.toMatchObject(closed);
  expect(openings).toBe(0);
});

test("a store that is closed while it opens serves who came before that, then closes", async () => {
  const opened: SessionStore[] = [];
  const store = new DeferredSessionStore(async () => {
    opened.push(await openSessionStore(":memory:"));
    return opened[0]!;
  });
  const first = store.check();
  const closing = store.close();
  await expect(store.check()).rejects.toMatchObject(closed);
  await Promise.all([first, closing]);
  await expect(opened[0]!.check()).rejects.toMatchObject(closed);
});
