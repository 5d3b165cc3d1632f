/**
 * One log line for each request, with the ids of its reply headers and the names of headers that nobody knows. Never a body, a
 * query string, a header's value or a secret.
 */
import type { Logger } from "pino";
import type { ClientAddress } from "./client-address.ts";
import type { Route } from "./contract.ts";
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
    // One shape for all, for speed. What is undefined is not written.
    const line = {
      requestId: ctx.state.requestId,
      method: ctx.method,
      path: shown(ctx, ctx.state.path)?.slice(0, 256),
      status: ctx.res.statusCode,
      principal: ctx.state.principal?.name,
      runId: ctx.res.getHeader("x-openclaw-run-id"),
      aborted: isAborted(ctx) ? true : undefined,
      client: addressOf(ctx.req),
      ignoredHeaders: ignoredHeaders.length === 0 ? undefined : ignoredHeaders,
      durationMs,
    };
    if (failure === undefined) log.info(line, "request");
    // Nothing was sent to anybody, and the caller's leaving is no failure of ours: nginx's status for it.
    else if (line.aborted) log.info({ ...line, status: 499 }, "request");
    // Somebody has stopped the gateway: every release does, and no stack says more.
    else if (failure.code === "draining") log.warn({ ...line, code: failure.code, reason: failure.message }, "request refused");
    // A run that failed has a line of its own, with the stack, under the same run id.
    else if (line.status >= 500 && line.runId !== undefined)
      log.error({ ...line, code: failure.code, reason: failure.forLog.message }, "request failed");
    else if (line.status >= 500) log.error({ ...line, code: failure.code, err: failure.forLog }, "request failed");
    else log.warn({ ...line, code: failure.code, reason: shown(ctx, failure.forLog.message) }, "request refused");
  };
}

/** The client went away before the reply was complete. */
export function isAborted({ res }: Chain): boolean {
  return res.closed && !res.writableFinished;
}

/** Where there is nothing somebody may have pasted a secret. */
function shown({ state }: Chain, text: string | undefined): string | undefined {
  return (state.route as Route | undefined) === undefined && text !== undefined ? withoutSecrets(text) : text;
}

/** Of an address that nobody knows what looks like a secret is left out. */
export function withoutSecrets(text: string): string {
  return text.replace(/[^\s/.]{16,}/gu, (word) => (/\d/u.test(word) || word.length >= 32 ? "…" : word));
}
