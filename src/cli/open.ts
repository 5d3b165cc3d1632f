/** Command line → open program: what every command that needs one does first. */
import { type DestinationStream, type Logger, pino } from "pino";
import type { Config } from "../config/config.ts";
import { ConfigError, loadConfig, type LoadOptions } from "../config/load.ts";
import { openProgram, type Program } from "../program.ts";
import { exitCodes } from "./exit-codes.ts";

export interface Opened {
  readonly program: Program;
  readonly log: Logger;
}

/** Resolves with an exit code when the configuration is wrong; the reason has been printed by then. */
export async function open(options: LoadOptions, logTo: (config: Config) => DestinationStream | undefined): Promise<Opened | number> {
  let config: Config;
  try {
    config = await loadConfig(options);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    console.error(thrown.message);
    return exitCodes.config;
  }
  const destination = logTo(config);
  const log = destination
    ? pino({ level: config.log.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination)
    : pino({ level: "silent" });
  return { program: openProgram(config, log), log };
}

/** `what happened: why: why`, for whoever stands before the terminal. */
export function withCauses(error: Error): string {
  return error.cause instanceof Error ? `${error.message} (${withCauses(error.cause)})` : error.message;
}
