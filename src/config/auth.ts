/**
 * Who may call: the mode and its one secret, out of flag, file and environment, or made up on loopback; and named tokens.
 *
 * Whatever is unclear refuses to start; nothing here falls back to less protection. Comparing secrets is not done here.
 */
import { randomBytes } from "node:crypto";
import type { Findings } from "./config-error.ts";
import type { AuthConfig, AuthMode } from "./config.ts";
import { readTokens } from "./named-tokens.ts";
import type { ConfigFile } from "./schema.ts";
import { given } from "./source.ts";

type AuthFile = ConfigFile["gateway"]["auth"];

interface Surroundings {
  /** Only this machine can reach the gateway. */
  readonly isLoopback: boolean;
  /** One that was made up before, if any. */
  readonly madeUpSecret: string | undefined;
  readonly findings: Findings;
}

const variables = { token: "OPENCLAW_GATEWAY_TOKEN", password: "OPENCLAW_GATEWAY_PASSWORD" } as const;

export function resolveAuth(file: AuthFile, flag: string | undefined, env: NodeJS.ProcessEnv, surroundings: Surroundings): AuthConfig {
  const own = resolveOwnSecret(file, flag, env, surroundings);
  return { ...own, tokens: readTokens(file.tokens, own, surroundings.findings), rateLimit: file.rateLimit };
}

/** What a client is to send to a gateway that no config speaks of. */
export function secretInEnvironment(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return given(env[variables.token]) ?? given(env[variables.password]);
}

export function makeUpSecret(): string {
  return randomBytes(32).toString("base64url");
}

type OwnSecret = Pick<AuthConfig, "mode" | "secret" | "isGenerated">;

function resolveOwnSecret(file: AuthFile, flag: string | undefined, env: NodeJS.ProcessEnv, surroundings: Surroundings): OwnSecret {
  const { findings, isLoopback } = surroundings;
  if (flag !== undefined) {
    if (flag.trim() === "") findings.inputError("--token", "must not be empty: give a token or leave the flag out.");
    return { mode: "token", secret: flag.trim(), isGenerated: false };
  }
  const mode = file.mode ?? inferMode(file, env, findings);
  if (mode === "none") {
    if (!isLoopback) findings.error("gateway.auth.mode", `none is for loopback only: ${mendOpenBind}`);
    for (const key of ["token", "password"] as const) {
      if (file[key] !== undefined) findings.warn(`gateway.auth.${key}`, "not used, because gateway.auth.mode is none.");
    }
    return { mode, isGenerated: false };
  }
  const secret = file[mode]?.trim() ?? secretFromEnvironment(mode, env, findings);
  if (secret !== undefined) return { mode, secret, isGenerated: false };
  // Whoever gave each caller a token of its own wants no other.
  if (mode === "token" && file.tokens.length > 0) return { mode, isGenerated: false };
  if (mode === "token" && isLoopback) return { mode, secret: surroundings.madeUpSecret ?? makeUpSecret(), isGenerated: true };
  const place = `set gateway.auth.${mode} or ${variables[mode]}`;
  findings.error(
    `gateway.auth.${mode}`,
    isLoopback
      ? `mode is password, but there is none: ${place}.`
      : `other machines can reach this gateway, so it needs a secret: ${place}, or bind it to loopback.`,
  );
  return { mode, isGenerated: false };
}

const mendOpenBind = "use token or password, or bind the gateway to loopback.";

function inferMode(file: AuthFile, env: NodeJS.ProcessEnv, findings: Findings): AuthMode {
  if (file.token !== undefined && file.password !== undefined) {
    findings.error("gateway.auth.mode", 'both a token and a password are configured: set mode to "token" or "password".');
    return "token";
  }
  if (file.token !== undefined) return "token";
  if (file.password !== undefined) return "password";
  const hasToken = given(env[variables.token]) !== undefined;
  const hasPassword = given(env[variables.password]) !== undefined;
  if (hasToken && hasPassword) {
    const both = `${variables.token} and ${variables.password}`;
    findings.error("gateway.auth.mode", `both ${both} are set: set mode to "token" or "password", or unset one of them.`);
  }
  if (hasToken || hasPassword) return hasToken ? "token" : "password";
  return env[variables.password] !== undefined && env[variables.token] === undefined ? "password" : "token";
}

function secretFromEnvironment(mode: "token" | "password", env: NodeJS.ProcessEnv, findings: Findings): string | undefined {
  const name = variables[mode];
  const value = given(env[name]);
  if (env[name] === undefined || value !== undefined) return value;
  findings.inputError(name, "is set but empty: give it a value or unset it.");
  // Reported; whatever follows must not report it a second time.
  return "";
}
