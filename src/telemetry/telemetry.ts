/**
 * What a gateway tells of itself to those who watch it: metrics, which are always kept, and traces, when somebody has loaded
 * what sends them. It listens to requests and runs, and outlives every configuration: counts go on.
 *
 * Deliberately absent: logs (each room writes its own), and any text that a caller or a model wrote.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Config } from "../config/config.ts";
import type { ErrorCode } from "../domain/errors.ts";
import type { ModelCatalog } from "../domain/model.ts";
import type { AnsweredRequest, RequestObserver } from "../http/request-observer.ts";
import type { RunFeed } from "../service/run-feed.ts";
import type { RunLoad } from "../service/run-queue.ts";
import { type MetricSeries, type WorkerMetrics, writeGathered } from "./gathered-metrics.ts";
import { addGauges, type ConfigFileState } from "./gauges.ts";
import { Instruments } from "./instruments.ts";
import { KnownNames } from "./known-names.ts";
import { countRuns } from "./run-metrics.ts";
import { openTracing, type Tracing } from "./tracing.ts";

/** Stands for the operation of a request that is none of the contract's. */
const noOperation = "none";

/** What may change while it listens. */
export interface TelemetrySetup {
  readonly config: Config;
  readonly models: ModelCatalog;
  readonly runs: { readonly load: RunLoad };
}

export interface TelemetryParts {
  /** How many WebSockets are open. */
  readonly connections: () => number;
  readonly configFile: () => ConfigFileState;
  readonly version: string;
  /** Undefined: this process is the only one on its port. */
  readonly workers: WorkerMetrics | undefined;
}

export class Telemetry implements RequestObserver {
  readonly #instruments = new Instruments();
  readonly #tracing: Tracing | undefined;
  readonly #workers: WorkerMetrics | undefined;
  readonly #stops: readonly (() => void)[];
  #setup: TelemetrySetup;
  #names: KnownNames;

  static async open(feed: RunFeed, setup: TelemetrySetup, parts: TelemetryParts): Promise<Telemetry> {
    return new Telemetry(feed, setup, parts, await openTracing(parts.version));
  }

  private constructor(
    feed: RunFeed,
    setup: TelemetrySetup,
    { connections, configFile, version, workers }: TelemetryParts,
    tracing: Tracing | undefined,
  ) {
    this.#setup = setup;
    this.#names = new KnownNames(setup.config, setup.models);
    this.#tracing = tracing;
    this.#workers = workers;
    const namesNow = (): KnownNames => this.#names;
    this.#stops = [
      feed.listen(countRuns(this.#instruments, namesNow)),
      ...(tracing ? [feed.listen(tracing.listener(namesNow))] : []),
      addGauges(this.#instruments.registry, {
        load: () => this.#setup.runs.load,
        runLimits: () => this.#setup.config.runs,
        connections,
        configFile,
        version,
      }),
    ];
  }

  /** From now on; counts go on, those of agents and models that are no more included. */
  configure(setup: TelemetrySetup): void {
    this.#setup = setup;
    this.#names = new KnownNames(setup.config, setup.models);
  }

  /** In the text format of Prometheus; of all processes, where this one is one of several. */
  async metrics(): Promise<string> {
    return this.#workers ? writeGathered(await this.#workers.gather()) : this.#instruments.registry.metrics();
  }

  /** Of this process alone. */
  async series(): Promise<readonly MetricSeries[]> {
    return (await this.#instruments.registry.getMetricsAsJSON()) as unknown as readonly MetricSeries[];
  }

  async observe(headers: IncomingHttpHeaders, work: () => Promise<AnsweredRequest>): Promise<void> {
    const { operationId = noOperation, status, code = "", durationMs } = await (this.#tracing?.request(headers, work) ?? work());
    this.#instruments.requests.inc({ operation: operationId, status, code });
    this.#instruments.requestSeconds.of({ operation: operationId }).observe(durationMs / 1000);
  }

  refused(status: number, code: ErrorCode): void {
    this.#instruments.requests.inc({ operation: noOperation, status, code });
  }

  /** `method` is one of the protocol's or `none`, `code` is undefined when the request was granted. */
  rpcAnswered(method: string, code: string | undefined): void {
    this.#instruments.rpcRequests.inc({ method, code: code ?? "" });
  }

  /** Measures no more, and sends what is to be sent. */
  async close(): Promise<void> {
    for (const stop of this.#stops) stop();
    await this.#tracing?.flush();
  }
}
