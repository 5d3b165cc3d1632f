/**
 * Where the values of a configuration came from: the file, the environment, or nowhere in particular.
 *
 * It explains a configuration that was loaded; it decides nothing. The order of precedence is that of `gateway.ts`,
 * `auth.ts`, `agents.ts` and `providers.ts`.
 */
import type { Config } from "./config.ts";
import { hostedProviders, keyVariableOf } from "./environment-providers.ts";
import { given, locateConfig, readSource } from "./source.ts";
import { variableIn } from "./substitute.ts";

/** Place → origin, such as `gateway.port` → `environment: OPENCLAW_GATEWAY_PORT`. */
export type Origins = ReadonlyMap<string, string>;

interface RawAgent {
  readonly id?: unknown;
  readonly model?: unknown;
}

/** The file before its check; `config` was made from it, so what is there is well formed. */
interface RawFile {
  readonly gateway?: { readonly port?: unknown; readonly auth?: { readonly [key: string]: unknown } };
  readonly agents?: {
    readonly defaults?: RawAgent;
    readonly entries?: { readonly [id: string]: RawAgent };
    readonly list?: readonly RawAgent[];
  };
  readonly models?: { readonly providers?: object };
  readonly session?: { readonly database?: unknown };
}

const fallback = "default";
const inFile = (key: string): string => `file: ${key}`;
const inEnvironment = (name: string): string => `environment: ${name}`;

/** `config` must have been loaded with the same `configPath` and environment, and without other flags. */
export function readOrigins(config: Config, configPath?: string, env: NodeJS.ProcessEnv = process.env): Origins {
  const file = readSource(configPath, env).content as RawFile;
  const stateFolder = given(env["OPENCLAW_STATE_DIR"]) === undefined ? fallback : inEnvironment("OPENCLAW_STATE_DIR");
  return new Map([
    ["config", originOfFile(configPath, stateFolder, env)],
    ["gateway.port", originOfPort(file, env)],
    ["gateway.auth", originOfAuth(config, file)],
    ["session.database", originOfDatabase(file, stateFolder, env)],
    ...config.agents.map(({ id }): [string, string] => [`agents.${id}.model`, originOfModel(id, config, file)]),
    ...config.providers.map(({ id }): [string, string] => [`providers.${id}`, originOfProvider(id, file, env)]),
  ]);
}

function originOfFile(configPath: string | undefined, stateFolder: string, env: NodeJS.ProcessEnv): string {
  const { namedBy } = locateConfig(configPath, env);
  if (namedBy === undefined) return stateFolder;
  return namedBy === "--config" ? namedBy : inEnvironment(namedBy);
}

function originOfDatabase({ session }: RawFile, stateFolder: string, env: NodeJS.ProcessEnv): string {
  if (session?.database !== undefined) return inFile("session.database");
  return given(env["OPENCLAW_DATABASE_URL"]) === undefined ? stateFolder : inEnvironment("OPENCLAW_DATABASE_URL");
}

function originOfPort({ gateway }: RawFile, env: NodeJS.ProcessEnv): string {
  if (given(env["OPENCLAW_GATEWAY_PORT"]) !== undefined) return inEnvironment("OPENCLAW_GATEWAY_PORT");
  return gateway?.port === undefined ? fallback : inFile("gateway.port");
}

function originOfAuth({ gateway }: Config, file: RawFile): string {
  const { mode, isGenerated, tokens } = gateway.auth;
  if (isGenerated) return "made at each start";
  if (gateway.auth.secret === undefined && tokens.length > 0) return inFile("gateway.auth.tokens");
  const key = mode === "none" ? "mode" : mode;
  const inAuth = file.gateway?.auth?.[key];
  // The file has the variable's name, not the secret.
  const variable = typeof inAuth === "string" ? variableIn(inAuth) : undefined;
  if (variable !== undefined) return inEnvironment(variable);
  if (inAuth !== undefined) return inFile(`gateway.auth.${key}`);
  return inEnvironment(mode === "password" ? "OPENCLAW_GATEWAY_PASSWORD" : "OPENCLAW_GATEWAY_TOKEN");
}

function originOfModel(id: string, { defaultModel }: Config, { agents = {} }: RawFile): string {
  const isThis = (name: unknown): boolean => typeof name === "string" && name.trim().toLowerCase() === id;
  const entry = Object.entries(agents.entries ?? {}).find(([name]) => isThis(name));
  if (entry?.[1].model !== undefined) return inFile(`agents.entries.${entry[0]}.model`);
  const index = (agents.list ?? []).findIndex((member) => isThis(member.id));
  if (agents.list?.[index]?.model !== undefined) return inFile(`agents.list[${index}].model`);
  if (agents.defaults?.model !== undefined) return inFile("agents.defaults.model");
  return `${fallback}: ${defaultModel?.reason}`;
}

function originOfProvider(id: string, { models }: RawFile, env: NodeJS.ProcessEnv): string {
  if (Object.hasOwn(models?.providers ?? {}, id)) return inFile(`models.providers.${id}`);
  const hosted = hostedProviders.find((one) => one.id === id);
  if (hosted) return inEnvironment(keyVariableOf(hosted, env) ?? hosted.keys[0]);
  return id === "ollama" && given(env["OLLAMA_HOST"]) !== undefined ? inEnvironment("OLLAMA_HOST") : fallback;
}
