/**
 * All configured MCP servers as one source of tools. A server is connected when a run of an agent needs it, not before.
 *
 * Only servers from the configuration: nothing a caller or a model says can name one.
 */
import type { McpServerConfig } from "../config/config.ts";
import { type Agent, allowsTool } from "../domain/agent.ts";
import type { Tool } from "../domain/tool.ts";
import type { ToolSource } from "./agent-tools.ts";
import type { McpServer, ToolServerReport } from "./mcp-server.ts";
import type { McpServerPool } from "./mcp-server-pool.ts";

export type { ToolServerReport } from "./mcp-server.ts";

export class McpServers implements ToolSource {
  readonly #pool: McpServerPool;
  readonly #servers: readonly McpServer[];
  readonly #needed: readonly McpServer[];

  /** `agents`: those whose tools the servers' are. */
  constructor(configs: readonly McpServerConfig[], pool: McpServerPool, agents: readonly Pick<Agent, "tools">[]) {
    this.#pool = pool;
    const named = [...new Set(agents.flatMap(({ tools }) => tools.allow))];
    this.#servers = configs.map((config) => pool.take(config));
    for (const server of this.#servers) {
      server.expect(named.filter((name) => isOf(server.name, name) && !name.endsWith("__*")));
    }
    this.#needed = this.#servers.filter((server) => named.some((name) => isOf(server.name, name)));
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

  /** Ends every process and connection that nobody else uses. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => this.#pool.giveBack(server)));
  }
}

function isOf(server: string, tool: string): boolean {
  return tool.startsWith(`${server}__`);
}
