/** Runs of this process between their end and their being found in the store, or nowhere, and events that are gone. */
import { expect, test } from "@jest/globals";
import type { RunEvent } from "../../src/domain/run.ts";
import type { OpenedRun } from "../../src/domain/run-record.ts";
import { LiveRun } from "../../src/service/live-run.ts";
import { RunHistory } from "../../src/service/run-history.ts";
import { RunLog } from "../../src/service/run-log.ts";
import { RunRegistry } from "../../src/service/run-registry.ts";

const opened: OpenedRun = {
  id: "a1",
  agentId: "main",
  sessionKey: "agent:main:one",
  owner: "main",
  modelName: "openclaw",
  model: "stub/m",
  isBackground: false,
  createdAt: Date.now(),
  expiresAt: Date.now() + 60_000,
};
const emptyStore = {
  find: () => Promise.resolve(undefined),
  readEvents: () => Promise.resolve([]),
  appendEvents: () => Promise.resolve(),
  requestCancel: () => Promise.resolve(),
  watch: () => Promise.resolve({ next: () => Promise.resolve(), stop: () => undefined }),
};
const { signal } = new AbortController();

test("a run that ends while its cancel is on its way, and is kept nowhere, is shown as it ended", async () => {
  const registry = new RunRegistry();
  const live = new LiveRun(opened, undefined);
  registry.add(live);
  const found = live.record;
  registry.end(live, { status: "completed", model: "stub/m", turns: 1, finishReason: "stop", endedAt: Date.now() }, false);
  const cancelled = await new RunHistory(registry, emptyStore).cancel(found, signal);
  expect(cancelled).toMatchObject({ status: "completed", outcome: { turns: 1 } });
});

test("who follows so slowly that the events have made room meanwhile is told so", async () => {
  const log = new RunLog(opened.id, emptyStore, true);
  const text = "x".repeat(1024);
  for (let said = 0; said < 2000; said++) await log.append({ type: "text_delta", text });
  log.end({ type: "run_end", status: "completed", finishReason: "stop", model: "stub/m", turns: 1 });
  const heard: RunEvent[] = [];
  const follow = async (): Promise<void> => {
    for await (const { event } of log.follow(0, signal)) heard.push(event);
  };
  await expect(follow()).rejects.toMatchObject({ code: "invalid_value", param: "id" });
  expect(heard).toEqual([]);
});
