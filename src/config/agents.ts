/**
 * The `agents` section → agents with everything inherited, their models checked, their tools known.
 *
 * An agent without a model stays so here: `load.ts` gives it the default one, which may take a look at the network.
 */
import { agentIdPattern, type Agent } from "../domain/agent.ts";
import { readTools } from "./agent-tools.ts";
import type { ConfigPath, Findings } from "./config-error.ts";
import { checkFolder } from "./folders.ts";
import { checkModelRef, toModelRef, type Providers } from "./providers.ts";
import type { ConfigFile } from "./schema.ts";

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
  const { model: shared } = file.defaults;
  const isShared = members.some(({ file: own }) => own.model === undefined);
  const isHalfShared = members.some(({ file: own }) => typeof own.model === "string");
  const defaultModel = readModel(isShared ? shared : undefined, defaultsPath, context.providers, findings);
  const defaultFallbacks = readFallbacks(isShared || isHalfShared ? shared : undefined, defaultsPath, context.providers, findings);
  return members.map(({ id, path, file: own }) => {
    const model = own.model === undefined ? defaultModel : readModel(own.model, path, context.providers, findings);
    // As OpenClaw has it: a model by its name replaces the primary one alone.
    const isOwn = typeof own.model === "object";
    const listed = isOwn ? readFallbacks(own.model, path, context.providers, findings) : defaultFallbacks;
    const fallbacks = listed.filter((ref) => ref !== model);
    const workspace = readWorkspace([own.workspace, path], [file.defaults.workspace, defaultsPath], context, findings);
    const systemPrompt = own.systemPrompt ?? file.defaults.systemPrompt;
    return {
      id,
      isDefault: own.default ?? false,
      ...(systemPrompt === undefined ? {} : { systemPrompt }),
      ...(workspace === undefined ? {} : { workspace }),
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

function readWorkspace(
  [own, ownPath]: [string | undefined, ConfigPath],
  [inherited, inheritedPath]: [string | undefined, ConfigPath],
  { toFolder }: AgentsContext,
  findings: Findings,
): string | undefined {
  const [named, path] = own === undefined ? [inherited, inheritedPath] : [own, ownPath];
  const folder = named === undefined ? undefined : toFolder(named);
  checkFolder(folder, [...path, "workspace"], findings);
  return folder;
}

type ModelFile = AgentFile["model"];

function readModel(model: ModelFile, path: ConfigPath, providers: Providers, findings: Findings): string | undefined {
  const [primary, place] = typeof model === "object" ? [model.primary, [...path, "model", "primary"]] : [model, [...path, "model"]];
  if (primary === undefined) return undefined;
  const problem = checkModelRef(primary.trim(), providers);
  if (problem !== undefined) findings.error(place, problem);
  return toModelRef(primary.trim(), providers);
}

/**
 * A misspelt fallback would only show when it is needed, so it is an error; one of a provider that there is not here is
 * left out with a warning, because a file of OpenClaw's may name those that it has built in.
 */
function readFallbacks(model: ModelFile, path: ConfigPath, providers: Providers, findings: Findings): readonly string[] {
  if (typeof model !== "object") return [];
  const primary = toModelRef(model.primary.trim(), providers);
  const kept: string[] = [];
  for (const [index, text] of (model.fallbacks ?? []).entries()) {
    const where = [...path, "model", "fallbacks", index];
    const problem = checkModelRef(text.trim(), providers);
    const ref = toModelRef(text.trim(), providers);
    const id = ref.slice(0, Math.max(0, ref.indexOf("/")));
    const isForeign = id !== "" && !providers.usable.some((provider) => provider.id === id);
    if (problem !== undefined && isForeign) findings.warn(where, `left out: ${problem}`);
    else if (problem !== undefined) findings.error(where, problem);
    else if (ref === primary) findings.warn(where, "is the primary model itself; left out.");
    else if (kept.includes(ref)) findings.warn(where, "is in the list already; left out.");
    else kept.push(ref);
  }
  return kept;
}
