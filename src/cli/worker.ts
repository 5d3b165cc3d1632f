/**
 * One of the processes of `clawgate gateway --workers`, which starts this file: a gateway of its own, on the port of all of them,
 * that is told by the process that keeps it what to serve and when to stop. Where that one is gone, it stops by itself.
 *
 * Deliberately absent: stdout, which belongs to whoever keeps the workers.
 */
import cluster from "node:cluster";
import { deepFreeze } from "../config/freeze.ts";
import { exitCodes } from "./exit-codes.ts";
import { logDestination } from "./gateway-log.ts";
import { KeeperLine } from "./keeper-line.ts";
import { openWith } from "./open.ts";
import { serve } from "./serving.ts";
import { onStopSignal } from "./stop-signals.ts";

/** So much, PIPE_BUF, is written to a pipe as a whole, whoever else writes to it: the lines of several workers stay lines. */
const maxWholeWriteBytes = 4096;

process.exitCode = await runWorker();

async function runWorker(): Promise<number> {
  if (cluster.worker === undefined) throw new Error("This is started by `clawgate gateway --workers`.");
  const keeper = new KeeperLine(cluster.worker);
  // Ctrl-C and the end of a terminal reach every process in it, and it is the keeper that says what comes of them.
  process.on("SIGINT", () => keeper.isWhole || process.exit(exitCodes.interrupted));
  process.on("SIGHUP", () => undefined);
  onStopSignal((signal) => keeper.stop(signal), { signals: ["SIGTERM"] });
  const { config, options, worker } = await keeper.beginning;
  const log = logDestination(maxWholeWriteBytes);
  const opened = await openWith(deepFreeze(config), log, { inLog: { worker }, workers: keeper });
  keeper.ownSeries = () => opened.program.metricSeries();
  const exitCode = await serve(opened, options, keeper);
  keeper.close();
  return exitCode;
}
