/**
 * `clawgate gateway --workers N`: keeps N processes that serve one port. It takes the connections and passes them on in turn (Node's
 * cluster does), has another process start where one has ended, and stops when all have.
 *
 * Deliberately absent: requests. It has no program, no database and nothing of what callers say.
 */
import cluster from "node:cluster";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import { makeUpSecret } from "../config/auth.ts";
import type { Config } from "../config/config.ts";
import { isOnServer, showDatabase } from "../config/database.ts";
import type { LoadOptions } from "../config/load.ts";
import { exitCodes } from "./exit-codes.ts";
import { logDestination } from "./gateway-log.ts";
import { banner, tokenLine } from "./greeting.ts";
import { MetricRounds } from "./metric-rounds.ts";
import { openLog, readConfig } from "./open.ts";
import { onStopSignal, type StopSignal, stoppedBy } from "./stop-signals.ts";
import { watchStrayFailures } from "./stray-failures.ts";
import type { FromWorker } from "./worker-messages.ts";
import { type FailedStart, WorkerPlace } from "./worker-place.ts";

export async function runWorkers(count: number, flags: LoadOptions): Promise<number> {
  // Whenever one has to be made up, it is the same in all workers.
  const options = { ...flags, madeUpSecret: makeUpSecret() };
  const config = await readConfig(options);
  if (typeof config === "number") return config;
  if (!isOnServer(config.session.database)) {
    console.error(
      `--workers: sessions are in ${showDatabase(config.session.database)}, and a database file has one gateway process. Leave the flag out, or name a Postgres database in session.database, or in OPENCLAW_DATABASE_URL where the config names none.`,
    );
    return exitCodes.config;
  }
  const log = await openLog(config, logDestination());
  const leaveStrays = watchStrayFailures(log);
  const workers = new Workers(count, { config, options, log });
  const off = onStopSignal((signal) => workers.stop(signal), { endAtOnce: (signal) => workers.endAtOnce(signal) });
  const onHangup = (): void => workers.reload();
  process.on("SIGHUP", onHangup);
  try {
    for (const warning of config.warnings) log.warn(warning);
    return await workers.run();
  } finally {
    process.off("SIGHUP", onHangup);
    leaveStrays();
    off();
  }
}

interface WorkersParts {
  readonly config: Config;
  readonly options: LoadOptions;
  readonly log: Logger;
}

class Workers {
  readonly #places: readonly WorkerPlace[];
  readonly #options: LoadOptions;
  readonly #log: Logger;
  readonly #rounds: MetricRounds;
  readonly #stopped: Promise<StopSignal>;
  /** The one that holds in the workers. */
  #config: Config;
  #isSecretSaid: boolean;
  #stop: (signal: StopSignal) => void = () => undefined;
  #endedBy: StopSignal | undefined;

  constructor(count: number, { config, options, log }: WorkersParts) {
    this.#config = config;
    this.#options = options;
    this.#log = log;
    this.#isSecretSaid = config.gateway.auth.isGenerated;
    this.#stopped = new Promise((resolve) => (this.#stop = resolve));
    const hear = (place: WorkerPlace, message: FromWorker): void => this.#hear(place, message);
    this.#places = Array.from({ length: count }, (_, at) => {
      const number = at + 1;
      const begin = () => ({ worker: number, config: this.#config, options: this.#options });
      return new WorkerPlace(number, { begin, hear, log });
    });
    this.#rounds = new MetricRounds(this.#places);
  }

  /** Resolves with the exit code when no worker is left. */
  async run(): Promise<number> {
    cluster.schedulingPolicy = cluster.SCHED_RR;
    const exec = fileURLToPath(new URL(`./worker${extname(import.meta.url)}`, import.meta.url));
    cluster.setupPrimary({ exec, args: [], serialization: "advanced", stdio: ["ignore", "inherit", "inherit", "ipc"] });
    for (const place of this.#places) place.start();
    const failure = await Promise.race([this.#allListening(), this.#stopped, ...this.#places.map(({ failedStart }) => failedStart)]);
    if (typeof failure === "object") return this.#giveUp(failure);
    const signal = await this.#stopped;
    this.#log.info({ signal, workers: this.#places.length }, "stopping: the workers let their runs end");
    const ends = await Promise.all(this.#places.map((place) => place.stop(signal, this.#config.gateway.shutdownGraceMs)));
    // As without workers: nobody listens to a third signal any more.
    if (this.#endedBy) process.exit(stoppedBy[this.#endedBy]);
    this.#log.info("stopped");
    return ends.every((isGood) => isGood) ? exitCodes.ok : exitCodes.failed;
  }

  stop(signal: StopSignal): void {
    this.#stop(signal);
  }

  endAtOnce(signal: StopSignal): void {
    this.#endedBy = signal;
    for (const place of this.#places) void place.end(stoppedBy[signal]);
  }

  reload(): void {
    for (const place of this.#places) place.reload();
  }

  async #allListening(): Promise<undefined> {
    const [url = ""] = await Promise.all(this.#places.map(({ listening }) => listening));
    console.log(banner(this.#config, url, this.#places.length));
  }

  /** What one of them cannot do, the others cannot either. */
  async #giveUp({ reason, exitCode }: FailedStart): Promise<number> {
    if (reason !== undefined) console.error(reason);
    await Promise.all(this.#places.map((place) => place.end(exitCode)));
    return exitCode;
  }

  #hear(place: WorkerPlace, message: FromWorker): void {
    if (message.type === "metrics-report") this.#rounds.take(place, message);
    if (message.type === "ask-metrics") void this.#tellMetrics(place, message.id);
    if (message.type === "secret" && !this.#isSecretSaid) {
      this.#isSecretSaid = true;
      console.log(tokenLine(message.secret));
    }
    if (message.type === "config") {
      this.#config = message.config;
      this.#log.level = message.config.log.level;
    }
  }

  async #tellMetrics(place: WorkerPlace, id: number): Promise<void> {
    place.tell({ type: "metrics", id, gathered: await this.#rounds.gather() });
  }
}
