/**
 * A gateway from the moment its program is open to its end: it listens, follows the config, and stops when it is told to.
 *
 * Deliberately absent: who tells it to, and who hears how it is (`gateway.ts` for one process, `worker.ts` for one of several).
 */
import type { LoadOptions } from "../config/load.ts";
import { exitCodes } from "./exit-codes.ts";
import { explainFailedStart } from "./greeting.ts";
import type { Opened } from "./open.ts";
import { keepReloading, type ReloadListener } from "./reload.ts";
import type { StopSignal } from "./stop-signals.ts";
import { watchStrayFailures } from "./stray-failures.ts";

/** Whoever started it, or speaks for them. */
export interface Overseer extends ReloadListener {
  /** Resolves when the gateway is to stop. */
  readonly stopped: Promise<StopSignal>;
  onListening(url: string): void;
  /** In a sentence. Nothing was served then. */
  onFailedStart(reason: string): void | Promise<void>;
}

/** Resolves with the exit code when everything is closed. */
export async function serve(opened: Opened, options: LoadOptions, overseer: Overseer): Promise<number> {
  const { program, log } = opened;
  const leaveStrays = watchStrayFailures(log);
  let isStopped = false;
  try {
    overseer.onListening(await program.listen());
    const stopReloading = keepReloading(opened, options, overseer);
    const signal = await overseer.stopped;
    const { running, waiting } = program.runs.load;
    const { shutdownGraceMs: graceMs } = program.config.gateway;
    log.info({ signal, runs: running + waiting, graceMs }, "stopping: no new runs, those at work may end");
    await stopReloading();
    await program.drain();
    isStopped = true;
    return exitCodes.ok;
  } catch (thrown) {
    await overseer.onFailedStart(await explainFailedStart(thrown, program.config));
    return exitCodes.failed;
  } finally {
    await program.close();
    if (isStopped) log.info("stopped");
    leaveStrays();
  }
}
