/**
 * Waiting for a session that another process is at work on: nobody is sure to call, so it is asked again and again.
 *
 * The pauses grow, so that a short run is noticed soon and a long one costs little, and differ, so that processes that came
 * together do not ask together for ever. Deliberately absent: the order among those that wait, which is the store's.
 */
import { GatewayError } from "../domain/errors.ts";
import type { LeaseClaim, SessionLease } from "../domain/session.ts";

const firstPauseMs = 4;
const longestPauseMs = 100;
const growth = 1.5;
/** A guess at how long a run takes. */
const retryAfterMs = 5_000;

/** Rejects with `session_busy` after `maxWaitMs`, or with the signal's reason. Then the claim is not withdrawn yet. */
export async function waitForLease(claim: LeaseClaim, maxWaitMs: number, signal: AbortSignal): Promise<SessionLease> {
  const deadline = performance.now() + maxWaitMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * growth, longestPauseMs)) {
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) break;
    await claim.nextChange(Math.min(pauseMs * (0.5 + Math.random()), leftMs), signal);
    signal.throwIfAborted();
    const lease = await claim.attempt();
    if (lease !== undefined) return lease;
  }
  throw new GatewayError("session_busy", "Another process has been at work on this session for too long. Try again later.", {
    retryAfterMs,
  });
}
