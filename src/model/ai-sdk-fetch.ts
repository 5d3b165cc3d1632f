/**
 * The `fetch` that AI SDK packages are given: the gateway's own connections, retries, time limits and errors under their
 * feet, so that they differ from the OpenAI path in nothing but the words on the wire.
 *
 * It rejects with a `GatewayError` for every answer but 200, follows no redirect, and takes no reply without bounds.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ProviderConfig } from "../config/config.ts";
import { Connection, type Pool, type RequestBody } from "./provider-connection.ts";
import type { ProviderErrors } from "./provider-errors.ts";

/** One frame of an event stream, or one document, in bytes. */
const maxFrameBytes = 4 * 1024 * 1024;

/** `fetch`, as much of it as AI SDK packages use: an address and plain options, never a `Request`. */
export type SdkFetch = typeof globalThis.fetch;

export function providerFetch({ timeoutMs }: ProviderConfig, pool: Pool, errors: ProviderErrors): SdkFetch {
  return async (address, { method = "GET", headers, body, signal } = {}) => {
    const url = new URL(address instanceof Request ? address.url : address);
    const connection = new Connection(pool, errors, {
      method,
      origin: url.origin,
      path: url.pathname + url.search,
      headers: headersOf(headers),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    const reply = await connection.request(bodyOf(body), signal ?? new AbortController().signal);
    const type = String(reply.headers["content-type"] ?? "").toLowerCase();
    if (type.startsWith("text/html")) throw errors.broken("answered with 'text/html' instead of a completion");
    const pieces = limited(reply.body as AsyncIterable<Uint8Array>, type, errors);
    const stream = streamOf(pieces, errors, () => reply.body.destroy());
    const known = Object.entries(reply.headers).filter((header): header is [string, string] => typeof header[1] === "string");
    return new Response(stream, { status: 200, headers: known });
  };
}

function headersOf(given: ConstructorParameters<typeof Headers>[0]): Record<string, string> {
  const headers = new Headers(given);
  headers.set("user-agent", "clawgate");
  headers.set("accept-encoding", "identity");
  // What a package makes of a key that there is not.
  return Object.fromEntries([...headers].filter(([, value]) => !/^(?:bearer)?\s*$/iu.test(value)));
}

function bodyOf(body: unknown): RequestBody {
  if (body === undefined || body === null) return null;
  if (typeof body === "string" || body instanceof Uint8Array) return body;
  throw new TypeError("Only text and bytes can be sent to a provider.");
}

async function* limited(pieces: AsyncIterable<Uint8Array>, type: string, errors: ProviderErrors): AsyncGenerator<Uint8Array, void> {
  const isStream = type.startsWith("text/event-stream");
  const isBounded = isStream || type.startsWith("application/json");
  const frames = new FrameLength();
  let size = 0;
  for await (const piece of pieces) {
    size = isStream ? frames.add(piece) : size + piece.length;
    if (isBounded && size > maxFrameBytes) throw errors.broken(`sent a frame of more than ${maxFrameBytes} bytes`);
    yield piece;
  }
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Counts the bytes since the last blank line, which is where a frame of an event stream ends. */
class FrameLength {
  #sinceBlank = 0;
  /** Bytes of the line that has begun, a carriage return not counted. */
  #lineLength = 0;

  add(piece: Uint8Array): number {
    let start = 0;
    for (let at = piece.indexOf(lineFeed); at !== -1; at = piece.indexOf(lineFeed, start)) {
      this.#lineLength += at - start - (at > start && piece[at - 1] === carriageReturn ? 1 : 0);
      this.#sinceBlank = this.#lineLength === 0 ? 0 : this.#sinceBlank + at + 1 - start;
      this.#lineLength = 0;
      start = at + 1;
    }
    const rest = piece.length - start;
    // A piece that ends between the two characters of a line's end has not begun another line.
    this.#lineLength += rest - (rest > 0 && piece[piece.length - 1] === carriageReturn ? 1 : 0);
    this.#sinceBlank += rest;
    return this.#sinceBlank;
  }
}

function streamOf(pieces: AsyncIterator<Uint8Array>, errors: ProviderErrors, close: () => void): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const piece = await pieces.next();
          if (piece.done === true) controller.close();
          else controller.enqueue(piece.value);
        } catch (thrown) {
          // A stream that fails forgets what waits in it: let what came before the failure through.
          await nextTurn();
          controller.error(errors.fromThrown(thrown));
        }
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
}
