/**
 * The metrics of several processes that listen on one port, in one text. Each series has the number of its worker as a label
 * `worker`, and nothing is added up: a worker that begins anew or does not answer would make sums go back, which whoever
 * reads them takes for a restart of all. A worker keeps its number when another process takes its place.
 *
 * Deliberately absent: how the processes are asked.
 */
import type { Metric } from "prom-client";
import Counter from "prom-client/lib/counter.js";
import Gauge from "prom-client/lib/gauge.js";
import Registry from "prom-client/lib/registry.js";

/** One metric of one process, with all its series, as plain data. */
export interface MetricSeries {
  readonly name: string;
  readonly help: string;
  readonly values: readonly { readonly labels: { readonly [name: string]: string | number } }[];
}

export interface GatheredMetrics {
  /** Of those that have answered in time. */
  readonly answers: readonly { readonly worker: number; readonly series: readonly MetricSeries[] }[];
  /** How many there should be. */
  readonly workers: number;
  /** Processes that took the place of one that had ended. */
  readonly restarts: number;
}

/** Of a process that is one of several. */
export interface WorkerMetrics {
  /** Asks all of them, this one included. Never rejects. */
  gather(): Promise<GatheredMetrics>;
}

/** In the text format of Prometheus. */
export function writeGathered({ answers, workers, restarts }: GatheredMetrics): Promise<string> {
  const registry = new Registry();
  const registers = [registry];
  const answering = [...answers].sort((a, b) => a.worker - b.worker);
  const byName = new Map<string, MetricSeries[]>();
  for (const { worker, series } of answering) {
    for (const one of series) {
      const values = one.values.map((value) => ({ ...value, labels: { ...value.labels, worker } }));
      const known = byName.get(one.name);
      if (known === undefined) byName.set(one.name, [{ ...one, values }]);
      else known.push({ ...one, values });
    }
  }
  for (const [name, parts] of byName) {
    const whole = { ...parts[0], values: parts.flatMap(({ values }) => values) };
    // Of a metric it asks these two things, whatever its types say.
    registry.registerMetric({ name, get: () => Promise.resolve(whole) } as unknown as Metric);
  }
  new Gauge({ name: "clawgate_workers", help: "Workers that there should be.", registers }).set(workers);
  new Gauge({ name: "clawgate_workers_answering", help: "Workers whose numbers these are.", registers }).set(answering.length);
  const help = "Workers that were started because another one had ended.";
  new Counter({ name: "clawgate_worker_restarts_total", help, registers }).inc(restarts);
  return registry.metrics();
}
