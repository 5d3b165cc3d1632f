/** Command line → config → open program, as far as a command needs it: each is loaded when there is work for it. */
import type { DestinationStream, Logger } from "pino";
import type { Config } from "../config/config.ts";
import type { LoadOptions } from "../config/load.ts";
import type { Program, ProgramOptions } from "../program.ts";
import { exitCodes } from "./exit-codes.ts";
import { escapeUnseen } from "./log-line.ts";

export interface Opened {
  readonly program: Program;
  readonly log: Logger;
}

/** Resolves with an exit code when the configuration is wrong; the reason has been printed by then. */
export async function open(options: LoadOptions, logTo: () => DestinationStream | undefined): Promise<Opened | number> {
  const config = await readConfig(options);
  return typeof config === "number" ? config : openWith(config, logTo());
}

/** As `open` does it, for what needs no program. */
export async function readConfig(options: LoadOptions): Promise<Config | number> {
  const { ConfigError, loadConfig } = await import("../config/load.ts");
  try {
    return await loadConfig(options);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    console.error(thrown.message);
    return exitCodes.config;
  }
}

interface OpenOptions extends ProgramOptions {
  /** Stands in each line of the log. */
  readonly inLog?: { readonly [name: string]: unknown };
}

/** Without a destination nothing is logged. */
export async function openWith(
  config: Config,
  destination: DestinationStream | undefined,
  { inLog, ...options }: OpenOptions = {},
): Promise<Opened> {
  const log = await openLog(config, destination, inLog);
  const { openProgram } = await import("../program.ts");
  return { program: openProgram(config, log, options), log };
}

/** As for `openWith`, for what needs no program. */
export async function openLog(config: Config, destination: DestinationStream | undefined, inLog?: object): Promise<Logger> {
  const { pino } = await import("pino");
  if (destination === undefined) return pino({ level: "silent" });
  const { isoTime } = pino.stdTimeFunctions;
  return pino({ level: config.log.level, base: inLog ?? null, timestamp: isoTime, hooks: { streamWrite: escapeUnseen } }, destination);
}

/** `what happened: why: why`, for whoever stands before the terminal. */
export function withCauses(error: Error): string {
  const cause = error.cause instanceof Error ? withCauses(error.cause) : "";
  return error.message.includes(cause) ? error.message : `${error.message} (${cause})`;
}
