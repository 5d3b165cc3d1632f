/**
 * What a command asks a new token to be → a token, by the rules for those of the config file.
 *
 * Deliberately absent: where it is kept, and whether its name is free there.
 */
import { dirname } from "node:path";
import { ConfigError } from "./config-error.ts";
import type { Config, NamedToken } from "./config.ts";
import { isLlamaRef, toLlamaRef } from "./llama-models.ts";
import { suggest } from "./nearest.ts";
import { checkModelRef, type Providers } from "./providers.ts";
import { namedTokenSchema } from "./schema-gateway.ts";
import { toAbsolute } from "./source.ts";

/** Throws a `ConfigError` with a line for all that is wrong. */
export function readNewToken(request: NamedToken, config: Config, env: NodeJS.ProcessEnv = process.env): NamedToken {
  const parsed = namedTokenSchema.safeParse(request);
  const problems = parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${placeOf(path)}: ${message}`);
  const { name, sha256, expiresAt, limits } = request;
  if (name.toLowerCase() === "main") problems.push("main stands for the gateway's own secret; choose another name.");
  if (config.gateway.auth.tokens.some((token) => token.name.toLowerCase() === name.toLowerCase())) {
    problems.push(`gateway.auth.tokens has a token of the name "${name}" already; choose another one.`);
  }
  const end = parsed.success && expiresAt !== undefined ? new Date(expiresAt) : undefined;
  if (end && end.getTime() <= Date.now()) problems.push(`--expires: ${expiresAt} is over.`);
  const ids = config.agents.map(({ id }) => id);
  const agents = request.agents?.map((id) => id.trim().toLowerCase());
  for (const id of agents?.filter((one) => !ids.includes(one)) ?? []) {
    problems.push(`--agents: there is no agent "${id}": ${suggest(id, ids)}`);
  }
  const folder = config.path === undefined ? "." : dirname(config.path);
  const models = request.models?.map((ref) => toKnownRef(ref.trim(), (path) => toAbsolute(path, env, folder)));
  for (const ref of models ?? []) {
    const problem = problemOf(ref, { usable: config.providers, unusable: new Map(), place: { folder, toPath: (path) => path } });
    if (problem !== undefined) problems.push(`--models: ${problem}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    name,
    sha256,
    ...(agents ? { agents } : {}),
    ...(models ? { models } : {}),
    ...(limits ? { limits } : {}),
    ...(end ? { expiresAt: end.toISOString() } : {}),
  };
}

function toKnownRef(ref: string, toPath: (path: string) => string): string {
  return isLlamaRef(ref) ? toLlamaRef(ref, toPath) : ref;
}

/** A model file is only there for callers when the config names it. */
function problemOf(ref: string, providers: Providers): string | undefined {
  if (!isLlamaRef(ref)) return checkModelRef(ref, providers);
  const files = providers.usable.filter(({ api }) => api === "llama").flatMap(({ models }) => models.map(({ id }) => `llama:${id}`));
  return files.includes(ref) ? undefined : `"${ref}" is no model file that the config names.`;
}

/** The flag that a part of the request comes from. */
function placeOf([field, limit]: readonly PropertyKey[]): string {
  if (field === "expiresAt") return "--expires";
  if (field === "limits") return `--${String(limit).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return field === "name" ? "the name" : `--${String(field)}`;
}
