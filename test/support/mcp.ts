/** `mcp-server.mjs` as a test starts it, and a gateway whose agent may use all of its tools. */
import { fileURLToPath } from "node:url";
import { startProcess, type TestProcess } from "../clients/processes.ts";
import { providerKey } from "../faces/provider.ts";
import { say, startGateway, type TestGateway } from "./gateway.ts";
import type { StubReply, StubUpstream } from "./stub-upstream.ts";

export const mcpServerPath = fileURLToPath(new URL("mcp-server.mjs", import.meta.url));

/** What only the MCP server may see. */
export const mcpKey = "mcp-secret-0123456789";

/** An entry of `mcp.servers` that starts the server as a process. */
export const stdioServer = { command: process.execPath, args: [mcpServerPath], env: { TEST_MCP_KEY: mcpKey } };

export interface HttpServerProcess extends TestProcess {
  /** An entry of `mcp.servers`. */
  readonly entry: { readonly url: string; readonly headers: { readonly [name: string]: string } };
  readonly port: string;
}

/** The server on the loopback; it ends with the test file at the latest. */
export async function startHttpServer(port = "0"): Promise<HttpServerProcess> {
  const server = startProcess(process.execPath, [mcpServerPath, "--http", port], { env: { TEST_MCP_KEY: mcpKey } });
  const url = (await server.waitFor("\n")).trim();
  return { ...server, port: new URL(url).port, entry: { url, headers: { Authorization: `Bearer ${mcpKey}` } } };
}

/** A gateway with these `mcp.servers`; `main` has `tools`, by default all of the server `files` and the calculator. */
export function startMcpGateway(stub: StubUpstream, servers: object, tools: unknown = ["files__*", "calculator"]): Promise<TestGateway> {
  return startGateway({
    models: { providers: { stub: { baseUrl: stub.url, apiKey: providerKey } } },
    agents: { defaults: { model: "stub/test-model" }, entries: { main: { default: true, tools }, plain: {} } },
    mcp: { servers },
  });
}

type Calls = NonNullable<StubReply["toolCalls"]>;

/** One run in which the model makes these calls in its first turn: the results, as the model was shown them. */
export async function resultsOf(
  gateway: TestGateway,
  stub: StubUpstream,
  ...calls: (readonly [name: string, args?: object])[]
): Promise<string[]> {
  const toolCalls: Calls = calls.map(([name, args = {}], n) => ({ id: `call_${n}`, name, arguments: JSON.stringify(args) }));
  stub.reply({ toolCalls }, { text: "Done." });
  const response = await gateway.chat(say("go"));
  if (response.status !== 200) throw new Error(await response.text());
  const { messages } = stub.requests.at(-1)?.body ?? { messages: [] };
  return messages.slice(-calls.length).map(({ content }) => String(content));
}

/** The names of the tools that the model was offered last. */
export function offeredBy(stub: StubUpstream): string[] {
  const tools = (stub.requests.at(-1)?.body["tools"] ?? []) as { readonly function: { readonly name: string } }[];
  return tools.map((tool) => tool.function.name);
}
