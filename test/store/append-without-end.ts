/** A writer for the crash test: runs of two turns until it is killed; prints the number of each one that was acknowledged. */
import { writeSync } from "node:fs";

import { openSessionStore } from "../../src/store/open-session-store.ts";
import { beginTurns, endOf, key, turnMessages, turnOf } from "./turn-of.ts";

const store = await openSessionStore(process.argv[2] ?? ":memory:");
for (;;) {
  const { leafId, nodes } = await store.readPath(key);
  const count = nodes.length / turnMessages("").length;
  const runId = `${process.pid}-${count}`;
  const [call, result, answer] = turnMessages(`${count}`).slice(1);
  const writer = await beginTurns(store, turnOf(`${count}`, leafId, { runId }));
  await writer.addTurn([call!, result!]);
  await writer.end([answer!], endOf(runId, "completed"));
  writeSync(1, `${count}\n`);
}
