/** What arrives in one turn of the event loop is worked on in several: whatever else there is to do comes between. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { Turnstile } from "../../src/http/turnstile.ts";

/** Longer than one turn has. */
function workHard(): void {
  const end = performance.now() + 15;
  while (performance.now() < end);
}

test("hard work that arrives at once is done in its order, and everybody else has a turn between any two pieces", async () => {
  const turnstile = new Turnstile();
  const order: string[] = [];
  const pieces = ["a", "b", "c", "d"].map(async (name) => {
    // All of them in one turn, as bodies that were read in one go.
    await nextTurn();
    await turnstile.pass();
    order.push(name);
    workHard();
  });
  const others = (async () => {
    while (!order.includes("d")) {
      await nextTurn();
      if (order.length > 0) order.push("-");
    }
  })();
  await Promise.all([...pieces, others]);
  expect(order.join("").replaceAll(/-+/g, "-")).toBe("a-b-c-d-");
});

test("who comes alone waits for nobody, also after those who had to wait", async () => {
  const turnstile = new Turnstile();
  expect(turnstile.pass()).toBeUndefined();
  workHard();
  await turnstile.pass();
  await nextTurn();
  expect(turnstile.pass()).toBeUndefined();
});

test("who comes while others wait does not overtake them", async () => {
  const turnstile = new Turnstile();
  const order: number[] = [];
  const enter = async (place: number): Promise<void> => {
    await turnstile.pass();
    order.push(place);
    workHard();
    if (place < 3) void enter(place + 3);
  };
  await Promise.all([0, 1, 2].map(enter));
  while (order.length < 6) await nextTurn();
  expect(order).toEqual([0, 1, 2, 3, 4, 5]);
});
