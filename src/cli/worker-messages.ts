/** What the process that keeps workers and the workers say to each other, over the channel that Node opens between them. */
import type { Config } from "../config/config.ts";
import type { LoadOptions } from "../config/load.ts";
import type { GatheredMetrics, MetricSeries } from "../program.ts";
import type { StopSignal } from "./stop-signals.ts";

/** The first thing a worker is told. Nothing of it stands on a command line or in an environment. */
export interface Beginning {
  readonly type: "begin";
  /** From 1. Whoever takes the place of one that has ended has the number of it. */
  readonly worker: number;
  /** The one that holds, whatever its file says by now. */
  readonly config: Config;
  /** For when the file changes. */
  readonly options: LoadOptions;
}

export type ToWorker =
  | Beginning
  | { readonly type: "stop"; readonly signal: StopSignal }
  | { readonly type: "end"; readonly exitCode: number }
  | { readonly type: "report-metrics"; readonly id: number }
  | { readonly type: "metrics"; readonly id: number; readonly gathered: GatheredMetrics };

export type FromWorker =
  | { readonly type: "ready" }
  | { readonly type: "listening"; readonly url: string }
  | { readonly type: "failed-start"; readonly reason: string }
  | { readonly type: "secret"; readonly secret: string }
  | { readonly type: "config"; readonly config: Config }
  | { readonly type: "ask-metrics"; readonly id: number }
  | { readonly type: "metrics-report"; readonly id: number; readonly series: readonly MetricSeries[] };
