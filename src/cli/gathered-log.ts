/**
 * Log lines of one turn of the event loop, written in one go: under load that is a handful of requests, and writing is dearer
 * than all else about a line.
 *
 * Deliberately absent: a timer. Nothing is held over into the next turn, and what is held when the process ends is written.
 */
import type { DestinationStream } from "pino";

/** A turn that says more writes more than once. */
const maxHeldBytes = 64 * 1024;

export class GatheredLog implements DestinationStream {
  readonly #destination: DestinationStream;
  readonly #maxBytes: number;
  #held = "";
  #heldBytes = 0;
  readonly #flush = (): void => {
    const held = this.#held;
    this.#held = "";
    this.#heldBytes = 0;
    if (held !== "") this.#destination.write(held);
  };

  /** Only a single line that is longer is written in more than `maxBytes`. */
  constructor(destination: DestinationStream, maxBytes = maxHeldBytes) {
    this.#destination = destination;
    this.#maxBytes = maxBytes;
    process.once("exit", this.#flush);
  }

  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.#heldBytes + bytes > this.#maxBytes) this.#flush();
    if (this.#held === "") setImmediate(this.#flush);
    this.#held += line;
    this.#heldBytes += bytes;
  }
}
