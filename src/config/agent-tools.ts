/**
 * `agents.*.tools` → the tools an agent may use, and how far each may go.
 *
 * Which tools an MCP server has is not known here: those are taken as they are named.
 */
import type { AgentToolPolicy } from "../domain/agent.ts";
import type { ConfigPath, Findings } from "./config-error.ts";
import { readHostNames } from "./host-names.ts";
import { findNearest } from "./nearest.ts";
import type { ConfigFile } from "./schema.ts";

/** The gateway's own tools that an agent may name. */
const toolNames: readonly string[] = ["calculator", "current_time", "memory_save", "memory_recall", "http_fetch"];

type ToolsFile = ConfigFile["agents"]["entries"][string]["tools"];

/** What an agent or `agents.defaults` says, and the path of who says it. */
type Said = [tools: ToolsFile, path: ConfigPath];

export function readTools(
  [own, ownPath]: Said,
  [inherited, inheritedPath]: Said,
  mcpServers: readonly string[],
  findings: Findings,
): AgentToolPolicy {
  const mine = limitsOf(own);
  const theirs = limitsOf(inherited);
  const [named, path] = mine.allow === undefined ? [theirs.allow ?? [], inheritedPath] : [mine.allow, ownPath];
  const fetching = { ...theirs.httpFetch, ...mine.httpFetch };
  const hostsPath = [...(mine.httpFetch?.allowHosts === undefined ? inheritedPath : ownPath), "tools", "httpFetch", "allowHosts"];
  return {
    allow: readNames(named, path, mcpServers, findings),
    timeoutMs: mine.timeoutMs ?? theirs.timeoutMs ?? 60_000,
    maxOutputBytes: mine.maxOutputBytes ?? theirs.maxOutputBytes ?? 65_536,
    httpFetch: {
      allowHosts: readHostNames(fetching.allowHosts ?? ["*"], hostsPath, findings),
      maxBytes: fetching.maxBytes ?? 1_048_576,
      maxRedirects: fetching.maxRedirects ?? 3,
      timeoutMs: fetching.timeoutMs ?? 15_000,
    },
  };
}

function limitsOf(tools: ToolsFile): Exclude<ToolsFile, readonly string[] | undefined> {
  return Array.isArray(tools) ? { allow: tools } : (tools ?? {});
}

/** OpenClaw's files name many tools we do not have, so those are dropped with a warning. */
function readNames(named: readonly string[], path: ConfigPath, mcpServers: readonly string[], findings: Findings): string[] {
  const known = [...toolNames, ...mcpServers.map((server) => `${server}__*`)];
  const isKnown = (name: string): boolean =>
    known.includes(name) || (!name.includes("*") && mcpServers.some((server) => name.startsWith(`${server}__`)));
  const unknown = [...new Set(named.filter((name) => !isKnown(name)))];
  if (unknown.length > 0) {
    const words = unknown.map((name) => `${name}${hintFor(name, known, mcpServers)}`);
    findings.warn([...path, "tools"], `no such tools here, left out: ${words.join(", ")}. There are: ${known.join(", ")}.`);
  }
  return [...new Set(named.filter(isKnown))];
}

function hintFor(name: string, known: readonly string[], mcpServers: readonly string[]): string {
  const server = mcpServers.find((one) => one.toLowerCase() === name.toLowerCase());
  const nearest = server === undefined ? findNearest(name, known) : `${server}__*`;
  if (nearest !== undefined) return ` (did you mean "${nearest}"?)`;
  if (!name.includes("*")) return "";
  return ` (a wildcard stands for all tools of one server: ${mcpServers[0] ?? "<server>"}__*)`;
}
