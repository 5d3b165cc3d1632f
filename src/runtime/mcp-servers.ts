/**
 * All configured MCP servers as one source of tools. A server is connected when a run of an agent needs it, not before.
 *
 * Only servers from the configuration: nothing a caller or a model says can name one.
 */
import type { Logger } from "pino";
import type { McpServerConfig } from "../config/config.ts";
import { type Agent, allowsTool } from "../domain/agent.ts";
import type { Tool } from "../domain/tool.ts";
import type { ToolSource } from "./agent-tools.ts";
import { createSdkLoader } from "./mcp-sdk.ts";
import { McpServer } from "./mcp-server.ts";

export interface McpServersOptions {
  readonly clientVersion: string;
  readonly log: Logger;
  /** How long a server that cannot be reached is left alone. */
  readonly retryAfterMs?: number;
}

const defaultRetryAfterMs = 5_000;

export class McpServers implements ToolSource {
  readonly #servers: readonly McpServer[];

  constructor(configs: readonly McpServerConfig[], { clientVersion, log, retryAfterMs = defaultRetryAfterMs }: McpServersOptions) {
    const loadSdk = createSdkLoader();
    this.#servers = configs.map((config) => new McpServer(config, { loadSdk, clientVersion, log, retryAfterMs }));
  }

  async tools(agent: Agent, signal: AbortSignal): Promise<readonly Tool[]> {
    const needed = this.#servers.filter(({ name }) => agent.tools.allow.some((entry) => entry.startsWith(`${name}__`)));
    const lists = await Promise.all(needed.map((server) => server.tools(signal)));
    return lists.flat().filter(({ definition }) => allowsTool(agent.tools, definition.name));
  }

  /** Ends every process and connection. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}
