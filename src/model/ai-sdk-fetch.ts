/**
 * The `fetch` that AI SDK packages are given: the gateway's own connections, retries, time limits and errors under their
 * feet, so that they differ from the OpenAI path in nothing but the words on the wire.
 *
 * It rejects with a `GatewayError` for every answer but 200, follows no redirect, goes nowhere but below the provider's
 * address, and takes no reply without bounds.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ProviderConfig } from "../config/config.ts";
import { frameMender, mendFrames } from "./ai-sdk-frames.ts";
import { Connection, type Pool, type RequestBody } from "./provider-connection.ts";
import type { ProviderErrors } from "./provider-errors.ts";

/** One frame of an event stream, or one document, in bytes. */
const maxFrameBytes = 4 * 1024 * 1024;
/** A whole reply in a form of a package's own, whose frames are not known here. */
const maxOtherBytes = 64 * 1024 * 1024;

/** `fetch`, as much of it as AI SDK packages use: an address and plain options, never a `Request`. */
export type SdkFetch = typeof globalThis.fetch;

export function providerFetch(provider: ProviderConfig, pool: Pool, errors: ProviderErrors): SdkFetch {
  const { api, timeoutMs } = provider;
  const base = addressOf(provider);
  return async (address, { method = "GET", headers, body, signal } = {}) => {
    const url = new URL(address instanceof Request ? address.url : address);
    if (base && !isBelow(url, base)) throw errors.broken("was not asked: the address for this model is not one below its baseUrl");
    const connection = new Connection(pool, errors, {
      method,
      origin: url.origin,
      path: url.pathname + url.search,
      headers: headersOf(headers),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    const reply = await connection.request(bodyOf(body), signal ?? new AbortController().signal);
    const said = String(reply.headers["content-type"] ?? "text/event-stream");
    const type = said.toLowerCase();
    const close = (): void => void reply.body.destroy();
    const known = Object.entries(reply.headers).filter((header): header is [string, string] => typeof header[1] === "string");
    const respond = (content: ReadableStream<Uint8Array> | string): Response => new Response(content, { status: 200, headers: known });
    const pieces = reply.body as AsyncIterable<Uint8Array>;
    if (type.startsWith("text/event-stream")) {
      const frames = limitFrames(pieces, errors);
      const mend = frameMender(api);
      return respond(streamOf(mend ? mendFrames(frames, mend) : frames, errors, close));
    }
    // What a package of the user's choice makes of other forms is its own business.
    const isOwnForm = api === "ai-sdk" && !type.startsWith("text/html");
    if (type.startsWith("application/json")) {
      const text = await readWhole(pieces, errors);
      const error = errorIn(text);
      if (error !== undefined) throw errors.fromReply(error);
      if (isOwnForm) return respond(text);
    }
    if (isOwnForm) return respond(streamOf(limitSize(pieces, maxOtherBytes, errors), errors, close));
    close();
    throw errors.wrongType(said);
  };
}

/** Where the provider is, as the config says; undefined where only its package knows. */
function addressOf({ baseUrl, options }: ProviderConfig): URL | undefined {
  const address = baseUrl === "" ? options?.["baseURL"] : baseUrl;
  return typeof address === "string" && URL.canParse(address) ? new URL(address) : undefined;
}

/** Parts of an address come from callers, who may name a model. */
function isBelow(url: URL, base: URL): boolean {
  const path = base.pathname.replace(/\/$/u, "");
  return url.origin === base.origin && `${url.pathname}/`.startsWith(`${path}/`);
}

/** The value of a document that is an error, in whatever words; undefined for others. */
function errorIn(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    const first: unknown = Array.isArray(value) ? value[0] : value;
    const isError = typeof first === "object" && first !== null && "error" in first && Boolean(first.error);
    return isError ? first : undefined;
  } catch {
    return undefined;
  }
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

async function* limitFrames(pieces: AsyncIterable<Uint8Array>, errors: ProviderErrors): AsyncGenerator<Uint8Array, void> {
  const frames = new FrameLength();
  for await (const piece of pieces) {
    if (frames.add(piece) > maxFrameBytes) throw errors.broken(`sent a frame of more than ${maxFrameBytes} bytes`);
    yield piece;
  }
}

async function* limitSize(pieces: AsyncIterable<Uint8Array>, most: number, errors: ProviderErrors): AsyncGenerator<Uint8Array, void> {
  let size = 0;
  for await (const piece of pieces) {
    size += piece.length;
    if (size > most) throw errors.broken(`sent a body of more than ${most} bytes`);
    yield piece;
  }
}

async function readWhole(body: AsyncIterable<Uint8Array>, errors: ProviderErrors): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of limitSize(body, maxFrameBytes, errors)) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
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
