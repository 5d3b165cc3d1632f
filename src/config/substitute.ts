/**
 * `${VAR}` in the strings of the config file → the environment variable's value; `$${VAR}` → a literal `${VAR}`.
 *
 * Values are not expanded a second time, keys are left alone, and there is no `${VAR:-default}`: a missing or empty
 * variable is an error, because a secret that silently became "" or "${VAR}" would protect nothing.
 */
import type { ConfigPath, Findings } from "./config-error.ts";

const reference = /(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** The variable that `text` is a reference to and nothing besides, or undefined. */
export function variableIn(text: string): string | undefined {
  return /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(text.trim())?.[1];
}

/** A copy of `value` with every reference replaced. One that cannot be replaced is reported and stays as it is. */
export function substituteVariables(
  value: unknown,
  env: NodeJS.ProcessEnv,
  findings: Pick<Findings, "error">,
  path: ConfigPath = [],
): unknown {
  if (typeof value === "string") return substituteText(value, env, findings, path);
  if (Array.isArray(value)) return value.map((item, index) => substituteVariables(item, env, findings, [...path, index]));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, substituteVariables(item, env, findings, [...path, key])]));
}

function substituteText(text: string, env: NodeJS.ProcessEnv, findings: Pick<Findings, "error">, path: ConfigPath): string {
  return text.replace(reference, (whole, escape: string, name: string) => {
    if (escape !== "") return whole.slice(1);
    const value = env[name];
    if (value !== undefined && value !== "") return value;
    const state = value === undefined ? "not set" : "empty";
    findings.error(path, `the environment variable ${name} is ${state}: set it, or write $\${${name}} for the literal text.`);
    return whole;
  });
}
