/**
 * The one error of this client: what the gateway refused, what failed in a stream, and what went wrong on the way.
 * Not among them: the caller's own abort, which rejects with the reason of its signal, as `fetch` does.
 */
import type { components } from "../../../generated/openapi.ts";

type GatewayErrorBody = components["schemas"]["Error"]["error"];

/** What went wrong on the way: no connection, a reply that broke off, a reply that is not the gateway's. */
export type TransportErrorCode = "connection_failed" | "reply_cut" | "reply_not_understood";

/** Newer gateways may have codes that this version does not know. */
export type ClawgateErrorCode = GatewayErrorBody["code"] | TransportErrorCode | (string & {});
export type ClawgateErrorType = GatewayErrorBody["type"] | "transport_error" | (string & {});

export interface ClawgateErrorFields {
  readonly message: string;
  readonly code: ClawgateErrorCode;
  readonly type: ClawgateErrorType;
  readonly param?: string | null;
  readonly status?: number | undefined;
  readonly headers?: Headers | undefined;
  readonly cause?: unknown;
}

export class ClawgateError extends Error {
  override readonly name = "ClawgateError";
  /** The status of the reply; undefined without one, and when a stream failed after it had begun. */
  readonly status: number | undefined;
  /** What was wrong, for programs. */
  readonly code: ClawgateErrorCode;
  /** The family of the error. */
  readonly type: ClawgateErrorType;
  /** Where: a path into the body such as `messages[0].content`, or a header's name. */
  readonly param: string | null;
  /** The gateway's log knows the request by it. */
  readonly requestId: string | undefined;
  /** How long to wait until another try can succeed. */
  readonly retryAfterMs: number | undefined;
  /** Whether the same request may be sent again without doing work twice. This client never does so by itself. */
  readonly isRetryable: boolean;

  constructor({ message, code, type, param = null, status, headers, cause }: ClawgateErrorFields) {
    super(message, cause === undefined ? undefined : { cause });
    this.status = status;
    this.code = code;
    this.type = type;
    this.param = param;
    this.requestId = headers?.get("x-request-id") ?? undefined;
    this.retryAfterMs = readRetryAfter(headers?.get("retry-after"));
    const isPassing = code === "connection_failed" || status === 408 || status === 429 || (status !== undefined && status >= 500);
    this.isRetryable = isPassing && headers?.get("x-should-retry") !== "false";
  }
}

/** The error that a reply with this status is. */
export async function errorOfResponse(response: Response): Promise<ClawgateError> {
  const { status, headers } = response;
  const text = await response.text().catch(() => "");
  const body = readErrorBody(parseJson(text));
  if (body) return new ClawgateError({ ...body, status, headers });
  const message = `The reply has status ${status} and is not an error of the gateway: ${text.slice(0, 200) || "it is empty."}`;
  return new ClawgateError({ message, code: "reply_not_understood", type: "transport_error", status, headers });
}

/** The `error` of an error body, or undefined when it is something else. */
export function readErrorBody(value: unknown): GatewayErrorBody | undefined {
  if (!isObject(value) || !isObject(value["error"])) return undefined;
  const { message, code, type, param } = value["error"];
  if (typeof message !== "string") return undefined;
  return {
    message,
    code: (typeof code === "string" ? code : "reply_not_understood") as GatewayErrorBody["code"],
    type: (typeof type === "string" ? type : "transport_error") as GatewayErrorBody["type"],
    param: typeof param === "string" ? param : null,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Seconds or a date, as HTTP has it. */
function readRetryAfter(value: string | null | undefined): number | undefined {
  if (value === null || value === undefined || value === "") return undefined;
  const seconds = Number(value);
  const waitMs = Number.isNaN(seconds) ? Date.parse(value) - Date.now() : seconds * 1000;
  return Number.isFinite(waitMs) ? Math.max(0, waitMs) : undefined;
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null;
}
