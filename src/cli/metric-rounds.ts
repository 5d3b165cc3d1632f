/** What all workers count, asked of each of them for whoever wants to read it. One that does not answer in time is left out. */
import type { GatheredMetrics, MetricSeries } from "../program.ts";
import type { FromWorker } from "./worker-messages.ts";
import type { WorkerPlace } from "./worker-place.ts";

/** Whoever reads metrics waits for ten seconds, as a rule. */
const patienceMs = 2_000;

type Report = Extract<FromWorker, { type: "metrics-report" }>;

export class MetricRounds {
  readonly #places: readonly WorkerPlace[];
  readonly #open = new Map<number, (worker: number, series: readonly MetricSeries[]) => void>();
  #lastId = 0;

  constructor(places: readonly WorkerPlace[]) {
    this.#places = places;
  }

  /** Never rejects. */
  async gather(): Promise<GatheredMetrics> {
    const id = ++this.#lastId;
    const asked = this.#places.filter((place) => place.isListening);
    const answers: GatheredMetrics["answers"][number][] = [];
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patienceMs);
      this.#open.set(id, (worker, series) => {
        answers.push({ worker, series });
        if (answers.length < asked.length) return;
        clearTimeout(timer);
        resolve();
      });
      for (const place of asked) place.tell({ type: "report-metrics", id });
    });
    this.#open.delete(id);
    const restarts = this.#places.reduce((sum, place) => sum + place.restarts, 0);
    return { answers, workers: this.#places.length, restarts };
  }

  take({ number }: WorkerPlace, { id, series }: Report): void {
    this.#open.get(id)?.(number, series);
  }
}
