/**
 * `clawgate store export | import`: all that is kept, as a file of lines, out of a database and into another one.
 *
 * What is in the rows goes there and nowhere else. Deliberately absent: a way through a running gateway, which cannot see what
 * belongs to other processes.
 */
import { open as openFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { Config } from "../config/config.ts";
import { GatewayError } from "../domain/errors.ts";
import type { Counts, MoveOptions } from "../store-desk.ts";
import { exitCodes } from "./exit-codes.ts";
import type { StoreFlags } from "./flags.ts";
import { MoveProgress } from "./move-progress.ts";
import { toNewFile, toOutput, type Sink } from "./new-file.ts";
import { readConfig } from "./open.ts";
import { onStopSignal, stoppedBy, type StopSignal } from "./stop-signals.ts";

export function exportTo(file: string | undefined, flags: StoreFlags): Promise<number> {
  return move(flags, "Exported", async ({ session }, options) => {
    const { exportStore } = await import("../store-desk.ts");
    const put = (sink: Sink): Promise<Counts> => exportStore(session.database, sink, options);
    return file === undefined || file === "-" ? toOutput(options.signal, put) : toNewFile(file, put);
  });
}

export function importFrom(file: string, flags: StoreFlags): Promise<number> {
  return move(flags, "Imported", async ({ session }, options) => {
    const { importStore } = await import("../store-desk.ts");
    // Opened first: where there is no such file, no database is touched.
    const source: Readable = file === "-" ? process.stdin : (await openFile(file).catch(refuseMissing)).createReadStream();
    // It may break before anybody reads it; whoever reads it later is told.
    source.on("error", () => undefined);
    const stop = (): void => void source.destroy(new Error("It was stopped."));
    options.signal.addEventListener("abort", stop, { once: true });
    try {
      return await importStore(session.database, source as AsyncIterable<Buffer>, options);
    } finally {
      options.signal.removeEventListener("abort", stop);
      source.destroy();
    }
  });
}

/** `work` resolves with undefined when nobody is left to write for (`| head`). */
async function move(
  { config: configPath, database }: StoreFlags,
  verb: string,
  work: (config: Config, options: MoveOptions) => Promise<Counts | undefined>,
): Promise<number> {
  const config = await readConfig({ configPath, database });
  if (typeof config === "number") return config;
  const stop = new AbortController();
  let stoppedWith: StopSignal | undefined;
  const stopListening = onStopSignal((signal) => {
    stoppedWith = signal;
    stop.abort();
  });
  const progress = new MoveProgress(process.stderr, verb);
  try {
    const counts = await work(config, { signal: stop.signal, onProgress: (done) => progress.show(done) });
    if (counts) progress.end(counts);
    return exitCodes.ok;
  } catch (thrown) {
    progress.wipe();
    console.error(stoppedWith ? `Nothing was ${verb.toLowerCase()}.` : explain(thrown));
    if (stoppedWith) return stoppedBy[stoppedWith];
    return isUsersMistake(thrown) ? exitCodes.usage : exitCodes.failed;
  } finally {
    stopListening();
  }
}

function refuseMissing(thrown: unknown): never {
  if ((thrown as NodeJS.ErrnoException).code !== "ENOENT") throw thrown;
  throw new GatewayError("not_found", "There is no such file to import.");
}

/** A file that is not there or not right, a database that is not empty. */
function isUsersMistake(thrown: unknown): boolean {
  if (thrown instanceof GatewayError) return thrown.code === "invalid_value" || thrown.code === "not_found";
  return usersMistakes.has(String((thrown as NodeJS.ErrnoException).code));
}

const usersMistakes = new Set(["EEXIST", "ENOENT", "ENOTDIR", "EISDIR", "EACCES"]);

/** The reason is said once, be it in the error or in what it comes from. */
function explain(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const { message, cause } = thrown;
  return cause instanceof Error && !message.includes(cause.message) ? `${message} (${cause.message})` : message;
}
