/**
 * A model behind any server that speaks OpenAI's chat completions: OpenAI, Ollama, vLLM, llama.cpp, LM Studio …
 *
 * Always streams. The iterator is written by hand rather than as a generator, so that `return()` closes the connection
 * even while a `next()` waits, and because it is the path of every chunk. One `next()` at a time, as `for await` does.
 */
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../domain/errors.ts";
import type { Model, ModelEvent, ModelRequest } from "../domain/model.ts";
import { describeModel } from "./describe-model.ts";
import { drain, EventStreamBody, WholeBody, type ReplyBody } from "./openai-body.ts";
import { Closer, Connection, type Pool, type RequestOptions } from "./provider-connection.ts";
import { ProviderErrors } from "./provider-errors.ts";
import { ReplyDecoder } from "./openai-reply.ts";
import { encodeRequest, type DefaultLimit } from "./openai-request.ts";

/** How long the rest of a reply is waited for after its finish reason, in all: usage, `[DONE]`, the end. */
const afterFinishMs = 5000;

export function openaiCompatibleModel(provider: ProviderConfig, modelId: string, pool: Pool): Model {
  const connection = new Connection(pool, new ProviderErrors(provider), chatCompletionsOf(provider));
  const defaultLimit = defaultLimitOf(provider, modelId);
  const encode = (request: ModelRequest): string => encodeRequest(modelId, request, defaultLimit);
  return {
    ...describeModel(provider, modelId),
    stream: (request, signal) => ({ [Symbol.asyncIterator]: () => new ReplyStream(connection, () => encode(request), signal) }),
  };
}

function chatCompletionsOf({ baseUrl, apiKey, headers, timeoutMs }: ProviderConfig): RequestOptions {
  const url = new URL(baseUrl);
  return {
    method: "POST",
    origin: url.origin,
    path: `${url.pathname.replace(/\/$/u, "")}/chat/completions${url.search}`,
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream, application/json",
      "accept-encoding": "identity",
      "user-agent": "clawgate",
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  };
}

/**
 * OpenAI refuses `max_tokens` for its newer models, and servers like it may not know the newer name. A limit as large as
 * the context limits nothing, and some servers refuse it because nothing would be left for the prompt.
 */
function defaultLimitOf({ baseUrl, models }: ProviderConfig, modelId: string): DefaultLimit | undefined {
  const { maxTokens, contextWindow = Infinity } = models.find(({ id }) => id === modelId) ?? {};
  if (maxTokens === undefined || maxTokens >= contextWindow) return undefined;
  const isOpenai = /(?:^|\.)(?:api\.openai\.com|openai\.azure\.com)$/u.test(new URL(baseUrl).hostname);
  return isOpenai ? { max_completion_tokens: maxTokens } : { max_tokens: maxTokens };
}

type Step = IteratorResult<ModelEvent, undefined>;
const over: IteratorReturnResult<undefined> = { done: true, value: undefined };

class ReplyStream implements AsyncIterator<ModelEvent, undefined> {
  readonly #connection: Connection;
  readonly #encode: () => string;
  readonly #signal: AbortSignal;
  readonly #decoder: ReplyDecoder;
  readonly #closer = new Closer();
  /** Closes the upstream connection at once. */
  readonly #close = (): void => this.#closer.abort();
  #pieces: AsyncIterator<Buffer> | undefined;
  #body: ReplyBody | undefined;
  /** How many of the decoder's events have been handed out. */
  #taken = 0;
  /** The longer it has been, the shorter the next piece is waited for: a provider may go on with signs of life for ever. */
  #waitedAfterFinishMs = 0;
  /** Thrown once the events before it have been handed out. */
  #failure: { readonly thrown: unknown } | undefined;
  /** The finish event is among the decoder's events or was handed out. */
  #isComplete = false;
  #isOver = false;

  constructor(connection: Connection, encode: () => string, signal: AbortSignal) {
    this.#connection = connection;
    this.#encode = encode;
    this.#signal = signal;
    this.#decoder = new ReplyDecoder(connection.errors);
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
      this.#body ??= await this.#open();
      while (this.#taken === this.#decoder.events.length) {
        if (this.#failure) throw this.#failure.thrown;
        if (this.#isComplete) {
          this.#end();
          return over;
        }
        this.#decoder.events.length = this.#taken = 0;
        await this.#readMore(this.#body);
        if (this.#isOver) return over;
        this.#signal.throwIfAborted();
      }
      return this.#take();
    } catch (thrown) {
      if (this.#isOver) return over;
      this.#end();
      if (this.#signal.aborted) throw this.#signal.reason;
      throw this.#connection.errors.fromThrown(thrown);
    }
  }

  async #open(): Promise<ReplyBody> {
    this.#signal.addEventListener("abort", this.#close, { once: true });
    const { headers, body } = await this.#connection.request(this.#encode(), this.#closer);
    this.#pieces = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    const { errors } = this.#connection;
    const said = String(headers["content-type"] ?? "text/event-stream");
    const type = said.toLowerCase();
    if (type.startsWith("text/event-stream")) return new EventStreamBody(this.#pieces, this.#decoder, errors);
    if (type.startsWith("application/json")) return new WholeBody(this.#pieces, this.#decoder, errors);
    throw errors.wrongType(said);
  }

  /** Reads one piece. A failure is kept: events may have come before it. */
  async #readMore(body: ReplyBody): Promise<void> {
    if (!this.#decoder.hasFinishReason) return this.#read(body);
    const since = performance.now();
    const timer = setTimeout(this.#close, Math.ceil(afterFinishMs - this.#waitedAfterFinishMs));
    await this.#read(body);
    clearTimeout(timer);
    this.#waitedAfterFinishMs += performance.now() - since;
  }

  async #read(body: ReplyBody): Promise<void> {
    try {
      const state = await body.read();
      if (state === "open") return;
      this.#decoder.end(true);
      this.#complete();
      if (state === "done" && this.#pieces) void drain(this.#pieces, this.#close);
    } catch (thrown) {
      if (!this.#isWholeDespite(thrown)) this.#failure = { thrown };
    }
  }

  /** A connection that breaks after the finish reason has said all there was to say. */
  #isWholeDespite(thrown: unknown): boolean {
    if (thrown instanceof GatewayError || this.#isOver || this.#signal.aborted || !this.#decoder.hasFinishReason) return false;
    try {
      this.#decoder.end(false);
    } catch {
      return false;
    }
    this.#complete();
    return true;
  }

  #complete(): void {
    this.#isComplete = true;
    this.#signal.removeEventListener("abort", this.#close);
  }

  #end(): void {
    this.#isOver = true;
    this.#signal.removeEventListener("abort", this.#close);
    if (!this.#isComplete) this.#close();
  }
}
