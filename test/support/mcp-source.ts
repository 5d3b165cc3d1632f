/** One MCP server `it` as an agent has it, without a gateway around it. Everything ends with the test. */
import { afterEach } from "@jest/globals";
import { pino } from "pino";
import type { McpServerConfig } from "../../src/config/config.ts";
import type { Tool } from "../../src/domain/tool.ts";
import { McpServerPool } from "../../src/runtime/mcp-server-pool.ts";
import { McpServers } from "../../src/runtime/mcp-servers.ts";
import { agentWith, contextOf } from "../runtime/tool-context.ts";

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly problem?: string;
  readonly fix?: string;
}

export interface McpSource {
  readonly servers: McpServers;
  tools(): Promise<readonly Tool[]>;
  /** The text of the result; rejects as the tool does. */
  call(tool: string, signal?: AbortSignal): Promise<string>;
  readonly lines: readonly LogLine[];
  warnings(): string[];
  logText(): string;
}

const open: McpServers[] = [];

afterEach(async () => {
  for (const servers of open.splice(0)) await servers.close();
});

/** `config` is an entry of `mcp.servers` as it is after loading, as far as it matters. */
export function openMcpSource(config: object): McpSource {
  const lines: LogLine[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line) as LogLine) });
  const agent = agentWith({ allow: ["it__*"] });
  const transport = "url" in config ? "streamable-http" : "stdio";
  const whole = { name: "it", connectTimeoutMs: 20_000, transport, args: [], env: {}, cwd: undefined, headers: {}, ...config };
  const servers = new McpServers(
    [whole as unknown as McpServerConfig],
    new McpServerPool({ clientVersion: "0", log, retryAfterMs: 60_000 }),
    [agent],
  );
  open.push(servers);
  const tools = (): Promise<readonly Tool[]> => servers.tools(agent, new AbortController().signal);
  return {
    servers,
    tools,
    call: async (name, signal = new AbortController().signal) => {
      const tool = (await tools()).find(({ definition }) => definition.name === `it__${name}`);
      if (!tool) throw new Error(`It has no tool ${name}: ${JSON.stringify(lines)}`);
      return tool.execute({}, contextOf(agent, signal));
    },
    lines,
    warnings: () => lines.filter(({ level }) => level === 40).map(({ problem = "" }) => problem),
    logText: () => JSON.stringify(lines),
  };
}
