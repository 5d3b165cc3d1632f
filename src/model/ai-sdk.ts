/**
 * A model behind a package of the AI SDK, by its provider interface alone: Anthropic, Google, and whatever else the user
 * installed. Their wire is the package's business; connections, retries, limits and errors are the gateway's.
 *
 * The iterator is written by hand rather than as a generator, so that `return()` and an abort end a waiting `next()` at
 * once, whatever the package does. One `next()` at a time, as `for await` does.
 */
import type { LanguageModelV3, LanguageModelV3StreamPart } from "@ai-sdk/provider";
import type { ProviderConfig } from "../config/config.ts";
import type { Model, ModelEvent, ModelRequest } from "../domain/model.ts";
import { encodeCall, type CallContext } from "./ai-sdk-call.ts";
import { errorOfThrown } from "./ai-sdk-errors.ts";
import { providerFetch } from "./ai-sdk-fetch.ts";
import { openLanguageModel } from "./ai-sdk-provider.ts";
import { SdkReplyDecoder } from "./ai-sdk-reply.ts";
import { describeModel } from "./describe-model.ts";
import type { Pool } from "./provider-connection.ts";
import { ProviderErrors } from "./provider-errors.ts";

/** How long the rest of a finished reply is waited for, so that its connection can serve the next one. */
const drainMs = 1000;

export function aiSdkModel(provider: ProviderConfig, modelId: string, pool: Pool): Model {
  const errors = new ProviderErrors(provider);
  const about = describeModel(provider, modelId);
  const maxTokens = provider.models.find((model) => model.id === modelId)?.maxTokens;
  const context: CallContext = { ref: about.ref, api: provider.api, maxTokens };
  let opened: Promise<LanguageModelV3> | undefined;
  const open = (): Promise<LanguageModelV3> =>
    (opened ??= openLanguageModel(provider, modelId, providerFetch(provider, pool, errors)).catch((thrown: unknown) => {
      // What is mended meanwhile works from then on.
      opened = undefined;
      throw thrown;
    }));
  return {
    ...about,
    stream: (request, signal) => ({ [Symbol.asyncIterator]: () => new SdkReply({ open, context, errors }, request, signal) }),
  };
}

interface Source {
  readonly open: () => Promise<LanguageModelV3>;
  readonly context: CallContext;
  readonly errors: ProviderErrors;
}

type Step = IteratorResult<ModelEvent, undefined>;
const over: IteratorReturnResult<undefined> = { done: true, value: undefined };

class SdkReply implements AsyncIterator<ModelEvent, undefined> {
  readonly #source: Source;
  readonly #request: ModelRequest;
  readonly #signal: AbortSignal;
  readonly #decoder: SdkReplyDecoder;
  /** Aborted without a reason: some packages take a reason for their own error. */
  readonly #closer = new AbortController();
  readonly #closed: Promise<void>;
  /** Closes the upstream connection, and ends a read that waits. */
  readonly #close = (): void => {
    this.#closer.abort();
    this.#reader?.cancel().catch(() => undefined);
  };
  #reader: ReadableStreamDefaultReader<LanguageModelV3StreamPart> | undefined;
  #taken = 0;
  /** Thrown once the events before it have been handed out. */
  #failure: { readonly thrown: unknown } | undefined;
  #isOver = false;

  constructor(source: Source, request: ModelRequest, signal: AbortSignal) {
    this.#source = source;
    this.#request = request;
    this.#signal = signal;
    this.#decoder = new SdkReplyDecoder(source.errors);
    this.#closed = new Promise((resolve) => this.#closer.signal.addEventListener("abort", () => resolve(), { once: true }));
  }

  next(): Promise<Step> {
    if (this.#isOver) return Promise.resolve(over);
    if (this.#taken < this.#decoder.events.length && !this.#signal.aborted) return Promise.resolve(this.#take());
    return this.#advance();
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#end();
    return Promise.resolve(over);
  }

  #take(): Step {
    return { done: false, value: this.#decoder.events[this.#taken++]! };
  }

  async #advance(): Promise<Step> {
    try {
      this.#signal.throwIfAborted();
      this.#reader ??= await this.#open();
      while (!this.#isOver && this.#taken === this.#decoder.events.length) {
        if (this.#failure) throw this.#failure.thrown;
        if (this.#decoder.isFinished) {
          this.#end();
          return over;
        }
        this.#decoder.events.length = this.#taken = 0;
        await this.#readMore();
        this.#signal.throwIfAborted();
      }
      return this.#isOver ? over : this.#take();
    } catch (thrown) {
      if (this.#isOver) return over;
      this.#end();
      if (this.#signal.aborted) throw this.#signal.reason;
      throw errorOfThrown(thrown, this.#source.errors);
    }
  }

  async #open(): Promise<ReadableStreamDefaultReader<LanguageModelV3StreamPart>> {
    this.#signal.addEventListener("abort", this.#close, { once: true });
    const model = await this.#source.open();
    const call = encodeCall(this.#request, model, this.#source.context);
    const asked = Promise.resolve(model.doStream({ ...call, abortSignal: this.#closer.signal }));
    const result = await Promise.race([asked, this.#closed]);
    if (result) return result.stream.getReader();
    // Too late to be read: whatever comes is let go.
    asked.then(({ stream }) => stream.cancel()).catch(() => undefined);
    throw new Error("The reply was given up.");
  }

  /** Reads one part. A failure is kept: events may have come before it. */
  async #readMore(): Promise<void> {
    try {
      const part = await this.#reader!.read();
      if (this.#isOver || this.#signal.aborted) return;
      if (part.done) throw this.#source.errors.broken("ended its reply without a finish reason");
      this.#decoder.add(part.value);
    } catch (thrown) {
      this.#failure = { thrown };
    }
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#signal.removeEventListener("abort", this.#close);
    if (this.#decoder.isFinished) void this.#drain();
    else this.#close();
  }

  async #drain(): Promise<void> {
    const timer = setTimeout(this.#close, drainMs).unref();
    try {
      while (!(await this.#reader!.read()).done);
    } catch {
      // The reply is complete: how its connection ends is of no interest.
    } finally {
      clearTimeout(timer);
    }
  }
}
