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
