/**
 * The events of one run → payloads of the events `agent` and `chat`. What is said in one go is gathered into one piece. Pure.
 *
 * Deliberately absent: what the agent's own tools are told and answer, and the text so far in each piece, which would make
 * a long reply cost its square.
 */
import type { ErrorCode } from "../domain/errors.ts";
import type { ToolCall } from "../domain/message.ts";
import type { RunEnd, RunEvent } from "../domain/run.ts";
import type { NumberedEvent, RunIdentity } from "../domain/run-record.ts";
import type { PayloadOf } from "./contract.ts";
import { type ChatMessage, encodeReply, encodeUsage } from "./wire.ts";

type AgentPayload = PayloadOf<"agent">;
type ChatPayload = PayloadOf<"chat">;
type Data = AgentPayload["data"];
type ChatPart = Omit<ChatPayload, "runId" | "sessionKey" | "agentId" | "seq">;

export type RunPayload =
  { readonly event: "agent"; readonly payload: AgentPayload } | { readonly event: "chat"; readonly payload: ChatPayload };

type SpeechKind = "text" | "refusal" | "reasoning";

/** Something said that is not told yet. */
interface Speech {
  readonly kind: SpeechKind;
  delta: string;
  isReplacement: boolean;
  seq: number;
}

const errorKinds: { readonly [Code in ErrorCode]?: NonNullable<ChatPayload["errorKind"]> } = {
  run_timeout: "timeout",
  upstream_timeout: "timeout",
  session_busy: "rate_limit",
  too_many_runs: "rate_limit",
  rate_limit_exceeded: "rate_limit",
  insufficient_quota: "rate_limit",
  upstream_rate_limited: "rate_limit",
  context_length_exceeded: "context_length",
};

export class RunEvents {
  readonly #run: RunIdentity;
  /** Known from its first event on. */
  readonly #isWhole: boolean;
  #startedAt: number;
  /** Of the newest event. */
  #at: number;
  #speech: Speech | undefined;
  readonly #untold: RunPayload[] = [];
  /** What the reply has come to, and what it was before this turn. */
  #said: Said = { text: "", toolCalls: [] };
  #saidBefore: Said = this.#said;

  /** `first`: the number of the first event that is taken. */
  constructor(run: RunIdentity, first: number) {
    this.#run = run;
    this.#isWhole = first === 1;
    this.#startedAt = this.#at = run.createdAt;
  }

  /** `at`: when it happened, in milliseconds since 1970. */
  take({ seq, event }: NumberedEvent, at: number): void {
    this.#at = at;
    switch (event.type) {
      case "run_queued":
        return this.#lifecycle(seq, { phase: "queued", ...this.#place() });
      case "run_start":
        this.#startedAt = at;
        return this.#lifecycle(seq, { phase: "start", startedAt: this.#startedAt, ...this.#place() });
      case "turn_start":
        this.#saidBefore = this.#said;
        return this.#lifecycle(seq, { phase: "turn", turn: event.turn, model: event.model });
      case "model_fallback":
        return this.#fallBack(seq, event);
      case "text_delta":
      case "refusal_delta":
        this.#said = { ...this.#said, text: this.#said.text + event.text };
        return this.#say(event.type === "text_delta" ? "text" : "refusal", seq, event.text);
      case "reasoning_delta":
        return this.#say("reasoning", seq, event.text);
      case "tool_call_end":
        if (event.owner === "caller") this.#said = { ...this.#said, toolCalls: [...this.#said.toolCalls, event.call] };
        return;
      case "tool_start":
        return this.#agent(seq, "tool", { phase: "start", name: event.call.name, toolCallId: event.call.id });
      case "tool_result":
        return this.#agent(seq, "tool", { phase: "result", name: event.call.name, toolCallId: event.call.id, isError: event.isError });
      case "run_end":
        return this.#end(seq, event);
      default:
        return;
    }
  }

  /** There is nothing to tell but what is said. */
  get isSpeechOnly(): boolean {
    return this.#untold.length === 0;
  }

  get hasUntold(): boolean {
    return this.#untold.length > 0 || this.#speech !== undefined;
  }

  /** What was not told yet, in order. */
  flush(): readonly RunPayload[] {
    this.#endSpeech();
    return this.#untold.splice(0);
  }

  #say(kind: SpeechKind, seq: number, delta: string, isReplacement = false): void {
    const speech = this.#speech;
    if (speech?.kind !== kind || isReplacement) {
      this.#endSpeech();
      this.#speech = { kind, delta, isReplacement, seq };
      return;
    }
    speech.delta += delta;
    speech.seq = seq;
  }

  #endSpeech(): void {
    const speech = this.#speech;
    if (!speech) return;
    this.#speech = undefined;
    const { kind, seq, delta, isReplacement } = speech;
    if (kind === "reasoning") return this.#agent(seq, "thinking", { delta });
    const replace = isReplacement ? { replace: true as const } : {};
    this.#agent(seq, "assistant", { delta, ...(kind === "refusal" ? { refusal: true } : {}), ...replace });
    this.#chat(seq, { state: "delta", deltaText: delta, ...replace });
  }

  #fallBack(seq: number, { from, to, error }: Extract<RunEvent, { type: "model_fallback" }>): void {
    this.#lifecycle(seq, {
      phase: "fallback_step",
      fallbackStepType: "fallback_step",
      fallbackStepFromModel: from,
      fallbackStepToModel: to,
      fallbackStepFromFailureReason: error.code,
      fallbackStepFromFailureDetail: error.message,
      fallbackStepFinalOutcome: "next_fallback",
    });
    const isVoid = this.#said.text !== this.#saidBefore.text;
    this.#said = this.#saidBefore;
    if (isVoid && this.#isWhole) this.#say("text", seq, this.#said.text, true);
  }

  #end(seq: number, end: RunEnd): void {
    const times = { startedAt: this.#startedAt, endedAt: this.#at };
    const usage = end.usage ? { usage: encodeUsage(end.usage) } : {};
    switch (end.status) {
      case "completed":
        this.#lifecycle(seq, { phase: "end", ...times, stopReason: end.finishReason });
        return this.#chat(seq, { state: "final", ...this.#message(end.finishReason), ...usage, stopReason: end.finishReason });
      case "failed":
        this.#lifecycle(seq, { phase: "error", ...times, error: end.error.message });
        return this.#chat(seq, {
          state: "error",
          errorMessage: end.error.message,
          errorKind: errorKinds[end.error.code] ?? "unknown",
          ...usage,
        });
      case "aborted":
        this.#lifecycle(seq, { phase: "end", ...times, aborted: true });
        return this.#chat(seq, { state: "aborted", ...this.#message("aborted"), stopReason: end.by });
    }
  }

  #place(): { readonly sessionKey: string; readonly agentId: string } {
    const { sessionKey, agentId } = this.#run;
    return { sessionKey, agentId };
  }

  #message(stopReason: string): { readonly message?: ChatMessage } {
    if (!this.#isWhole) return {};
    const content = encodeReply(this.#said.text, this.#said.toolCalls);
    return { message: { role: "assistant", content, timestamp: this.#at, stopReason, __openclaw: { runId: this.#run.id } } };
  }

  #lifecycle(seq: number, data: Extract<Data, { phase: "queued" | "start" | "turn" | "fallback_step" | "end" | "error" }>): void {
    this.#agent(seq, "lifecycle", data);
  }

  #agent(seq: number, stream: AgentPayload["stream"], data: Data): void {
    this.#endSpeech();
    this.#untold.push({ event: "agent", payload: { runId: this.#run.id, seq, stream, ts: this.#at, data } });
  }

  #chat(seq: number, part: ChatPart): void {
    const { id: runId, sessionKey, agentId } = this.#run;
    this.#untold.push({ event: "chat", payload: { runId, sessionKey, agentId, seq, ...part } });
  }
}

interface Said {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
}
