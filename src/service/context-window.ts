/**
 * Fits a conversation into the context window of each model that is asked: whole oldest turns of the transcript are left
 * out of what it reads. The rules, each with the test that shows it, are a table of docs/sessions.md.
 *
 * A model is wrapped rather than its input cut beforehand: only when it is asked are the tools and the run's own turns
 * known, and only then does a provider say that it counts otherwise. Deliberately absent: summaries of what is left out,
 * and any change to the transcript.
 */
import { GatewayError } from "../domain/errors.ts";
import { isSystemMessage, type Message } from "../domain/message.ts";
import type { Model, ModelEvent, ModelRequest, ModelSettings } from "../domain/model.ts";
import type { ModelInput } from "./model-input.ts";
import { atLeast, atMost, tokensOfMessage, tokensOfTools } from "./token-estimate.ts";

/** Kept free for a reply when nobody says how long it may get. */
const usualReplyTokens = 4096;
/**
 * Parts of a window that are left out at a time: so the messages that are read begin with the same one for many requests,
 * and the provider's cache of prompts goes on being of use.
 */
const stepsOfWindow = 8;
/** How often a provider that finds the input too long is asked again: with half of it, a quarter, an eighth, and without the transcript. */
const maxRefusals = 4;

/** Is told how many messages of the transcript the model `ref` does not read, each time they become more. */
export type OnLeftOut = (ref: string, messages: number) => void;

/** What a run begins with: instructions, then `historyLength` messages of the transcript, then the caller's input. */
interface Beginning {
  readonly messages: readonly Message[];
  readonly historyLength: number;
}

/**
 * The same models, each of which reads no more than fits. `messages` are instructions, then `historyLength` messages of the
 * transcript, whose turns may be left out, then the caller's input. A request that brings its history along has none that may.
 */
export function fitToWindow({ models, messages }: ModelInput, historyLength: number, onLeftOut: OnLeftOut): ModelInput {
  const beginning = { messages, historyLength };
  const fitted = models.map((model) => {
    if (model.contextWindow === undefined && historyLength === 0) return model;
    const window = new ContextWindow(model, beginning, onLeftOut);
    const stream = (request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent, undefined> => {
      const ask = () => model.stream({ ...request, messages: window.fit(request) }, signal)[Symbol.asyncIterator]();
      const askLess = (thrown: unknown): boolean => isTooLong(thrown) && !signal.aborted && window.halve(request);
      return { [Symbol.asyncIterator]: () => new FittedReply(ask, askLess) };
    };
    return { ...model, stream };
  });
  return { models: fitted, messages };
}

/** What one model reads in one run. Turns that were left out once stay left out. */
class ContextWindow {
  readonly #model: Model;
  readonly #beginning: Beginning;
  readonly #onLeftOut: OnLeftOut;
  readonly #historyStart: number;
  /** The lengths that a beginning of the transcript may have to end with a turn, shortest first. */
  #turnEnds: readonly number[] | undefined;
  /** Tokens that the messages of the run have at most: of none of them, of the first, of the first two … */
  readonly #sums: number[] = [0];
  /** Of the tools, which are the same in all turns of a run. */
  #toolsSize: number | undefined;
  /** What the provider may find short enough, after it has refused more. */
  #halved = Infinity;
  #refusals = 0;
  /** How many messages of the transcript are not read. */
  leftOut = 0;

  constructor(model: Model, beginning: Beginning, onLeftOut: OnLeftOut) {
    this.#model = model;
    this.#beginning = beginning;
    this.#onLeftOut = onLeftOut;
    const first = beginning.messages.findIndex((message) => !isSystemMessage(message));
    this.#historyStart = Math.max(0, first);
  }

  /** What of the request's messages is to be read. Throws `context_length_exceeded` when no more may be left out and it is clearly too long. */
  fit(request: ModelRequest): readonly Message[] {
    this.#leaveOut(request);
    const { messages } = request;
    const start = this.#historyStart;
    const kept = this.leftOut === 0 ? messages : [...messages.slice(0, start), ...messages.slice(start + this.leftOut)];
    this.#refuseOverlong(request, kept);
    return kept;
  }

  /** The provider has found it too long. Whether there is less that it can be asked. */
  halve(request: ModelRequest): boolean {
    if (this.#refusals === maxRefusals) return false;
    this.#refusals++;
    this.#halved = this.#refusals === maxRefusals ? 0 : this.#sizeOf(request) / 2;
    const before = this.leftOut;
    this.#leaveOut(request);
    return this.leftOut > before;
  }

  #leaveOut(request: ModelRequest): void {
    const { contextWindow } = this.#model;
    if (contextWindow === undefined && this.#halved === Infinity) return;
    const size = this.#sizeOf(request);
    const limit = contextWindow === undefined ? Infinity : contextWindow - this.#roomForReply(contextWindow, request.settings);
    const excess = size - Math.min(limit, this.#halved);
    if (excess <= 0) return;
    // Counted from the beginning of the transcript, so that the session's next request comes to the same.
    const step = contextWindow === undefined || this.#halved < limit ? 1 : contextWindow / stepsOfWindow;
    const needed = Math.ceil((excess + this.#sizeOfHistory(this.leftOut)) / step) * step;
    this.#turnEnds ??= this.#findTurnEnds();
    const end = this.#turnEnds.find((length) => this.#sizeOfHistory(length) >= needed) ?? this.#turnEnds.at(-1) ?? 0;
    if (end <= this.leftOut) return;
    this.leftOut = end;
    this.#onLeftOut(this.#model.ref, end);
  }

  /** A turn begins with what the caller said: with the first message of several. */
  #findTurnEnds(): number[] {
    const { messages, historyLength } = this.#beginning;
    const ends: number[] = [];
    for (let length = 1; length <= historyLength; length++) {
      const at = this.#historyStart + length;
      if (messages[at]?.role === "user" && messages[at - 1]?.role !== "user") ends.push(length);
    }
    return ends;
  }

  /** The provider may count less than is estimated here, so that only what is beyond doubt is refused without it. */
  #refuseOverlong(request: ModelRequest, kept: readonly Message[]): void {
    const { contextWindow, ref } = this.#model;
    if (contextWindow === undefined || this.#sizeOf(request) <= contextWindow) return;
    let least = tokensOfTools(request.tools, atLeast);
    for (const message of kept) least += tokensOfMessage(message, ref, atLeast);
    if (least <= contextWindow) return;
    throw new GatewayError(
      "context_length_exceeded",
      `The input has at least ${Math.floor(least)} tokens, and the model '${ref}' reads no more than ${contextWindow} (its contextWindow in models.providers). Shorten it.`,
      { param: "messages" },
    );
  }

  /** The caller's limit, else the configured one. Whoever names more than half a window wants no limit rather than no input. */
  #roomForReply(contextWindow: number, { maxCompletionTokens = Infinity, maxTokens = Infinity }: ModelSettings): number {
    const asked = Math.min(maxCompletionTokens, maxTokens);
    const usual = this.#model.maxTokens ?? Math.min(usualReplyTokens, contextWindow / 4);
    return Math.min(asked === Infinity ? usual : asked, contextWindow / 2);
  }

  /** Of all that would be sent. */
  #sizeOf({ messages, tools }: ModelRequest): number {
    for (let at = this.#sums.length - 1; at < messages.length; at++) {
      this.#sums.push(this.#sums[at]! + tokensOfMessage(messages[at]!, this.#model.ref, atMost));
    }
    this.#toolsSize ??= tokensOfTools(tools, atMost);
    return this.#toolsSize + this.#sums[messages.length]! - this.#sizeOfHistory(this.leftOut);
  }

  /** Of the first `length` messages of the transcript. */
  #sizeOfHistory(length: number): number {
    return length === 0 ? 0 : this.#sums[this.#historyStart + length]! - this.#sums[this.#historyStart]!;
  }
}

/** One reply of a model that is asked with what fits, and with less when its provider finds that too long. What comes then passes through. */
class FittedReply implements AsyncIterator<ModelEvent, undefined> {
  readonly #ask: () => AsyncIterator<ModelEvent, undefined>;
  readonly #askLess: (thrown: unknown) => boolean;
  #reply: AsyncIterator<ModelEvent, undefined> | undefined;
  #isBegun = false;

  /** `askLess`: whether it makes sense to ask again after what was thrown. */
  constructor(ask: () => AsyncIterator<ModelEvent, undefined>, askLess: (thrown: unknown) => boolean) {
    this.#ask = ask;
    this.#askLess = askLess;
  }

  next(): Promise<IteratorResult<ModelEvent, undefined>> {
    return this.#isBegun ? this.#reply!.next() : this.#begin();
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.#reply?.return?.();
    return { done: true, value: undefined };
  }

  async #begin(): Promise<IteratorResult<ModelEvent, undefined>> {
    for (;;) {
      try {
        this.#reply = this.#ask();
        const step = await this.#reply.next();
        this.#isBegun = true;
        return step;
      } catch (thrown) {
        if (!this.#askLess(thrown)) throw thrown;
      }
    }
  }
}

function isTooLong(thrown: unknown): boolean {
  return thrown instanceof GatewayError && thrown.code === "context_length_exceeded";
}
