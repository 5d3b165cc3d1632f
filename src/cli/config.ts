/** `clawgate config check` and `show`: is the config right, and what does it come to. */
import { showDatabase } from "../config/database.ts";
import type { Config, McpServerConfig } from "../config/config.ts";
import { ConfigError, loadConfig } from "../config/load.ts";
import { type Origins, readOrigins } from "../config/origins.ts";
import { commandName } from "../config/terminal.ts";
import type { Agent } from "../domain/agent.ts";
import { exitCodes } from "./exit-codes.ts";
import { type Finding, printFinding } from "./findings.ts";
import type { ConfigFlags } from "./flags.ts";

export async function checkConfig({ config: configPath }: ConfigFlags): Promise<number> {
  try {
    const config = await loadConfig({ configPath });
    for (const finding of [...summarize(config, readOrigins(config, configPath)), ...config.warnings.map(warning)]) printFinding(finding);
    return exitCodes.ok;
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    for (const finding of [...thrown.issues.map(problem), ...thrown.warnings.map(warning)]) printFinding(finding);
    return exitCodes.config;
  }
}

/** A place and a message, as the config's own lines put them: the place is before the first `: `. */
function split(line: string): { name: string; message: string } {
  const [name = "", ...rest] = line.split(": ");
  return { name, message: rest.join(": ") };
}

const warning = (line: string): Finding => ({ status: "warn", ...split(line) });
const problem = (line: string): Finding => ({ status: "fail", ...split(line) });

function summarize(config: Config, origins: Origins): Finding[] {
  const { path, gateway, agents, providers, mcpServers, session } = config;
  const used = new Set(agents.flatMap(({ model, fallbacks }) => [model, ...fallbacks]).map((ref) => ref.slice(0, ref.indexOf("/"))));
  // An Ollama that nobody named may not even be there.
  const shown = providers.filter(({ id }) => id !== "ollama" || used.has(id) || origins.get("providers.ollama") !== "default");
  const { host, port, auth, chatCompletions } = gateway;
  const api = chatCompletions.enabled ? "the API is enabled" : "the API is disabled";
  const named = auth.tokens.length === 0 ? "" : ` (named: ${auth.tokens.map(({ name }) => name).join(", ")})`;
  const ok = (name: string, message: string): Finding => ({ status: "ok", name, message });
  return [
    path === undefined ? ok("config", `no file, all defaults; ${commandName()} init writes one`) : ok("config", path),
    ok("gateway", `${port === 0 ? `${host}, any free port` : `${host}:${port}`}, auth ${auth.mode}${named}, ${api}`),
    ...agents.map((agent) => ok(`agent ${agent.id}`, describeAgent(agent))),
    ok("providers", shown.map(({ id }) => id).join(", ")),
    ...mcpServers.map((server) => ok(`mcp ${server.name}`, describeServer(server))),
    ok("session", showDatabase(session.database)),
  ];
}

const maxTools = 12;

function describeAgent({ model, fallbacks, tools: { allow } }: Agent): string {
  const rest = allow.length - maxTools;
  const tools = `${allow.slice(0, maxTools).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
  return `${[model, ...fallbacks].join(", else ")}; ${allow.length === 0 ? "no tools" : `tools: ${tools}`}`;
}

/** Without arguments, path and query: they may be secret. Whether it works, only a check-up says. */
function describeServer(server: McpServerConfig): string {
  return server.transport === "stdio" ? `starts ${server.command.trim().split(/\s/)[0]}` : `at ${new URL(server.url).origin}`;
}

export async function showConfig({ config: configPath }: ConfigFlags): Promise<number> {
  try {
    const { path, warnings, ...values } = await loadConfig({ configPath });
    const origins = readOrigins({ path, warnings, ...values }, configPath);
    const shown = { file: path ?? null, origins, config: mask(values), warnings };
    console.log(JSON.stringify(shown, (_key, value: unknown) => (value instanceof Map ? Object.fromEntries<unknown>(value) : value), 2));
    return exitCodes.ok;
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    console.error(thrown.message);
    return exitCodes.config;
  }
}

const hidden = "***";

/** A copy without the gateway's secret, what named tokens are known by, the providers' keys, and what headers, variables, options and addresses may carry of such. */
function mask(config: Omit<Config, "path" | "warnings">): object {
  const { gateway, providers, mcpServers, session } = config;
  const { database, server } = session;
  return {
    ...config,
    gateway: {
      ...gateway,
      auth: {
        ...gateway.auth,
        ...(gateway.auth.secret === undefined ? {} : { secret: hidden }),
        tokens: gateway.auth.tokens.map((token) => ({ ...token, sha256: hidden })),
      },
    },
    providers: providers.map((provider) => ({
      ...provider,
      baseUrl: withoutUser(provider.baseUrl),
      ...(provider.apiKey === undefined ? {} : { apiKey: hidden }),
      ...(provider.options === undefined ? {} : { options: namesOnly(provider.options) }),
      headers: namesOnly(provider.headers),
    })),
    mcpServers: mcpServers.map((server) =>
      server.transport === "stdio"
        ? { ...server, args: server.args.map(() => hidden), env: namesOnly(server.env) }
        : { ...server, url: withoutUser(server.url), headers: namesOnly(server.headers) },
    ),
    session: {
      ...session,
      database: showDatabase(database),
      server: { ...server, ...(server.listenUrl === undefined ? {} : { listenUrl: showDatabase(server.listenUrl) }) },
    },
  };
}

function namesOnly(values: object): object {
  return Object.fromEntries(Object.keys(values).map((name) => [name, hidden]));
}

/** Nor what stands behind the path. */
function withoutUser(url: string): string {
  return url.replace(/\/\/[^/]*@/, `//${hidden}@`).replace(/\?.*$/, `?${hidden}`);
}
