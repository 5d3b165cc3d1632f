/**
 * Chunks → bytes of a `text/event-stream` reply, each with its number where it has one: waits for the first, coalesces what comes in one go, keeps the
 * connection alive through silence, slows down with its reader, reports a late failure in the stream, ends with `[DONE]`.
 *
 * Deliberately absent: named events and `event: error` (they crash or mislead common clients) and retry hints.
 */
import type { ServerResponse } from "node:http";
import { errorReply } from "./errors.ts";

export interface EventStreamOptions {
  /** Sent with the 200. */
  readonly headers: { readonly [name: string]: string };
  /** Silence after which a comment is sent. */
  readonly keepAliveMs: number;
  /** Aborted by whoever ends the request early; a stream that ends without an error after that is cut, not finished. */
  readonly signal: AbortSignal;
}

const flushAtBytes = 16 * 1024;

/** What is sent with a number, by which its reader can go on after it on another connection. */
export class Numbered<Data extends object> {
  readonly seq: number;
  readonly data: Data;

  constructor(seq: number, data: Data) {
    this.seq = seq;
    this.data = data;
  }
}

/**
 * Resolves when the last byte was handed over or the reader has gone. Rejects only while nothing has been sent,
 * so that the failure can still become an ordinary error reply.
 */
export async function sendEventStream(res: ServerResponse, chunks: AsyncIterable<object>, options: EventStreamOptions): Promise<void> {
  const writer = new EventWriter(res, options);
  // Of a stream that is only looked up nothing would be sent, however long it takes.
  if (res.req.method === "HEAD") return writer.end("");
  try {
    for await (const chunk of chunks) {
      // A closed reader is not waited for, but the chunks are read to their end: that is what settles the run.
      if (writer.isClosed) continue;
      if (chunk instanceof Numbered) writer.write(`id: ${chunk.seq}\ndata: ${JSON.stringify(chunk.data)}\n\n`);
      else writer.write(`data: ${JSON.stringify(chunk)}\n\n`);
      if (writer.isFull) await writer.drained();
    }
    if (options.signal.aborted) writer.cut();
    else writer.end("data: [DONE]\n\n");
  } catch (thrown) {
    if (!writer.hasStarted) throw thrown;
    writer.end(`data: ${JSON.stringify(errorReply(thrown).body)}\n\ndata: [DONE]\n\n`);
  } finally {
    writer.stop();
  }
}

class EventWriter {
  readonly #res: ServerResponse;
  readonly #options: EventStreamOptions;
  readonly #silence: NodeJS.Timeout;
  #pending = "";
  #flush: NodeJS.Immediate | undefined;
  /** The last write went over the socket's buffer limit. */
  isFull = false;
  hasStarted = false;

  constructor(res: ServerResponse, options: EventStreamOptions) {
    this.#res = res;
    this.#options = options;
    this.#silence = setTimeout(() => this.#keepAlive(), options.keepAliveMs).unref();
  }

  get isClosed(): boolean {
    return this.#res.destroyed || this.#res.closed;
  }

  write(frame: string): void {
    this.#pending += frame;
    if (this.#pending.length >= flushAtBytes) this.#flushNow();
    else this.#flush ??= setImmediate(() => this.#flushNow());
  }

  /** Resolves when the reader has caught up or gone. */
  async drained(): Promise<void> {
    if (!this.isClosed && this.#res.writableNeedDrain) {
      await new Promise<void>((resolve) => {
        const settle = (): void => {
          this.#res.off("drain", settle).off("close", settle);
          resolve();
        };
        this.#res.on("drain", settle).on("close", settle);
      });
    }
    this.isFull = false;
  }

  end(last: string): void {
    this.stop();
    if (this.isClosed) return;
    this.#start();
    this.#res.end(this.#pending + last);
    this.#pending = "";
  }

  /** Ends without the terminating chunk, so that the client reports a broken transfer and not a success. */
  cut(): void {
    this.stop();
    this.#res.destroy();
  }

  stop(): void {
    clearTimeout(this.#silence);
    clearImmediate(this.#flush);
  }

  #flushNow(): void {
    clearImmediate(this.#flush);
    this.#flush = undefined;
    if (this.#pending === "" || this.isClosed) return;
    const bytes = this.#pending;
    this.#pending = "";
    this.#send(bytes);
  }

  #keepAlive(): void {
    if (this.isClosed) return;
    // A reader that has not even taken what was sent before needs no sign of life, but to be found stalled.
    if (this.#res.writableLength === 0) this.#send(": keepalive\n\n");
    this.#silence.refresh();
  }

  #send(bytes: string): void {
    this.#start();
    this.isFull = !this.#res.write(bytes);
    this.#silence.refresh();
  }

  #start(): void {
    if (this.hasStarted) return;
    this.hasStarted = true;
    this.#res.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
      ...this.#options.headers,
    });
  }
}
