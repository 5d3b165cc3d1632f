/**
 * What a caller may see of a database that failed, and which text a database can keep.
 *
 * Deliberately absent: retries. The driver waits for a lock that is held; everything else is for the caller to decide.
 */
import { GatewayError } from "../domain/errors.ts";

/** An answer to the agent's own tool call, fit for the model: it did nothing wrong with the store. */
export class MemoryRefused extends Error {
  override readonly name = "MemoryRefused";
}

/** A guess at how long a lock is held, or a database takes to come back. */
const retryAfterMs = 5_000;

/** Whatever a query threw, as the caller may see it: the driver's error becomes the private cause of `store_unavailable`. */
export function publicError(thrown: unknown): GatewayError | MemoryRefused {
  if (thrown instanceof GatewayError || thrown instanceof MemoryRefused) return thrown;
  return new GatewayError("store_unavailable", "The session store cannot be used at the moment. Try again later.", {
    retryAfterMs,
    cause: thrown,
  });
}

/** Postgres' code for it; SQLite has no such thing. */
export function isDeadlock(thrown: unknown): boolean {
  return (thrown as { code?: unknown } | null)?.code === "40P01";
}

/** For a call that came after the store was closed. */
export function closedError(): GatewayError | MemoryRefused {
  return publicError(new Error("The session store is closed."));
}

/** For a page that is to begin after something that is not there. */
export function unknownCursor(): GatewayError {
  return new GatewayError(
    "invalid_value",
    "There is nothing by the id that 'after' names, so there is no page after it. Begin again without it.",
    {
      param: "after",
    },
  );
}

/**
 * NUL and unpaired surrogates do not survive a text column (it would be cut off or altered without a word),
 * so that two different keys could become one.
 */
export function isStorableText(text: string): boolean {
  return !/[\0\p{Surrogate}]/u.test(text);
}
