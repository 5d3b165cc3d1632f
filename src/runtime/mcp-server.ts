/**
 * One configured MCP server as runs see it: there when it is needed, connected anew after it went away.
 *
 * The first run that needs it connects it, and all others share that. One that cannot be reached is not tried again for
 * some seconds, so that runs do not wait for it one after the other.
 */
import type { Logger } from "pino";
import type { McpServerConfig } from "../config/config.ts";
import type { JsonObject } from "../domain/model.ts";
import type { Tool } from "../domain/tool.ts";
import { McpConnection } from "./mcp-connection.ts";
import { McpFailure } from "./mcp-failure.ts";
import { describeTools, textOfResult } from "./mcp-tools.ts";
import type { CallToolResult, ListedTool, McpSdk } from "./mcp-sdk.ts";
import { untilAborted } from "./until-aborted.ts";

export interface McpServerParts {
  readonly loadSdk: () => Promise<McpSdk>;
  readonly clientVersion: string;
  readonly log: Logger;
  /** How long a server that cannot be reached is left alone. */
  readonly retryAfterMs: number;
}

export class McpServer {
  readonly name: string;
  readonly #config: McpServerConfig;
  readonly #parts: McpServerParts;
  /** Being opened, or open. */
  #connection: Promise<McpConnection> | undefined;
  #current: McpConnection | undefined;
  /** Those that are not closed to the end, too. */
  readonly #open = new Set<McpConnection>();
  #failure: { readonly error: Error; readonly until: number } | undefined;
  #listed: readonly ListedTool[] = [];
  #tools: readonly Tool[] = [];
  #isClosed = false;

  constructor(config: McpServerConfig, parts: McpServerParts) {
    this.name = config.name;
    this.#config = config;
    this.#parts = { ...parts, log: parts.log.child({ mcpServer: config.name }) };
  }

  /** Its tools; those last known when it cannot be reached, so that a call says why. Rejects only with the signal's reason. */
  async tools(signal: AbortSignal): Promise<readonly Tool[]> {
    try {
      await untilAborted(this.#refresh(), signal);
    } catch {
      // Has been logged.
      signal.throwIfAborted();
    }
    return this.#tools;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#open].map((connection) => connection.close()));
  }

  async #refresh(): Promise<void> {
    const connection = await this.#connect();
    let listed: readonly ListedTool[];
    try {
      listed = await connection.tools();
    } catch (thrown) {
      this.#forget(connection, thrown);
      throw thrown;
    }
    if (listed === this.#listed) return;
    this.#listed = listed;
    this.#tools = describeTools(this.name, listed).map(({ tool, definition }) => ({
      definition,
      execute: async (args, { signal }) => textOfResult(await this.#call(tool, args, signal)),
    }));
  }

  async #call(tool: string, args: JsonObject, signal: AbortSignal): Promise<CallToolResult> {
    for (let attempt = 1; ; attempt++) {
      const connection = await untilAborted(this.#connect(), signal);
      try {
        return await connection.call(tool, args, signal);
      } catch (thrown) {
        signal.throwIfAborted();
        const kind = thrown instanceof McpFailure ? thrown.kind : "broken";
        if (kind !== "answered") this.#forget(connection, thrown);
        if (kind !== "forgotten" || attempt > 1) throw thrown;
      }
    }
  }

  /** Rejects with the last failure while the server is left alone. */
  #connect(): Promise<McpConnection> {
    if (this.#connection) return this.#connection;
    if (this.#failure && performance.now() < this.#failure.until) return Promise.reject(this.#failure.error);
    const connecting = this.#openConnection();
    this.#connection = connecting;
    connecting.catch(() => {
      if (this.#connection === connecting) this.#connection = undefined;
    });
    return connecting;
  }

  async #openConnection(): Promise<McpConnection> {
    const { loadSdk, clientVersion, log, retryAfterMs } = this.#parts;
    const sdk = await loadSdk();
    if (this.#isClosed) throw new McpFailure("broken", `The tool server '${this.name}' is closed.`);
    const connection = new McpConnection(this.#config, { sdk, clientVersion, log });
    this.#open.add(connection);
    try {
      const listed = await connection.open();
      this.#failure = undefined;
      this.#current = connection;
      void connection.ended.then(() => this.#forget(connection));
      log.info({ transport: this.#config.transport, tools: listed.length }, "MCP server connected");
      return connection;
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      this.#failure = { error, until: performance.now() + retryAfterMs };
      if (!this.#isClosed) log.warn({ problem: error.message, retryAfterMs }, "MCP server cannot be used");
      this.#end(connection);
      throw error;
    }
  }

  /** The next use connects again. */
  #forget(connection: McpConnection, thrown?: unknown): void {
    if (this.#current !== connection) return;
    this.#current = undefined;
    this.#connection = undefined;
    const problem = thrown instanceof Error ? thrown.message : `The tool server '${this.name}' closed the connection.`;
    if (!this.#isClosed) this.#parts.log.warn({ problem }, "MCP server is gone");
    this.#end(connection);
  }

  /** Nobody waits for it but `close`. */
  #end(connection: McpConnection): void {
    void connection.close().then(() => this.#open.delete(connection));
  }
}
