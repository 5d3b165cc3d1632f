/**
 * A histogram whose series are looked up once and counted often. prom-client's own finds the series anew, by a text of all
 * labels, with each value; ten values a run made that a tenth of what a short run costs.
 *
 * Deliberately absent: how it is written down. That stays prom-client's, which asks a registered metric for its values.
 */
import type { Metric } from "prom-client";
import type Registry from "prom-client/lib/registry.js";

export interface DistributionParts<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly Label[];
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
  readonly registry: Registry;
}

/** As prom-client takes them. */
interface Sample {
  readonly metricName: string;
  readonly labels: { readonly [name: string]: string | number };
  readonly value: number;
}

type LabelValues<Label extends string> = { readonly [Name in Label]: string };

export class Distribution<Label extends string> {
  readonly #parts: DistributionParts<Label>;
  /** By the values of their labels, in the order of the labels. */
  readonly #series = new Map<string, { readonly labels: LabelValues<Label>; readonly series: Series }>();

  constructor(parts: DistributionParts<Label>) {
    this.#parts = parts;
    const { name, help, registry } = parts;
    const metric = { name, get: () => Promise.resolve({ name, help, type: "histogram", values: this.#values(), aggregator: "sum" }) };
    // Its types know prom-client's own metrics only; of any it asks these two things.
    registry.registerMetric(metric as unknown as Metric);
  }

  of(labels: LabelValues<Label>): Series {
    const { labelNames, buckets } = this.#parts;
    let key = "";
    for (const name of labelNames) key += `${labels[name]}\0`;
    let known = this.#series.get(key);
    if (known === undefined) this.#series.set(key, (known = { labels: { ...labels }, series: new Series(buckets) }));
    return known.series;
  }

  #values(): Sample[] {
    const { name, buckets } = this.#parts;
    return [...this.#series.values()].flatMap(({ labels, series }) => {
      let below = 0;
      const counts = buckets.map((le, at) => ({
        metricName: `${name}_bucket`,
        labels: { le, ...labels },
        value: (below += series.countAt(at)),
      }));
      return [
        ...counts,
        { metricName: `${name}_bucket`, labels: { le: "+Inf", ...labels }, value: series.count },
        { metricName: `${name}_sum`, labels, value: series.sum },
        { metricName: `${name}_count`, labels, value: series.count },
      ];
    });
  }
}

/** The values of one combination of labels. */
export class Series {
  readonly #buckets: readonly number[];
  readonly #counts: number[];
  #count = 0;
  #sum = 0;

  constructor(buckets: readonly number[]) {
    this.#buckets = buckets;
    this.#counts = buckets.map(() => 0);
  }

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  /** Of the values in one bucket, and in none below it. */
  countAt(bucket: number): number {
    return this.#counts[bucket]!;
  }

  observe(value: number): void {
    this.#count++;
    this.#sum += value;
    const at = this.#buckets.findIndex((bound) => value <= bound);
    if (at >= 0) this.#counts[at]!++;
  }
}
