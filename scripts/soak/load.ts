/**
 * A steady mixed load: a job every few milliseconds, drawn by its share, as long as no more than so many are under way. It
 * keeps count of what was done and how long the timed kind took.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { SeededRandom } from "../chaos/random.ts";
import { Caller } from "./caller.ts";
import { type Client, jobs, Sessions, timedJob } from "./jobs.ts";

const everyMs = 25;
const mostUnderWay = 48;
const sessionCount = 24;
/** More of them tell nothing new. */
const maxShown = 10;

export class Load {
  readonly done = new Map<string, number>(jobs.map(({ name }) => [name, 0]));
  /** What was not as it has to be: the first ones, and how many. */
  readonly unexpected: string[] = [];
  unexpectedCount = 0;
  /** Milliseconds that the timed job took, in the order in which they ended. */
  readonly times: number[] = [];
  /** Times when a job was due and too many were under way. */
  heldBack = 0;
  readonly #client: Client;
  readonly #deck: readonly (typeof jobs)[number][];
  readonly #random = new SeededRandom(1);
  readonly #underWay = new Set<Promise<void>>();

  /** `name` tells what it sends from what others send. */
  constructor(url: string, name: string) {
    let names = 0;
    this.#client = { caller: new Caller(url, mostUnderWay), url, sessions: new Sessions(name, sessionCount), number: () => ++names, name };
    this.#deck = jobs.flatMap((job) => Array<typeof job>(job.share).fill(job));
  }

  get doneCount(): number {
    return [...this.done.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Each kind once. */
  async one(): Promise<void> {
    for (const job of jobs) await this.#do(job);
  }

  async keepUp(forMs: number): Promise<void> {
    const endsAt = performance.now() + forMs;
    while (performance.now() < endsAt) {
      await sleep(everyMs);
      const job = this.#deck[this.#random.between(0, this.#deck.length - 1)];
      if (!job) continue;
      if (this.#underWay.size >= mostUnderWay) {
        this.heldBack++;
        continue;
      }
      const work = this.#do(job).finally(() => this.#underWay.delete(work));
      this.#underWay.add(work);
    }
    await Promise.all(this.#underWay);
  }

  /** Its connections too. */
  async close(): Promise<void> {
    await this.#client.caller.close();
  }

  async #do({ name, run }: (typeof jobs)[number]): Promise<void> {
    const startedAt = performance.now();
    try {
      await run(this.#client);
    } catch (error) {
      this.unexpectedCount++;
      const cause = error instanceof Error ? error.message : String(error);
      if (this.unexpected.length < maxShown) this.unexpected.push(`${name}: ${cause}`);
    }
    this.done.set(name, (this.done.get(name) ?? 0) + 1);
    if (name === timedJob) this.times.push(performance.now() - startedAt);
  }
}
