/**
 * Looks again and again at rows that stand for something at work, and knows those whose process is dead, or that it has seen
 * unchanged for the longest silence by its own steady clock: no time is ever compared between two processes.
 *
 * Deliberately absent: the rows, and what becomes of those that are abandoned.
 */
import { isDead } from "./process-identity.ts";

/** One lost sign of life is made up for by the next. */
const looksPerSilence = 3;

/** What a row shows of whoever is at work. */
export interface SignOfLife {
  readonly id: string;
  /** As `process-identity.ts` names it. */
  readonly process: string;
  /** Counts up as long as that process lives. */
  readonly renewals: number;
}

interface Sighting {
  readonly renewals: number;
  /** Of the steady clock of this process. */
  readonly since: number;
}

export class Lookout {
  readonly #longestSilenceMs: number;
  readonly #look: () => Promise<void>;
  #sightings: ReadonlyMap<string, Sighting> = new Map();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;

  constructor(longestSilenceMs: number, look: () => Promise<void>) {
    this.#longestSilenceMs = longestSilenceMs;
    this.#look = look;
  }

  /** Resolves when there was a first look. */
  async start(): Promise<void> {
    await this.#look();
    this.#timer ??= setInterval(() => void this.#lookAgain(), this.#longestSilenceMs / looksPerSilence).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** All there are of other processes, as they are now. */
  see(rows: readonly SignOfLife[]): void {
    const now = performance.now();
    this.#sightings = new Map(
      rows.map(({ id, renewals }) => {
        const seen = this.#sightings.get(id);
        return [id, seen?.renewals === renewals ? seen : { renewals, since: now }];
      }),
    );
  }

  /** Of rows of other processes, those that nobody is at work on any more. */
  abandoned<Row extends SignOfLife>(rows: readonly Row[]): readonly Row[] {
    const now = performance.now();
    const dead = new Set([...new Set(rows.map((row) => row.process))].filter(isDead));
    return rows.filter((row) => {
      const seen = this.#sightings.get(row.id);
      return dead.has(row.process) || (seen?.renewals === row.renewals && now - seen.since >= this.#longestSilenceMs);
    });
  }

  /** What could not be seen or shown now is made up for by the next look. */
  async #lookAgain(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      await this.#look();
    } catch {
      // Whoever uses the store learns the reason. What was not looked at was not silent: nobody may have been able to show anything.
      this.#sightings = new Map();
    } finally {
      this.#isLooking = false;
    }
  }
}
