/** A process for the runs' test: opens runs, says so, and works on them until it is killed. */
import { writeSync } from "node:fs";

import { openSessionStore } from "../../src/store/open-session-store.ts";
import { numbered, runOf } from "./run-of.ts";

const { runs } = await openSessionStore(process.argv[2] ?? ":memory:");
const call = { id: "call", name: "remember", arguments: "{}" };
await runs.open(runOf("harmless", { idempotency: { key: "harmless", fingerprint: "f" } }));
await runs.appendEvents("harmless", numbered(1, [{ type: "run_start" }]));
await runs.open(runOf("effective", { idempotency: { key: "effective", fingerprint: "f" } }));
await runs.appendEvents("effective", numbered(1, [{ type: "run_start" }]));
await runs.appendEvents("effective", numbered(2, [{ type: "tool_start", call }]));
await runs.open(runOf("ended"));
await runs.end({
  runId: "ended",
  outcome: { status: "completed", model: "stub/last", turns: 1, endedAt: 1 },
  events: [],
  freesKey: false,
});
writeSync(1, "at work\n");
setInterval(() => undefined, 60_000);
