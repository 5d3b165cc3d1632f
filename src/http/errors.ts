/**
 * Domain error → HTTP status, headers and body. The one status table.
 *
 * Deliberately absent: the sentences (whoever throws knows best what was wrong) and the private cause (the log's).
 */
import { type ErrorCode, type GatewayError, toGatewayError } from "../domain/errors.ts";
import type { components } from "../../generated/openapi.ts";
import { encodeRateLimits } from "./rate-limit-headers.ts";

export type ErrorBody = components["schemas"]["Error"];
type ErrorType = ErrorBody["error"]["type"];

const statusTable: { readonly [Code in ErrorCode]: readonly [status: number, type: ErrorType] } = {
  invalid_json: [400, "invalid_request_error"],
  invalid_type: [400, "invalid_request_error"],
  invalid_value: [400, "invalid_request_error"],
  missing_required_parameter: [400, "invalid_request_error"],
  unsupported_parameter: [400, "invalid_request_error"],
  empty_array: [400, "invalid_request_error"],
  context_length_exceeded: [400, "invalid_request_error"],
  upstream_rejected: [400, "invalid_request_error"],
  invalid_api_key: [401, "authentication_error"],
  agent_not_allowed: [403, "permission_error"],
  model_not_allowed: [403, "permission_error"],
  model_not_found: [404, "invalid_request_error"],
  not_found: [404, "invalid_request_error"],
  endpoint_disabled: [404, "invalid_request_error"],
  method_not_allowed: [405, "invalid_request_error"],
  request_timeout: [408, "invalid_request_error"],
  idempotency_conflict: [409, "invalid_request_error"],
  run_aborted: [409, "invalid_request_error"],
  request_too_large: [413, "invalid_request_error"],
  unsupported_media_type: [415, "invalid_request_error"],
  headers_too_large: [431, "invalid_request_error"],
  too_many_failed_logins: [429, "rate_limit_error"],
  session_busy: [429, "rate_limit_error"],
  too_many_runs: [429, "rate_limit_error"],
  rate_limit_exceeded: [429, "rate_limit_error"],
  insufficient_quota: [429, "rate_limit_error"],
  upstream_rate_limited: [429, "rate_limit_error"],
  internal_error: [500, "server_error"],
  max_turns_exceeded: [500, "server_error"],
  run_interrupted: [500, "server_error"],
  upstream_error: [502, "server_error"],
  tool_choice_unmet: [502, "server_error"],
  response_format_mismatch: [502, "server_error"],
  draining: [503, "server_error"],
  store_unavailable: [503, "server_error"],
  run_timeout: [504, "server_error"],
  upstream_timeout: [504, "server_error"],
};

/** Longer than this, and official SDKs ignore `Retry-After` and retry at once: they must be told not to. */
const longestRetryAfterMs = 60_000;

/** An error reply that needs a header which only its place of origin knows (`allow`, `idempotency-replayed`). */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly error: GatewayError;
  readonly headers: { readonly [name: string]: string };

  constructor(error: GatewayError, headers: { readonly [name: string]: string }) {
    super(error.message, { cause: error });
    this.error = error;
    this.headers = headers;
  }
}

export interface ErrorReply {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: ErrorBody;
  readonly error: GatewayError;
}

export function errorReply(thrown: unknown): ErrorReply {
  const error = thrown instanceof Refusal ? thrown.error : toGatewayError(thrown);
  const { code, message, param = null } = error;
  const [status, type] = statusTable[code];
  return {
    status,
    headers: {
      ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
      // Official SDKs repeat every 409 by themselves, and none of ours is mended by that.
      ...(status === 409 ? { "x-should-retry": "false" } : {}),
      // Whoever comes again is to come to another process, where there is one.
      ...(code === "draining" ? { connection: "close" } : {}),
      ...retryHeaders(error),
      ...encodeRateLimits(error.rateLimits),
      ...(thrown instanceof Refusal ? thrown.headers : {}),
    },
    body: { error: { message, type, param, code } },
    error,
  };
}

function retryHeaders({ code, retryAfterMs }: GatewayError): { [name: string]: string } {
  // Somebody has to give the token more, or a month has to end.
  const isHopeless = code === "insufficient_quota";
  if (retryAfterMs === undefined) return isHopeless ? { "x-should-retry": "false" } : {};
  const isTooLong = isHopeless || (code === "too_many_failed_logins" && retryAfterMs > longestRetryAfterMs);
  return {
    "retry-after": String(Math.max(1, Math.ceil(retryAfterMs / 1000))),
    ...(isTooLong ? { "x-should-retry": "false" } : {}),
  };
}
