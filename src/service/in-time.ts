/** An answer of the session store that nobody waits long for. Deliberately absent: ending the question, which goes on unheard. */
import { setTimeout as sleep } from "node:timers/promises";
import { GatewayError } from "../domain/errors.ts";

const patienceMs = 2_000;
/** A guess at when it may answer again. */
const retryAfterMs = 5_000;

/** Rejects with `store_unavailable` when there is none within two seconds. */
export async function inTime<T>(answer: Promise<T>): Promise<T> {
  const isOver = new AbortController();
  const tooLate = sleep(patienceMs, undefined, { signal: isOver.signal, ref: false }).then(() => {
    throw new GatewayError("store_unavailable", "The session database does not answer.", { retryAfterMs });
  });
  tooLate.catch(() => undefined);
  try {
    return await Promise.race([answer, tooLate]);
  } finally {
    isOver.abort();
  }
}
