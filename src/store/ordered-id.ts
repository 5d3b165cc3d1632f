/**
 * Ids that sort by the time they were made: UUID version 7, as text.
 *
 * Within one source they never repeat and never go backwards, even when the clock does.
 * Deliberately absent: any meaning of the order across processes; a path is read by its parents, not by its ids.
 */
import { randomUUID } from "node:crypto";

const idsPerMs = 0x1000;

export function createOrderedIds(now: () => number = Date.now): () => string {
  let ms = 0;
  let count = 0;
  return () => {
    const current = now();
    if (current > ms) {
      ms = current;
      count = 0;
    } else if (++count === idsPerMs) {
      ms += 1;
      count = 0;
    }
    const time = ms.toString(16).padStart(12, "0");
    const order = count.toString(16).padStart(3, "0");
    return `${time.slice(0, 8)}-${time.slice(8)}-7${order}-${randomUUID().slice(19)}`;
  };
}
