/** A process for the lease test: takes the lease of a session, says so, and keeps it until it is killed. */
import { writeSync } from "node:fs";

import { openSessionStore } from "../../src/store/open-session-store.ts";

const [file = ":memory:", key = ""] = process.argv.slice(2);
const store = await openSessionStore(file);
const lease = await store.claimLease(key, () => undefined).attempt();
writeSync(1, `${lease?.fence}\n`);
setInterval(() => undefined, 60_000);
