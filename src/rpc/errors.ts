/**
 * Whatever was thrown → the error of a frame. The one table from the gateway's codes to the three of the protocol.
 *
 * Deliberately absent: the sentences (whoever throws knows best what was wrong) and the private cause (the log's).
 */
import type { components } from "../../generated/rpc.ts";
import { type ErrorCode, toGatewayError } from "../domain/errors.ts";

type Schemas = components["schemas"];
export type WireError = Schemas["Error"];
export type UnfinishedPayload = NonNullable<Schemas["RefusedFrame"]["payload"]>;

const again = { code: "UNAVAILABLE", retryable: true } as const;
const failed = { code: "UNAVAILABLE", retryable: false } as const;
const refused = { code: "INVALID_REQUEST", retryable: false } as const;
const forbidden = { code: "FORBIDDEN", retryable: false } as const;

const table: { readonly [Code in ErrorCode]: Pick<WireError, "code"> & { readonly retryable: boolean } } = {
  invalid_json: refused,
  invalid_type: refused,
  invalid_value: refused,
  missing_required_parameter: refused,
  unsupported_parameter: refused,
  empty_array: refused,
  context_length_exceeded: refused,
  upstream_rejected: refused,
  invalid_api_key: refused,
  agent_not_allowed: forbidden,
  model_not_allowed: forbidden,
  model_not_found: refused,
  not_found: refused,
  endpoint_disabled: refused,
  method_not_allowed: refused,
  request_timeout: again,
  idempotency_conflict: refused,
  run_aborted: failed,
  request_too_large: refused,
  unsupported_media_type: refused,
  headers_too_large: refused,
  too_many_failed_logins: again,
  session_busy: again,
  too_many_runs: again,
  rate_limit_exceeded: again,
  insufficient_quota: failed,
  upstream_rate_limited: again,
  internal_error: failed,
  max_turns_exceeded: failed,
  run_interrupted: failed,
  upstream_error: again,
  tool_choice_unmet: again,
  response_format_mismatch: again,
  draining: again,
  store_unavailable: again,
  run_timeout: failed,
  upstream_timeout: again,
};

/** What services call something by, where the frames have another name for it. */
const names: { readonly [param: string]: string } = { id: "runId", "idempotency-key": "idempotencyKey" };

/** An error that only this face knows, or that says more than its code. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly wire: WireError;
  /** Goes out beside the error. */
  readonly payload: UnfinishedPayload | undefined;

  constructor(wire: WireError, payload?: UnfinishedPayload) {
    super(wire.message);
    this.wire = wire;
    this.payload = payload;
  }
}

export function refusal(details: WireError["details"], message: string, code: WireError["code"] = "INVALID_REQUEST"): RpcError {
  return new RpcError({ code, message, details, retryable: false });
}

export function toWireError(thrown: unknown): WireError {
  if (thrown instanceof RpcError) return thrown.wire;
  const { code, message, param, retryAfterMs } = toGatewayError(thrown);
  const name = param === undefined ? undefined : (names[param] ?? param.replace(/^messages\[\d+\]\.content\[\d+\].*$/, "attachments"));
  return {
    ...table[code],
    message: code === "idempotency_conflict" ? reusedKey : message,
    details: { code, ...(name === undefined ? {} : { param: name }) },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs: Math.max(0, Math.ceil(retryAfterMs)) }),
  };
}

const reusedKey =
  "This idempotencyKey was used for another request in the last 24 hours: method, parameters or token differ. Use a new key.";
