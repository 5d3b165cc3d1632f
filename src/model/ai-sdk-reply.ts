/**
 * Parts of an AI SDK stream → model events. No sockets here.
 *
 * Tools that a provider runs itself are never asked for, so their parts are left out; so are files and sources, which a
 * chat completion has no place for.
 */
import { randomBytes } from "node:crypto";
import type { LanguageModelV3FinishReason, LanguageModelV3StreamPart, LanguageModelV3Usage } from "@ai-sdk/provider";
import type { FinishReason, ModelEvent, Usage } from "../domain/model.ts";
import { errorOfPart } from "./ai-sdk-errors.ts";
import { ReplayRecorder } from "./ai-sdk-replay.ts";
import type { ProviderErrors } from "./provider-errors.ts";

/** Far above what models ask for at a time, and few enough to run and to keep. */
const maxCalls = 256;
/** Of all that one reply says, what its provider wants back of it included: it is kept until its turn ends. In characters. */
const maxReplySize = 8 * 1024 * 1024;

interface Call {
  readonly index: number;
  /** As it is passed on: no two calls of a reply share it. */
  readonly ownId: string;
  /** Its deltas are not JSON: only the whole call counts. */
  readonly isRaw: boolean;
  hasArguments: boolean;
  isOver: boolean;
}

export class SdkReplyDecoder {
  /** What has been decoded and not yet taken. */
  readonly events: ModelEvent[] = [];
  readonly #errors: ProviderErrors;
  readonly #replay = new ReplayRecorder();
  readonly #calls = new Map<string, Call>();
  #count = 0;
  isFinished = false;

  constructor(errors: ProviderErrors) {
    this.#errors = errors;
  }

  /** Throws a `GatewayError` when the reply is no good. */
  add(part: LanguageModelV3StreamPart): void {
    switch (part.type) {
      case "text-start":
      case "text-delta":
        return this.#addText("text", part);
      case "reasoning-start":
      case "reasoning-delta":
        return this.#addText("reasoning", part);
      case "text-end":
      case "reasoning-end":
        return this.#addText(part.type === "text-end" ? "text" : "reasoning", part);
      case "tool-input-start":
        if (part.providerExecuted !== true) this.#open(part.id, part.toolName, part.inputEncoding === "text");
        return;
      case "tool-input-delta":
        return this.#addArguments(this.#calls.get(part.id), part.delta);
      case "tool-call":
        return this.#addCall(part);
      case "error":
        throw errorOfPart(part.error, this.#errors);
      case "finish":
        return this.#finish(part.finishReason, part.usage);
      default:
        return;
    }
  }

  #addText(type: "text" | "reasoning", part: Extract<LanguageModelV3StreamPart, { type: `${"text" | "reasoning"}-${string}` }>): void {
    const text = "delta" in part ? part.delta : "";
    this.#keep(type, part.id, { text, metadata: part.providerMetadata });
    if (text !== "") this.events.push({ type: `${type}_delta`, text });
  }

  #keep(...piece: Parameters<ReplayRecorder["add"]>): void {
    this.#replay.add(...piece);
    if (this.#replay.size > maxReplySize) throw this.#errors.broken(`sent more than ${maxReplySize} characters in one reply`);
  }

  #open(id: string, name: string, isRaw: boolean): Call {
    if (name === "") throw this.#errors.broken("made a tool call without a name");
    if (this.#count === maxCalls) throw this.#errors.broken(`made more than ${maxCalls} tool calls in one reply`);
    // Results are matched to calls by id: an id that came before would make two calls one.
    const ownId = id === "" || this.#calls.has(id) ? `call_${randomBytes(12).toString("hex")}` : id;
    const call: Call = { index: this.#count++, ownId, isRaw, hasArguments: false, isOver: false };
    this.#calls.set(id, call);
    this.#keep("tool-call", ownId, {});
    this.events.push({ type: "tool_call_start", index: call.index, id: ownId, name });
    return call;
  }

  #addArguments(call: Call | undefined, text: string): void {
    if (!call || call.isRaw || text === "") return;
    call.hasArguments = true;
    this.events.push({ type: "tool_call_delta", index: call.index, arguments: text });
  }

  /** The whole call: it closes what was streamed of it, or is all there is of it. */
  #addCall(part: Extract<LanguageModelV3StreamPart, { type: "tool-call" }>): void {
    if (part.providerExecuted === true) return;
    const known = this.#calls.get(part.toolCallId);
    const call = known && !known.isOver ? known : this.#open(part.toolCallId, part.toolName, false);
    if (!call.hasArguments && part.input !== "") {
      call.hasArguments = true;
      this.events.push({ type: "tool_call_delta", index: call.index, arguments: part.input });
    }
    call.isOver = true;
    this.#keep("tool-call", call.ownId, { metadata: part.providerMetadata });
  }

  #finish({ unified, raw }: LanguageModelV3FinishReason, usage: LanguageModelV3Usage): void {
    if (this.isFinished) return;
    // What packages say when the stream just ended.
    if (unified === "other" && raw === undefined) throw this.#errors.broken("ended its reply without a finish reason");
    if (unified === "error") throw this.#errors.broken("ended its reply with an error");
    this.isFinished = true;
    const counted = decodeUsage(usage);
    const replay = this.#replay.finish();
    const reason = finishReasons.get(unified) ?? (this.#count > 0 ? "tool_calls" : "stop");
    this.events.push({ type: "finish", reason, ...(counted && { usage: counted }), ...(replay && { replay }) });
  }
}

/** The others mean that the reply is whole: then its calls tell why it ended. */
const finishReasons: ReadonlyMap<string, FinishReason> = new Map([
  ["length", "length"],
  ["content-filter", "content_filter"],
]);

/** Packages write 0 for what the provider did not say, so a detail of 0 is left out. */
function decodeUsage({ inputTokens, outputTokens }: LanguageModelV3Usage): Usage | undefined {
  const { total: input, cacheRead, cacheWrite } = inputTokens;
  const { total: output, reasoning } = outputTokens;
  if (!isCount(input) || !isCount(output) || input + output === 0) return undefined;
  return {
    inputTokens: input,
    outputTokens: output,
    ...(isCount(cacheRead) && cacheRead > 0 ? { cachedInputTokens: cacheRead } : {}),
    ...(isCount(cacheWrite) && cacheWrite > 0 ? { cacheWriteTokens: cacheWrite } : {}),
    ...(isCount(reasoning) && reasoning > 0 ? { reasoningTokens: reasoning } : {}),
  };
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value >= 0;
}
