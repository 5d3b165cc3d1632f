/** A process for the crash test: does so many of a run's writes under a lease, says so, and does nothing more until it is killed. */
import { writeSync } from "node:fs";

import { openSessionStore } from "../../src/store/open-session-store.ts";
import { beginTurns, key, turnMessages, turnOf } from "./turn-of.ts";

const [file = ":memory:", turns = "0"] = process.argv.slice(2);
const store = await openSessionStore(file);
const lease = await store.claimLease(key, () => undefined).attempt();
const { leafId } = await store.readPath(key);
const writer = await beginTurns(store, turnOf("cut", leafId, { fence: lease!.fence }));
for (let turn = 0; turn < Number(turns); turn++) await writer.addTurn(turnMessages(`cut ${turn}`).slice(1, 3));
writeSync(1, "written\n");
setInterval(() => undefined, 60_000);
