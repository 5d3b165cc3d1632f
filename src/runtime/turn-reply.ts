/** One model reply while it comes: the model's events in, the run's events out, and at the end what it all came to. */
import { GatewayError } from "../domain/errors.ts";
import type { AssistantMessage, ToolCall } from "../domain/message.ts";
import type { FinishReason, ModelEvent, ToolDefinition, Usage } from "../domain/model.ts";
import type { RunEvent } from "../domain/run.ts";
import { CallLog } from "./call-log.ts";
import type { Speech } from "./speech.ts";

/** A reply is kept in memory until its turn ends; far above what a model writes, far below what a process can hold. */
const maxReplyCharacters = 8 * 1024 * 1024;

export interface Finish {
  readonly reason: FinishReason;
  readonly usage?: Usage;
  readonly replay?: unknown;
}

export class TurnReply {
  readonly calls: CallLog;
  refusal = "";
  readonly #ref: string;
  readonly #speech: Speech;
  #finish: Finish | undefined;
  #size = 0;

  constructor(ref: string, callerTools: readonly ToolDefinition[], speech: Speech) {
    this.#ref = ref;
    this.calls = new CallLog(callerTools);
    this.#speech = speech;
    speech.startTurn();
  }

  /** The run event that `event` means, if it means one now. */
  take(event: ModelEvent): RunEvent | undefined {
    this.#size += sizeOf(event);
    if (this.#size > maxReplyCharacters)
      throw this.#broken(`wrote more than ${maxReplyCharacters} characters in one reply and was stopped`);
    switch (event.type) {
      case "text_delta": {
        const text = this.#speech.say(event.text);
        return text === "" ? undefined : { type: "text_delta", text };
      }
      case "refusal_delta":
        this.refusal += event.text;
        return event;
      case "reasoning_delta":
        return event;
      case "tool_call_start":
        return this.calls.start(event.index, event.id, event.name);
      case "tool_call_delta":
        return this.calls.append(event.index, event.arguments);
      case "finish":
        this.#finish = event;
        return undefined;
    }
  }

  /** Throws `upstream_error` when the model never said that it was done. */
  get finish(): Finish {
    if (!this.#finish) throw this.#broken("stopped without saying why");
    return this.#finish;
  }

  /** As it goes into the history. What the model wants replayed names all of its calls, so it stays only if they do. */
  message(toolCalls: readonly ToolCall[]): AssistantMessage {
    const { replay } = this.finish;
    return {
      role: "assistant",
      content: this.#speech.turnText,
      ...(this.refusal === "" ? {} : { refusal: this.refusal }),
      toolCalls,
      ...(replay === undefined || toolCalls.length < this.calls.all().length ? {} : { replay: { model: this.#ref, content: replay } }),
    };
  }

  #broken(what: string): GatewayError {
    return new GatewayError("upstream_error", `The model ${this.#ref} ${what}.`);
  }
}

/** Whether the caller sees something of it, so that the turn cannot be begun again by another model. */
export function isSeen(event: RunEvent): boolean {
  switch (event.type) {
    case "text_delta":
    case "reasoning_delta":
    case "refusal_delta":
      return true;
    case "tool_call_start":
      return event.owner === "caller";
    default:
      return false;
  }
}

function sizeOf(event: ModelEvent): number {
  switch (event.type) {
    case "text_delta":
    case "reasoning_delta":
    case "refusal_delta":
      return event.text.length;
    case "tool_call_start":
      return event.id.length + event.name.length;
    case "tool_call_delta":
      return event.arguments.length;
    default:
      return 0;
  }
}
