/**
 * Whether the MCP servers that agents have tools of can be used: each is started or reached as a run would do it, and
 * ended again.
 */
import { pino } from "pino";
import type { Config } from "../config/config.ts";
import { openProgram, type ToolServerReport } from "../program.ts";
import type { Finding } from "./findings.ts";

/** Of a server's tools, in one line. */
const maxShown = 20;

export async function checkTools(config: Config): Promise<Finding[]> {
  if (config.mcpServers.length === 0) return [];
  const reports = await lookAtServers(config);
  return config.mcpServers.flatMap(({ name: server }) => {
    const name = `mcp ${server}`;
    const report = reports.find((one) => one.name === server);
    if (report === undefined) {
      const fix = `name ${server}__* in the tools of one`;
      return [{ status: "warn", name, message: "no agent has its tools, so it was not asked", fix }];
    }
    if (!("tools" in report)) return [{ status: "fail", name, message: report.problem, fix: report.fix }];
    const { tools } = report;
    const count: Finding = { status: "ok", name, message: `${tools.length} tool${tools.length === 1 ? "" : "s"}` };
    return [count, ...checkNames(config, server, tools)];
  });
}

async function lookAtServers(config: Config): Promise<readonly ToolServerReport[]> {
  const program = openProgram(config, pino({ level: "silent" }));
  try {
    return await program.checkToolServers();
  } finally {
    await program.close();
  }
}

function checkNames({ agents }: Config, server: string, tools: readonly string[]): Finding[] {
  const rest = tools.length - maxShown;
  const there = `${tools.slice(0, maxShown).join(", ") || "none"}${rest > 0 ? ` and ${rest} more` : ""}`;
  return agents.flatMap((agent): Finding[] => {
    const missing = agent.tools.allow.filter(
      (entry) => entry.startsWith(`${server}__`) && !entry.endsWith("__*") && !tools.includes(entry),
    );
    if (missing.length > 0) {
      const message = `agent ${agent.id} names ${missing.join(", ")}, which it does not have`;
      return [{ status: "warn", name: `mcp ${server}`, message, fix: `choose of what it has: ${there}` }];
    }
    return [];
  });
}
