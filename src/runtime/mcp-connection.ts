/**
 * One connection to an MCP server, from its opening to its end: the list of its tools and calls of them.
 *
 * It is not opened twice: whoever holds it (`mcp-server.ts`) opens another. Sampling, elicitation and roots are not
 * offered to servers.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Logger } from "pino";
import type { McpServerConfig } from "../config/config.ts";
import type { JsonObject } from "../domain/model.ts";
import { type Explanation, explain } from "./mcp-explanation.ts";
import { codeOf, type Connected, McpFailure, statusOf, toFailure } from "./mcp-failure.ts";
import { McpHttp } from "./mcp-http.ts";
import { McpProcess } from "./mcp-process.ts";
import type { CallToolResult, ListedTool, McpSdk, Transport } from "./mcp-sdk.ts";
import type { Hide } from "./mcp-secrets.ts";
import { ToolOffer } from "./mcp-tool-offer.ts";
import { someOf } from "./mcp-tools.ts";
import { DeadlineOver, withDeadline } from "./until-aborted.ts";

export interface McpConnectionParts {
  readonly sdk: McpSdk;
  /** What we say we are. */
  readonly clientVersion: string;
  /** Has the server's name in its lines. */
  readonly log: Logger;
  readonly hide: Hide;
}

/** Our own deadlines hold; this is the longest the SDK can be told. */
const noTimeoutMs = 2_147_483_647;
/** Of a list of tools; also the end of a list that has none. */
const maxPages = 50;
const maxShownName = 64;
const goodbyeTimeoutMs = 1_000;
/** A process that was told to end has 2 s, 2 s more after SIGTERM, and is killed then. */
const endTimeoutMs = 7_000;

export class McpConnection {
  /** Resolves when the process has ended, or the HTTP connections are closed. */
  readonly ended: Promise<void>;
  readonly #client: Client;
  readonly #transport: Transport;
  /** One of the two. */
  readonly #process: McpProcess | undefined;
  readonly #http: McpHttp | undefined;
  readonly #config: McpServerConfig;
  readonly #parts: McpConnectionParts;
  readonly #stop = new AbortController();
  #tools: Promise<readonly ListedTool[]> | undefined;
  #isGarbled = false;
  #isOver = false;
  /** What was said last of the tools that are not offered. */
  #leftOut = "";

  constructor(config: McpServerConfig, parts: McpConnectionParts) {
    const { sdk, clientVersion, log, hide } = parts;
    this.#config = config;
    this.#parts = parts;
    if (config.transport === "stdio") this.#transport = (this.#process = new McpProcess(config, sdk, log, hide)).transport;
    else this.#transport = (this.#http = new McpHttp(config, sdk)).transport;
    const closed = new Promise<void>((resolve) => {
      this.#transport.onclose = () => {
        this.#isOver = true;
        resolve();
      };
    });
    this.ended = closed.then(() => this.#process?.settled());
    this.#client = new sdk.Client({ name: "clawgate", version: clientVersion }, { capabilities: {} });
    this.#client.onerror = (error) => {
      const failure = this.#toFailure(error);
      this.#isGarbled ||= failure.kind === "answered";
      log.debug({ problem: failure.message }, "MCP connection");
    };
    this.#client.setNotificationHandler(sdk.ToolListChangedNotificationSchema, () => {
      this.#tools = undefined;
    });
  }

  /** Opens the connection and lists the tools. Rejects with an `McpFailure`; the connection is then to be closed. */
  open(): Promise<readonly ListedTool[]> {
    return this.#inTime(async (signal) => {
      const connect = (): Promise<void> => this.#client.connect(this.#transport, { signal, timeout: noTimeoutMs });
      await (this.#http ? this.#http.opening(connect) : connect());
      return (this.#tools = this.#list(signal));
    });
  }

  /** The same list until the server says that it has changed. Rejects with an `McpFailure`. */
  async tools(): Promise<readonly ListedTool[]> {
    const listing = (this.#tools ??= this.#inTime((signal) => this.#list(signal)));
    try {
      return await listing;
    } catch (thrown) {
      if (this.#tools === listing) this.#tools = undefined;
      throw thrown;
    }
  }

  /** Rejects with an `McpFailure`, or with anything once `signal` has aborted. */
  async call(name: string, args: JsonObject, signal: AbortSignal): Promise<CallToolResult> {
    try {
      const params = { name, arguments: { ...args } };
      const options = { signal, timeout: noTimeoutMs };
      const { CallToolResultSchema } = this.#parts.sdk;
      return await this.#request(() => this.#client.request({ method: "tools/call", params }, CallToolResultSchema, options));
    } catch (thrown) {
      throw await this.#explained(thrown);
    }
  }

  /** Why the connection ended by itself. */
  whyEnded(): McpFailure {
    const { sdk } = this.#parts;
    return this.#withExplanation(this.#toFailure(new sdk.McpError(sdk.ErrorCode.ConnectionClosed, "")));
  }

  /** Never rejects. A process gets its input closed, then SIGTERM, then SIGKILL. */
  async close(): Promise<void> {
    this.#stop.abort();
    if (this.#http) await within(goodbyeTimeoutMs, this.#http.transport.terminateSession());
    await within(endTimeoutMs, this.#client.close());
    await within(endTimeoutMs, this.#transport.close());
    await this.#http?.close();
    await within(endTimeoutMs, this.ended);
  }

  /** Ends a process without waiting. */
  kill(): void {
    this.#process?.kill();
  }

  /** One request that has an answer. */
  #request<T>(work: () => Promise<T>): Promise<T> {
    return this.#http ? this.#http.request(work) : work();
  }

  async #inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { name, connectTimeoutMs } = this.#config;
    try {
      return await withDeadline(connectTimeoutMs, this.#stop.signal, work);
    } catch (thrown) {
      const isLate = thrown instanceof DeadlineOver;
      const message = `The tool server '${name}' was not ready within ${connectTimeoutMs} ms.`;
      throw await this.#explained(isLate ? new McpFailure("broken", message, thrown) : thrown);
    }
  }

  async #list(signal: AbortSignal): Promise<readonly ListedTool[]> {
    const { ListToolsResultSchema } = this.#parts.sdk;
    const offer = new ToolOffer();
    if (this.#client.getServerCapabilities()?.tools === undefined) return offer.tools;
    let params: { cursor?: string } = {};
    for (let page = 0; page < maxPages && !offer.isFull; page++) {
      const options = { signal, timeout: noTimeoutMs };
      const listed = await this.#request(() => this.#client.request({ method: "tools/list", params }, ListToolsResultSchema, options));
      offer.add(listed.tools);
      if (listed.nextCursor === undefined) {
        this.#sayLeftOut(offer);
        return offer.tools;
      }
      params = { cursor: listed.nextCursor };
    }
    offer.isFull = true;
    this.#sayLeftOut(offer);
    return offer.tools;
  }

  /** Once, however often the list changes. */
  #sayLeftOut(offer: ToolOffer): void {
    const { hide, log } = this.#parts;
    const problem = offer.problems((names) => hide(someOf(names.map((name) => name.slice(0, maxShownName))))).join("; ");
    if (problem !== "" && problem !== this.#leftOut) log.warn({ problem }, "MCP tools are left out");
    this.#leftOut = problem;
  }

  async #explained(thrown: unknown): Promise<McpFailure> {
    // Before anything is waited for: whether the connection is over now is part of what happened.
    const failure = this.#toFailure(thrown);
    await this.#process?.settled();
    return this.#withExplanation(failure);
  }

  #withExplanation(failure: McpFailure): McpFailure {
    failure.explanation ??= this.#explain(failure.cause);
    return failure;
  }

  #explain(cause: unknown): Explanation {
    const { sdk } = this.#parts;
    const { fault } = this.#connected;
    const failed = {
      cause,
      code: codeOf(cause),
      status: statusOf(cause, sdk),
      sentence: (subject: string) => toFailure(cause, subject, this.#connected).message,
      isGarbled: this.#isGarbled,
      fault,
    };
    return explain(failed, this.#config, this.#process);
  }

  #toFailure(thrown: unknown): McpFailure {
    return toFailure(thrown, `The tool server '${this.#config.name}'`, this.#connected);
  }

  get #connected(): Connected {
    const { sdk, hide } = this.#parts;
    return { sdk, hide, isOver: this.#isOver, fault: (this.#process ?? this.#http)?.fault };
  }
}

/** Settles after `ms` at the latest; what is waited for may fail, too. */
async function within(ms: number, promise: Promise<void>): Promise<void> {
  await Promise.race([promise.catch(() => undefined), sleep(ms, undefined, { ref: false })]);
}
