/** An agent with tools, and what its tools are given when they are called outside of a run. */
import type { Agent, AgentToolPolicy } from "../../src/domain/agent.ts";
import type { ToolContext } from "../../src/domain/tool.ts";

export function agentWith(tools: Partial<AgentToolPolicy> = {}): Agent {
  const httpFetch = { allowHosts: ["*"], maxBytes: 1_048_576, maxRedirects: 3, timeoutMs: 15_000 };
  return {
    id: "main",
    isDefault: true,
    model: "builtin/offline",
    fallbacks: [],
    tools: { allow: [], timeoutMs: 20_000, maxOutputBytes: 65_536, httpFetch, ...tools },
    maxTurns: 16,
    runTimeoutMs: 600_000,
    createdAt: 0,
  };
}

export function contextOf(agent: Agent, signal: AbortSignal = new AbortController().signal): ToolContext {
  const values = new Map<string, string>();
  return {
    agent,
    signal,
    now: () => new Date("2026-01-31T09:30:00Z"),
    memory: {
      save: (name, value) => Promise.resolve(void values.set(name, value)),
      recall: () => Promise.resolve(values),
    },
  };
}
