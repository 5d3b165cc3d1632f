/**
 * One execution of an agent for one input, as data: what asks for it, the events it goes through, how it ended.
 *
 * A run that was admitted emits events that never throw and end with exactly one `run_end`.
 * The non-streaming reply is the fold of those events, never a second implementation.
 */
import type { AgentId } from "./agent.ts";
import type { SentMessage } from "./attachment.ts";
import { GatewayError } from "./errors.ts";
import type { Message, ToolCall } from "./message.ts";
import type { FinishReason, ModelSettings, ToolChoice, ToolDefinition, Usage } from "./model.ts";
import type { Principal } from "./principal.ts";
import type { RateLimits } from "./rate-limits.ts";
import type { SessionKey } from "./session-catalog.ts";

/** A choice the caller made, with the name of the input it came from, for the error that refuses it. */
export interface Chosen {
  readonly value: string;
  readonly param: string;
}

/** By which a caller names one request, so that sending it again is not doing it again. */
export interface IdempotencyKey {
  /** Of one principal: two of them may use the same word. */
  readonly key: string;
  /** Of all that makes the request what it is. */
  readonly fingerprint: string;
}

/** What a caller notes on a completion that is kept. */
export type Metadata = { readonly [key: string]: string };

export interface RunRequest {
  readonly principal: Principal;
  /** Absent: the session key's agent, else the default one. */
  readonly agent?: Chosen;
  /** Full control of session routing; absent and no `user`: the run is stateless. */
  readonly sessionKey?: Chosen;
  /** A stable session key is derived from it. */
  readonly user?: Chosen;
  /** `<provider>/<model>` instead of the agent's own. */
  readonly model?: Chosen;
  readonly messages: readonly SentMessage[];
  /** The caller's tools: a call to one ends the run. */
  readonly tools: readonly ToolDefinition[];
  /** The caller reads the whole result at once: until the run ends it has seen nothing of it. */
  readonly isFolded: boolean;
  /** Speaks of the caller's tools only. */
  readonly toolChoice?: ToolChoice;
  readonly settings: ModelSettings;
  /** What the caller named as the model, for replies that are made later on; absent: `openclaw`. */
  readonly modelName?: string;
  readonly idempotency?: IdempotencyKey;
  /** The completion is to be kept, with this metadata. */
  readonly keep?: { readonly metadata: Metadata };
}

/** Whose tool is called: the caller's (the run stops and hands the call over) or the agent's (the run executes it). */
export type ToolOwner = "caller" | "agent";

export type RunEvent =
  /** The session is busy with another run, or the gateway with as many as it may; this one waits its turn. */
  | { readonly type: "run_queued" }
  | { readonly type: "run_start" }
  /** The model is about to be asked; `turn` counts from 1. */
  | { readonly type: "turn_start"; readonly turn: number; readonly model: string }
  /** The model `from` failed before its caller had seen anything, and `to` is asked instead: what this turn has said so far is void. */
  | { readonly type: "model_fallback"; readonly from: string; readonly to: string; readonly error: GatewayError }
  /** The `\n\n` between the texts of two turns is part of the text. */
  | { readonly type: "text_delta"; readonly text: string }
  | { readonly type: "reasoning_delta"; readonly text: string }
  | { readonly type: "refusal_delta"; readonly text: string }
  /** `index` counts the calls of one owner in one turn from 0. */
  | { readonly type: "tool_call_start"; readonly owner: ToolOwner; readonly index: number; readonly id: string; readonly name: string }
  | { readonly type: "tool_call_delta"; readonly owner: ToolOwner; readonly index: number; readonly arguments: string }
  | { readonly type: "tool_call_end"; readonly owner: ToolOwner; readonly index: number; readonly call: ToolCall }
  /** One of the agent's own tools begins to work; its `tool_result` follows. */
  | { readonly type: "tool_start"; readonly call: ToolCall }
  | {
      readonly type: "tool_result";
      readonly call: ToolCall;
      readonly content: string;
      readonly isError: boolean;
      /** Its own time, however long its result had to wait for those of other calls. Absent when it is not known any more. */
      readonly durationMs?: number;
    }
  /** One model call and the agent's tool calls it made are over: the assistant message, then the tool results. */
  | {
      readonly type: "turn_end";
      readonly messages: readonly Message[];
      readonly finishReason: FinishReason;
      readonly usage?: Usage;
      /** Absent when the tokens or their price are not known. */
      readonly cost?: number;
    }
  | RunEnd;

/** What a run has used up when it ends, over all its turns. */
interface Spent {
  /** `<provider>/<model>`: the one that was asked last, after fallbacks. */
  readonly model: string;
  readonly turns: number;
  /** Absent when a provider did not count. */
  readonly usage?: Usage;
  /** In the currency of the configured prices; absent unless every turn's tokens and price are known. */
  readonly cost?: number;
}

export type RunEnd = Spent & { readonly type: "run_end" } & (
    | { readonly status: "completed"; readonly finishReason: FinishReason }
    | (Effects & { readonly status: "failed"; readonly error: GatewayError })
    /** `caller`: whoever asked for it left; `cancel`: somebody asked for its end; `shutdown`: the process stops. */
    | (Effects & { readonly status: "aborted"; readonly by: "caller" | "cancel" | "shutdown" })
  );

/** `hasEffects`: a tool was begun, so repeating the run would repeat its effects. */
interface Effects {
  readonly hasEffects: boolean;
}

export type CompletedRun = Extract<RunEnd, { status: "completed" }>;

export interface Run {
  /** Lower-case hex, unique. */
  readonly id: string;
  readonly agentId: AgentId;
  readonly sessionKey: SessionKey;
  /** `<provider>/<model>`: the one that is asked first. */
  readonly model: string;
  /** Unix seconds. */
  readonly createdAt: number;
  /** What another request with the same idempotency key began, or did: its events are told again. */
  readonly isReplay: boolean;
  /** What was left to its token when it began, where that is limited. */
  readonly rateLimits?: RateLimits;
  /** To be iterated once, to the end; whoever stops early must abort the signal it started the run with. */
  readonly events: AsyncIterable<RunEvent>;
}

export interface RunResult {
  readonly text: string;
  readonly refusal: string;
  readonly reasoning: string;
  /** The caller's tool calls, to be answered in the next request. */
  readonly toolCalls: readonly ToolCall[];
  readonly end: RunEnd;
}

/** Why there is no answer, for whoever still waits for it. */
export function errorOfEnd(end: Exclude<RunEnd, CompletedRun>): GatewayError {
  if (end.status === "failed") return end.error;
  switch (end.by) {
    case "cancel":
      return new GatewayError("run_aborted", "This run was cancelled by another request. Send the request again to begin a new run.");
    case "shutdown":
      return new GatewayError("draining", "The gateway is stopping and has ended this run. Send the request again when it is back.");
    case "caller":
      return new GatewayError("run_aborted", "This run was aborted because its caller left.");
  }
}

/** What a caller of a non-streaming face sees of a run, from its events as they come. */
export class RunFold {
  #said: Said = { ...nothing };
  #beforeTurn: Said = nothing;

  /** The result, once the event that ends the run is taken. */
  take(event: RunEvent): RunResult | undefined {
    switch (event.type) {
      case "turn_start":
        this.#beforeTurn = { ...this.#said };
        break;
      case "model_fallback":
        this.#said = { ...this.#beforeTurn };
        break;
      case "text_delta":
        this.#said.text += event.text;
        break;
      case "refusal_delta":
        this.#said.refusal += event.text;
        break;
      case "reasoning_delta":
        this.#said.reasoning += event.text;
        break;
      case "tool_call_end":
        if (event.owner === "caller") this.#said.toolCalls = [...this.#said.toolCalls, event.call];
        break;
      case "run_end":
        return { ...this.#said, end: event };
      default:
        break;
    }
    return undefined;
  }
}

/** Reads a run to its end and returns all that a caller of a non-streaming face sees of it. */
export async function foldRun(events: AsyncIterable<RunEvent>): Promise<RunResult> {
  const fold = new RunFold();
  for await (const event of events) {
    const result = fold.take(event);
    if (result) return result;
  }
  throw new Error("A run ended without run_end: the runtime broke its contract.");
}

type Said = { -readonly [Field in keyof Omit<RunResult, "end">]: RunResult[Field] };

const nothing: Said = { text: "", refusal: "", reasoning: "", toolCalls: [] };
