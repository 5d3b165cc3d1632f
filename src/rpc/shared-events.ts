/**
 * Events that many connections hear in the same words: numbered and framed once for all of them, and written to each in
 * batches, so that what a connection costs does not grow with the number of runs.
 *
 * A batch goes out at once after a quiet time, and otherwise when its time is over or it has grown large; so what is held is
 * bounded. Deliberately absent: who hears what (`audience.ts`), and those who do not read (`connection.ts`).
 */
import { type EncodedEvent, encodeEvent, frameText } from "./frames.ts";

export interface Hearer {
  tellFramed(frames: Buffer): void;
}

export interface BatchLimits {
  /** Between two batches. */
  readonly batchMs: number;
  /** A batch that has come to so many bytes does not wait. */
  readonly batchBytes: number;
}

export class SharedEvents {
  readonly #limits: BatchLimits;
  readonly #hearers = new Set<Hearer>();
  /** How much of the batch they have heard already; the others nothing. */
  #heard = new Map<Hearer, number>();
  #batch: Buffer[] = [];
  #bytes = 0;
  #seq = 0;
  #writtenAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: BatchLimits) {
    this.#limits = limits;
  }

  get isUnheard(): boolean {
    return this.#hearers.size === 0;
  }

  /** Hears what is told from now on. */
  join(hearer: Hearer): void {
    this.#hearers.add(hearer);
    this.#heard.set(hearer, this.#batch.length);
  }

  leave(hearer: Hearer): void {
    this.#hearers.delete(hearer);
    this.#heard.delete(hearer);
    if (this.isUnheard) this.#empty();
  }

  tell(events: readonly EncodedEvent[]): void {
    for (const event of events) {
      const frame = frameText(encodeEvent(event, ++this.#seq));
      this.#batch.push(frame);
      this.#bytes += frame.length;
    }
    const waitMs = Math.max(0, this.#writtenAt + this.#limits.batchMs - performance.now());
    if (this.#bytes >= this.#limits.batchBytes) this.flush();
    // By a timer even where there is nothing to wait for: the run that is told of goes first.
    else this.#timer ??= setTimeout(() => this.flush(), waitMs).unref();
  }

  /** Somebody is not to wait for the rest: all that was told, in its order. */
  catchUp(hearer: Hearer): void {
    if (!this.#hearers.has(hearer)) return;
    const rest = this.#batch.slice(this.#heard.get(hearer) ?? 0);
    if (rest.length === 0) return;
    this.#heard.set(hearer, this.#batch.length);
    hearer.tellFramed(Buffer.concat(rest));
  }

  flush(): void {
    const [batch, heard] = [this.#batch, this.#heard];
    this.#empty();
    this.#writtenAt = performance.now();
    const whole = Buffer.concat(batch);
    for (const hearer of this.#hearers) {
      const count = heard.get(hearer) ?? 0;
      if (count < batch.length) hearer.tellFramed(count === 0 ? whole : Buffer.concat(batch.slice(count)));
    }
  }

  #empty(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#batch = [];
    this.#bytes = 0;
    this.#heard = new Map();
  }
}
