/**
 * The parts of the MCP SDK that are used, loaded when the first server is: a gateway without servers does not carry them.
 */
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";

export type { FetchLike } from "@modelcontextprotocol/sdk/shared/transport.js";
export type { CallToolResult, JSONRPCMessage as McpMessage, Tool as ListedTool } from "@modelcontextprotocol/sdk/types.js";
export type { Transport };

// One after the other: module loaders of test runners cannot link graphs that overlap at the same time.
async function load() {
  const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
  const { getDefaultEnvironment } = await import("@modelcontextprotocol/sdk/client/stdio.js");
  const { ReadBuffer, serializeMessage } = await import("@modelcontextprotocol/sdk/shared/stdio.js");
  const { StreamableHTTPClientTransport, StreamableHTTPError } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
  const types = await import("@modelcontextprotocol/sdk/types.js");
  const stdio = { getDefaultEnvironment, ReadBuffer, serializeMessage };
  return { Client, ...stdio, StreamableHTTPClientTransport, StreamableHTTPError, ...types };
}

export type McpSdk = Awaited<ReturnType<typeof load>>;

/** The SDK, loaded by the first call and once. */
export function createSdkLoader(): () => Promise<McpSdk> {
  let sdk: Promise<McpSdk> | undefined;
  return () => (sdk ??= load());
}
