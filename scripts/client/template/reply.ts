/** A reply as one value, with its headers for those who ask for them. */
import { ClawgateError } from "./errors.ts";
import type { RequestOptions } from "./connection.ts";

export interface ReplyHeaders {
  /** The gateway's log knows the request by it. */
  readonly requestId: string | undefined;
  /** The session of the run, decoded: give it back as the option `sessionKey` to continue. */
  readonly sessionKey: string | undefined;
  /** The run; a completion's id is this with `chatcmpl-` before it. */
  readonly runId: string | undefined;
  /** All of them, as they came. */
  readonly all: Headers;
}

/** A promise of the body; `withHeaders()` is one of body and headers. */
export interface Reply<T> extends Promise<T> {
  withHeaders(): Promise<{ readonly data: T; readonly headers: ReplyHeaders }>;
}

export function readReply<T>(options: RequestOptions, send: () => Promise<{ response: Response }>): Reply<T> {
  const whole = receive<T>(options, send);
  const data = whole.then((reply) => reply.data);
  return Object.assign(data, {
    withHeaders: () => {
      // Whoever asks for both looks at this promise's failure and not at the other's.
      data.catch(() => undefined);
      return whole;
    },
  });
}

async function receive<T>({ signal }: RequestOptions, send: () => Promise<{ response: Response }>) {
  const { response } = await send();
  const { status, headers } = response;
  const text = await response.text().catch((cause: unknown) => {
    signal?.throwIfAborted();
    const message = "The reply broke off before it was complete.";
    throw new ClawgateError({ message, code: "reply_cut", type: "transport_error", status, headers, cause });
  });
  try {
    return { data: JSON.parse(text) as T, headers: readHeaders(headers) };
  } catch (cause) {
    const message = `The reply is not JSON, so it is not the gateway's: ${text.slice(0, 200) || "it is empty."}`;
    throw new ClawgateError({ message, code: "reply_not_understood", type: "transport_error", status, headers, cause });
  }
}

export function readHeaders(headers: Headers): ReplyHeaders {
  const key = headers.get("x-openclaw-session-key");
  return {
    requestId: headers.get("x-request-id") ?? undefined,
    sessionKey: key === null ? undefined : decodeHeaderValue(key),
    runId: headers.get("x-openclaw-run-id") ?? undefined,
    all: headers,
  };
}

function decodeHeaderValue(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
