/**
 * The `agents` section → agents with everything inherited, their models checked, their tools known.
 *
 * An agent without a model stays so here: `load.ts` gives it the default one, which may take a look at the network.
 */
import { agentIdPattern, type Agent, type AgentToolPolicy } from "../domain/agent.ts";
import type { ConfigPath, Findings } from "./config-error.ts";
import { findNearest } from "./nearest.ts";
import { checkModelRef, toModelRef, type Providers } from "./providers.ts";
import type { ConfigFile } from "./schema.ts";

/** The gateway's own tools that an agent may name. */
export const toolNames = ["calculator", "current_time", "memory_save", "memory_recall", "http_fetch"] as const;

export type AgentDraft = Omit<Agent, "model"> & { readonly model: string | undefined };

type AgentsFile = ConfigFile["agents"];
type AgentFile = AgentsFile["entries"][string];

interface Member {
  readonly id: string;
  readonly path: ConfigPath;
  readonly file: AgentFile;
}

/** What the agents' section is checked against. */
export interface AgentsContext {
  readonly providers: Providers;
  /** Names of the configured MCP servers. */
  readonly mcpServers: readonly string[];
  readonly createdAt: number;
  /** The path of a folder named in the file, absolute. */
  readonly toFolder: (path: string) => string;
}

export function buildAgents(file: AgentsFile, context: AgentsContext, findings: Findings): AgentDraft[] {
  const members = collectMembers(file, findings);
  const defaultsPath = ["agents", "defaults"];
  // What nobody uses need not be right.
  const isInherited = members.some(({ file: own }) => own.model === undefined);
  const defaultModels = readModels(isInherited ? file.defaults.model : undefined, defaultsPath, context.providers, findings);
  return members.map(({ id, path, file: own }) => {
    const { model, fallbacks } = own.model === undefined ? defaultModels : readModels(own.model, path, context.providers, findings);
    const systemPrompt = own.systemPrompt ?? file.defaults.systemPrompt;
    const workspace = own.workspace ?? file.defaults.workspace;
    return {
      id,
      isDefault: own.default ?? false,
      ...(systemPrompt === undefined ? {} : { systemPrompt }),
      ...(workspace === undefined ? {} : { workspace: context.toFolder(workspace) }),
      model,
      fallbacks,
      tools: readTools([own.tools, path], [file.defaults.tools, defaultsPath], context.mcpServers, findings),
      maxTurns: own.maxTurns ?? file.defaults.maxTurns,
      runTimeoutMs: own.runTimeoutMs ?? file.defaults.runTimeoutMs,
      createdAt: context.createdAt,
    };
  });
}

/** Those of `entries`, then those of `list`, each id once and well formed; `main` when there is none. */
function collectMembers(file: AgentsFile, findings: Findings): Member[] {
  const named: Member[] = [
    ...Object.entries(file.entries).map(([id, entry]) => ({ id, path: ["agents", "entries", id], file: entry })),
    ...file.list.map(({ id, ...entry }, index) => ({ id, path: ["agents", "list", index], file: entry })),
  ];
  if (named.length === 0) return [{ id: "main", path: ["agents", "entries", "main"], file: { default: true } }];
  const seen = new Map<string, ConfigPath>();
  const members = named.map((member) => {
    const id = member.id.trim().toLowerCase();
    const idPath = member.path[1] === "list" ? [...member.path, "id"] : member.path;
    if (!agentIdPattern.test(id)) {
      findings.error(idPath, "an agent's id must start with a letter or digit and have at most 64 letters, digits, - and _.");
    }
    if (seen.has(id)) findings.error(idPath, `there are two agents "${id}" in entries and list together; case does not matter. Keep one.`);
    if (id === "default")
      findings.warn(idPath, "the model names openclaw/default and openclaw:default mean the default agent; this one is agent:default.");
    seen.set(id, member.path);
    return { ...member, id };
  });
  const defaults = members.filter((member) => member.file.default === true);
  for (const { path } of defaults.slice(1)) {
    findings.error([...path, "default"], `"${defaults[0]?.id}" is the default agent already; at most one may be.`);
  }
  return members;
}

/** A fallback that cannot be had would only show when it is needed, so it is an error like the model itself. */
function readModels(
  model: AgentFile["model"],
  path: ConfigPath,
  providers: Providers,
  findings: Findings,
): { model: string | undefined; fallbacks: readonly string[] } {
  const { primary, fallbacks = [] } = typeof model === "object" ? model : { primary: model };
  const place = typeof model === "object" ? [...path, "model", "primary"] : [...path, "model"];
  const check = (ref: string, where: ConfigPath): string => {
    const problem = checkModelRef(ref, providers);
    if (problem !== undefined) findings.error(where, problem);
    return toModelRef(ref, providers);
  };
  return {
    model: primary === undefined ? undefined : check(primary.trim(), place),
    fallbacks: fallbacks.map((ref, index) => check(ref.trim(), [...path, "model", "fallbacks", index])),
  };
}

type ToolsFile = AgentFile["tools"];

function readTools(
  [own, ownPath]: [ToolsFile, ConfigPath],
  [inherited, inheritedPath]: [ToolsFile, ConfigPath],
  mcpServers: readonly string[],
  findings: Findings,
): AgentToolPolicy {
  const mine = limitsOf(own);
  const theirs = limitsOf(inherited);
  const [named, path] = mine.allow === undefined ? [theirs.allow ?? [], inheritedPath] : [mine.allow, ownPath];
  const fetching = { ...theirs.httpFetch, ...mine.httpFetch };
  return {
    allow: readNames(named, path, mcpServers, findings),
    timeoutMs: mine.timeoutMs ?? theirs.timeoutMs ?? 60_000,
    maxOutputBytes: mine.maxOutputBytes ?? theirs.maxOutputBytes ?? 65_536,
    httpFetch: {
      allowHosts: (fetching.allowHosts ?? ["*"]).map((host) => host.trim().toLowerCase()),
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
  const known: readonly string[] = [...toolNames, ...mcpServers.map((server) => `${server}__*`)];
  const isKnown = (name: string): boolean => known.includes(name) || mcpServers.some((server) => name.startsWith(`${server}__`));
  const unknown = [...new Set(named.filter((name) => !isKnown(name)))];
  if (unknown.length > 0) {
    const words = unknown.map((name) => {
      const nearest = findNearest(name, known);
      return nearest === undefined ? name : `${name} (did you mean "${nearest}"?)`;
    });
    findings.warn([...path, "tools"], `no such tools here, left out: ${words.join(", ")}. There are: ${known.join(", ")}.`);
  }
  return [...new Set(named.filter(isKnown))];
}
