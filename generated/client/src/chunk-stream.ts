// Generated from scripts/client/template/chunk-stream.ts by `npm run generate`. Do not edit.

/**
 * A streamed reply: its headers at once, its chunks as they come. The loop over it ends well only after `[DONE]`; a failed
 * run and a stream that was cut throw a ClawgateError, an abort throws the signal's reason. Leaving the loop early closes
 * the connection, which ends the run.
 */
import type { RequestOptions } from "./connection.js";
import { ClawgateError, readErrorBody } from "./errors.js";
import { readEventData } from "./event-stream.js";
import { readHeaders, type ReplyHeaders } from "./reply.js";

export class ChunkStream<T> implements AsyncIterable<T> {
  readonly headers: ReplyHeaders;
  readonly #body: ReadableStream<Uint8Array>;
  readonly #signal: AbortSignal | undefined;

  constructor(body: ReadableStream<Uint8Array>, headers: ReplyHeaders, signal?: AbortSignal) {
    this.#body = body;
    this.headers = headers;
    this.#signal = signal;
  }

  /** The chunks, once: they are not kept. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    if (this.#body.locked) throw new TypeError("The chunks of a stream can be read once: keep those that are needed again.");
    const signal = this.#signal;
    const reader = this.#body.getReader();
    const close = (): void => void reader.cancel().catch(() => undefined);
    // Whatever `fetch` makes of the signal, the connection is closed.
    signal?.addEventListener("abort", close);
    let isDone = false;
    try {
      signal?.throwIfAborted();
      for await (const data of readEventData(reader)) {
        // What follows `[DONE]` is only read, so that the connection can be used again.
        if (isDone) continue;
        isDone = data === "[DONE]";
        if (isDone) continue;
        yield this.#readChunk(data);
        signal?.throwIfAborted();
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ClawgateError) throw error;
      if (!isDone) throw this.#error("reply_cut", "The stream broke off: what came so far is not the whole reply.", error);
    } finally {
      signal?.removeEventListener("abort", close);
      close();
    }
    signal?.throwIfAborted();
    if (!isDone) throw this.#error("reply_cut", "The stream ended without [DONE]: what came so far is not the whole reply.");
  }

  /** Closes the connection of a stream whose chunks nobody wants; within a loop, `break` does it. */
  async cancel(): Promise<void> {
    if (!this.#body.locked) await this.#body.cancel().catch(() => undefined);
  }

  #readChunk(data: string): T {
    let chunk: unknown;
    try {
      chunk = JSON.parse(data);
    } catch (cause) {
      throw this.#error("reply_not_understood", `A piece of the stream is not JSON: ${data.slice(0, 200)}`, cause);
    }
    const failure = readErrorBody(chunk);
    if (failure) throw new ClawgateError({ ...failure, headers: this.headers.all });
    return chunk as T;
  }

  #error(code: "reply_cut" | "reply_not_understood", message: string, cause?: unknown): ClawgateError {
    return new ClawgateError({ message, code, type: "transport_error", headers: this.headers.all, cause });
  }
}

export async function openStream<T>({ signal }: RequestOptions, send: () => Promise<{ response: Response }>): Promise<ChunkStream<T>> {
  const { response } = await send();
  const { status, headers, body } = response;
  if (body && headers.get("content-type")?.startsWith("text/event-stream")) return new ChunkStream<T>(body, readHeaders(headers), signal);
  await body?.cancel();
  const message = `The reply is not a stream of events but '${headers.get("content-type") ?? "nothing"}', so it is not the gateway's.`;
  throw new ClawgateError({ message, code: "reply_not_understood", type: "transport_error", status, headers });
}
