/**
 * The port to a language model: one reply, streamed.
 *
 * Contract of `Model.stream` (every adapter keeps it, the runtime relies on it):
 * - It sends nothing before the first `next()`.
 * - A reply that worked ends with exactly one `finish` event and then the end of the iteration.
 * - A reply that did not work throws a `GatewayError` (`upstream_*`, `context_length_exceeded`,
 *   `unsupported_parameter`). An upstream that stops without a finish reason did not work.
 * - When `signal` aborts, the upstream connection is closed at once and the iteration throws `signal.reason`.
 * - `return()` on the iterator closes the upstream connection too.
 * - Tool call ids and arguments are passed on as the model gave them; an id that the model left out, or gave twice in one reply, is made up.
 */
import type { Message } from "./message.ts";

export type JsonObject = { readonly [key: string]: unknown };

/** A tool as a model sees it. `parameters` is a JSON Schema object. */
export interface ToolDefinition {
  readonly name: string;
  readonly description?: string;
  readonly parameters?: JsonObject;
  readonly strict?: boolean;
}

/** Which of the offered tools the model must use. Absent means: as it likes. */
export type ToolChoice = "auto" | "none" | "required" | { readonly name: string };

export type ResponseFormat =
  | { readonly type: "text" }
  | { readonly type: "json_object" }
  | {
      readonly type: "json_schema";
      readonly name: string;
      readonly description?: string;
      readonly schema?: JsonObject;
      readonly strict?: boolean;
    };

/** What the caller asks of the model, passed on as given. An absent field leaves the choice to the provider. */
export interface ModelSettings {
  readonly temperature?: number;
  readonly topP?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly logitBias?: { readonly [token: string]: number };
  readonly maxCompletionTokens?: number;
  /** The older spelling of `maxCompletionTokens`, kept apart because some providers know only one of the two. */
  readonly maxTokens?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  readonly responseFormat?: ResponseFormat;
  readonly parallelToolCalls?: boolean;
  readonly reasoningEffort?: string;
  readonly verbosity?: string;
  readonly serviceTier?: string;
  readonly promptCacheKey?: string;
  readonly promptCacheRetention?: string;
  readonly safetyIdentifier?: string;
}

export interface ModelRequest {
  readonly messages: readonly Message[];
  /** Empty when no tool is offered. */
  readonly tools: readonly ToolDefinition[];
  /** Without tools it speaks of nothing, and so does `settings.parallelToolCalls`: adapters leave both out, because providers refuse them. */
  readonly toolChoice?: ToolChoice;
  readonly settings: ModelSettings;
}

/** Tokens, as the provider counted them. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** The part of `inputTokens` that came from the provider's prompt cache. */
  readonly cachedInputTokens?: number;
  /** The part of `inputTokens` that the provider wrote into its prompt cache, where it charges for that. */
  readonly cacheWriteTokens?: number;
  /** The part of `outputTokens` spent on reasoning. */
  readonly reasoningTokens?: number;
}

/** Why a reply ended. */
export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter";

export type ModelEvent =
  | { readonly type: "text_delta"; readonly text: string }
  | { readonly type: "reasoning_delta"; readonly text: string }
  | { readonly type: "refusal_delta"; readonly text: string }
  /** `index` counts the calls of this reply from 0; the start of a call comes before its deltas. */
  | { readonly type: "tool_call_start"; readonly index: number; readonly id: string; readonly name: string }
  | { readonly type: "tool_call_delta"; readonly index: number; readonly arguments: string }
  /** Last. `usage` is absent when the provider reported none; `replay` is the content of `Replay`, where the provider needs it. */
  | { readonly type: "finish"; readonly reason: FinishReason; readonly usage?: Usage; readonly replay?: unknown };

/** US dollars, or whatever currency the config means, per million tokens. */
export interface Price {
  readonly input: number;
  readonly output: number;
  /** Of input that came from the provider's cache. */
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

export interface Model {
  /** `<provider>/<model>`, for logs and errors. */
  readonly ref: string;
  /** `false` only when the configuration says so: where it says nothing, the provider is asked and may refuse. */
  readonly takesImages: boolean;
  /** Tokens of input and reply together; absent when the configuration names none. */
  readonly contextWindow?: number;
  /** Tokens of one reply, at most, where a request names no limit; absent when the configuration names none. */
  readonly maxTokens?: number;
  /** Absent when the configuration names none. */
  readonly price?: Price;
  stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent>;
}

/** Names → models. */
export interface ModelCatalog {
  /** The model of this `<provider>/<model>` (split at the first slash), or undefined when there is none. */
  find(ref: string): Model | undefined;
  /** Every known `<provider>/<model>`, for messages that say what there is. */
  refs(): readonly string[];
  /** Closes the connections to all providers. */
  close(): Promise<void>;
}

/** The sum of two usages; undefined when either is: a partial sum would understate what was spent. */
export function addUsage(a: Usage | undefined, b: Usage | undefined): Usage | undefined {
  if (!a || !b) return undefined;
  const cached = addOptional(a.cachedInputTokens, b.cachedInputTokens);
  const written = addOptional(a.cacheWriteTokens, b.cacheWriteTokens);
  const reasoning = addOptional(a.reasoningTokens, b.reasoningTokens);
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    ...(cached === undefined ? {} : { cachedInputTokens: cached }),
    ...(written === undefined ? {} : { cacheWriteTokens: written }),
    ...(reasoning === undefined ? {} : { reasoningTokens: reasoning }),
  };
}

/** What `usage` costs at `price`, in the price's currency. */
export function costOf(usage: Usage, price: Price): number {
  const { inputTokens, outputTokens, cachedInputTokens: cached = 0, cacheWriteTokens: written = 0 } = usage;
  const plain = Math.max(0, inputTokens - cached - written);
  return (plain * price.input + cached * price.cacheRead + written * price.cacheWrite + outputTokens * price.output) / 1_000_000;
}

function addOptional(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
}
