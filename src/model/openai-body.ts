/**
 * A reply's body → decoder, piece by piece: a stream of server-sent events, or one JSON document from a provider that
 * does not stream. What the frames mean is the decoder's business.
 */
import { StringDecoder } from "node:string_decoder";
import { createParser, type EventSourceParser } from "eventsource-parser";
import type { ProviderErrors } from "./provider-errors.ts";
import type { ReplyDecoder } from "./openai-reply.ts";

/** One frame of a stream, or one whole completion, in characters. */
const maxFrameLength = 4 * 1024 * 1024;
/** What may come after `[DONE]` before the connection is given up. */
const maxDrainBytes = 64 * 1024;
const drainMs = 1000;

/** `done`: the reply said that it was over while the body may go on. `ended`: so did the body. */
export type BodyState = "open" | "done" | "ended";

export interface ReplyBody {
  /** Reads one piece and gives it to the decoder. Rejects with a `GatewayError`, or as the connection failed. */
  read(): Promise<BodyState>;
}

export class EventStreamBody implements ReplyBody {
  readonly #pieces: AsyncIterator<Buffer>;
  readonly #decoder: ReplyDecoder;
  readonly #parser: EventSourceParser;
  readonly #text = new StringDecoder("utf8");
  #isAtStart = true;

  constructor(pieces: AsyncIterator<Buffer>, decoder: ReplyDecoder, errors: ProviderErrors) {
    this.#pieces = pieces;
    this.#decoder = decoder;
    this.#parser = createParser({
      maxBufferSize: maxFrameLength,
      onEvent: ({ data, event }) => decoder.addFrame(data, event),
      onError: ({ type }) => {
        if (type === "max-buffer-size-exceeded") throw errors.broken(`sent a frame of more than ${maxFrameLength} characters`);
      },
    });
  }

  async read(): Promise<BodyState> {
    const piece = await this.#pieces.next();
    if (piece.done === true) {
      // The last frame may lack the blank line that ends it.
      this.#parser.feed(`${this.#text.end()}\n\n`);
      return "ended";
    }
    let text = this.#text.write(piece.value);
    if (this.#isAtStart && text !== "") {
      this.#isAtStart = false;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    this.#parser.feed(text);
    return this.#decoder.isDone ? "done" : "open";
  }
}

export class WholeBody implements ReplyBody {
  readonly #pieces: AsyncIterator<Buffer>;
  readonly #decoder: ReplyDecoder;
  readonly #errors: ProviderErrors;
  readonly #read: Buffer[] = [];
  #size = 0;

  constructor(pieces: AsyncIterator<Buffer>, decoder: ReplyDecoder, errors: ProviderErrors) {
    this.#pieces = pieces;
    this.#decoder = decoder;
    this.#errors = errors;
  }

  async read(): Promise<BodyState> {
    const piece = await this.#pieces.next();
    if (piece.done === true) {
      this.#decoder.addWhole(Buffer.concat(this.#read).toString("utf8"));
      return "ended";
    }
    this.#size += piece.value.length;
    if (this.#size > maxFrameLength) throw this.#errors.broken(`sent a body of more than ${maxFrameLength} bytes`);
    this.#read.push(piece.value);
    return "open";
  }
}

/** Reads what is left of a finished reply, so that its connection can serve the next one; not at any price. */
export async function drain(pieces: AsyncIterator<Buffer>, close: () => void): Promise<void> {
  const timer = setTimeout(close, drainMs).unref();
  try {
    let size = 0;
    for (let piece = await pieces.next(); piece.done !== true; piece = await pieces.next()) {
      size += piece.value.length;
      if (size > maxDrainBytes) close();
    }
  } catch {
    // The reply is complete: how its connection ends is of no interest.
  } finally {
    clearTimeout(timer);
  }
}
