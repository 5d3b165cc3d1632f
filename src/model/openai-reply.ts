/**
 * Frames of OpenAI's chat completion stream, or one whole completion → model events. No sockets here.
 *
 * Tolerant of how providers spell a good reply, strict about whether it is one: no finish reason, no reply.
 */
import type { FinishReason, ModelEvent, Usage } from "../domain/model.ts";
import type { ProviderErrors } from "./provider-errors.ts";
import { ToolCallAssembler } from "./openai-tool-calls.ts";

/** What providers say besides OpenAI's own words. Anything else means `stop` when the reply is otherwise whole. */
const finishReasons: ReadonlyMap<string, FinishReason | "error"> = new Map([
  ["stop", "stop"],
  ["length", "length"],
  ["tool_calls", "tool_calls"],
  ["content_filter", "content_filter"],
  ["function_call", "tool_calls"],
  ["end_turn", "stop"],
  ["eos", "stop"],
  ["max_tokens", "length"],
  ["safety", "content_filter"],
  ["error", "error"],
  ["malformed_function_call", "error"],
]);

/** In characters: pieces of a reply that came together are joined up to here. A paced reply comes piece by piece, and stays so. */
const maxJoinedLength = 256;

interface Frame {
  readonly choices?: readonly (Choice | null)[] | null;
  readonly usage?: unknown;
  readonly error?: unknown;
  readonly object?: unknown;
  readonly x_groq?: { readonly usage?: unknown } | null;
}

interface Choice {
  readonly index?: number;
  readonly delta?: Delta | null;
  readonly message?: Delta | null;
  readonly finish_reason?: unknown;
  readonly usage?: unknown;
  readonly error?: unknown;
}

interface Delta {
  readonly content?: unknown;
  readonly refusal?: unknown;
  readonly reasoning_content?: unknown;
  readonly reasoning?: unknown;
  readonly tool_calls?: unknown;
  readonly function_call?: unknown;
}

export class ReplyDecoder {
  /** What has been decoded and not yet taken. */
  readonly events: ModelEvent[] = [];
  readonly #errors: ProviderErrors;
  readonly #toolCalls: ToolCallAssembler;
  #finish: string | undefined;
  #usage: Usage | undefined;
  /** `[DONE]` was there: nothing after it counts. */
  isDone = false;

  constructor(errors: ProviderErrors) {
    this.#errors = errors;
    this.#toolCalls = new ToolCallAssembler(this.events, errors);
  }

  get hasFinishReason(): boolean {
    return this.#finish !== undefined;
  }

  /** The data of one server-sent event. */
  addFrame(data: string, eventName: string | undefined): void {
    if (this.isDone || data === "") return;
    if (data === "[DONE]" || data.trim() === "[DONE]") {
      this.isDone = true;
      return;
    }
    const frame = this.#parse(data, "sent a frame that is not JSON");
    if (eventName === "error") throw this.#errors.fromReply(frame);
    this.#addFrame(frame, false);
  }

  addWhole(body: string): void {
    this.#addFrame(this.#parse(body, "sent a body that is not JSON"), true);
  }

  /** Adds the finish event. `isClean`: the reply came to its proper end, rather than being cut after its finish reason. */
  end(isClean: boolean): void {
    if (this.#finish === undefined) throw this.#errors.broken("ended its reply without a finish reason");
    const known = finishReasons.get(this.#finish.toLowerCase());
    if (!this.#toolCalls.isWhole) throw this.#errors.broken("made a tool call without a name");
    if (known === undefined && !isClean) throw this.#errors.broken("broke off its reply");
    if (known === "error") throw this.#errors.broken("ended its reply with an error");
    const hasCalls = this.#toolCalls.count > 0;
    const reason = known === "tool_calls" || known === "stop" || known === undefined ? (hasCalls ? "tool_calls" : "stop") : known;
    this.events.push({ type: "finish", reason, ...(this.#usage ? { usage: this.#usage } : {}) });
  }

  /** The parser's own error quotes the reply, so it never becomes a cause that is logged. */
  #parse(text: string, what: string): Frame {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw this.#errors.broken(what);
    }
    if (typeof value !== "object" || value === null) throw this.#errors.broken(what);
    return value;
  }

  #addFrame(frame: Frame, isWhole: boolean): void {
    if (frame.error || frame.object === "error") throw this.#errors.fromReply(frame);
    const usage = frame.usage ?? frame.x_groq?.usage;
    if (usage !== undefined && usage !== null) this.#usage = decodeUsage(usage) ?? this.#usage;
    const choice = Array.isArray(frame.choices) ? frame.choices.find(isFirstChoice) : undefined;
    if (!choice) return;
    if (choice.error) throw this.#errors.fromReply(choice);
    if (choice.usage !== undefined && choice.usage !== null) this.#usage = decodeUsage(choice.usage) ?? this.#usage;
    const delta = choice.delta ?? choice.message;
    if (typeof delta === "object" && delta !== null) this.#addDelta(delta, isWhole);
    if (typeof choice.finish_reason === "string" && choice.finish_reason !== "") this.#finish = choice.finish_reason;
  }

  /** What came in one go is said in few words: an event costs more, all the way to the caller, than what is in it. */
  #say(type: "text_delta" | "reasoning_delta" | "refusal_delta", text: string): void {
    const last = this.events.at(-1);
    if (last?.type === type && last.text.length + text.length <= maxJoinedLength)
      this.events[this.events.length - 1] = { type, text: last.text + text };
    else this.events.push({ type, text });
  }

  #addDelta(delta: Delta, isWhole: boolean): void {
    const reasoning = delta.reasoning_content ?? delta.reasoning;
    if (typeof reasoning === "string" && reasoning !== "") this.#say("reasoning_delta", reasoning);
    const { content, refusal } = delta;
    const text = typeof content === "string" ? content : textOfParts(content);
    if (text !== "") this.#say("text_delta", text);
    if (typeof refusal === "string" && refusal !== "") this.#say("refusal_delta", refusal);
    if (Array.isArray(delta.tool_calls)) this.#toolCalls.add(delta.tool_calls, isWhole);
    else if (typeof delta.function_call === "object" && delta.function_call !== null) {
      this.#toolCalls.add([{ index: 0, function: delta.function_call }], isWhole);
    }
  }
}

/** The only one that was asked for. */
function isFirstChoice(choice: unknown): choice is Choice {
  return typeof choice === "object" && choice !== null && ((choice as Choice).index ?? 0) === 0;
}

/** Some providers send content as an array of parts. */
function textOfParts(content: unknown): string {
  if (!Array.isArray(content)) return "";
  return content.map((part: { text?: unknown } | null) => (typeof part?.text === "string" ? part.text : "")).join("");
}

/** Undefined when it says nothing: providers that do not count send zeros. */
function decodeUsage(value: unknown): Usage | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { prompt_tokens, completion_tokens, prompt_tokens_details, completion_tokens_details } = value as { [key: string]: unknown };
  const inputTokens = count(prompt_tokens);
  const outputTokens = count(completion_tokens);
  if (inputTokens === undefined || outputTokens === undefined || inputTokens + outputTokens === 0) return undefined;
  const cachedInputTokens = count((prompt_tokens_details as { cached_tokens?: unknown } | null | undefined)?.cached_tokens);
  const reasoningTokens = count((completion_tokens_details as { reasoning_tokens?: unknown } | null | undefined)?.reasoning_tokens);
  return {
    inputTokens,
    outputTokens,
    ...(cachedInputTokens === undefined ? {} : { cachedInputTokens }),
    ...(reasoningTokens === undefined ? {} : { reasoningTokens }),
  };
}

function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
