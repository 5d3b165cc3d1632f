/** One run at a time per session key: order, bounds, waiting and giving up. Time is faked, nothing sleeps. */
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";

import { Lanes } from "../../src/service/lanes.ts";
import type { LaneTicket } from "../../src/service/lanes.ts";

const never = () => new AbortController().signal;
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

let lanes: Lanes;

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ["setImmediate"] });
  lanes = new Lanes({ maxQueued: 3, maxWaitMs: 120_000 });
});

afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  expect(lanes.occupiedCount).toBe(0);
  jest.useRealTimers();
});

describe("a lane", () => {
  test("that is free is entered at once", async () => {
    const ticket = lanes.enter("a", never());
    expect(ticket.isWaiting).toBe(false);
    await ticket.ready;
    ticket.leave();
  });

  test("lets in one at a time, in the order of arrival", async () => {
    const entered: number[] = [];
    const tickets = [0, 1, 2, 3].map((index) => {
      const ticket = lanes.enter("a", never());
      void ticket.ready.then(() => entered.push(index));
      return ticket;
    });
    for (const [index, ticket] of tickets.entries()) {
      await settled();
      expect(entered).toEqual([0, 1, 2, 3].slice(0, index + 1));
      expect(tickets.map(({ isWaiting }) => isWaiting)).toEqual([0, 1, 2, 3].map((other) => other > index));
      ticket.leave();
    }
  });

  test("never holds two of a hundred that come and go on a hundred keys", async () => {
    lanes = new Lanes({ maxQueued: 100, maxWaitMs: 120_000 });
    const inside = new Map<string, number>();
    const order = new Map<string, number[]>();
    let most = 0;
    const visit = async (key: string, visitor: number) => {
      const ticket = lanes.enter(key, never());
      await ticket.ready;
      const now = (inside.get(key) ?? 0) + 1;
      inside.set(key, now);
      most = Math.max(most, now);
      order.set(key, [...(order.get(key) ?? []), visitor]);
      await settled();
      inside.set(key, (inside.get(key) ?? 0) - 1);
      ticket.leave();
    };
    const visits: Promise<void>[] = [];
    for (let visitor = 0; visitor < 100; visitor += 1) for (let key = 0; key < 100; key += 1) visits.push(visit(`key ${key}`, visitor));
    expect(lanes.occupiedCount).toBe(100);
    await Promise.all(visits);
    expect(most).toBe(1);
    for (const visitors of order.values()) expect(visitors).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  test("does not hold up another", () => {
    const tickets = [lanes.enter("a", never()), lanes.enter("b", never())];
    expect(tickets.map(({ isWaiting }) => isWaiting)).toEqual([false, false]);
    for (const ticket of tickets) ticket.leave();
  });

  test("with a full queue refuses at once, says when to come back, and takes somebody again once a place is free", () => {
    const tickets = [0, 1, 2, 3].map(() => lanes.enter("a", never()));
    expect(() => lanes.enter("a", never())).toThrow(expect.objectContaining({ code: "session_busy", retryAfterMs: 5_000 }));
    tickets[0]!.leave();
    tickets.push(lanes.enter("a", never()));
    expect(() => lanes.enter("a", never())).toThrow("its queue is full");
    for (const ticket of tickets) ticket.leave();
  });

  test("without a queue refuses the second", () => {
    const strict = new Lanes({ maxQueued: 0, maxWaitMs: 1 });
    const ticket = strict.enter("a", never());
    expect(() => strict.enter("a", never())).toThrow(expect.objectContaining({ code: "session_busy" }));
    ticket.leave();
    strict.enter("a", never()).leave();
    expect(strict.occupiedCount).toBe(0);
  });
});

describe("whoever waits", () => {
  test("is refused after the longest wait, and the next in the queue keeps its place", async () => {
    const first = lanes.enter("a", never());
    const second = lanes.enter("a", never());
    jest.advanceTimersByTime(60_000);
    const third = lanes.enter("a", never());
    jest.advanceTimersByTime(59_999);
    expect(second.isWaiting).toBe(true);
    jest.advanceTimersByTime(1);
    await expect(second.ready).rejects.toMatchObject({
      code: "session_busy",
      retryAfterMs: 5_000,
      message: expect.stringContaining("120 s"),
    });
    expect([second.isWaiting, third.isWaiting]).toEqual([false, true]);
    first.leave();
    await third.ready;
    second.leave();
    const fourth = lanes.enter("a", never());
    expect(fourth.isWaiting).toBe(true);
    third.leave();
    await fourth.ready;
    fourth.leave();
  });

  test("gives up the place when its signal aborts, with the signal's reason", async () => {
    const first = lanes.enter("a", never());
    const caller = new AbortController();
    const second = lanes.enter("a", caller.signal);
    const third = lanes.enter("a", never());
    caller.abort(new Error("The client went away."));
    await expect(second.ready).rejects.toThrow("The client went away.");
    first.leave();
    await third.ready;
    third.leave();
  });

  test("with a signal that has aborted already takes no place", async () => {
    const reason = new Error("Too late.");
    const ticket = lanes.enter("a", AbortSignal.abort(reason));
    expect(lanes.occupiedCount).toBe(0);
    await expect(ticket.ready).rejects.toBe(reason);
    const holder = lanes.enter("a", never());
    ticket.leave();
    expect(lanes.occupiedCount).toBe(1);
    holder.leave();
  });

  test("keeps the lane when its signal aborts after it was let in: leaving is its own task", () => {
    const caller = new AbortController();
    const first = lanes.enter("a", never());
    const second = lanes.enter("a", caller.signal);
    first.leave();
    caller.abort();
    const third = lanes.enter("a", never());
    expect(third.isWaiting).toBe(true);
    second.leave();
    expect(third.isWaiting).toBe(false);
    third.leave();
  });

  test("may leave before its turn", async () => {
    const first = lanes.enter("a", never());
    const second = lanes.enter("a", never());
    second.leave();
    await expect(second.ready).rejects.toThrow("given up");
    first.leave();
  });
});

test("leaving again lets nobody in twice", () => {
  const tickets = [0, 1, 2].map(() => lanes.enter("a", never())) as [LaneTicket, LaneTicket, LaneTicket];
  tickets[0].leave();
  tickets[0].leave();
  expect(tickets.map(({ isWaiting }) => isWaiting)).toEqual([false, false, true]);
  for (const ticket of tickets) ticket.leave();
});

test("a refusal that nobody awaits is not an unhandled rejection", async () => {
  const unhandled = jest.fn();
  process.on("unhandledRejection", unhandled);
  try {
    const caller = new AbortController();
    const holder = lanes.enter("a", never());
    lanes.enter("a", caller.signal);
    lanes.enter("a", never());
    caller.abort();
    jest.advanceTimersByTime(120_000);
    lanes.enter("a", AbortSignal.abort());
    await settled();
    await settled();
    holder.leave();
    expect(unhandled).not.toHaveBeenCalled();
  } finally {
    process.off("unhandledRejection", unhandled);
  }
});

test("other limits are for those that come from then on", async () => {
  const first = lanes.enter("a", never());
  const waiting = [lanes.enter("a", never()), lanes.enter("a", never())];
  lanes.limit({ maxQueued: 1, maxWaitMs: 10 });
  expect(() => lanes.enter("a", never())).toThrow("its queue is full");
  lanes.limit({ maxQueued: 3, maxWaitMs: 10 });
  const late = lanes.enter("a", never());
  jest.advanceTimersByTime(20);
  await expect(late.ready).rejects.toThrow("busy with another run for 0.01 s");
  expect(waiting.map(({ isWaiting }) => isWaiting)).toEqual([true, true]);
  for (const ticket of [first, ...waiting]) ticket.leave();
});
