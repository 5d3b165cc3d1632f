/**
 * A worker's end of the line to the process that keeps the workers: what it is told becomes promises, what it has to say is sent.
 * When the line breaks, that process is gone, which is a reason to stop like any other.
 *
 * Deliberately absent: what a worker does (`worker.ts`).
 */
import type { Worker } from "node:cluster";
import type { GatheredMetrics, MetricSeries, WorkerMetrics } from "../program.ts";
import type { Config } from "../config/config.ts";
import type { Overseer } from "./serving.ts";
import type { StopSignal } from "./stop-signals.ts";
import type { Beginning, FromWorker, ToWorker } from "./worker-messages.ts";

/** Whoever keeps the workers waits less long for those that do not answer. */
const metricsPatienceMs = 4_000;

export class KeeperLine implements Overseer, WorkerMetrics {
  readonly beginning: Promise<Beginning>;
  readonly stopped: Promise<StopSignal>;
  /** What this process counts. */
  ownSeries: () => Promise<readonly MetricSeries[]> = () => Promise.resolve([]);
  readonly #worker: Worker;
  readonly #asked = new Map<number, (gathered: GatheredMetrics) => void>();
  #lastId = 0;
  /** Until the first word of the keeper's. */
  #number = 0;
  #begin: (beginning: Beginning) => void = () => undefined;
  #stop: (signal: StopSignal) => void = () => undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    this.beginning = new Promise((resolve) => (this.#begin = resolve));
    this.stopped = new Promise((resolve) => (this.#stop = resolve));
    worker.on("message", (message: ToWorker) => void this.#hear(message));
    worker.once("disconnect", () => {
      // Otherwise Node ends the process now, and with it what is at work.
      worker.exitedAfterDisconnect = true;
      this.#stop("SIGTERM");
    });
    void this.#send({ type: "ready" });
  }

  get isWhole(): boolean {
    return this.#worker.isConnected();
  }

  /** Told by somebody else. */
  stop(signal: StopSignal): void {
    this.#stop(signal);
  }

  onListening(url: string): void {
    void this.#send({ type: "listening", url });
  }

  onFailedStart(reason: string): Promise<void> {
    return this.#send({ type: "failed-start", reason });
  }

  onSecret(secret: string): void {
    void this.#send({ type: "secret", secret });
  }

  onConfig(config: Config): void {
    void this.#send({ type: "config", config });
  }

  async gather(): Promise<GatheredMetrics> {
    const id = ++this.#lastId;
    let timer: NodeJS.Timeout | undefined;
    const gathered = new Promise<GatheredMetrics | undefined>((resolve) => {
      this.#asked.set(id, resolve);
      timer = setTimeout(() => resolve(undefined), this.isWhole ? metricsPatienceMs : 0);
    });
    void this.#send({ type: "ask-metrics", id });
    const answer = await gathered.finally(() => {
      clearTimeout(timer);
      this.#asked.delete(id);
    });
    // Nobody knows of the others any more.
    return answer ?? { answers: [{ worker: this.#number, series: await this.ownSeries() }], workers: 1, restarts: 0 };
  }

  /** Nothing more is said or heard: what keeps the process from ending by itself is gone. */
  close(): void {
    if (!this.isWhole) return;
    this.#worker.exitedAfterDisconnect = true;
    process.disconnect();
  }

  async #hear(message: ToWorker): Promise<void> {
    switch (message.type) {
      case "begin":
        this.#number = message.worker;
        return this.#begin(message);
      case "stop":
        return this.#stop(message.signal);
      case "end":
        return process.exit(message.exitCode);
      case "report-metrics":
        return this.#send({ type: "metrics-report", id: message.id, series: await this.ownSeries() });
      case "metrics":
        return this.#asked.get(message.id)?.(message.gathered);
    }
  }

  /** Resolves when it is on its way, or nobody is there to hear it. */
  #send(message: FromWorker): Promise<void> {
    return new Promise((resolve) => {
      if (this.isWhole) this.#worker.send(message, () => resolve());
      else resolve();
    });
  }
}
