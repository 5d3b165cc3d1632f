/**
 * Asks a provider until it begins to answer with 200, and no longer than that: retries end where the reply begins.
 *
 * Deliberately absent: redirects, compression, anything about the reply's content.
 */
import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Dispatcher } from "undici";
import type { GatewayError } from "../domain/errors.ts";
import { isConnectionFailure, type ProviderErrors, type ReplyHeaders } from "./provider-errors.ts";

/** Pauses before the second and the third attempt; there is no fourth. */
const backOffMs = [200, 600];
/** A provider that wants more patience than this gets its answer passed on at once. */
const maxRetryAfterMs = 5000;
/** 529 is how Anthropic says that it is overloaded. */
const retryStatuses = new Set([429, 500, 502, 503, 504, 529]);
/** Not whatever else: servers say `none`, so that nothing between compresses their streams, or name a character set there. */
const packings = /\b(?:gzip|deflate|br|zstd|compress)\b/iu;
const maxErrorBodyBytes = 64 * 1024;
const errorBodyTimeoutMs = 5000;

/** The connections to all providers; opened on first use. */
export type Pool = () => Promise<Dispatcher>;

/** Something that can be sent more than once. */
export type RequestBody = string | Uint8Array | null;

export type Reply = Pick<Dispatcher.ResponseData, "headers" | "body">;

/** What is asked of one address of a provider, again and again, but for the body. */
export type RequestOptions = Omit<Dispatcher.RequestOptions, "body" | "signal">;

/** Ends a request early, as a signal does; every reply has one, and it is made in a fraction of a signal's time. */
export class Closer extends EventEmitter {
  #isAborted = false;

  get aborted(): boolean {
    return this.#isAborted;
  }

  abort(): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.emit("abort");
  }

  toSignal(): AbortSignal {
    const controller = new AbortController();
    this.once("abort", () => controller.abort());
    if (this.#isAborted) controller.abort();
    return controller.signal;
  }
}

export class Connection {
  readonly errors: ProviderErrors;
  readonly #pool: Pool;
  readonly #options: RequestOptions;

  constructor(pool: Pool, errors: ProviderErrors, options: RequestOptions) {
    this.errors = errors;
    this.#pool = pool;
    this.#options = options;
  }

  /** Rejects with a `GatewayError`, or with anything once `signal` has aborted. */
  async request(body: RequestBody, signal: AbortSignal | Closer): Promise<Reply> {
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#attempt(body, signal);
      if ("reply" in outcome) return outcome.reply;
      const { error, mayRetry } = outcome;
      const least = backOffMs[attempt];
      if (!mayRetry || least === undefined || (error.retryAfterMs ?? 0) > maxRetryAfterMs) throw error;
      // A wait of nothing, or until a moment that is past, is no reason to press on at once.
      const ms = Math.max(error.retryAfterMs ?? 0, least * (0.75 + Math.random() / 2));
      await sleep(ms, undefined, { signal: signal instanceof Closer ? signal.toSignal() : signal });
    }
  }

  async #attempt(body: RequestBody, signal: AbortSignal | Closer): Promise<{ reply: Reply } | { error: GatewayError; mayRetry: boolean }> {
    let reply: Dispatcher.ResponseData;
    try {
      const pool = await this.#pool();
      reply = await pool.request({ ...this.#options, body, signal });
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      return { error: this.errors.fromThrown(thrown), mayRetry: isConnectionFailure(thrown) };
    }
    const isPacked = packings.test(String(reply.headers["content-encoding"] ?? ""));
    if (reply.statusCode === 200) {
      if (!isPacked) return { reply };
      reply.body.destroy();
      return { error: this.errors.broken("compressed its reply, though it was asked not to"), mayRetry: false };
    }
    const beginning = await readBeginning(reply.body);
    const text = isPacked ? "" : beginning;
    if (signal.aborted) throw new Error("The request was given up.");
    const error = this.errors.fromStatus(reply.statusCode, reply.headers, text);
    return { error, mayRetry: retryStatuses.has(reply.statusCode) && isRetryWelcome(reply.headers, text) };
  }
}

function isRetryWelcome(headers: ReplyHeaders, text: string): boolean {
  return headers["x-should-retry"] !== "false" && !text.includes("insufficient_quota");
}

/** The text of an error's body as far as it is of use. Never rejects; the body is consumed or destroyed. */
async function readBeginning(body: Dispatcher.ResponseData["body"]): Promise<string> {
  const timer = setTimeout(() => body.destroy(), errorBodyTimeoutMs);
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of body as AsyncIterable<Buffer>) {
      pieces.push(piece);
      size += piece.length;
      // Leaving the loop destroys the body.
      if (size > maxErrorBodyBytes) break;
    }
  } catch {
    // What came before it broke has to do.
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(pieces).toString("utf8", 0, maxErrorBodyBytes);
}
