/**
 * The one error the gateway speaks: a code, a public sentence that says what was wrong and how to mend it,
 * and a private cause that only the log sees.
 *
 * Deliberately absent: HTTP statuses. `http/errors.ts` holds the one table from code to status.
 */

import type { RateLimits } from "./rate-limits.ts";

/** Every code that can reach a caller. A face's table must name each of them, or it does not compile. */
export const errorCodes = [
  "invalid_json",
  "invalid_type",
  "invalid_value",
  "missing_required_parameter",
  "unsupported_parameter",
  "empty_array",
  "context_length_exceeded",
  "upstream_rejected",
  "invalid_api_key",
  "agent_not_allowed",
  "model_not_allowed",
  "model_not_found",
  "not_found",
  "endpoint_disabled",
  "method_not_allowed",
  "request_timeout",
  "idempotency_conflict",
  "run_aborted",
  "request_too_large",
  "unsupported_media_type",
  "headers_too_large",
  "too_many_failed_logins",
  "session_busy",
  "too_many_runs",
  "rate_limit_exceeded",
  "insufficient_quota",
  "upstream_rate_limited",
  "internal_error",
  "max_turns_exceeded",
  "run_interrupted",
  "upstream_error",
  "tool_choice_unmet",
  "response_format_mismatch",
  "draining",
  "store_unavailable",
  "run_timeout",
  "upstream_timeout",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface GatewayErrorOptions {
  /** Where the input was wrong: a body path such as `messages[0].content`, a header's or flag's name. */
  readonly param?: string;
  /** How long the caller should wait before it tries again, in milliseconds. */
  readonly retryAfterMs?: number;
  /** What is left to the caller's token, where that is limited. */
  readonly rateLimits?: RateLimits;
  /** What really happened. Logged, never sent. */
  readonly cause?: unknown;
  /** The message for the log, where the other has words of somebody else: they may repeat what the caller said. */
  readonly logged?: string;
}

/** In characters. Both may quote what a caller sent, and go into a log line and a reply. */
const longest = { message: 2_000, param: 256 };

export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: ErrorCode;
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly rateLimits: RateLimits | undefined;
  readonly #logged: string | undefined;

  constructor(code: ErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(shortened(message, longest.message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.param = options.param === undefined ? undefined : shortened(options.param, longest.param);
    this.retryAfterMs = options.retryAfterMs;
    this.rateLimits = options.rateLimits;
    this.#logged = options.logged;
  }

  /** As the log may have it. */
  get forLog(): GatewayError {
    if (this.#logged === undefined) return this;
    const copy = new GatewayError(this.code, this.#logged, {
      cause: this.cause,
      ...(this.param === undefined ? {} : { param: this.param }),
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
    });
    // Where it happened, not where it was logged.
    const [, place = ""] = (this.stack ?? "").split(this.message);
    copy.stack = `${copy.name}: ${copy.message}${place}`;
    return copy;
  }
}

function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most).toWellFormed()}…`;
}

/** Whatever was thrown, as the error a caller may see. An unknown one says nothing of its inside. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError(
    "internal_error",
    "The gateway failed while it worked on this request. Its log has the details under the request id.",
    {
      cause: thrown,
    },
  );
}
