/**
 * Ctrl-C and `kill`: the first one asks a command to end, the next one ends it at once. Its children end with it either way.
 * And SIGHUP: of a terminal that is closed, or for a command that is not to end by it.
 */
import { closeSync, openSync } from "node:fs";
import { isatty } from "node:tty";
import { exitCodes } from "./exit-codes.ts";

export type StopSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

export const stoppedBy: { readonly [Signal in StopSignal]: number } = {
  SIGINT: exitCodes.interrupted,
  SIGTERM: exitCodes.terminated,
  SIGHUP: exitCodes.hungUp,
};

/** Of one Ctrl-C a process that npm started hears twice: from the terminal and from npm. */
const echoMs = 300;

interface StopOptions {
  readonly signals?: readonly StopSignal[];
  /** For whoever has other processes to end. It is called with each further signal. */
  readonly endAtOnce?: (signal: StopSignal) => void;
}

/** `stop` is called once. Listens until what is returned is called: not before everything is closed. */
export function onStopSignal(stop: (signal: StopSignal) => void, options: StopOptions = {}): () => void {
  const { signals = ["SIGINT", "SIGTERM"], endAtOnce = (signal) => process.exit(stoppedBy[signal]) } = options;
  let askedAt: number | undefined;
  const onSignal = (signal: StopSignal): void => {
    if (askedAt === undefined) {
      askedAt = performance.now();
      stop(signal);
    } else if (performance.now() - askedAt > echoMs) {
      // What would have to be waited for is what did not end in time.
      endAtOnce(signal);
    }
  };
  for (const signal of signals) process.on(signal, onSignal);
  return () => signals.forEach((signal) => process.off(signal, onSignal));
}

/**
 * SIGHUP comes from whoever wants the config to be read again, which is for others to hear, and from a terminal that is
 * closed, which ends what runs in it. Returns how to have every SIGHUP end the process again, as it does by itself.
 */
export function endOnlyWithTerminal(): () => void {
  const startedOnTerminal = isatty(0);
  const onSignal = (): void => {
    if (startedOnTerminal && !hasTerminal()) process.kill(process.pid, "SIGTERM");
  };
  process.on("SIGHUP", onSignal);
  return () => void process.off("SIGHUP", onSignal);
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}
