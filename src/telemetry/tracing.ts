/**
 * Spans, for whoever has loaded an OpenTelemetry SDK into the process before the gateway (`node --import`): one for each
 * request, run, call of a model and call of a tool. Without an SDK nothing of this is loaded or done.
 *
 * Deliberately absent: where spans go, which of them are kept, and which headers bring and carry a trace: all this is the
 * SDK's to decide.
 */
import type { Context, Span } from "@opentelemetry/api";
import { setTimeout as sleep } from "node:timers/promises";
import type { IncomingHttpHeaders } from "node:http";
import type { AnsweredRequest } from "../http/request-observer.ts";
import type { RunListener } from "../service/run-feed.ts";
import type { KnownNames } from "./known-names.ts";

/** How long the end waits for spans to be sent. */
const flushMs = 5_000;

export interface Tracing {
  /** Makes spans of runs. */
  listener(namesNow: () => KnownNames): RunListener;
  request(headers: IncomingHttpHeaders, work: () => Promise<AnsweredRequest>): Promise<AnsweredRequest>;
  /** Has the SDK send what it has gathered. Never rejects, and takes five seconds at most. */
  flush(): Promise<void>;
}

/** Undefined when there is no SDK. */
export async function openTracing(version: string): Promise<Tracing | undefined> {
  // Where an SDK registers itself; loading the API to ask it would cost every start.
  if (!(Symbol.for("opentelemetry.js.api.1") in globalThis)) return undefined;
  const api = await import("@opentelemetry/api");
  const { traceRuns } = await import("./run-spans.ts");
  const { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = api.default;
  const tracer = trace.getTracer("clawgate", version);

  /** Where instrumentation of the SDK's has a span for the request already, ours is within that. */
  const parentOf = (headers: IncomingHttpHeaders): Context =>
    trace.getActiveSpan() ? context.active() : propagation.extract(ROOT_CONTEXT, headers);

  const request = async (headers: IncomingHttpHeaders, work: () => Promise<AnsweredRequest>): Promise<AnsweredRequest> => {
    const parent = parentOf(headers);
    const span = tracer.startSpan("request", { kind: SpanKind.SERVER }, parent);
    try {
      const answered = await context.with(trace.setSpan(parent, span), work);
      describe(span, answered);
      if (answered.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      return answered;
    } finally {
      span.end();
    }
  };

  const flush = async (): Promise<void> => {
    const provider = trace.getTracerProvider() as { getDelegate?: () => { forceFlush?: () => Promise<unknown> } };
    const sent = provider.getDelegate?.().forceFlush?.();
    const isOver = new AbortController();
    await Promise.race([sent, sleep(flushMs, undefined, { signal: isOver.signal })]).catch(() => undefined);
    isOver.abort();
  };

  return { listener: (namesNow) => traceRuns(api.default, tracer, namesNow), request, flush };
}

function describe(span: Span, { method, route, status, code, requestId, runId }: AnsweredRequest): void {
  span.updateName(route === undefined ? method : `${method} ${route}`);
  span.setAttributes({
    "http.request.method": method,
    "http.response.status_code": status,
    "clawgate.request.id": requestId,
    ...(route === undefined ? {} : { "http.route": route }),
    ...(code === undefined ? {} : { "error.type": code }),
    ...(runId === undefined ? {} : { "clawgate.run.id": runId }),
  });
}
