/**
 * What of an MCP server's configuration must not be read anywhere: not in our log, and not by a model, although the
 * server may say it in an answer, an error or on its standard error.
 *
 * Only the plain value is found: a server that encodes its secret before it says it is not caught.
 */
import type { McpServerConfig } from "../config/config.ts";

/** A text without what is secret in it. */
export type Hide = (text: string) => string;

/** Shorter values are no secrets, and would blacken every other word. */
const minLength = 6;
const mask = "[hidden]";

const secretName = /key|token|secret|pass|auth|credential|cookie/i;
/** Where a server works is what it talks about all the time. */
const path = /^(?:\.{0,2}|~|[A-Za-z]:)[/\\]/;
/** Headers whose values are words of the protocol. */
const openHeaders = new Set(["accept", "accept-encoding", "accept-language", "content-type", "user-agent"]);

export function hiderOf(config: McpServerConfig): Hide {
  const values = config.transport === "stdio" ? ofProcess(config) : ofAddress(config);
  const long = values.filter((value) => value.length >= minLength);
  // As it stands in JSON, too: that is how servers show what they were given.
  const written = long.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]);
  // A secret that begins with another one would leave its rest behind.
  const secrets = [...new Set(written)].sort((a, b) => b.length - a.length);
  return (text) => secrets.reduce((left, secret) => left.replaceAll(secret, mask), text);
}

function ofProcess({ env, args }: Extract<McpServerConfig, { readonly transport: "stdio" }>): string[] {
  const variables = Object.entries(env).filter(([name, value]) => secretName.test(name) || !path.test(value));
  return [...variables.map(([, value]) => value), ...secretArguments(args)];
}

function ofAddress({ url, headers }: Extract<McpServerConfig, { readonly transport: "streamable-http" }>): string[] {
  const values = Object.entries(headers).flatMap(([name, value]) => (openHeaders.has(name.toLowerCase()) ? [] : [value]));
  // `Bearer x`: what is secret is the x alone, too.
  return [...values, ...values.flatMap((value) => /^\S+\s+(\S.*)$/s.exec(value)?.[1] ?? []), ...new URL(url).searchParams.values()];
}

/** Values of arguments that are called like secrets: `--api-key=x`, `--token x`. */
function secretArguments(args: readonly string[]): string[] {
  return args.flatMap((argument, index) => {
    const parts = /^--?[\w-]*(?:key|token|secret|password|auth)[\w-]*(?:=(.*))?$/is.exec(argument);
    if (parts === null) return [];
    return [parts[1] ?? args[index + 1] ?? ""];
  });
}
