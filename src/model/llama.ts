/**
 * `llama:<path>`: a model file in this process, through the package node-llama-cpp, which the user installs.
 *
 * A file is loaded by its first reply and stays loaded; its replies are made one after the other. Deliberately absent:
 * images, and leaving out old messages: a conversation that does not fit is an error.
 */
import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../domain/errors.ts";
import type { FinishReason, Model, ModelEvent, ModelRequest, Usage } from "../domain/model.ts";
import type { Llama, LlamaChat, LlamaPackage, LlamaSequence } from "./llama-binding.ts";
import { encodeHistory, encodeOptions } from "./llama-request.ts";
import { loadPackage } from "./load-package.ts";

export const llamaPrefix = "llama:";

/** Tokens of prompt and reply; less when the file or the memory has room for less. */
const maxContextTokens = 16_384;

export function llamaModel({ packageEntry = "" }: ProviderConfig, path: string, runtime: LlamaRuntime): Model {
  const ref = llamaPrefix + path;
  return { ref, takesImages: false, stream: (request, signal) => reply(() => runtime.load(packageEntry, path), ref, request, signal) };
}

interface Loaded {
  readonly llama: Llama;
  readonly chat: LlamaChat;
  readonly sequence: LlamaSequence;
  /** Settles when the replies before have ended. */
  turn: Promise<void>;
}

/** The loaded files. */
export class LlamaRuntime {
  #llama: Promise<Llama> | undefined;
  readonly #loaded = new Map<string, Promise<Loaded>>();

  load(packageEntry: string, path: string): Promise<Loaded> {
    let loaded = this.#loaded.get(path);
    if (!loaded) {
      loaded = this.#load(packageEntry, path).catch((thrown: unknown) => {
        this.#loaded.delete(path);
        throw new GatewayError("upstream_error", `The model ${llamaPrefix}${path} cannot be loaded: ${wordsOf(thrown)}`, { cause: thrown });
      });
      this.#loaded.set(path, loaded);
    }
    return loaded;
  }

  async #load(packageEntry: string, path: string): Promise<Loaded> {
    const { getLlama, LlamaChat } = (await loadPackage(packageEntry)) as LlamaPackage;
    // One core is left for everybody else's requests.
    const threads = Math.max(1, availableParallelism() - 1);
    const llama = await (this.#llama ??= getLlama({
      build: "never",
      maxThreads: threads,
      logLevel: "error",
      logger: () => undefined,
      progressLogs: false,
      skipDownload: true,
    }));
    const model = await llama.loadModel({ modelPath: path });
    const context = await model.createContext({ sequences: 1, contextSize: { max: maxContextTokens }, threads });
    const sequence = context.getSequence();
    return { llama, sequence, chat: new LlamaChat({ contextSequence: sequence }), turn: Promise.resolve() };
  }

  async close(): Promise<void> {
    const llama = await this.#llama?.catch(() => undefined);
    this.#loaded.clear();
    await llama?.dispose();
  }
}

async function* reply(
  load: () => Promise<Loaded>,
  ref: string,
  request: ModelRequest,
  signal: AbortSignal,
): AsyncGenerator<ModelEvent, void, undefined> {
  signal.throwIfAborted();
  const stop = new AbortController();
  const abort = (): void => stop.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  const queue = new EventQueue();
  let leave = (): void => undefined;
  try {
    const loaded = await until(load(), stop.signal);
    const before = loaded.turn;
    const over = new Promise<void>((resolve) => (leave = resolve));
    loaded.turn = before.then(() => over);
    await until(before, stop.signal);
    const generated = generate(loaded, ref, request, queue, stop.signal).finally(leave);
    // The next one waits for the package to have stopped, not only for this reader to have gone.
    leave = () => undefined;
    void generated.then(queue.close, queue.fail);
    for await (const event of queue.events()) {
      signal.throwIfAborted();
      yield event;
    }
  } catch (thrown) {
    signal.throwIfAborted();
    throw thrown instanceof GatewayError
      ? thrown
      : new GatewayError("upstream_error", `The model ${ref} failed: ${wordsOf(thrown)}`, { cause: thrown });
  } finally {
    signal.removeEventListener("abort", abort);
    stop.abort();
    leave();
  }
}

/** One reply into `queue`. It ends before the next one begins, also when nobody reads it any more. */
async function generate(loaded: Loaded, ref: string, request: ModelRequest, queue: EventQueue, signal: AbortSignal): Promise<void> {
  const { llama, chat, sequence } = loaded;
  const started = sequence.tokenMeter.getState();
  const calls = new Map<number, { index: number; hasArguments: boolean }>();
  const full = new AbortController();
  const options = await encodeOptions(request, llama).catch((thrown: unknown) => {
    throw new GatewayError("unsupported_parameter", `The model ${ref} cannot be held to this response_format: ${wordsOf(thrown)}`, {
      param: "response_format",
      cause: thrown,
    });
  });
  const finished = await chat
    .generateResponse(encodeHistory(request.messages), {
      ...options,
      signal: AbortSignal.any([signal, full.signal]),
      contextShift: {
        // Nothing is left out: the reply ends. What is returned is never read, but must be short.
        strategy: () => {
          full.abort(new GatewayError("context_length_exceeded", `The conversation is longer than the model ${ref} can read: shorten it.`));
          return { chatHistory: [{ type: "model", response: [] }], metadata: null };
        },
      },
      onResponseChunk: ({ type, text }) => {
        if (text !== "") queue.add({ type: type === "segment" ? "reasoning_delta" : "text_delta", text });
      },
      ...(options.functions && {
        onFunctionCallParamsChunk: ({ callIndex, functionName, paramsChunk, done }) => {
          let call = calls.get(callIndex);
          if (!call) {
            calls.set(callIndex, (call = { index: calls.size, hasArguments: false }));
            queue.add({ type: "tool_call_start", index: call.index, id: `call_${randomBytes(12).toString("hex")}`, name: functionName });
          }
          const text = paramsChunk === "" && done && !call.hasArguments ? "{}" : paramsChunk;
          if (text === "") return;
          call.hasArguments = true;
          queue.add({ type: "tool_call_delta", index: call.index, arguments: text });
        },
      }),
    })
    .catch((thrown: unknown) => {
      // The context was full in the middle of the reply, rather than before it.
      if (full.signal.aborted && queue.isBegun) return { metadata: { stopReason: "maxTokens" } };
      throw thrown;
    });
  const usage = usageOf(sequence, started);
  const { stopReason } = finished.metadata;
  const reason: FinishReason = stopReason === "maxTokens" ? "length" : calls.size > 0 ? "tool_calls" : "stop";
  queue.add({ type: "finish", reason, ...(usage && { usage }) });
}

/** The meter counts what was read anew; the sequence knows what it held already. */
function usageOf({ tokenMeter, nextTokenIndex }: LlamaSequence, started: ReturnType<LlamaSequence["tokenMeter"]["getState"]>): Usage {
  const { usedInputTokens: read, usedOutputTokens: outputTokens } = tokenMeter.diff(started);
  const inputTokens = Math.max(read, nextTokenIndex - outputTokens);
  return { inputTokens, outputTokens, ...(inputTokens > read ? { cachedInputTokens: inputTokens - read } : {}) };
}

/** Events that come when they like, for a reader that comes when it likes. */
class EventQueue {
  #waiting: ModelEvent[] = [];
  #wake: (() => void) | undefined;
  #end: { readonly thrown?: unknown } | undefined;
  isBegun = false;

  add(event: ModelEvent): void {
    this.isBegun = true;
    this.#waiting.push(event);
    this.#wake?.();
  }

  readonly close = (): void => {
    this.#end = {};
    this.#wake?.();
  };

  readonly fail = (thrown: unknown): void => {
    this.#end = { thrown };
    this.#wake?.();
  };

  async *events(): AsyncGenerator<ModelEvent, void, undefined> {
    for (;;) {
      const events = this.#waiting;
      this.#waiting = [];
      yield* events;
      if (this.#waiting.length > 0) continue;
      if (this.#end && "thrown" in this.#end) throw this.#end.thrown;
      if (this.#end) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** What `promise` brings, or the signal's reason if that comes first. */
async function until<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  let abort: (() => void) | undefined;
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_, reject) => {
        abort = () => reject(signal.reason as Error);
        if (signal.aborted) abort();
        signal.addEventListener("abort", abort, { once: true });
      }),
    ]);
  } finally {
    if (abort) signal.removeEventListener("abort", abort);
  }
}

function wordsOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return `${text.slice(0, 300)}${/[.!?]$/u.test(text) ? "" : "."}`;
}
