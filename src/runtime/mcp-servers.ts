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
import { McpServer, type ToolServerReport } from "./mcp-server.ts";

export type { ToolServerReport } from "./mcp-server.ts";

export interface McpServersOptions {
  readonly clientVersion: string;
  readonly log: Logger;
  /** Those whose tools the servers' are. */
  readonly agents: readonly Pick<Agent, "tools">[];
  /** How long a server that cannot be reached is left alone at first; each time it stays away, twice as long. */
  readonly retryAfterMs?: number;
}

const defaultRetryAfterMs = 5_000;

export class McpServers implements ToolSource {
  readonly #servers: readonly McpServer[];

  readonly #needed: readonly McpServer[];

  constructor(configs: readonly McpServerConfig[], options: McpServersOptions) {
    const { clientVersion, log, agents, retryAfterMs = defaultRetryAfterMs } = options;
    const loadSdk = createSdkLoader();
    const named = [...new Set(agents.flatMap(({ tools }) => tools.allow))];
    this.#servers = configs.map((config) => {
      const namedTools = named.filter((name) => isOf(config.name, name) && !name.endsWith("__*"));
      return new McpServer(config, { loadSdk, clientVersion, log, retryAfterMs, namedTools });
    });
    this.#needed = this.#servers.filter((server) => named.some((name) => isOf(server.name, name)));
    // Whatever ends us in a hurry: their processes have groups of their own, and hear of no Ctrl-C.
    if (configs.length > 0) process.once("exit", this.#kill);
  }

  async tools(agent: Agent, signal: AbortSignal): Promise<readonly Tool[]> {
    const needed = this.#needed.filter(({ name }) => agent.tools.allow.some((entry) => isOf(name, entry)));
    const lists = await Promise.all(needed.map((server) => server.tools(signal)));
    return lists.flat().filter(({ definition }) => allowsTool(agent.tools, definition.name));
  }

  /** Connects to every server that an agent has tools of, and says what became of it. Never rejects. */
  look(): Promise<readonly ToolServerReport[]> {
    return Promise.all(this.#needed.map((server) => server.look()));
  }

  /** Ends every process and connection. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
    process.off("exit", this.#kill);
  }

  readonly #kill = (): void => {
    for (const server of this.#servers) server.kill();
  };
}

function isOf(server: string, tool: string): boolean {
  return tool.startsWith(`${server}__`);
}
