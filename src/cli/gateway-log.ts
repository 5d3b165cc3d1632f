/** Where a gateway writes its log: stderr, as JSON, or drawn where that is a terminal. What stands in it is for others to say. */
import { type DestinationStream, pino } from "pino";
import { drawLine } from "./drawn-log.ts";
import { GatheredLog } from "./gathered-log.ts";

/** Of lines that could not be written. */
const maxHeldBytes = 1024 * 1024;

/**
 * Whoever read the log may have gone, and the terminal with it: the gateway goes on, and holds only so much for nobody. One that
 * is there and does not read a pipe stops the gateway as soon as the pipe is full, as with every program that writes to it.
 *
 * `maxWriteBytes`: what is written at a time, unless one line is longer.
 */
export function logDestination(maxWriteBytes?: number): DestinationStream {
  const lines = pino.destination({ dest: 2, sync: true, maxLength: maxHeldBytes }).on("error", () => undefined);
  if (process.stderr.isTTY) return { write: (line) => void lines.write(drawLine(line, process.stderr)) };
  return new GatheredLog(lines, maxWriteBytes);
}
