/**
 * Which web pages may read the replies: the origins of `gateway.http.cors.origins`, each echoed, on streams and
 * errors too. Off without any.
 *
 * Deliberately absent: `*` and credentials. The gateway's secret travels in a header, never in a cookie, so a page
 * needs neither; a preflight needs no token because browsers send none with it.
 */
import cors from "@koa/cors";
import type { Step } from "./state.ts";

/** Those reply headers of the contract that a page could not see otherwise. */
const exposedHeaders = [
  "x-request-id",
  "x-openclaw-session-key",
  "x-openclaw-run-id",
  "x-should-retry",
  "retry-after",
  "idempotency-replayed",
  "location",
  "x-ratelimit-limit-requests",
  "x-ratelimit-remaining-requests",
  "x-ratelimit-reset-requests",
  "x-ratelimit-limit-tokens",
  "x-ratelimit-remaining-tokens",
  "x-ratelimit-reset-tokens",
];
const preflightMaxAgeSeconds = 600;

export function allowOrigins(origins: readonly string[]): Step {
  if (origins.length === 0) return (_ctx, next) => next();
  return cors({
    origin: (ctx) => {
      const origin = ctx.get("origin");
      return origins.includes(origin) ? origin : "";
    },
    allowMethods: ["GET", "HEAD", "POST", "DELETE"],
    exposeHeaders: exposedHeaders,
    maxAge: preflightMaxAgeSeconds,
    credentials: false,
    keepHeadersOnError: false,
  });
}
