/** So many runs at work at a time: the bound, whose turn it is, who makes way, and that every slot comes back once. */
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import type { QueueGroup } from "../../src/service/fair-queue.ts";
import { type RunSlot, RunSlots, type SlotLimits } from "../../src/service/run-slots.ts";

const never = () => new AbortController().signal;
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const of = (principal: string, sessionKey?: string): QueueGroup => ({ principal, sessionKey });
const longMs = 60_000;

let slots: RunSlots;

const limitedTo = (limits: SlotLimits): void => void (slots = new RunSlots(limits));

/** A run that has its place and asks for its slot. `began` gets the label when it is there. */
function come(group: QueueGroup, label = "", began: string[] = [], caller: AbortSignal = never()): RunSlot {
  const slot = slots.slotFor(group, caller);
  slot.enter();
  const taken = slot.take(longMs);
  if (taken === undefined) began.push(label);
  else void taken.then(() => began.push(label)).catch(() => undefined);
  return slot;
}

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ["setImmediate"] });
  limitedTo({ maxConcurrent: 2, maxQueued: 4 });
});

afterEach(() => {
  expect([slots.runningCount, slots.waitingCount, jest.getTimerCount()]).toEqual([0, 0, 0]);
  jest.useRealTimers();
});

describe("a slot", () => {
  test("is had at once while one is free, and waited for else", async () => {
    const began: string[] = [];
    const runs = ["a", "b", "c", "d"].map((label) => come(of("main", label), label, began));
    expect([began, slots.runningCount, slots.waitingCount]).toEqual([["a", "b"], 2, 2]);
    runs[1]!.leave();
    await settled();
    expect([began, slots.runningCount, slots.waitingCount]).toEqual([["a", "b", "c"], 2, 1]);
    for (const run of runs) run.leave();
  });

  test("is not held by a run that waits for something else", () => {
    const began: string[] = [];
    const waiting = [slots.slotFor(of("main", "busy"), never()), slots.slotFor(of("main", "busy"), never())];
    for (const slot of waiting) slot.enter();
    const runs = [come(of("main", "a"), "a", began), come(of("main", "b"), "b", began)];
    expect([began, slots.runningCount, slots.waitingCount]).toEqual([["a", "b"], 2, 2]);
    for (const run of [...waiting, ...runs]) run.leave();
  });

  test("comes back once, however often it is given back", async () => {
    const began: string[] = [];
    const runs = ["a", "b", "c", "d"].map((label) => come(of("main", label), label, began));
    runs[0]!.leave();
    runs[0]!.leave();
    await settled();
    expect([began, slots.runningCount]).toEqual([["a", "b", "c"], 2]);
    for (const run of runs) run.leave();
  });

  test("is kept by a run whose caller aborts: leaving is its own task", () => {
    const caller = new AbortController();
    const run = come(of("main"), "", [], caller.signal);
    caller.abort();
    expect(slots.runningCount).toBe(1);
    run.leave();
  });
});

describe("whoever waits", () => {
  test("gives up its place when its caller aborts, with the caller's reason, and the next one moves up", async () => {
    const began: string[] = [];
    const runs = ["a", "b"].map((label) => come(of("main", label), label, began));
    const caller = new AbortController();
    const slot = slots.slotFor(of("main", "c"), caller.signal);
    slot.enter();
    const taken = slot.take(longMs);
    const next = come(of("main", "d"), "d", began);
    caller.abort(new Error("The client went away."));
    await expect(taken).rejects.toThrow("The client went away.");
    expect([slot.signal.aborted, slots.waitingCount]).toEqual([true, 1]);
    runs[0]!.leave();
    await settled();
    expect(began).toEqual(["a", "b", "d"]);
    for (const run of [...runs, slot, next]) run.leave();
  });

  test("is refused when its patience ends, and told when to come back", async () => {
    const runs = [come(of("main", "a")), come(of("main", "b"))];
    const slot = slots.slotFor(of("main", "c"), never());
    slot.enter();
    const taken = slot.take(1_000);
    jest.advanceTimersByTime(999);
    expect(slots.waitingCount).toBe(1);
    jest.advanceTimersByTime(1);
    await expect(taken).rejects.toMatchObject({ code: "too_many_runs", retryAfterMs: 5_000 });
    for (const run of [...runs, slot]) run.leave();
  });

  test("with a signal that has aborted already takes no place", async () => {
    const reason = new Error("Too late.");
    const slot = slots.slotFor(of("main"), AbortSignal.abort(reason));
    slot.enter();
    expect(slots.waitingCount).toBe(0);
    await expect(slot.take(longMs)).rejects.toBe(reason);
    slot.leave();
  });
});

test("a refusal that is awaited late, or by nobody, is not an unhandled rejection", async () => {
  const unhandled = jest.fn();
  process.on("unhandledRejection", unhandled);
  try {
    const caller = new AbortController();
    const runs = [come(of("main", "a")), come(of("main", "b"))];
    const asking = slots.slotFor(of("main", "c"), caller.signal);
    const lost = slots.slotFor(of("main", "d"), caller.signal);
    for (const slot of [asking, lost]) slot.enter();
    const waits = [asking.take(longMs)];
    caller.abort(new Error("The client went away."));
    waits.push(lost.take(longMs));
    await settled();
    await settled();
    for (const wait of waits) await expect(wait).rejects.toThrow("The client went away.");
    for (const run of runs) run.leave();
    expect(unhandled).not.toHaveBeenCalled();
  } finally {
    process.off("unhandledRejection", unhandled);
  }
});

describe("a slot that becomes free", () => {
  const order = async (groups: readonly (readonly [label: string, group: QueueGroup])[]): Promise<string[]> => {
    limitedTo({ maxConcurrent: 1, maxQueued: 100 });
    const began: string[] = [];
    const first = come(of("first"), "first");
    const runs = new Map(groups.map(([label, group]) => [label, come(group, label, began)]));
    first.leave();
    for (let turn = 0; turn < groups.length; turn++) {
      await settled();
      expect(began).toHaveLength(turn + 1);
      runs.get(began[turn]!)!.leave();
    }
    return began;
  };

  test("goes to the principals in turn, so that the many of one do not hold up the few of another", async () => {
    const many = [0, 1, 2, 3].map((n) => [`many ${n}`, of("many")] as const);
    expect(await order([...many, ["few 0", of("few", "a")], ["few 1", of("few", "b")]])).toEqual([
      "many 0",
      "few 0",
      "many 1",
      "few 1",
      "many 2",
      "many 3",
    ]);
  });

  test("goes to the sessions of one principal in turn, its stateless runs together being one of them", async () => {
    const stateless = [0, 1, 2].map((n) => [`stateless ${n}`, of("main")] as const);
    expect(await order([...stateless, ["a", of("main", "a")], ["b", of("main", "b")]])).toEqual([
      "stateless 0",
      "a",
      "b",
      "stateless 1",
      "stateless 2",
    ]);
  });
});

describe("when no more may wait", () => {
  const fill = (group: (n: number) => QueueGroup): RunSlot[] => Array.from({ length: 6 }, (_, n) => come(group(n)));

  test("the next one is refused at once, and told when to come back", () => {
    const runs = fill((n) => of("main", `${n}`));
    expect(() => come(of("main", "next"))).toThrow(expect.objectContaining({ code: "too_many_runs", retryAfterMs: 5_000 }));
    runs[5]!.leave();
    runs.push(come(of("main", "next")));
    for (const run of runs) run.leave();
  });

  test("the newest of a principal that has more than its share makes way", () => {
    const runs = fill(() => of("many"));
    const few = come(of("few"));
    expect(runs.map(({ signal }) => signal.aborted)).toEqual([false, false, false, false, false, true]);
    expect(runs[5]!.signal.reason).toMatchObject({ code: "too_many_runs" });
    const second = come(of("few"));
    expect(runs[4]!.signal.aborted).toBe(true);
    // Two of each wait now: a third would have more than its share.
    expect(() => come(of("few"))).toThrow(expect.objectContaining({ code: "too_many_runs" }));
    for (const run of [...runs, few, second]) run.leave();
  });

  test("so does the newest of the session that has more than the others of its principal", () => {
    const runs = fill(() => of("main"));
    const session = come(of("main", "a"));
    expect(runs[5]!.signal.aborted).toBe(true);
    for (const run of [...runs, session]) run.leave();
  });

  test("one that waits for its session makes way too", () => {
    const runs = [come(of("many", "a")), come(of("many", "b"))];
    const waiting = [0, 1, 2, 3].map(() => slots.slotFor(of("many", "a"), never()));
    for (const slot of waiting) slot.enter();
    const few = come(of("few"));
    expect(waiting.map(({ signal }) => signal.aborted)).toEqual([false, false, false, true]);
    for (const run of [...runs, ...waiting, few]) run.leave();
  });
});

test("whatever comes, gives up and goes, the bounds hold, no free slot is left while somebody asks, and all come back", async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("come" as const), principal: fc.nat(2), session: fc.nat(3) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("leave" as const), nth: fc.nat(30) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("abort" as const), nth: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(40_000) }) },
  );
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 4 }),
    fc.nat(6),
    fc.array(step, { maxLength: 80 }),
    async (some, more, steps) => {
      limitedTo({ maxConcurrent: some, maxQueued: more });
      const inside: { slot: RunSlot; caller: AbortController; state: "asks" | "works" | "refused" | "left" }[] = [];
      const count = (state: string) => inside.filter((run) => run.state === state).length;
      for (const what of steps) {
        const run = "nth" in what ? inside[what.nth % Math.max(1, inside.length)] : undefined;
        if (what.do === "wait") jest.advanceTimersByTime(what.ms);
        else if (what.do === "abort") run?.caller.abort(new Error("gone"));
        else if (what.do === "leave" && run) {
          run.slot.leave();
          run.state = "left";
        } else if (what.do === "come") {
          const caller = new AbortController();
          const slot = slots.slotFor(of(`${what.principal}`, what.session === 0 ? undefined : `${what.session}`), caller.signal);
          try {
            slot.enter();
          } catch {
            expect(count("asks") + count("works")).toBe(some + more);
            slot.leave();
            continue;
          }
          const entry: (typeof inside)[number] = { slot, caller, state: "asks" };
          inside.push(entry);
          const move = (state: "works" | "refused") => () => void (entry.state === "asks" && (entry.state = state));
          const taken = slot.take(longMs);
          if (taken === undefined) move("works")();
          else void taken.then(move("works"), move("refused"));
        }
        await settled();
        expect([slots.runningCount, slots.waitingCount]).toEqual([count("works"), count("asks")]);
        expect(slots.runningCount).toBeLessThanOrEqual(some);
        expect(slots.runningCount + slots.waitingCount).toBeLessThanOrEqual(some + more);
        expect(count("asks") === 0 || slots.runningCount === some).toBe(true);
      }
      for (const { slot } of inside) slot.leave();
      expect([slots.runningCount, slots.waitingCount]).toEqual([0, 0]);
    },
  );
  await fc.assert(property, { numRuns: 200 });
});

describe("another limit", () => {
  test("that is higher lets those in that wait, one that is lower waits until enough have left", async () => {
    const began: string[] = [];
    const runs = ["a", "b", "c", "d", "e"].map((label) => come(of("main", label), label, began));
    slots.limit({ maxConcurrent: 4, maxQueued: 4 });
    await settled();
    expect([began, slots.runningCount, slots.waitingCount]).toEqual([["a", "b", "c", "d"], 4, 1]);
    slots.limit({ maxConcurrent: 1, maxQueued: 4 });
    for (const run of runs.slice(0, 3)) run.leave();
    await settled();
    expect([slots.runningCount, slots.waitingCount]).toEqual([1, 1]);
    runs[3]!.leave();
    await settled();
    expect(began.at(-1)).toBe("e");
    runs[4]!.leave();
  });

  test("at any moment leaves no slot free while somebody waits, and loses none", () => {
    const steps = fc.array(
      fc.oneof(
        fc.constant({ type: "come" } as const),
        fc.record({ type: fc.constant("leave" as const), which: fc.nat(20) }),
        fc.record({ type: fc.constant("limit" as const), maxConcurrent: fc.integer({ min: 1, max: 5 }) }),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (taken) => {
        limitedTo({ maxConcurrent: 2, maxQueued: 100 });
        let limit = 2;
        const runs: RunSlot[] = [];
        for (const step of taken) {
          const before = slots.runningCount;
          if (step.type === "come") runs.push(come(of("main", String(runs.length))));
          else if (step.type === "leave") runs.splice(step.which % Math.max(1, runs.length), 1)[0]?.leave();
          else slots.limit({ maxConcurrent: (limit = step.maxConcurrent), maxQueued: 100 });
          expect(slots.runningCount + slots.waitingCount).toBe(runs.length);
          expect(slots.runningCount).toBeLessThanOrEqual(Math.max(before, limit));
          if (slots.runningCount < limit) expect(slots.waitingCount).toBe(0);
        }
        for (const run of runs) run.leave();
        expect([slots.runningCount, slots.waitingCount]).toEqual([0, 0]);
      }),
    );
  });
});
