/**
 * An MCP server over HTTP on the loopback that a test writes by hand: it introduces itself and lists the tool `go`; what
 * becomes of a call, of the event stream and of what we answer it is the test's.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll } from "@jest/globals";

export interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: { readonly name?: string; readonly protocolVersion?: string };
  readonly error?: object;
}

type Handler = (response: ServerResponse, message: Message, request: IncomingMessage) => void;

export interface Script {
  /** Everything, instead of what follows. */
  readonly all?: Handler;
  readonly call?: Handler;
  /** The GET of the event stream; 405 unless given. */
  readonly events?: Handler;
  /** An answer to a request of ours, a POST without a method. */
  readonly answered?: Handler;
}

export interface ScriptedServer {
  readonly url: string;
  readonly server: Server;
  /** Tool lists that were asked for. */
  readonly lists: number;
}

const servers: Server[] = [];

afterAll(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

export async function startScripted({ all, call, events, answered }: Script): Promise<ScriptedServer> {
  let lists = 0;
  const server = createServer((request, response) => {
    void readAll(request).then((body) => {
      const message = (body === "" ? {} : JSON.parse(body)) as Message;
      if (all) all(response, message, request);
      else if (request.method === "GET" && events) events(response, message, request);
      else if (request.method !== "POST") response.writeHead(405).end();
      else if (message.method === "initialize") {
        const protocolVersion = message.params?.protocolVersion;
        const serverInfo = { name: "scripted", version: "1" };
        answer(response, message, { protocolVersion, capabilities: { tools: { listChanged: true } }, serverInfo });
      } else if (message.method === "tools/list") {
        answer(response, message, { tools: [{ name: "go", inputSchema: { type: "object" }, description: `list ${++lists}` }] });
      } else if (message.method === "tools/call") (call ?? say("done"))(response, message, request);
      else if (message.method === undefined && answered) answered(response, message, request);
      else response.writeHead(202).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.push(server);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    server,
    get lists() {
      return lists;
    },
  };
}

export function answer(response: ServerResponse, { id }: Message, result: object): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ jsonrpc: "2.0", id, result }));
}

export function say(text: string): Handler {
  return (response, message) => answer(response, message, { content: [{ type: "text", text }] });
}

/** One event of an event stream. */
export function event(message: object): string {
  return `data: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`;
}

export function openEvents(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
}

/** Writes without end, as fast as it is read. */
export function pour(response: ServerResponse, text = "x".repeat(65_536)): void {
  const more = (): void => {
    if (!response.destroyed) response.write(text, more);
  };
  more();
}

async function readAll(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of request.setEncoding("utf8")) text += String(piece);
  return text;
}
