/**
 * The wire to an MCP server at an address: connections of its own, replies within limits, and no connection that
 * outlives the request it was for.
 *
 * What goes over it is the SDK's business, redirects within the origin included. Nothing is compressed.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { setMaxListeners } from "node:events";
import type { Agent, Dispatcher } from "undici";
import type { McpServerConfig } from "../config/config.ts";
import { boundedBody, type ReplyEnd, type ReplyKind } from "./mcp-http-body.ts";
import { McpFailure, unreachable } from "./mcp-failure.ts";
import type { FetchLike, McpMessage, McpSdk, Transport } from "./mcp-sdk.ts";

export type HttpConfig = Extract<McpServerConfig, { readonly transport: "streamable-http" }>;

/** What one request to the server, and all that comes of it, is done for. */
interface Purpose {
  /** Aborted when the answer is there, or nobody wants it any more. */
  readonly over?: AbortSignal;
  readonly fail?: (failure: McpFailure) => void;
  /** Whoever waits for the answer keeps the time. */
  readonly isTimed?: boolean;
}

/** What the server asks us, all at once. We offer it nothing, so more than a ping is too much. */
const maxOpenAnswers = 64;
/** A stream that goes on after the answer, or ends without it, is over after this. */
const graceMs = 1_000;
const bodilessStatuses = new Set([204, 205, 304]);
/** Those that `undici` writes itself, or refuses. */
const ownHeaders = ["connection", "content-length", "expect", "keep-alive", "transfer-encoding", "upgrade"];

export class McpHttp {
  readonly transport: Transport & { terminateSession(): Promise<void> };
  /** Why it was given up, as the end of a sentence about it. */
  fault: string | undefined;
  readonly #config: HttpConfig;
  readonly #purpose = new AsyncLocalStorage<Purpose>();
  #agent: Promise<Agent> | undefined;
  #isClosed = false;
  #openAnswers = 0;

  constructor(config: HttpConfig, sdk: McpSdk) {
    this.#config = config;
    const transport = new sdk.StreamableHTTPClientTransport(new URL(config.url), {
      requestInit: { headers: config.headers },
      fetch: (address, init) => this.#fetch(address, init),
    });
    // A server can ask for no pause at all before we come again, or for one that never ends; the SDK would obey.
    Object.defineProperty(transport, "_serverRetryMs", { get: () => undefined, set: () => undefined });
    const send = transport.send.bind(transport);
    transport.send = (message, options) => this.#send(message as McpMessage, (one) => send(one, options));
    this.transport = transport;
  }

  /** `work` and the requests it makes; none of them goes on when it has ended. Rejects as soon as the answer cannot come. */
  async request<T>(work: () => Promise<T>): Promise<T> {
    const over = new AbortController();
    try {
      const answer = await this.opening(work, over.signal);
      setTimeout(() => over.abort(), graceMs).unref();
      return answer;
    } catch (thrown) {
      over.abort();
      throw thrown;
    }
  }

  /** The same, but what `work` has opened stays open. */
  opening<T>(work: () => Promise<T>, over?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#purpose.run({ ...(over ? { over } : {}), fail: reject }, work).then(resolve, reject);
    });
  }

  /** Cuts every connection. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await (await this.#agent)?.destroy();
  }

  async #send(message: McpMessage, send: (message: McpMessage) => Promise<void>): Promise<void> {
    const isAnswer = !("method" in message);
    if (isAnswer && this.#openAnswers >= maxOpenAnswers) return this.#giveUp("asks more than it takes answers to");
    const purpose = { ...this.#purpose.getStore(), isTimed: !isAnswer && "id" in message };
    this.#openAnswers += isAnswer ? 1 : 0;
    try {
      await this.#purpose.run(purpose, () => send(message));
    } finally {
      this.#openAnswers -= isAnswer ? 1 : 0;
    }
  }

  async #giveUp(fault: string): Promise<void> {
    this.fault ??= fault;
    await this.transport.close();
    await this.close();
  }

  readonly #fetch: FetchLike = async (address, init = {}) => {
    const { over, fail, isTimed = init.method === "GET" } = this.#purpose.getStore() ?? {};
    const stop = join([init.signal, over]);
    try {
      const agent = await this.#connections();
      const headersTimeout = isTimed ? 0 : this.#config.connectTimeoutMs;
      const reply = await agent.request({ ...optionsOf(new URL(address), init), signal: stop.signal, headersTimeout, bodyTimeout: 0 });
      const headers = Object.entries(reply.headers).filter((header): header is [string, string] => typeof header[1] === "string");
      const { "content-type": type = "", "content-encoding": encoding = "identity" } = Object.fromEntries(headers);
      if (encoding !== "identity") throw this.#failure("answered in an encoding that it was not asked for");
      const kind = kindOf(init.method, reply.statusCode, type);
      const onEnd = (end: ReplyEnd): void => {
        stop.off();
        if (kind === "answers") this.#missAnswer(end, fail);
      };
      const body = boundedBody(reply.body, kind, (why) => this.#failure(why), onEnd);
      const isBodiless = bodilessStatuses.has(reply.statusCode);
      if (isBodiless) await body.cancel();
      return new Response(isBodiless ? null : body, { status: reply.statusCode, headers });
    } catch (thrown) {
      stop.off(true);
      throw thrown;
    }
  };

  /** Who waits for the answer would wait for nothing, unless it can be asked for again. */
  #missAnswer({ error, isResumable }: ReplyEnd, fail: Purpose["fail"]): void {
    if (error instanceof McpFailure) fail?.(error);
    else if (!isResumable) {
      const failure = error === undefined ? this.#failure("ended its reply without an answer") : unreachable(error, this.#subject);
      setTimeout(() => fail?.(failure), graceMs).unref();
    }
  }

  get #subject(): string {
    return `The tool server '${this.#config.name}'`;
  }

  #failure(why: string): McpFailure {
    return new McpFailure("answered", `${this.#subject} ${why}.`);
  }

  #connections(): Promise<Agent> {
    if (this.#isClosed) return Promise.reject(new Error("The connection is closed."));
    return (this.#agent ??= import("undici").then(({ Agent }) => new Agent({ connect: { timeout: this.#config.connectTimeoutMs } })));
  }
}

function optionsOf(url: URL, { method = "GET", headers, body }: RequestInit): Dispatcher.RequestOptions {
  return {
    method,
    origin: url.origin,
    path: url.pathname + url.search,
    headers: headersOf(headers),
    body: typeof body === "string" ? body : null,
  };
}

function kindOf(method: string | undefined, status: number, type: string): ReplyKind {
  if (status !== 200) return "refusal";
  if (!/^text\/event-stream\b/i.test(type)) return "document";
  return method === "POST" ? "answers" : "events";
}

function headersOf(given: RequestInit["headers"]): Record<string, string> {
  const headers = new Headers(given);
  for (const name of ownHeaders) headers.delete(name);
  if (!headers.has("user-agent")) headers.set("user-agent", "clawgate");
  headers.set("accept-encoding", "identity");
  return Object.fromEntries(headers);
}

interface Joined {
  readonly signal: AbortSignal;
  /** Stops listening; with `true` it stops what listens to it, too. */
  off(isStopped?: boolean): void;
}

/** Aborts with the first of them. A signal that lives longer than the request keeps nothing of it. */
function join(signals: readonly (AbortSignal | null | undefined)[]): Joined {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort();
  const given = signals.filter((signal) => signal != null);
  // As many requests as there are at the same time listen to one signal.
  setMaxListeners(0, ...given);
  for (const signal of given) signal.addEventListener("abort", onAbort);
  if (given.some((signal) => signal.aborted)) onAbort();
  return {
    signal: stop.signal,
    off: (isStopped = false) => {
      for (const signal of given) signal.removeEventListener("abort", onAbort);
      if (isStopped) stop.abort();
    },
  };
}
