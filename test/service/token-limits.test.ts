/** Limits of tokens where their account answers later than anybody waits for it. */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import type { RunRequest } from "../../src/domain/run.ts";
import type { SessionStore } from "../../src/domain/session.ts";
import type { TokenAccounts } from "../../src/domain/token-account.ts";
import { type LimitedRun, TokenLimiter } from "../../src/service/token-limits.ts";
import { WindowCounts } from "../../src/service/window-counts.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";

const request = {
  principal: { name: "ci", scope: "operator", limits: { maxConcurrentRuns: 1 } },
  messages: [{ role: "user", content: "hi" }],
  tools: [],
} as unknown as RunRequest;

let folder: string;
let store: SessionStore;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "clawgate-limits-"));
  store = await openSessionStore(join(folder, "sessions.db"));
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

test("a place that comes when its run was refused long ago is given back", async () => {
  const { accounts } = store;
  let answering: Promise<void> | undefined;
  const slow: TokenAccounts = {
    enter: async (run, limits) => {
      await answering;
      return accounts.enter(run, limits);
    },
    leave: (run, use) => accounts.leave(run, use),
    usedIn: (month) => accounts.usedIn(month),
    removeBefore: (month) => accounts.removeBefore(month),
  };
  const limiter = new TokenLimiter({ accounts: slow, counters: new WindowCounts(), log: pino({ level: "silent" }) });
  const begin = (runId: string): Promise<LimitedRun | undefined> => limiter.begin(runId, request, () => undefined);
  const first = await begin("first");
  let answer = (): void => undefined;
  answering = new Promise((resolve) => (answer = resolve));
  await expect(begin("late")).rejects.toMatchObject({ code: "too_many_runs" });
  await first!.refused();
  answer();
  answering = undefined;
  // Until then the late one has the place.
  for (let next: LimitedRun | undefined; next === undefined; await sleep(20)) next = await begin("next").catch(() => undefined);
});
