/**
 * Asks a provider until it begins to answer with 200, and no longer than that: retries end where the reply begins.
 *
 * Deliberately absent: redirects, compression, anything about the reply's content.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Dispatcher } from "undici";
import type { ProviderConfig } from "../config/config.ts";
import type { GatewayError } from "../domain/errors.ts";
import { isConnectionFailure, type ProviderErrors, type ReplyHeaders } from "./openai-errors.ts";

/** Pauses before the second and the third attempt; there is no fourth. */
const backOffMs = [200, 600];
/** A provider that wants more patience than this gets its answer passed on at once. */
const maxRetryAfterMs = 5000;
const retryStatuses = new Set([429, 500, 502, 503, 504]);
const maxErrorBodyBytes = 64 * 1024;
const errorBodyTimeoutMs = 5000;

/** The connections to all providers; opened on first use. */
export type Pool = () => Promise<Dispatcher>;

export type Reply = Pick<Dispatcher.ResponseData, "headers" | "body">;

/** One provider's chat completions address. */
export class Connection {
  readonly errors: ProviderErrors;
  readonly #pool: Pool;
  readonly #options: Omit<Dispatcher.RequestOptions, "body" | "signal">;

  constructor(provider: ProviderConfig, pool: Pool, errors: ProviderErrors) {
    this.errors = errors;
    this.#pool = pool;
    const url = new URL(provider.baseUrl);
    this.#options = {
      method: "POST",
      origin: url.origin,
      path: `${url.pathname.replace(/\/$/u, "")}/chat/completions${url.search}`,
      headers: headersOf(provider),
      headersTimeout: provider.timeoutMs,
      bodyTimeout: provider.timeoutMs,
    };
  }

  /** Rejects with a `GatewayError`, or with anything once `signal` has aborted. */
  async request(body: string, signal: AbortSignal): Promise<Reply> {
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#attempt(body, signal);
      if ("reply" in outcome) return outcome.reply;
      const { error, mayRetry } = outcome;
      const least = backOffMs[attempt];
      if (!mayRetry || least === undefined || (error.retryAfterMs ?? 0) > maxRetryAfterMs) throw error;
      await sleep(error.retryAfterMs ?? least * (0.75 + Math.random() / 2), undefined, { signal });
    }
  }

  async #attempt(body: string, signal: AbortSignal): Promise<{ reply: Reply } | { error: GatewayError; mayRetry: boolean }> {
    let reply: Dispatcher.ResponseData;
    try {
      const pool = await this.#pool();
      reply = await pool.request({ ...this.#options, body, signal });
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      return { error: this.errors.fromThrown(thrown), mayRetry: isConnectionFailure(thrown) };
    }
    if (reply.statusCode === 200) return { reply };
    const text = await readBeginning(reply.body);
    signal.throwIfAborted();
    const error = this.errors.fromStatus(reply.statusCode, reply.headers, text);
    return { error, mayRetry: retryStatuses.has(reply.statusCode) && isRetryWelcome(reply.headers, text) };
  }
}

function headersOf({ apiKey, headers }: ProviderConfig): Record<string, string> {
  return {
    "content-type": "application/json",
    accept: "text/event-stream, application/json",
    "accept-encoding": "identity",
    "user-agent": "clawgate",
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
  };
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
