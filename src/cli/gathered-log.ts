/**
 * Log lines of one turn of the event loop, written in one go: under load that is a handful of requests, and writing is dearer
 * than all else about a line.
 *
 * Deliberately absent: a timer. Nothing is held over into the next turn, and what is held when the process ends is written.
 */
import type { DestinationStream } from "pino";

/** Characters. A turn that says more writes more than once. */
const maxHeld = 64 * 1024;

export class GatheredLog implements DestinationStream {
  readonly #destination: DestinationStream;
  #held = "";
  readonly #flush = (): void => {
    const held = this.#held;
    this.#held = "";
    if (held !== "") this.#destination.write(held);
  };

  constructor(destination: DestinationStream) {
    this.#destination = destination;
    process.once("exit", this.#flush);
  }

  write(line: string): void {
    if (this.#held === "") setImmediate(this.#flush);
    this.#held += line;
    if (this.#held.length > maxHeld) this.#flush();
  }
}
