/**
 * The `agents` section → agents with everything inherited, their models checked, their tools known.
 *
 * An agent without a model stays so here: `load.ts` gives it the default one, which may take a look at the network.
 */
import { agentIdPattern, type Agent } from "../domain/agent.ts";
import type { ConfigPath, Findings } from "./config-error.ts";
import { findNearest } from "./nearest.ts";
import { checkModelRef, type Providers } from "./providers.ts";
import type { ConfigFile } from "./schema.ts";

/** The gateway's own tools that an agent may name. */
export const toolNames = ["calculator", "current_time", "memory_save", "memory_recall"] as const;

export type AgentDraft = Omit<Agent, "model"> & { readonly model: string | undefined };

type AgentsFile = ConfigFile["agents"];
type AgentFile = AgentsFile["entries"][string];

interface Member {
  readonly id: string;
  readonly path: ConfigPath;
  readonly file: AgentFile;
}

export function buildAgents(file: AgentsFile, providers: Providers, createdAt: number, findings: Findings): AgentDraft[] {
  const members = collectMembers(file, findings);
  const defaultsPath = ["agents", "defaults"];
  const inherited = {
    model: readModel(file.defaults.model, defaultsPath, findings),
    tools: readTools(file.defaults.tools, defaultsPath, findings) ?? [],
  };
  return members.map(({ id, path, file: own }) => {
    const ownModel = readModel(own.model, path, findings);
    const model = ownModel ?? inherited.model;
    const problem = model === undefined ? undefined : checkModelRef(model, providers);
    if (problem !== undefined) findings.error([...(ownModel === undefined ? defaultsPath : path), "model"], problem);
    const systemPrompt = own.systemPrompt ?? file.defaults.systemPrompt;
    return {
      id,
      isDefault: own.default ?? false,
      ...(systemPrompt === undefined ? {} : { systemPrompt }),
      model,
      tools: readTools(own.tools, path, findings) ?? inherited.tools,
      maxTurns: own.maxTurns ?? file.defaults.maxTurns,
      runTimeoutMs: own.runTimeoutMs ?? file.defaults.runTimeoutMs,
      createdAt,
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

function readModel(model: AgentFile["model"], path: ConfigPath, findings: Findings): string | undefined {
  if (model === undefined || typeof model === "string") return model?.trim();
  if (model.fallbacks !== undefined && model.fallbacks.length > 0) {
    findings.warn([...path, "model", "fallbacks"], "fallbacks are not used yet; a failing model is an error.");
  }
  return model.primary.trim();
}

/** Undefined when nothing is said about tools. OpenClaw's files name many tools we do not have, so those are dropped. */
function readTools(tools: AgentFile["tools"], path: ConfigPath, findings: Findings): string[] | undefined {
  const named = Array.isArray(tools) ? tools : tools?.allow;
  if (named === undefined) return undefined;
  const known: readonly string[] = toolNames;
  const unknown = named.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    const words = unknown.map((name) => {
      const nearest = findNearest(name, known);
      return nearest === undefined ? name : `${name} (did you mean "${nearest}"?)`;
    });
    findings.warn([...path, "tools"], `no such tools here, left out: ${words.join(", ")}. There are: ${known.join(", ")}.`);
  }
  return [...new Set(named.filter((name) => known.includes(name)))];
}
