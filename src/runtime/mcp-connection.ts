/**
 * One connection to an MCP server, from its opening to its end: the list of its tools and calls of them.
 *
 * It is not opened twice: whoever holds it (`mcp-server.ts`) opens another. Sampling, elicitation and roots are not
 * offered to servers.
 */
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Logger } from "pino";
import type { McpServerConfig } from "../config/config.ts";
import type { JsonObject } from "../domain/model.ts";
import { McpFailure, toFailure } from "./mcp-failure.ts";
import type { CallToolResult, ListedTool, McpSdk, Transport } from "./mcp-sdk.ts";
import { logLines } from "./mcp-stderr.ts";
import { DeadlineOver, withDeadline } from "./until-aborted.ts";

export interface McpConnectionParts {
  readonly sdk: McpSdk;
  /** What we say we are. */
  readonly clientVersion: string;
  /** Has the server's name in its lines. */
  readonly log: Logger;
}

/** Our own deadlines hold; this is the longest the SDK can be told. */
const noTimeoutMs = 2_147_483_647;
/** Of a list of tools; also the end of a list that has none. */
const maxPages = 50;
const goodbyeTimeoutMs = 1_000;
/** The SDK waits 2 s for a process that was told to end, and 2 s more after SIGTERM. */
const endTimeoutMs = 5_000;

export class McpConnection {
  /** Resolves when the process has ended, or the HTTP connections are closed. */
  readonly ended: Promise<void>;
  readonly #client: Client;
  readonly #transport: Transport;
  readonly #config: McpServerConfig;
  readonly #parts: McpConnectionParts;
  readonly #stop = new AbortController();
  #tools: Promise<readonly ListedTool[]> | undefined;

  constructor(config: McpServerConfig, parts: McpConnectionParts) {
    const { sdk, clientVersion, log } = parts;
    this.#config = config;
    this.#parts = parts;
    this.#transport = createTransport(config, parts);
    this.ended = new Promise((resolve) => (this.#transport.onclose = resolve));
    this.#client = new sdk.Client({ name: "clawgate", version: clientVersion }, { capabilities: {} });
    this.#client.onerror = (error) => log.debug({ problem: this.#toFailure(error).message }, "MCP connection");
    this.#client.setNotificationHandler(sdk.ToolListChangedNotificationSchema, () => {
      this.#tools = undefined;
    });
  }

  /** Opens the connection and lists the tools. Rejects with an `McpFailure`; the connection is then to be closed. */
  open(): Promise<readonly ListedTool[]> {
    return this.#inTime(async (signal) => {
      await this.#client.connect(this.#transport, { signal, timeout: noTimeoutMs });
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
      return await this.#client.request({ method: "tools/call", params }, this.#parts.sdk.CallToolResultSchema, options);
    } catch (thrown) {
      throw this.#toFailure(thrown);
    }
  }

  /** Never rejects. A process gets its input closed, then SIGTERM, then SIGKILL. */
  async close(): Promise<void> {
    this.#stop.abort();
    const { StreamableHTTPClientTransport } = this.#parts.sdk;
    if (this.#transport instanceof StreamableHTTPClientTransport) await within(goodbyeTimeoutMs, this.#transport.terminateSession());
    await within(endTimeoutMs, this.#client.close());
    await within(endTimeoutMs, this.#transport.close());
    await within(endTimeoutMs, this.ended);
  }

  async #inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { name, connectTimeoutMs } = this.#config;
    try {
      return await withDeadline(connectTimeoutMs, this.#stop.signal, work);
    } catch (thrown) {
      if (!(thrown instanceof DeadlineOver)) throw this.#toFailure(thrown);
      throw new McpFailure("broken", `The tool server '${name}' was not ready within ${connectTimeoutMs} ms.`, thrown);
    }
  }

  async #list(signal: AbortSignal): Promise<readonly ListedTool[]> {
    const { sdk, log } = this.#parts;
    const tools: ListedTool[] = [];
    if (this.#client.getServerCapabilities()?.tools === undefined) return tools;
    let params: { cursor?: string } = {};
    for (let page = 0; page < maxPages; page++) {
      const options = { signal, timeout: noTimeoutMs };
      const listed = await this.#client.request({ method: "tools/list", params }, sdk.ListToolsResultSchema, options);
      tools.push(...listed.tools);
      if (listed.nextCursor === undefined) return tools;
      params = { cursor: listed.nextCursor };
    }
    log.warn({ pages: maxPages }, "the MCP server's list of tools is too long, its rest is left out");
    return tools;
  }

  #toFailure(thrown: unknown): McpFailure {
    return toFailure(thrown, `The tool server '${this.#config.name}'`, this.#parts.sdk);
  }
}

function createTransport(config: McpServerConfig, { sdk, log }: McpConnectionParts): Transport {
  if (config.transport === "streamable-http") {
    return new sdk.StreamableHTTPClientTransport(new URL(config.url), { requestInit: { headers: config.headers } });
  }
  const { command, args, env, cwd } = config;
  const folder = cwd === undefined ? {} : { cwd };
  // To `env` the SDK adds PATH, HOME and a few more of ours, and nothing else.
  const transport = new sdk.StdioClientTransport({ command, args: [...args], env, stderr: "pipe", ...folder });
  const { stderr } = transport;
  if (stderr instanceof Readable) logLines(stderr, log, Object.values(env));
  return transport;
}

/** Settles after `ms` at the latest; what is waited for may fail, too. */
async function within(ms: number, promise: Promise<void>): Promise<void> {
  await Promise.race([promise.catch(() => undefined), sleep(ms, undefined, { ref: false })]);
}
