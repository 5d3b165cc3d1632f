/**
 * One log line for each request, with the ids of its reply headers and the names of headers that nobody knows. Never a body, a
 * query string, a header's value or a secret.
 */
import type { Logger } from "pino";
import type { ClientAddress } from "./client-address.ts";
import type { Chain, Step } from "./state.ts";
import { unknownHeaders } from "./unknown-headers.ts";

/** `knownHeaders`: those that mean something here, in lower case. */
export function accessLog(log: Logger, addressOf: ClientAddress, knownHeaders: ReadonlySet<string>): Step {
  return async (ctx, next) => {
    const startedAt = performance.now();
    await next();
    const { failure } = ctx.state;
    const durationMs = Math.round((performance.now() - startedAt) * 10) / 10;
    const ignoredHeaders = unknownHeaders(ctx.req.headers, knownHeaders);
    const line: Line = {
      ...describe(ctx),
      client: addressOf(ctx.req),
      ...(ignoredHeaders.length === 0 ? {} : { ignoredHeaders }),
      durationMs,
    };
    if (failure === undefined) log.info(line, "request");
    // Nothing was sent to anybody, and the caller's leaving is no failure of ours: nginx's status for it.
    else if (line.aborted) log.info({ ...line, status: 499 }, "request");
    // Somebody has stopped the gateway: every release does, and no stack says more.
    else if (failure.code === "draining") log.warn({ ...line, code: failure.code, reason: failure.message }, "request refused");
    // A run that failed has a line of its own, with the stack, under the same run id.
    else if (line.status >= 500 && line["runId"] !== undefined)
      log.error({ ...line, code: failure.code, reason: failure.message }, "request failed");
    else if (line.status >= 500) log.error({ ...line, code: failure.code, err: failure }, "request failed");
    else log.warn({ ...line, code: failure.code, reason: failure.message }, "request refused");
  };
}

interface Line {
  readonly status: number;
  readonly aborted?: boolean;
  readonly [key: string]: unknown;
}

/** The client went away before the reply was complete. */
export function isAborted({ res }: Chain): boolean {
  return res.closed && !res.writableFinished;
}

function describe(ctx: Chain): Line {
  const runId = ctx.res.getHeader("x-openclaw-run-id");
  const { principal } = ctx.state;
  return {
    requestId: ctx.state.requestId,
    method: ctx.method,
    path: ctx.state.path?.slice(0, 256),
    status: ctx.res.statusCode,
    ...(principal === undefined ? {} : { principal: principal.name }),
    ...(runId === undefined ? {} : { runId }),
    ...(isAborted(ctx) ? { aborted: true } : {}),
  };
}
