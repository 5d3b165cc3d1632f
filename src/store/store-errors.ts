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

/** Runs a query; whatever the driver throws becomes `store_unavailable`, with the driver's error as the private cause. */
export async function guardStore<T>(query: () => Promise<T>): Promise<T> {
  try {
    return await query();
  } catch (error) {
    if (error instanceof GatewayError || error instanceof MemoryRefused) throw error;
    throw new GatewayError("store_unavailable", "The session store cannot be used at the moment. Try again later.", { cause: error });
  }
}

/**
 * NUL and unpaired surrogates do not survive a text column (it would be cut off or altered without a word),
 * so that two different keys could become one.
 */
export function isStorableText(text: string): boolean {
  return !/[\0\p{Surrogate}]/u.test(text);
}
