/**
 * A real MCP server for tests, a process of its own: over stdio, or with `--http [port]` over streamable HTTP, where its
 * first line of output is its URL. It lists three tools a page and tells its standard error what it is called for.
 *
 * With TEST_MCP_KEY set, its HTTP side answers 401 to whoever does not send it as a bearer token, and says which one it got.
 * With TEST_MCP_STUBBORN set, only force ends its stdio side.
 */
import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import process from "node:process";
import { setInterval } from "node:timers";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const pageSize = 3;
const noArguments = { type: "object", properties: {} };
const text = (words) => ({ content: [{ type: "text", text: words }] });
const note = (words) => process.stderr.write(`${words}\n`);

const pixel = Buffer.from("89504e470d0a1a0a", "hex").toString("base64");

const tools = {
  echo: {
    description: "Says what it is told.",
    inputSchema: {
      $schema: "http://json-schema.org/draft-07/schema#",
      type: "object",
      properties: { text: { type: "string" }, pair: { type: "array", items: [{ type: "string" }, { type: "integer" }] } },
      required: ["text"],
    },
    run: (args) => text(args.text),
  },
  "read.file/v2": { inputSchema: noArguments, run: () => text("the file") },
  fail: { inputSchema: noArguments, run: () => ({ ...text("The disk is full."), isError: true }) },
  throw: {
    inputSchema: noArguments,
    run: () => {
      throw new Error("It broke inside.");
    },
  },
  picture: {
    inputSchema: noArguments,
    run: () => ({
      content: [
        { type: "text", text: "Two things:" },
        { type: "image", mimeType: "image/png", data: pixel },
        { type: "resource", resource: { uri: "note://1", text: "A note." } },
        { type: "resource_link", uri: "note://2", name: "another note" },
      ],
    }),
  },
  structured: { inputSchema: noArguments, run: () => ({ content: [], structuredContent: { degrees: 21 } }) },
  nothing: { inputSchema: noArguments, run: () => ({ content: [] }) },
  environment: { inputSchema: noArguments, run: () => text(Object.keys(process.env).sort().join(" ")) },
  pid: { inputSchema: noArguments, run: () => text(String(process.pid)) },
  hang: {
    inputSchema: noArguments,
    run: (_args, { signal }) =>
      new Promise(() => {
        note("hang was called");
        signal.addEventListener("abort", () => note("hang was cancelled"));
      }),
  },
  die: { inputSchema: noArguments, run: () => process.exit(1) },
  unchecked: {
    inputSchema: { type: "object", properties: { x: { $ref: "https://schemas.example.org/none" } } },
    run: (args) => text(JSON.stringify(args)),
  },
  grow: {
    inputSchema: noArguments,
    run: async (_args, { sendNotification }) => {
      tools.echo = {
        ...tools.echo,
        inputSchema: { type: "object", properties: { words: { type: "string" } }, required: ["words"] },
        run: (args) => text(args.words),
      };
      tools.grown = { inputSchema: noArguments, run: () => text("I am new.") };
      await sendNotification({ method: "notifications/tools/list_changed" });
      return text("grown");
    },
  },
  [`long_${"n".repeat(80)}`]: { inputSchema: noArguments, run: () => text("a long name") },
};

function createMcpServer() {
  const server = new Server({ name: "test", version: "1.0.0" }, { capabilities: { tools: { listChanged: true } } });
  server.setRequestHandler(ListToolsRequestSchema, ({ params }) => {
    const start = Number(params?.cursor ?? 0);
    const all = Object.entries(tools).map(([name, { description, inputSchema }]) => ({ name, description, inputSchema }));
    const end = start + pageSize;
    return { tools: all.slice(start, end), ...(end < all.length ? { nextCursor: String(end) } : {}) };
  });
  server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => {
    if (!Object.hasOwn(tools, params.name)) throw new Error(`no tool ${params.name}`);
    return tools[params.name].run(params.arguments ?? {}, extra);
  });
  return server;
}

async function serveHttp(port) {
  const key = process.env.TEST_MCP_KEY;
  const sessions = new Map();
  const server = createServer(async (req, res) => {
    if (key !== undefined && req.headers.authorization !== `Bearer ${key}`) {
      return res.writeHead(401).end(`not your key: ${req.headers.authorization}`);
    }
    const id = req.headers["mcp-session-id"];
    if (id !== undefined && !sessions.has(id)) return res.writeHead(404).end("no such session");
    let transport = sessions.get(id);
    if (transport === undefined) {
      transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (session) => sessions.set(session, transport),
        onsessionclosed: () => note("session was closed"),
      });
      await createMcpServer().connect(transport);
    }
    return transport.handleRequest(req, res);
  });
  server.listen(port, "127.0.0.1", () => process.stdout.write(`http://127.0.0.1:${server.address().port}/mcp\n`));
}

const [mode, port = "0"] = process.argv.slice(2);
if (mode === "--http") await serveHttp(Number(port));
else {
  if (process.env.TEST_MCP_STUBBORN !== undefined) {
    process.on("SIGTERM", () => undefined);
    setInterval(() => undefined, 60_000);
  }
  note(`my key is ${process.env.TEST_MCP_KEY}`);
  await createMcpServer().connect(new StdioServerTransport());
}
