/**
 * What every error looks like on the wire, as literals. A client somewhere has each of these in an `if`: a red line
 * here asks whether you meant to change the wire for it.
 */
import { describe, expect, test } from "@jest/globals";
import { type ErrorCode, errorCodes, GatewayError } from "../../src/domain/errors.ts";
import { errorReply, Refusal } from "../../src/http/errors.ts";

/** A code that is not in this table does not compile. */
const pinned: { readonly [Code in ErrorCode]: string } = {
  invalid_json: "400 invalid_request_error",
  invalid_type: "400 invalid_request_error",
  invalid_value: "400 invalid_request_error",
  missing_required_parameter: "400 invalid_request_error",
  unsupported_parameter: "400 invalid_request_error",
  empty_array: "400 invalid_request_error",
  context_length_exceeded: "400 invalid_request_error",
  upstream_rejected: "400 invalid_request_error",
  invalid_api_key: "401 authentication_error",
  agent_not_allowed: "403 permission_error",
  model_not_allowed: "403 permission_error",
  model_not_found: "404 invalid_request_error",
  not_found: "404 invalid_request_error",
  endpoint_disabled: "404 invalid_request_error",
  method_not_allowed: "405 invalid_request_error",
  request_timeout: "408 invalid_request_error",
  idempotency_conflict: "409 invalid_request_error",
  run_aborted: "409 invalid_request_error",
  request_too_large: "413 invalid_request_error",
  unsupported_media_type: "415 invalid_request_error",
  headers_too_large: "431 invalid_request_error",
  too_many_failed_logins: "429 rate_limit_error",
  session_busy: "429 rate_limit_error",
  too_many_runs: "429 rate_limit_error",
  rate_limit_exceeded: "429 rate_limit_error",
  insufficient_quota: "429 rate_limit_error",
  upstream_rate_limited: "429 rate_limit_error",
  internal_error: "500 server_error",
  max_turns_exceeded: "500 server_error",
  run_interrupted: "500 server_error",
  upstream_error: "502 server_error",
  tool_choice_unmet: "502 server_error",
  response_format_mismatch: "502 server_error",
  draining: "503 server_error",
  store_unavailable: "503 server_error",
  run_timeout: "504 server_error",
  upstream_timeout: "504 server_error",
};

/** Fails with the question, and with what was pinned beside what is. */
function expectPinned(is: unknown, was: unknown): void {
  expect({ question: "Did you mean to change the wire?", is }).toEqual({ question: "Did you mean to change the wire?", is: was });
}

describe("errors on the wire", () => {
  test("are these and no others", () => {
    expectPinned([...errorCodes].sort(), Object.keys(pinned).sort());
  });

  test.each(errorCodes)("have one status and one type for each code: %s", (code) => {
    const { status, body } = errorReply(new GatewayError(code, "It was wrong. Mend it.", { param: "a.b[0]", cause: new Error("private") }));
    expectPinned(`${status} ${body.error.type}`, pinned[code]);
    expectPinned(
      JSON.stringify(body.error),
      JSON.stringify({ message: "It was wrong. Mend it.", type: body.error.type, param: "a.b[0]", code }),
    );
  });

  test.each(errorCodes)("have no headers but these: %s", (code) => {
    const { [code]: none = {} } = {
      invalid_api_key: { "www-authenticate": "Bearer" },
      idempotency_conflict: { "x-should-retry": "false" },
      run_aborted: { "x-should-retry": "false" },
      insufficient_quota: { "x-should-retry": "false" },
      draining: { connection: "close" },
    } as { [code: string]: object };
    expectPinned(errorReply(new GatewayError(code, "x")).headers, none);
    expectPinned(errorReply(new GatewayError(code, "x", { retryAfterMs: 1200 })).headers, { ...none, "retry-after": "2" });
  });

  test("have a param of null where there is no place to name", () => {
    expectPinned(
      JSON.stringify(errorReply(new GatewayError("not_found", "x")).body),
      '{"error":{"message":"x","type":"invalid_request_error","param":null,"code":"not_found"}}',
    );
  });

  test("say nothing of what was thrown inside", () => {
    for (const thrown of [new TypeError("secret"), "secret", undefined, null, { code: "secret" }]) {
      const { status, body } = errorReply(thrown);
      expectPinned([status, body.error.code, body.error.param], [500, "internal_error", null]);
      expect(JSON.stringify(body)).not.toContain("secret");
    }
  });

  test.each([
    [0, "1", undefined],
    [1, "1", undefined],
    [1000, "1", undefined],
    [1001, "2", undefined],
    [60_000, "60", undefined],
    [60_001, "61", "false"],
    [300_000, "300", "false"],
  ])(
    "ask for patience in whole seconds, and for no retry after a lock-out of more than a minute: %d ms",
    (retryAfterMs, seconds, retry) => {
      const { headers } = errorReply(new GatewayError("too_many_failed_logins", "x", { retryAfterMs }));
      expectPinned([headers["retry-after"], headers["x-should-retry"]], [seconds, retry]);
      expectPinned(errorReply(new GatewayError("session_busy", "x", { retryAfterMs })).headers["x-should-retry"], undefined);
    },
  );

  test("bring along the headers of the place they come from", () => {
    const refusal = new Refusal(new GatewayError("method_not_allowed", "x"), { allow: "GET, HEAD" });
    const { status, headers, body } = errorReply(refusal);
    expectPinned([status, headers, body.error.code], [405, { allow: "GET, HEAD" }, "method_not_allowed"]);
  });
});
