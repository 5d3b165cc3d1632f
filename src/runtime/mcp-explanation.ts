/**
 * Why an MCP server cannot be used, in words for whoever runs the gateway: in the log and in a check-up, not to models.
 *
 * Of a server it names the program without its arguments, or the origin without path and query: the rest may be secret.
 */
import { statSync } from "node:fs";
import type { McpServerConfig } from "../config/config.ts";
import type { McpProcess } from "./mcp-process.ts";
import type { StdioConfig } from "./mcp-stdio.ts";
import { DeadlineOver } from "./until-aborted.ts";

export interface Explanation {
  /** A clause without a full stop. */
  readonly problem: string;
  /** What to do about it, as an order. */
  readonly fix: string;
}

export interface Failed {
  /** What was thrown. */
  readonly cause: unknown;
  /** Of a system call or a connection. */
  readonly code: string | undefined;
  /** Of an HTTP reply. */
  readonly status: number | undefined;
  /** `sentence("x")` says of x what went wrong, with a full stop. */
  readonly sentence: (subject: string) => string;
  /** It wrote what is not of the protocol to its standard output. */
  readonly isGarbled: boolean;
  /** Why we gave it up, as the end of a sentence about it. */
  readonly fault: string | undefined;
}

export function explain(failed: Failed, config: McpServerConfig, process: McpProcess | undefined): Explanation {
  const { cause, sentence, isGarbled, fault } = failed;
  const key = `mcp.servers.${config.name}`;
  const place = placeOf(config);
  if (fault !== undefined) return { problem: `${place} ${fault}, so it was given up`, fix: "see whether there is a better version of it" };
  if (cause instanceof DeadlineOver) {
    const problem = `${place} was not ready within ${config.connectTimeoutMs} ms${lastWordsOf(process)}`;
    if (isGarbled && config.transport === "stdio") {
      const fix = "make it write its own messages to its standard error, or see whether it is a server of this protocol";
      return { problem: `${problem}, and wrote what is not of the protocol to its standard output`, fix };
    }
    return { problem, fix: `see what it waits for, or raise ${key}.connectTimeoutMs` };
  }
  const explained = config.transport === "stdio" ? explainProcess(failed, config, process) : explainHttp(failed, place, key);
  const fix =
    config.transport === "stdio" ? "see whether it is a server of this protocol" : `see whether ${key}.url is right; most end in /mcp`;
  return explained ?? { problem: sentence(place).replace(/\.$/, ""), fix };
}

function placeOf(config: McpServerConfig): string {
  return config.transport === "stdio" ? JSON.stringify(programOf(config)) : new URL(config.url).origin;
}

/** A command with blanks is most likely one with its arguments in it. */
function programOf({ command }: StdioConfig): string {
  const [program = "", ...others] = command.trim().split(/\s+/);
  return others.length === 0 ? program : `${program} …`;
}

function lastWordsOf(process: McpProcess | undefined): string {
  const words = process?.lastWords ?? "";
  return words === "" ? "" : `; it said: ${words}`;
}

function explainProcess({ code }: Failed, config: StdioConfig, process: McpProcess | undefined): Explanation | undefined {
  const key = `mcp.servers.${config.name}`;
  const place = placeOf(config);
  if (process?.end) {
    const { exitCode, signal } = process.end;
    const how = signal === null ? `ended with exit code ${exitCode}` : `was ended by ${signal}`;
    return { problem: `${place} ${how}${lastWordsOf(process)}`, fix: `run it by hand with the args and env of ${key}` };
  }
  // Both are the same to the system: no program, and no folder to start it in.
  if (code === "ENOENT" && config.cwd !== undefined && statSync(config.cwd, { throwIfNoEntry: false }) === undefined) {
    return { problem: `cannot start ${place} in ${config.cwd} (no such folder)`, fix: `correct ${key}.cwd` };
  }
  const isWhole = !/\s/.test(config.command.trim()) || config.args.length > 0;
  const fix = isWhole ? `correct ${key}.command` : `put the arguments in ${key}.args, the program alone in command`;
  if (code === "ENOENT") return { problem: `cannot start ${place} (not found)`, fix };
  if (code === "EACCES") return { problem: `cannot start ${place} (no program that this user may run)`, fix };
  return undefined;
}

function explainHttp({ code, status }: Failed, place: string, key: string): Explanation | undefined {
  if (status !== undefined) {
    const problem = `${place} answered with HTTP status ${status}`;
    if (status === 401 || status === 403) return { problem, fix: `put what it wants into ${key}.headers` };
    if (status >= 500) return { problem, fix: "look at its log, and try again" };
    return { problem, fix: `correct ${key}.url; most end in /mcp` };
  }
  if (code !== undefined) return { problem: `${place} cannot be reached (${code})`, fix: `start it, or correct ${key}.url` };
  return undefined;
}
