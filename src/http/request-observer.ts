/**
 * Who else wants to know of requests, besides the log: as an operation of the contract and what came of it, never as what
 * was sent.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { ErrorCode } from "../domain/errors.ts";
import { isAborted } from "./access-log.ts";
import type { Chain, Step } from "./state.ts";

export interface AnsweredRequest {
  readonly requestId: string;
  readonly method: string;
  /** Undefined when the contract has none for it. */
  readonly operationId: string | undefined;
  /** As the contract spells it: `/v1/models/{model}`. */
  readonly route: string | undefined;
  /** 499 when the caller left before its reply was complete. */
  readonly status: number;
  /** Of the error that was answered. */
  readonly code: ErrorCode | undefined;
  readonly runId: string | undefined;
  readonly durationMs: number;
}

export interface RequestObserver {
  /** Calls `work`, which answers the request, once. */
  observe(headers: IncomingHttpHeaders, work: () => Promise<AnsweredRequest>): Promise<void>;
  /** A request so broken that nothing worked on it was answered. */
  refused(status: number, code: ErrorCode): void;
}

export function observeRequests(observer: RequestObserver): Step {
  return (ctx, next) =>
    observer.observe(ctx.req.headers, async () => {
      const startedAt = performance.now();
      await next();
      return answered(ctx, startedAt);
    });
}

function answered(ctx: Chain, startedAt: number): AnsweredRequest {
  const { requestId, failure } = ctx.state;
  // Nothing that came before the route has one.
  const operation = (ctx.state as Partial<typeof ctx.state>).route?.operation;
  const runId = ctx.res.getHeader("x-openclaw-run-id");
  return {
    requestId,
    method: ctx.method,
    operationId: operation?.operationId,
    route: operation?.path,
    status: isAborted(ctx) ? 499 : ctx.res.statusCode,
    code: failure?.code,
    runId: typeof runId === "string" ? runId : undefined,
    durationMs: performance.now() - startedAt,
  };
}
