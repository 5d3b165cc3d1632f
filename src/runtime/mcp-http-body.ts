/**
 * The body of an MCP server's reply, piece by piece and never more than a limit: a document in all, an event stream by
 * its events, since it may last as long as the connection.
 */
import type { Dispatcher } from "undici";

/**
 * `refusal`: of no use beyond its beginning. `document`: one piece of JSON. `answers`: an event stream with the answer
 * to one request. `events`: an event stream without an end.
 */
export type ReplyKind = "refusal" | "document" | "answers" | "events";

export interface ReplyEnd {
  /** Undefined when it ended as it should, or was no longer wanted. */
  readonly error: unknown;
  /** Its events are numbered: the rest can be asked for. */
  readonly isResumable: boolean;
}

const maxReplyBytes = 10 * 1024 * 1024;
const maxRefusalBytes = 64 * 1024;
/** What is not wanted is read to its end if that is near, so that the connection can be used again. */
const maxUnwantedBytes = 16 * 1024;
const unwantedTimeoutMs = 1_000;

/** `failure` makes an error of the end of a sentence about the server; `onEnd` is called once. */
export function boundedBody(
  body: Dispatcher.ResponseData["body"],
  kind: ReplyKind,
  failure: (why: string) => Error,
  onEnd: (end: ReplyEnd) => void,
): ReadableStream<Uint8Array> {
  const limit = kind === "refusal" ? maxRefusalBytes : maxReplyBytes;
  const events = new EventScan();
  let pieces: AsyncIterator<Uint8Array> | undefined;
  let size = 0;
  let hasEnded = false;
  // Nobody else listens while nobody reads.
  body.on("error", () => undefined);
  const end = (error?: unknown): void => {
    if (hasEnded) return;
    hasEnded = true;
    onEnd({ error, isResumable: events.isResumable });
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          pieces ??= (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
          const piece = await pieces.next();
          if (piece.done === true) {
            end();
            controller.close();
            return;
          }
          const pending = events.add(piece.value);
          size = kind === "events" ? pending : size + piece.value.length;
          if (size > limit) throw failure(`sent a reply of more than ${limit} bytes`);
          controller.enqueue(piece.value);
        } catch (thrown) {
          body.destroy();
          end(thrown);
          controller.error(thrown);
        }
      },
      cancel() {
        end();
        if (pieces === undefined) drain(body);
        else body.destroy();
      },
    },
    { highWaterMark: 0 },
  );
}

function drain(body: Dispatcher.ResponseData["body"]): void {
  const timer = setTimeout(() => body.destroy(), unwantedTimeoutMs).unref();
  void body
    .dump({ limit: maxUnwantedBytes })
    .catch(() => undefined)
    .finally(() => clearTimeout(timer));
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const id = Buffer.from("id");

/** Looks at an event stream's lines as far as it must be known where an event ends, and whether any has a number. */
class EventScan {
  /** A line that starts with `id` was seen. One that is cut in the middle of that word is missed. */
  isResumable = false;
  /** Bytes since the last blank line, which is where an event ends. */
  #sinceBlank = 0;
  /** Bytes of the line that has begun, a carriage return not counted. */
  #lineLength = 0;

  /** The bytes of the event that has begun. */
  add(piece: Uint8Array): number {
    let start = 0;
    for (let at = piece.indexOf(lineFeed); at !== -1; at = piece.indexOf(lineFeed, start)) {
      this.#look(piece, start);
      this.#lineLength += at - start - (at > start && piece[at - 1] === carriageReturn ? 1 : 0);
      this.#sinceBlank = this.#lineLength === 0 ? 0 : this.#sinceBlank + at + 1 - start;
      this.#lineLength = 0;
      start = at + 1;
    }
    this.#look(piece, start);
    const rest = piece.length - start;
    // A piece that ends between the two characters of a line's end has not begun another line.
    this.#lineLength += rest - (rest > 0 && piece[piece.length - 1] === carriageReturn ? 1 : 0);
    this.#sinceBlank += rest;
    return this.#sinceBlank;
  }

  #look(piece: Uint8Array, start: number): void {
    if (this.#lineLength === 0 && piece[start] === id[0] && piece[start + 1] === id[1]) this.isResumable = true;
  }
}
