/**
 * Failures that nobody waited for or caught, in a package of a provider's for one. A rejected promise that nobody held has
 * interrupted nothing: it is logged, and the gateway goes on for everybody else. An exception may have left anything half
 * done: it is logged, and the gateway ends. Whoever starts it again finds all that was acknowledged.
 */
import type { Logger } from "pino";
import { exitCodes } from "./exit-codes.ts";

/** Returns how to leave such failures to Node again. */
export function watchStrayFailures(log: Logger): () => void {
  const onRejection = (reason: unknown): void => {
    log.error({ err: toError(reason) }, "a promise was rejected that nobody waited for; the gateway goes on");
  };
  const onException = (thrown: unknown): void => {
    log.fatal({ err: toError(thrown) }, "an exception was thrown that nobody caught; the gateway ends at once");
    process.exit(exitCodes.failed);
  };
  process.on("unhandledRejection", onRejection).on("uncaughtException", onException);
  return () => void process.off("unhandledRejection", onRejection).off("uncaughtException", onException);
}

/** What it says and where it comes from, and nothing else of it: errors of packages carry requests and replies about. */
function toError(thrown: unknown): Error {
  if (!(thrown instanceof Error)) return new Error(`a value of type ${typeof thrown} was thrown`);
  const { name, message, stack } = thrown;
  return Object.assign(new Error(message), { name, stack });
}
