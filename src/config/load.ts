/**
 * Flags, file and environment → one frozen `Config`, or one `ConfigError` that lists everything that is wrong.
 *
 * It reads once and creates nothing on disk. This folder is the only reader of `process.env` in the program.
 */
import { buildAgents, type AgentDraft } from "./agents.ts";
import { ConfigError, createFindings, type ConfigPath, type Findings } from "./config-error.ts";
import { buildDatabase } from "./database.ts";
import type { Config, DefaultModel, SessionConfig } from "./config.ts";
import { chooseDefaultModel } from "./default-model.ts";
import { deepFreeze } from "./freeze.ts";
import { buildGateway, checkModelAliases, type GatewayOptions } from "./gateway.ts";
import { buildMcpServers } from "./mcp.ts";
import { llamaProviders } from "./llama-models.ts";
import { checkBudgets, checkTokenRights } from "./named-tokens.ts";
import { probeOllama, type OllamaProbe } from "./ollama.ts";
import { buildProviders, checkModelRef, type Providers } from "./providers.ts";
import { buildRetention } from "./retention.ts";
import { reportIssues } from "./schema-issues.ts";
import { configFileSchema, type ConfigFile } from "./schema.ts";
import { readSource, toAbsolute, type ConfigSource } from "./source.ts";
import { substituteVariables } from "./substitute.ts";
import { dropUnknownKeys } from "./unknown-keys.ts";

export { ConfigError } from "./config-error.ts";

/** What the command line says. */
export interface LoadOptions extends GatewayOptions {
  readonly configPath?: string | undefined;
  /** Instead of the one that file and environment name. */
  readonly database?: string | undefined;
}

export async function loadConfig(
  options: LoadOptions = {},
  env: NodeJS.ProcessEnv = process.env,
  probe: OllamaProbe = probeOllama,
): Promise<Config> {
  const source = readSource(options.configPath, env);
  const findings = createFindings(source.label);
  const { file, broken } = checkFile(source, env, findings);
  // A broken section stands here as its defaults; what is said about those is not the user's problem.
  const about = (...sections: Section[]) => (sections.some((section) => broken.has(section)) ? createFindings(source.label) : findings);
  const gateway = buildGateway(file.gateway, options, env, about("gateway"));
  const createdAt = source.modifiedAt ?? Math.floor(performance.timeOrigin / 1000);
  const toFolder = (path: string): string => toAbsolute(path, env, source.folder);
  const providers = buildProviders(file.models.providers, env, { folder: source.folder, toPath: toFolder }, about("models"));
  const mcpServers = buildMcpServers(file.mcp.servers, toFolder, about("mcp"));
  const agentsContext = { providers, mcpServers: mcpServers.map((server) => server.name), createdAt, toFolder };
  const drafts = buildAgents(file.agents, agentsContext, about("agents", "models", "mcp"));
  const ids = drafts.map((agent) => agent.id);
  checkModelAliases(gateway.chatCompletions.modelAliases, ids, about("gateway", "agents"));
  const tokens = checkTokenRights(gateway.auth.tokens, ids, providers, about("gateway", "agents", "models"));
  const session = buildSession(file.session, options.database, source, env, about("session"));
  throwIfBroken(findings);

  const defaultModel = await defaultModelFor(drafts, providers, env, { probe, findings });
  throwIfBroken(findings);
  const agents = drafts.map((agent) => ({ ...agent, model: agent.model ?? defaultModel?.ref ?? "" }));
  checkBudgets(tokens, agents, providers, findings);
  return deepFreeze({
    path: source.path,
    gateway: { ...gateway, auth: { ...gateway.auth, tokens } },
    agents,
    providers: [
      ...providers.usable,
      ...llamaProviders(
        [...drafts.flatMap(({ model, fallbacks }) => [model, ...fallbacks]), ...tokens.flatMap(({ models = [] }) => models)],
        source.folder,
      ),
    ],
    mcpServers,
    defaultModel,
    session,
    runs: { maxConcurrent: file.agents.defaults.maxConcurrent, maxQueued: file.agents.defaults.maxQueued },
    log: file.log,
    warnings: findings.warnings,
  });
}

type Section = "gateway" | "agents" | "models" | "mcp" | "session" | "log";

/** The file against its schema. Sections with a problem are replaced by their defaults, so that the rest can be checked too. */
function checkFile(source: ConfigSource, env: NodeJS.ProcessEnv, findings: Findings): { file: ConfigFile; broken: ReadonlySet<string> } {
  const { content } = source;
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    findings.error("top level", "must be an object: { gateway: { … } }.");
    throwIfBroken(findings);
  }
  const reported: ConfigPath[] = [];
  const known = dropUnknownKeys(configFileSchema, content, findings);
  const resolved = substituteVariables(known, env, {
    error: (path, message) => {
      if (typeof path !== "string") reported.push(path);
      findings.error(path, message);
    },
  });
  const first = configFileSchema.safeParse(resolved);
  if (first.success && reported.length === 0) return { file: first.data, broken: new Set() };
  const issues = first.error?.issues ?? [];
  const isReported = (path: ConfigPath) => reported.some((other) => other.every((key, index) => key === path[index]));
  reportIssues(issues, resolved, findings, isReported);
  const broken = new Set([...issues.map((issue) => issue.path), ...reported].map((path) => String(path[0])));
  const sound = Object.entries(resolved as object).filter(([section]) => !broken.has(section));
  return { file: configFileSchema.parse(Object.fromEntries(sound)), broken };
}

async function defaultModelFor(
  agents: readonly AgentDraft[],
  providers: Providers,
  env: NodeJS.ProcessEnv,
  { probe, findings }: { probe: OllamaProbe; findings: Findings },
): Promise<DefaultModel | undefined> {
  if (agents.every((agent) => agent.model !== undefined)) return undefined;
  const chosen = await chooseDefaultModel(env, probe);
  const problem = checkModelRef(chosen.ref, providers);
  if (problem !== undefined) {
    findings.error(
      "agents.defaults.model",
      `not set, and ${chosen.ref}, chosen because ${chosen.reason}, will not do: ${problem} Name a model here.`,
    );
  }
  return chosen;
}

function buildSession(
  file: ConfigFile["session"],
  flag: string | undefined,
  source: ConfigSource,
  env: NodeJS.ProcessEnv,
  findings: Findings,
): SessionConfig {
  const { maxQueued, maxWaitMs } = file;
  const retention = buildRetention(file.maintenance, findings);
  return { ...buildDatabase(file, flag, source, env, findings), maxQueued, maxWaitMs, retention };
}

function throwIfBroken(findings: Findings): void {
  if (findings.errors.length > 0) throw new ConfigError(findings.errors, findings.warnings);
}
