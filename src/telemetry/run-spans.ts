/**
 * Runs as spans, in the words of OpenTelemetry's conventions for agents: `invoke_agent`, and within it a `chat` for each call
 * of a model and an `execute_tool` for each call of a tool of the agent's own.
 *
 * Deliberately absent: what was said, what tools were told and answered, the session, and the words of errors.
 */
import type * as Api from "@opentelemetry/api";
import type { Attributes, Context, Span, Tracer } from "@opentelemetry/api";
import type { RunEnd, RunEvent } from "../domain/run.ts";
import type { RunIdentity } from "../domain/run-record.ts";
import type { RunListener } from "../service/run-feed.ts";
import { type KnownNames, other } from "./known-names.ts";
import { statusOf } from "./run-metrics.ts";

type Opentelemetry = Pick<typeof Api, "context" | "SpanKind" | "SpanStatusCode" | "trace">;

interface Parts {
  readonly api: Opentelemetry;
  readonly tracer: Tracer;
  readonly names: KnownNames;
}

export function traceRuns(api: Opentelemetry, tracer: Tracer, namesNow: () => KnownNames): RunListener {
  const underWay = new Map<RunIdentity, RunTrace>();
  return (run, { event }) => {
    let one = underWay.get(run);
    if (one === undefined) underWay.set(run, (one = new RunTrace(run, { api, tracer, names: namesNow() })));
    one.take(event);
    if (event.type === "run_end") underWay.delete(run);
  };
}

class RunTrace {
  readonly #parts: Parts;
  readonly #run: RunIdentity;
  readonly #span: Span;
  readonly #context: Context;
  #chat: { readonly span: Span; endedAt: number | undefined } | undefined;
  /** By the ids of their calls. */
  readonly #tools = new Map<string, { readonly span: Span; readonly startedAt: number }>();

  /** A run is first heard of while somebody asks for its events: what is at work then is the request it belongs to. */
  constructor(run: RunIdentity, parts: Parts) {
    const { context, trace } = parts.api;
    this.#parts = parts;
    this.#run = run;
    const parent = context.active();
    this.#span = this.#start(parent, `invoke_agent ${run.agentId}`, {
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.id": run.agentId,
      "clawgate.run.id": run.id,
    });
    this.#context = trace.setSpan(parent, this.#span);
  }

  take(event: RunEvent): void {
    switch (event.type) {
      case "run_start":
        this.#span.addEvent("run_start");
        break;
      case "turn_start":
        this.#startChat(event.model);
        break;
      case "model_fallback":
        this.#endChat({ failure: event.error.code });
        break;
      case "tool_start":
        if (this.#chat) this.#chat.endedAt ??= Date.now();
        this.#startTool(event.call);
        break;
      case "tool_result":
        this.#endTool(event);
        break;
      case "turn_end":
        this.#endChat({
          attributes: {
            "gen_ai.response.finish_reasons": [event.finishReason],
            ...(event.usage
              ? { "gen_ai.usage.input_tokens": event.usage.inputTokens, "gen_ai.usage.output_tokens": event.usage.outputTokens }
              : {}),
          },
        });
        break;
      case "run_end":
        this.#end(event);
        break;
      default:
        break;
    }
  }

  #start(parent: Context, name: string, attributes: Attributes, isCall = false): Span {
    const { api, tracer } = this.#parts;
    // With a time of ours: its end may be one that lies in the past.
    const kind = isCall ? api.SpanKind.CLIENT : api.SpanKind.INTERNAL;
    return tracer.startSpan(name, { kind, attributes, startTime: Date.now() }, parent);
  }

  #startChat(ref: string): void {
    const { provider, model } = this.#parts.names.model(ref);
    const attributes = { "gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": model };
    this.#chat = { span: this.#start(this.#context, `chat ${model}`, attributes, true), endedAt: undefined };
  }

  /** The reply was complete when its tools began, whatever became of them. */
  #endChat({ failure, attributes = {} }: { readonly failure?: string; readonly attributes?: Attributes }): void {
    const chat = this.#chat;
    if (chat === undefined) return;
    this.#chat = undefined;
    chat.span.setAttributes(attributes);
    if (failure !== undefined && chat.endedAt === undefined) this.#fail(chat.span, failure);
    chat.span.end(chat.endedAt ?? Date.now());
  }

  #startTool({ id, name }: { readonly id: string; readonly name: string }): void {
    const known = this.#parts.names.tool(this.#run.agentId, name) === other ? other : name;
    const attributes = { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": known, "gen_ai.tool.call.id": id };
    this.#tools.set(id, { span: this.#start(this.#context, `execute_tool ${known}`, attributes), startedAt: Date.now() });
  }

  /** Results come in the order of the calls: one that had to wait for another's is older than its event. */
  #endTool({ call, isError, durationMs }: Extract<RunEvent, { type: "tool_result" }>): void {
    const tool = this.#tools.get(call.id);
    if (tool === undefined) return;
    this.#tools.delete(call.id);
    if (isError) this.#fail(tool.span, "tool_error");
    tool.span.end(durationMs === undefined ? Date.now() : tool.startedAt + durationMs);
  }

  #end(end: RunEnd): void {
    const status = statusOf(end);
    const failure = end.status === "failed" ? end.error.code : end.status === "aborted" ? status : undefined;
    this.#endChat(failure === undefined ? {} : { failure });
    for (const { span } of this.#tools.values()) {
      this.#fail(span, failure ?? other);
      span.end(Date.now());
    }
    this.#span.setAttributes({ "clawgate.run.status": status, "clawgate.run.turns": end.turns });
    if (failure !== undefined) this.#fail(this.#span, failure);
    this.#span.end(Date.now());
  }

  #fail(span: Span, type: string): void {
    span.setAttribute("error.type", type);
    span.setStatus({ code: this.#parts.api.SpanStatusCode.ERROR });
  }
}
