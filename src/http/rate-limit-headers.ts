/**
 * What is left to a token, in the headers that OpenAI has for it. Pure.
 *
 * Deliberately absent: headers for limits that are not there, and for those of a month, which OpenAI has no names for.
 */
import type { RateLimit, RateLimits } from "../domain/rate-limits.ts";

export function encodeRateLimits(limits: RateLimits | undefined): { [name: string]: string } {
  return { ...headersOf("requests", limits?.requests), ...headersOf("tokens", limits?.tokens) };
}

function headersOf(what: keyof RateLimits, limit: RateLimit | undefined): { [name: string]: string } {
  if (limit === undefined) return {};
  return {
    [`x-ratelimit-limit-${what}`]: String(limit.limit),
    [`x-ratelimit-remaining-${what}`]: String(limit.remaining),
    [`x-ratelimit-reset-${what}`]: durationOf(limit.resetMs),
  };
}

/** `120ms`, `59s`, `1m0s`. */
function durationOf(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1_000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
