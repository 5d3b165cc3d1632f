/**
 * The `mcp` section → the servers that can be used, each either started as a process or reached over HTTP.
 *
 * Nothing is started or contacted here. Values are never quoted: they may be secrets.
 */
import type { ConfigPath, Findings } from "./config-error.ts";
import type { McpServerConfig } from "./config.ts";
import { checkFolder } from "./folders.ts";
import type { ConfigFile } from "./schema.ts";

type ServerFile = ConfigFile["mcp"]["servers"][string];

/** Without two underscores in a row and none at the end, the first `__` of a tool's name ends its server's. */
const namePattern = /^[A-Za-z0-9](?:[A-Za-z0-9-]|_(?!_|$)){0,31}$/;

/** `toFolder` makes the path of a folder named in the file absolute. */
export function buildMcpServers(
  file: ConfigFile["mcp"]["servers"],
  toFolder: (path: string) => string,
  findings: Findings,
): McpServerConfig[] {
  return Object.entries(file).flatMap(([name, server]): McpServerConfig[] => {
    const path = ["mcp", "servers", name];
    if (!namePattern.test(name)) {
      findings.error(
        path,
        "a server's name must have at most 32 letters, digits, - and single _, and start and end with none of the last; rename it.",
      );
    }
    const transport = transportOf(server, path, findings);
    if (!server.enabled || transport === undefined) return [];
    const { connectTimeoutMs, command = "", args, env, cwd, url = "", headers } = server;
    if (transport === "streamable-http") {
      return [{ name, connectTimeoutMs, transport, url: checkUrl(url, [...path, "url"], findings), headers: texts(headers) }];
    }
    const folder = cwd === undefined ? undefined : toFolder(cwd);
    checkFolder(folder, [...path, "cwd"], findings);
    return [{ name, connectTimeoutMs, transport, command, args, env: texts(env), cwd: folder }];
  });
}

/** Undefined when there is none that this version speaks; then it has been said. */
function transportOf(
  { command, url, transport }: ServerFile,
  path: ConfigPath,
  findings: Findings,
): McpServerConfig["transport"] | undefined {
  if ((command === undefined) === (url === undefined)) {
    findings.error(path, "must have either command or url: a program to start, or an address to reach.");
    return undefined;
  }
  const fitting = url === undefined ? "stdio" : "streamable-http";
  if (transport === undefined || transport === fitting) return fitting;
  if (url !== undefined && transport === "sse") {
    findings.warn(
      [...path, "transport"],
      "this version does not speak sse, so the server is left out; most servers offer streamable-http too.",
    );
    return undefined;
  }
  findings.error([...path, "transport"], `must be ${fitting} for a server with ${url === undefined ? "a command" : "a url"}.`);
  return undefined;
}

function checkUrl(text: string, path: ConfigPath, findings: Findings): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) findings.error(path, "must be a URL that starts with http:// or https://.");
  else if (url.username !== "" || url.password !== "") findings.error(path, "must not contain a user or password; use headers.");
  return text.trim();
}

function texts(values: ServerFile["env"]): { readonly [name: string]: string } {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}
