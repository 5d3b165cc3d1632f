/** A writer for the crash test: appends turns until it is killed and prints the number of each one that was acknowledged. */
import { writeSync } from "node:fs";

import { openSessionStore } from "../../src/store/open-session-store.ts";
import { key, turnMessages, turnOf } from "./turn-of.ts";

const store = await openSessionStore(process.argv[2] ?? ":memory:");
for (;;) {
  const { leafId, nodes } = await store.readPath(key);
  const turn = nodes.length / turnMessages("").length;
  await store.appendTurn(turnOf(`${turn}`, leafId));
  writeSync(1, `${turn}\n`);
}
