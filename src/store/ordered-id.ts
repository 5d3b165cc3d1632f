/**
 * Ids that sort by the time they were made: UUID version 7, as text.
 *
 * Within one source they never repeat and never go backwards, even when the clock does, and one that is asked for after another
 * source's sorts after that: what clocks did between the two does not matter.
 * Deliberately absent: any other meaning of the order across processes; a path is read by its parents, not by its ids.
 */
import { randomUUID } from "node:crypto";

const idsPerMs = 0x1000;

export function createOrderedIds(now: () => number = Date.now): (after?: string) => string {
  let ms = 0;
  let count = 0;
  let last = "";
  return (after = "") => {
    const current = after > last ? Math.max(now(), timeOf(after) + 1) : now();
    if (current > ms) {
      ms = current;
      count = 0;
    } else if (++count === idsPerMs) {
      ms += 1;
      count = 0;
    }
    const time = ms.toString(16).padStart(12, "0");
    const order = count.toString(16).padStart(3, "0");
    last = `${time.slice(0, 8)}-${time.slice(8)}-7${order}-${randomUUID().slice(19)}`;
    return last;
  };
}

/** Of one that was made like this. */
function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 13).replace("-", ""), 16) || 0;
}
