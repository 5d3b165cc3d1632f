/** A store that opens on first use, and what closing it means before, during and after that. */
import { expect, test } from "@jest/globals";

import type { SessionStore } from "../../src/domain/session.ts";
import { DeferredSessionStore } from "../../src/store/deferred-session-store.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { runOf } from "./run-of.ts";
import { appendTurn, endOf, key, messagesIn, turnMessages, turnOf } from "./turn-of.ts";

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
  await expect(appendTurn(store, turnOf("late", undefined))).rejects.toMatchObject(closed);
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

test("a listener for cancelled runs opens nothing, and hears of them from whichever database is open in the end", async () => {
  let openings = 0;
  const listeners: ((runId: string) => void)[] = [];
  const store = new DeferredSessionStore(async () => {
    openings += 1;
    if (openings === 1) throw new Error("not yet");
    const opened = await openSessionStore(":memory:");
    opened.runs.onCancelRequested = (listener) => void listeners.push(listener);
    return opened;
  });
  const heard: string[] = [];
  store.runs.onCancelRequested((runId) => heard.push(runId));
  expect(openings).toBe(0);
  await expect(store.check()).rejects.toThrow("not yet");
  await store.check();
  for (const listener of listeners) listener("run-1");
  expect(heard).toEqual(["run-1"]);
  await store.close();
});

test("runs, their transcripts and completions are those of the store behind it", async () => {
  const store = new DeferredSessionStore(() => openSessionStore(":memory:"));
  await appendTurn(store, turnOf("first", undefined));
  expect(await messagesIn(store)).toEqual(turnMessages("first"));
  expect(await store.runs.find("first")).toMatchObject({ status: "completed" });
  await store.runs.open(runOf("second"));
  const event = { type: "text_delta", text: "Hi" } as const;
  await store.runs.appendEvents("second", [{ seq: 1, event }]);
  expect(await store.runs.readEvents("second", 0)).toEqual([{ seq: 1, event }]);
  await store.runs.requestCancel("second");
  await store.runs.end(endOf("second", "completed"));
  expect(await store.runs.measure()).toBeGreaterThan(0);
  expect(await store.runs.removeOldest(9)).toMatchObject({ count: 1 });
  await store.runs.discard("second");
  expect(await store.runs.find("second")).toBeUndefined();
  expect(await store.runs.removeExpired(9)).toBe(0);
  expect(await store.completions.list({ limit: 9, order: "asc" })).toEqual({ items: [], hasMore: false });
  expect(await store.completions.find("second")).toBeUndefined();
  expect(await store.completions.readInput("second")).toBeUndefined();
  expect(await store.completions.setMetadata("second", "main", {})).toBeUndefined();
  expect(await store.completions.remove("second", "main")).toBe(false);
  await store.close();
});

test("a run that is given up is given up by the store behind it, and opens none", async () => {
  let openings = 0;
  const given: string[] = [];
  const store = new DeferredSessionStore(async () => {
    openings += 1;
    const opened = await openSessionStore(":memory:");
    opened.runs.abandon = (runId) => void given.push(runId);
    return opened;
  });
  store.runs.abandon("before");
  expect(openings).toBe(0);
  await store.check();
  store.runs.abandon("run-1");
  await store.check();
  expect(given).toEqual(["run-1"]);
  await store.close();
});
