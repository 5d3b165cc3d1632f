/**
 * One configured MCP server as runs see it: there when it is needed, connected anew after it went away.
 *
 * The first run that needs it connects it, and all others share that. One that cannot be reached is left alone for a
 * while, longer each time; then one run tries it again, and the others go on without it meanwhile.
 */
import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import type { McpServerConfig } from "../config/config.ts";
import type { JsonObject } from "../domain/model.ts";
import type { Tool } from "../domain/tool.ts";
import { McpConnection } from "./mcp-connection.ts";
import type { Explanation } from "./mcp-explanation.ts";
import { McpFailure } from "./mcp-failure.ts";
import { describeTools, someOf, textOfResult } from "./mcp-tools.ts";
import type { CallToolResult, ListedTool, McpSdk } from "./mcp-sdk.ts";
import { type Hide, hiderOf } from "./mcp-secrets.ts";
import { untilAborted } from "./until-aborted.ts";

export interface McpServerParts {
  readonly loadSdk: () => Promise<McpSdk>;
  readonly clientVersion: string;
  readonly log: Logger;
  /** How long a server that cannot be reached is left alone at first. */
  readonly retryAfterMs: number;
}

/** What a look at a server came to. */
export type ToolServerReport = { readonly name: string } & ({ readonly tools: readonly string[] } | Explanation);

const longestPauseMs = 300_000;

/** How long a server is left alone after it could not be reached this often in a row. */
export function pauseAfter(failures: number, firstPauseMs: number): number {
  return Math.min(firstPauseMs * 2 ** (failures - 1), longestPauseMs);
}

export class McpServer {
  readonly name: string;
  readonly #config: McpServerConfig;
  readonly #parts: McpServerParts;
  readonly #hide: Hide;
  /** Being opened, or open. */
  #connection: Promise<McpConnection> | undefined;
  #current: McpConnection | undefined;
  /** Those that are not closed to the end, too. */
  readonly #open = new Set<McpConnection>();
  /** Of the last attempt to connect. `count`: so many in a row. */
  #failure: { readonly error: Error; readonly count: number; readonly until: number } | undefined;
  #listed: readonly ListedTool[] = [];
  #tools: readonly Tool[] = [];
  /** Those of its tools that agents name, one by one. */
  #expected: readonly string[] = [];
  #isClosed = false;

  constructor(config: McpServerConfig, parts: McpServerParts) {
    this.name = config.name;
    this.#config = config;
    this.#hide = hiderOf(config);
    this.#parts = { ...parts, log: parts.log.child({ mcpServer: config.name }) };
  }

  /** From now on agents name these of its tools. Of those it lacks, the log says so. */
  expect(tools: readonly string[]): void {
    const isNew = !isDeepStrictEqual(this.#expected, tools);
    this.#expected = tools;
    if (isNew && this.#current && this.#listed.length > 0) this.#missMissing(this.#listed);
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

  /** Connects if need be. Never rejects. */
  async look(): Promise<ToolServerReport> {
    const { name } = this;
    try {
      await this.#refresh();
      return { name, tools: this.#tools.map(({ definition }) => definition.name) };
    } catch (thrown) {
      return { name, ...explanationOf(thrown) };
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#open].map((connection) => connection.close()));
  }

  /** Ends its processes without waiting. */
  kill(): void {
    for (const connection of this.#open) connection.kill();
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
    this.#tools = describeTools(this.name, listed, this.#hide).map(({ tool, definition }) => ({
      definition,
      execute: async (args, { signal }) => textOfResult(await this.#call(tool, args, signal), this.#hide),
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

  /** Rejects with the last failure while the server is left alone, or is being tried again for another run. */
  #connect(): Promise<McpConnection> {
    if (this.#connection) return this.#failure === undefined ? this.#connection : Promise.reject(this.#failure.error);
    if (this.#failure && performance.now() < this.#failure.until) return Promise.reject(this.#failure.error);
    const connecting = this.#openConnection();
    this.#connection = connecting;
    connecting.catch(() => {
      if (this.#connection === connecting) this.#connection = undefined;
    });
    return connecting;
  }

  async #openConnection(): Promise<McpConnection> {
    const { loadSdk, clientVersion, log } = this.#parts;
    const sdk = await loadSdk();
    if (this.#isClosed) throw new McpFailure("broken", `The tool server '${this.name}' is closed.`);
    const connection = new McpConnection(this.#config, { sdk, clientVersion, log, hide: this.#hide });
    this.#open.add(connection);
    try {
      const listed = await connection.open();
      this.#failure = undefined;
      this.#current = connection;
      void connection.ended.then(() => this.#forget(connection, connection.whyEnded()));
      log.info({ transport: this.#config.transport, tools: listed.length }, "MCP server connected");
      this.#missMissing(listed);
      return connection;
    } catch (thrown) {
      this.#failed(thrown);
      this.#end(connection);
      throw thrown;
    }
  }

  #failed(thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const count = (this.#failure?.count ?? 0) + 1;
    const retryAfterMs = pauseAfter(count, this.#parts.retryAfterMs);
    this.#failure = { error, count, until: performance.now() + retryAfterMs };
    if (!this.#isClosed) this.#parts.log.warn({ ...explanationOf(thrown), retryAfterMs }, "MCP server cannot be used");
  }

  /** A name that is misspelt would otherwise show in nothing but an agent that does less than it should. */
  #missMissing(listed: readonly ListedTool[]): void {
    const names = describeTools(this.name, listed).map(({ definition }) => definition.name);
    const missing = this.#expected.filter((name) => !names.includes(name));
    if (missing.length === 0) return;
    const problem = `agents name ${someOf(missing)}, but it has ${someOf(names)}`;
    this.#parts.log.warn({ problem }, "MCP server lacks tools");
  }

  /** The next use connects again. */
  #forget(connection: McpConnection, thrown: unknown): void {
    if (this.#current !== connection) return;
    this.#current = undefined;
    this.#connection = undefined;
    if (!this.#isClosed) this.#parts.log.warn({ ...explanationOf(thrown) }, "MCP server is gone");
    this.#end(connection);
  }

  /** Nobody waits for it but `close`. */
  #end(connection: McpConnection): void {
    void connection.close().then(() => this.#open.delete(connection));
  }
}

function explanationOf(thrown: unknown): Explanation {
  const known = thrown instanceof McpFailure ? thrown.explanation : undefined;
  return known ?? { problem: thrown instanceof Error ? thrown.message : String(thrown), fix: "look at its log" };
}
