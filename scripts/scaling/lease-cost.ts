/**
 * What it costs to keep other gateways from a session: a lease claimed and given back on a store that does nothing else, and the round
 * trips of a whole run, as a gateway sends them.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SessionStore } from "../../src/domain/session.ts";
import { openSessionStore } from "../../src/store/open-session-store.ts";
import { Client } from "../bench/load.ts";
import { median, quantile, round, type Row, type ScenarioResult } from "../bench/report.ts";
import { isStubCompletion } from "../bench/scenarios.ts";
import { countLeases } from "./databases.ts";
import { manySessions, oneSession, startFleet } from "./fleet.ts";
import { tapWire } from "./wire.ts";
import type { Stage } from "./stage.ts";

/** Until everything is compiled and connected. */
const unmeasured = 50;
const turnsPerSession = 10;

interface Times {
  /** One round trip, or one statement of a file. */
  readonly read: number[];
  readonly claim: number[];
  readonly release: number[];
}

export async function leaseCost(stage: Stage): Promise<ScenarioResult> {
  const folder = mkdtempSync(join(tmpdir(), "clawgate-lease-"));
  const stores: SessionStore[] = [];
  try {
    const locations = [await stage.server.createDatabase(), join(folder, "sessions.db")];
    for (const location of locations) stores.push(await openSessionStore(location));
    const [onPostgres, inFile] = await timeLeases(stores, stage.effort.claims);
    const left = await Promise.all(locations.map(countLeases));
    const runMs = { postgres: await timeRuns(stage, await stage.server.createDatabase()), file: await timeRuns(stage) };
    const trips = await countTrips(stage);
    const leaseMs = median(onPostgres!.claim) + trips.later * median(onPostgres!.read);
    return {
      title: "The lease of a session, and a kept run, one at a time",
      rows: [rowOf("Postgres", onPostgres!, runMs.postgres), rowOf("file", inFile!, runMs.file)],
      targets: [{ name: "leases: each was given back", isMet: left.every((n) => n === 0), measured: `${left.join(" and ")} left` }],
      figures: {
        "lease, ms per run": leaseMs,
        "lease, share of a run": leaseMs / runMs.postgres,
        "lease in a file, ms per run": median(inFile!.claim),
        "round trips per run": trips.all,
        "round trips to claim the lease": trips.claim,
        "round trips to show and free it": trips.later,
        "transactions per run": trips.transactions,
      },
    };
  } finally {
    await Promise.all(stores.map((store) => store.close()));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** By turns, so that a neighbour's load meets all of them. */
async function timeLeases(stores: readonly SessionStore[], count: number): Promise<Times[]> {
  const times = stores.map((): Times => ({ read: [], claim: [], release: [] }));
  for (let n = -unmeasured; n < count; n++) {
    for (const [at, store] of stores.entries()) {
      const read = await timed(() => store.check());
      const claim = store.claimLease(`agent:plain:lease-${n}`, () => undefined);
      let lease: Awaited<ReturnType<typeof claim.attempt>>;
      const claimed = await timed(async () => (lease = await claim.attempt()));
      if (lease === undefined) throw new Error("A session that nobody else knows was somebody else's.");
      const had = lease;
      const released = await timed(() => had.release());
      if (n < 0) continue;
      times[at]!.read.push(read);
      times[at]!.claim.push(claimed);
      times[at]!.release.push(released);
    }
  }
  return times;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** Milliseconds of a run through a gateway that has nothing else to do: the median. */
async function timeRuns({ stub, effort }: Stage, database?: string): Promise<number> {
  const fleet = await startFleet(stub.url, 1, database === undefined ? {} : { database });
  const client = new Client(fleet.gateways[0]!.url, 1);
  try {
    const question = manySessions("timed");
    await client.load(question, { concurrency: 1, seconds: 30, maxCount: unmeasured }, isStubCompletion);
    const { latencies } = await client.load(question, { concurrency: 1, seconds: 30, maxCount: effort.claims }, isStubCompletion);
    return quantile(latencies, 0.5);
  } finally {
    await client.close();
    await fleet.stop();
  }
}

interface Trips {
  readonly all: number;
  readonly transactions: number;
  /** Of the transaction in which it is claimed. */
  readonly claim: number;
  /** Statements of other transactions in which it is shown and given back. */
  readonly later: number;
}

/** Medians: the first run of a session asks less, and what a gateway asks every few seconds by itself is in few of them. */
async function countTrips({ server, stub, effort }: Stage): Promise<Trips> {
  const wire = await tapWire(await server.createDatabase());
  const fleet = await startFleet(stub.url, 1, { database: wire.url }).catch(async (error: unknown) => {
    await wire.close();
    throw error;
  });
  const client = new Client(fleet.gateways[0]!.url, 1);
  try {
    const question = oneSession("counted", turnsPerSession);
    const counted: Trips[] = [];
    for (let n = 0; n < effort.countedRuns; n++) {
      wire.take();
      await client.send(question());
      counted.push(tripsOf(wire.take()));
    }
    const of = (name: keyof Trips): number => median(counted.map((trips) => trips[name]));
    return { all: of("all"), transactions: of("transactions"), claim: of("claim"), later: of("later") };
  } finally {
    await client.close();
    await fleet.stop();
    await wire.close();
  }
}

function tripsOf(statements: readonly string[]): Trips {
  const starts = statements.flatMap((text, at) => (/^begin\b/i.test(text) ? [at] : []));
  const claimedAt = statements.findIndex((text) => /^insert into "leases"/i.test(text));
  const begin = starts.findLast((at) => at < claimedAt) ?? NaN;
  const commit = statements.findIndex((text, at) => at > claimedAt && /^commit\b/i.test(text));
  const isLater = (text: string, at: number): boolean => at > commit && /\bfrom "leases"/i.test(text);
  return { all: statements.length, transactions: starts.length, claim: commit - begin + 1, later: statements.filter(isLater).length };
}

function rowOf(server: string, times: Times, runMs: number): Row {
  const p95 = (numbers: readonly number[]): number =>
    quantile(
      numbers.toSorted((a, b) => a - b),
      0.95,
    );
  const cells = Object.entries({ "one read": times.read, claim: times.claim, release: times.release }).flatMap(([name, numbers]) => [
    [`${name}, ms`, round(median(numbers))],
    [`${name}, p95 ms`, round(p95(numbers))],
  ]);
  return {
    what: "",
    server,
    cells: {
      ...(Object.fromEntries(cells) as Row["cells"]),
      "kept run, ms": round(runMs),
      "claim / run": round(median(times.claim) / runMs),
    },
  };
}
