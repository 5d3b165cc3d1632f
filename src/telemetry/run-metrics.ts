/**
 * What runs come to, counted from their events: how they ended, what they cost in tokens and time, how their models and
 * tools did.
 *
 * It hears every piece of every reply, so that what it does with one is next to nothing. Deliberately absent: what was said.
 */
import type { Usage } from "../domain/model.ts";
import type { RunEnd, RunEvent } from "../domain/run.ts";
import type { RunIdentity } from "../domain/run-record.ts";
import type { RunListener } from "../service/run-feed.ts";
import type { Instruments } from "./instruments.ts";
import type { KnownNames } from "./known-names.ts";

/** `namesNow` is asked once for each run, when it comes. */
export function countRuns(instruments: Instruments, namesNow: () => KnownNames): RunListener {
  const underWay = new Map<RunIdentity, RunAccount>();
  return (run, { event }) => {
    let account = underWay.get(run);
    if (account === undefined) underWay.set(run, (account = new RunAccount(run.agentId, namesNow(), instruments)));
    account.take(event);
    if (event.type === "run_end") underWay.delete(run);
  };
}

/** One call of a model. */
interface ModelCall {
  readonly labels: ModelLabels;
  readonly startedAt: number;
  /** When the first piece of its reply came. */
  firstAt: number | undefined;
  /** The model has had its say, and tools may be at work. */
  endedAt: number | undefined;
}

interface ModelLabels {
  readonly gen_ai_operation_name: string;
  readonly gen_ai_provider_name: string;
  readonly gen_ai_request_model: string;
}

class RunAccount {
  readonly #agentId: string;
  readonly #agent: string;
  readonly #names: KnownNames;
  readonly #instruments: Instruments;
  readonly #cameAt = performance.now();
  #call: ModelCall | undefined;

  constructor(agentId: string, names: KnownNames, instruments: Instruments) {
    this.#agentId = agentId;
    this.#agent = names.agent(agentId);
    this.#names = names;
    this.#instruments = instruments;
  }

  take(event: RunEvent): void {
    switch (event.type) {
      case "text_delta":
      case "reasoning_delta":
      case "refusal_delta":
      case "tool_call_start":
        if (this.#call?.firstAt === undefined) this.#begins();
        break;
      case "run_start":
        this.#instruments.queueSeconds.of({ agent: this.#agent }).observe(this.#elapsed());
        break;
      case "turn_start":
        this.#call = { labels: this.#labelsOf(event.model), startedAt: performance.now(), firstAt: undefined, endedAt: undefined };
        break;
      case "model_fallback":
        this.#endCall(event.error.code);
        this.#countFallback(event);
        break;
      case "tool_start":
        this.#fallsSilent();
        break;
      case "tool_result":
        this.#countTool(event);
        break;
      case "turn_end":
        this.#countTokens(event.usage);
        this.#endCall();
        break;
      case "run_end":
        this.#end(event);
        break;
      default:
        break;
    }
  }

  #begins(): void {
    const call = this.#call;
    if (call === undefined) return;
    call.firstAt = performance.now();
    this.#instruments.firstTokenSeconds.of(call.labels).observe((call.firstAt - call.startedAt) / 1000);
  }

  /** The model falls silent, be it for its tools. */
  #fallsSilent(): void {
    if (this.#call) this.#call.endedAt ??= performance.now();
  }

  #countTokens(usage: Usage | undefined): void {
    const call = this.#call;
    if (call === undefined || usage === undefined) return;
    this.#fallsSilent();
    const { tokens, outputTokenSeconds } = this.#instruments;
    tokens.of({ ...call.labels, gen_ai_token_type: "input" }).observe(usage.inputTokens);
    tokens.of({ ...call.labels, gen_ai_token_type: "output" }).observe(usage.outputTokens);
    if (call.firstAt === undefined || usage.outputTokens < 2) return;
    outputTokenSeconds.of(call.labels).observe((call.endedAt! - call.firstAt) / 1000 / (usage.outputTokens - 1));
  }

  /** Does nothing when there is none. A call whose reply was complete has not failed, whatever became of its tools. */
  #endCall(failure = ""): void {
    const call = this.#call;
    if (call === undefined) return;
    this.#call = undefined;
    const isComplete = call.endedAt !== undefined;
    const seconds = ((call.endedAt ?? performance.now()) - call.startedAt) / 1000;
    this.#instruments.modelSeconds.of({ ...call.labels, error_type: isComplete ? "" : failure }).observe(seconds);
  }

  #countFallback({ from, to, error }: Extract<RunEvent, { type: "model_fallback" }>): void {
    this.#instruments.fallbacks.inc({ from: this.#names.modelRef(from), to: this.#names.modelRef(to), code: error.code });
  }

  #countTool({ call, isError, durationMs }: Extract<RunEvent, { type: "tool_result" }>): void {
    const tool = this.#names.tool(this.#agentId, call.name);
    this.#instruments.toolCalls.inc({ tool, outcome: isError ? "error" : "ok" });
    if (durationMs !== undefined) this.#instruments.toolSeconds.of({ tool }).observe(durationMs / 1000);
  }

  #end(end: RunEnd): void {
    const code = end.status === "failed" ? end.error.code : "";
    const status = statusOf(end);
    this.#endCall(code || status);
    this.#instruments.runs.inc({ agent: this.#agent, status, code });
    this.#instruments.runSeconds.of({ agent: this.#agent }).observe(this.#elapsed());
  }

  #labelsOf(ref: string): ModelLabels {
    const { provider, model } = this.#names.model(ref);
    return { gen_ai_operation_name: "chat", gen_ai_provider_name: provider, gen_ai_request_model: model };
  }

  #elapsed(): number {
    return (performance.now() - this.#cameAt) / 1000;
  }
}

/** As the run's record says it. */
export function statusOf(end: RunEnd): "completed" | "failed" | "aborted" | "interrupted" {
  return end.status === "aborted" && end.by === "shutdown" ? "interrupted" : end.status;
}
