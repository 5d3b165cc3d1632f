/** Ids that sort by time. */
import { expect, test } from "@jest/globals";

import { createOrderedIds } from "../../src/store/ordered-id.ts";

test("ids made one after the other sort that way, within a millisecond, past its capacity, and when the clock goes back", () => {
  const clock = [
    1_700_000_000_000,
    ...Array<number>(10_000).fill(1_700_000_000_001),
    1_600_000_000_000,
    1_700_000_000_002,
    1_800_000_000_000,
  ];
  let tick = 0;
  const nextId = createOrderedIds(() => clock[tick++] ?? 0);
  const ids = clock.map(() => nextId());
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});

test("an id that is asked for after another source's sorts after that, and so do all that follow, wherever the clock is set", () => {
  const [ahead, behind] = [createOrderedIds(() => 1_800_000_000_000), createOrderedIds(() => 1_700_000_000_000)];
  const early = behind();
  const leaf = [ahead(), ahead()].at(-1)!;
  const ids = [early, leaf, behind(leaf), behind(leaf), behind(), behind(early), behind()];
  expect([...ids].sort()).toEqual(ids);
  const [first, second] = [createOrderedIds(() => 5), createOrderedIds(() => 5)];
  expect(second(first()) > first()).toBe(true);
  expect(behind("no id of this kind") > ids.at(-1)!).toBe(true);
});
