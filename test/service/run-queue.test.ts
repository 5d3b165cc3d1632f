/** What a run waits for, one after the other, and that it leaves nothing behind wherever it stops waiting. The leases are scripted. */
import { beforeEach, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import type { RunEvent } from "../../src/domain/run.ts";
import type { LeaseClaim, SessionLease } from "../../src/domain/session.ts";
import { Lanes } from "../../src/service/lanes.ts";
import { RunQueue } from "../../src/service/run-queue.ts";
import { RunSlots } from "../../src/service/run-slots.ts";

const session = { key: "agent:main:somebody", isStored: true };
const stateless = { key: "agent:main:openai:1", isStored: false };
const never = () => new AbortController().signal;
const ignore = (): void => undefined;
const idle = { running: 0, waiting: 0, sessions: 0 };

/** How often a claim is refused before it gets its lease; what has happened to it since. */
let refusals: number;
let happened: string[];
let release: () => Promise<void>;
let warnings: string[];

beforeEach(() => {
  refusals = 0;
  happened = [];
  warnings = [];
  release = () => Promise.resolve();
});

function claimLease(): LeaseClaim {
  return {
    attempt: () => {
      happened.push("attempt");
      const lease: SessionLease = { fence: 7, release: () => (happened.push("release"), release()) };
      return Promise.resolve(refusals-- > 0 ? undefined : lease);
    },
    nextChange: () => Promise.resolve(),
    withdraw: () => (happened.push("withdraw"), Promise.resolve()),
  };
}

function queueOf({ maxConcurrent = 2, maxQueued = 4, maxWaitMs = 60_000, maxQueuedPerSession = 4 } = {}): RunQueue {
  return new RunQueue({
    lanes: new Lanes({ maxQueued: maxQueuedPerSession, maxWaitMs }),
    slots: new RunSlots({ maxConcurrent, maxQueued }),
    store: { claimLease },
    maxWaitMs,
    log: pino({}, { write: (line: string) => void warnings.push((JSON.parse(line) as { msg: string }).msg) }),
  });
}

async function eventsOf(events: AsyncIterable<RunEvent>): Promise<string[]> {
  const types: string[] = [];
  for await (const { type } of events) types.push(type);
  return types;
}

describe("a run", () => {
  test("that finds everything free says nothing, and gives it all back", async () => {
    const queue = queueOf();
    const place = queue.enter(session, "main", never());
    expect(await eventsOf(place.untilItsTurn(ignore))).toEqual([]);
    expect([place.fence, queue.load]).toEqual([7, { running: 1, waiting: 0, sessions: 1 }]);
    await place.leave();
    expect([happened, queue.load]).toEqual([["attempt", "release"], idle]);
  });

  test("that is stateless asks for no lease", async () => {
    const queue = queueOf();
    const place = queue.enter(stateless, "main", never());
    expect(await eventsOf(place.untilItsTurn(ignore))).toEqual([]);
    expect([place.fence, queue.load]).toEqual([undefined, { running: 1, waiting: 0, sessions: 0 }]);
    await place.leave();
    expect([happened, queue.load]).toEqual([[], idle]);
  });

  test("that waits for its lane, its lease and its slot says so once", async () => {
    const queue = queueOf({ maxConcurrent: 1 });
    const first = queue.enter(session, "main", never());
    await eventsOf(first.untilItsTurn(ignore));
    const second = queue.enter(session, "main", never());
    const other = queue.enter(stateless, "main", never());
    const seconds = eventsOf(second.untilItsTurn(ignore));
    const others = eventsOf(other.untilItsTurn(ignore));
    refusals = 2;
    await new Promise((resolve) => setImmediate(resolve));
    await first.leave();
    expect(await others).toEqual(["run_queued"]);
    await other.leave();
    expect(await seconds).toEqual(["run_queued"]);
    await second.leave();
    expect([happened, queue.load]).toEqual([["attempt", "release", "attempt", "attempt", "attempt", "release"], idle]);
  });

  test.each([
    ["its caller goes", (caller: AbortController) => caller.abort(new Error("The client went away."))],
    ["nobody reads its events any more", (_: AbortController, events: AsyncGenerator<RunEvent>) => void events.return(undefined)],
  ])("that waits for its lease makes way for others when %s", async (_, stop) => {
    const queue = queueOf();
    refusals = Infinity;
    const caller = new AbortController();
    const place = queue.enter(session, "main", caller.signal);
    const events = place.untilItsTurn(ignore);
    expect(await events.next()).toEqual({ done: false, value: { type: "run_queued" } });
    stop(caller, events);
    await events.next().catch((thrown: Error) => expect(thrown.message).toBe("The client went away."));
    await place.leave();
    expect([happened.at(-1), queue.load]).toEqual(["withdraw", idle]);
  });

  test("whose session another process does not leave in time is refused, and told when to come back", async () => {
    const queue = queueOf({ maxWaitMs: 30 });
    refusals = Infinity;
    const place = queue.enter(session, "main", never());
    await expect(eventsOf(place.untilItsTurn(ignore))).rejects.toMatchObject({ code: "session_busy", retryAfterMs: 5_000 });
    await place.leave();
    expect([happened.at(-1), queue.load]).toEqual(["withdraw", idle]);
  });

  test("frees its session although its lease cannot be given back, and the log says so", async () => {
    const queue = queueOf();
    release = () => Promise.reject(new Error("The disk is gone."));
    const place = queue.enter(session, "main", never());
    await eventsOf(place.untilItsTurn(ignore));
    await place.leave();
    expect([queue.load, warnings]).toEqual([idle, ["the lease of a session could not be given back, and ends by itself"]]);
  });

  test("that makes way while it waits for its lane is told why, and its lane goes on without it", async () => {
    const queue = queueOf({ maxConcurrent: 1, maxQueued: 2 });
    const first = queue.enter(session, "many", never());
    await eventsOf(first.untilItsTurn(ignore));
    const waiting = [queue.enter(session, "many", never()), queue.enter(session, "many", never())];
    const waits = waiting.map((place) => eventsOf(place.untilItsTurn(ignore)));
    const refused = expect(waits[1]).rejects.toMatchObject({ code: "too_many_runs" });
    const few = queue.enter(stateless, "few", never());
    await refused;
    await waiting[1]!.leave();
    await first.leave();
    expect(await waits[0]).toEqual(["run_queued"]);
    await waiting[0]!.leave();
    expect(await eventsOf(few.untilItsTurn(ignore))).toEqual([]);
    await few.leave();
    expect(queue.load).toEqual(idle);
  });

  test("that its session's full queue refuses makes nobody give way", async () => {
    const queue = queueOf({ maxConcurrent: 1, maxQueued: 3, maxQueuedPerSession: 0 });
    const busy = queue.enter(session, "few", never());
    const crowd = [0, 1, 2].map(() => queue.enter(stateless, "many", never()));
    expect(() => queue.enter(session, "few", never())).toThrow(expect.objectContaining({ code: "session_busy" }));
    // One of the crowd, which has no session to wait for, has its slot already.
    expect(queue.load).toEqual({ running: 1, waiting: 3, sessions: 1 });
    for (const place of [busy, ...crowd]) await place.leave();
    expect(queue.load).toEqual(idle);
  });
});
