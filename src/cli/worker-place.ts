/**
 * The place of one worker: a process is started for it, and another one when that has ended without having been told to, after a
 * pause that grows while they end early.
 *
 * Deliberately absent: replacing a process that hangs. It gets no more connections than the one it is at, and shows in the metrics.
 */
import cluster, { type Worker } from "node:cluster";
import type { Logger } from "pino";
import { exitCodes } from "./exit-codes.ts";
import type { StopSignal } from "./stop-signals.ts";
import type { Beginning, FromWorker, ToWorker } from "./worker-messages.ts";

const shortestPauseMs = 1_000;
const longestPauseMs = 30_000;
/** One that has served so long has not ended for what ended those before it. */
const provenMs = 60_000;
/** For those that are to end at once. */
const lastPatienceMs = 2_000;
/** Beyond the time that runs at work have: for what a process closes one after the other, each within a few seconds. */
const closingMs = 20_000;

export interface FailedStart {
  /** Undefined: whatever there was to say stands in the log. */
  readonly reason: string | undefined;
  readonly exitCode: number;
}

interface PlaceParts {
  readonly begin: () => Omit<Beginning, "type">;
  readonly hear: (place: WorkerPlace, message: FromWorker) => void;
  readonly log: Logger;
}

export class WorkerPlace {
  readonly number: number;
  /** With the URL of its first process. */
  readonly listening: Promise<string>;
  /** Its first process has ended before it listened, and there will be no other. */
  readonly failedStart: Promise<FailedStart>;
  readonly #parts: PlaceParts;
  #worker: Worker | undefined;
  #listensSince: number | undefined;
  /** Why the process at work could not start. */
  #reason: string | undefined;
  #hasListened = false;
  #earlyEnds = 0;
  #restarts = 0;
  #restart: NodeJS.Timeout | undefined;
  #isStopping = false;
  #expectedExitCode: number = exitCodes.ok;
  /** Nothing is left of it; with whether its process ended well. */
  readonly #over: Promise<boolean>;
  #onListening: (url: string) => void = () => undefined;
  #onFailedStart: (failure: FailedStart) => void = () => undefined;
  #onOver: (isGood: boolean) => void = () => undefined;

  constructor(number: number, parts: PlaceParts) {
    this.number = number;
    this.#parts = parts;
    this.listening = new Promise((resolve) => (this.#onListening = resolve));
    this.failedStart = new Promise((resolve) => (this.#onFailedStart = resolve));
    this.#over = new Promise((resolve) => (this.#onOver = resolve));
  }

  get isListening(): boolean {
    return this.#listensSince !== undefined;
  }

  /** Processes after the first one. */
  get restarts(): number {
    return this.#restarts;
  }

  start(): void {
    try {
      const worker = (this.#worker = cluster.fork());
      worker.on("message", (message: FromWorker) => this.#hear(message));
      worker.once("exit", (exitCode, signal) => this.#onEnd(exitCode, signal));
      // One that could not be started has no exit.
      worker.on("error", (error) => worker.process.pid === undefined && this.#onEnd(null, null, error.message));
    } catch (thrown) {
      this.#onEnd(null, null, (thrown as Error).message);
    }
  }

  tell(message: ToWorker): void {
    // That it cannot be told any more shows when it ends.
    if (this.#worker?.isConnected()) this.#worker.send(message, () => undefined);
  }

  reload(): void {
    if (this.isListening) this.#worker?.process.kill("SIGHUP");
  }

  /** Resolves when its process has ended, with whether it did so as it should. One that hangs is ended when its time is over. */
  async stop(signal: StopSignal, graceMs: number): Promise<boolean> {
    this.#leave();
    this.tell({ type: "stop", signal });
    return this.#endedWithin(graceMs + closingMs);
  }

  /** As `stop`, without regard to what is at work. */
  async end(exitCode: number): Promise<void> {
    this.#leave();
    this.#expectedExitCode = exitCode;
    this.tell({ type: "end", exitCode });
    await this.#endedWithin(lastPatienceMs);
  }

  async #endedWithin(ms: number): Promise<boolean> {
    const timer = setTimeout(() => this.#worker?.process.kill("SIGKILL"), ms);
    const isGood = await this.#over;
    clearTimeout(timer);
    return isGood;
  }

  #leave(): void {
    this.#isStopping = true;
    clearTimeout(this.#restart);
    if (this.#worker === undefined) this.#onOver(true);
  }

  #hear(message: FromWorker): void {
    switch (message.type) {
      case "ready":
        return this.tell(this.#isStopping ? { type: "end", exitCode: this.#expectedExitCode } : { type: "begin", ...this.#parts.begin() });
      case "listening":
        this.#listensSince = performance.now();
        this.#hasListened = true;
        this.#parts.log.info({ worker: this.number, pid: this.#worker?.process.pid, url: message.url }, "worker listens");
        return this.#onListening(message.url);
      case "failed-start":
        this.#reason = message.reason;
        return;
      default:
        return this.#parts.hear(this, message);
    }
  }

  #onEnd(exitCode: number | null, signal: string | null, reason = this.#reason): void {
    const servedMs = this.#listensSince === undefined ? 0 : performance.now() - this.#listensSince;
    const line = { worker: this.number, pid: this.#worker?.process.pid, exitCode, signal, reason };
    this.#worker = this.#listensSince = this.#reason = undefined;
    if (this.#isStopping) {
      const isGood = exitCode === this.#expectedExitCode;
      if (!isGood) this.#parts.log.warn(line, "a worker has not stopped as it should");
      return this.#onOver(isGood);
    }
    if (!this.#hasListened && signal !== null) this.#parts.log.error(line, "a worker was killed before it listened, and nothing is served");
    if (!this.#hasListened) return this.#onFailedStart({ reason, exitCode: exitCode || exitCodes.failed });
    if (servedMs > provenMs) this.#earlyEnds = 0;
    const restartInMs = Math.min(longestPauseMs, shortestPauseMs * 2 ** this.#earlyEnds++);
    this.#parts.log.error({ ...line, restartInMs }, "a worker has ended, and another one takes its place");
    this.#restart = setTimeout(() => {
      this.#restarts++;
      this.start();
    }, restartInMs);
  }
}
