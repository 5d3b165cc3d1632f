/**
 * An MCP server over stdio that does what none should, each of its tools another thing. It is written without the SDK,
 * which would not let it. Its first argument chooses the list of its tools; TEST_KEY is what it gives away.
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import { createInterface } from "node:readline";
import { setInterval } from "node:timers";

const [, , list = "plain"] = process.argv;
const key = process.env.TEST_KEY ?? "";

const nested = (depth) => `${'{"items":'.repeat(depth)}{}${"}".repeat(depth)}`;
const tool = (name, inputSchema = {}, more = {}) => ({ name, inputSchema: { type: "object", ...inputSchema }, ...more });

const lists = {
  plain: () => ["ok", "pings", "endless", "refuse", "wait", "give", "fail", "environment", "pid"].map((name) => tool(name)),
  unfit: () => [
    tool("flat"),
    tool("deep", { properties: { a: "nested 70" } }),
    tool("bottomless", { properties: { a: "nested 5000" } }),
    tool("long", { description: "x".repeat(300_000) }),
    tool("wordy", {}, { description: "é".repeat(20_000) }),
  ],
  many: () => Array.from({ length: 600 }, (_, n) => tool(`t${n}`)),
};

/** Not even JSON.stringify gets to the bottom of some. */
const textOf = (message) =>
  JSON.stringify({ jsonrpc: "2.0", ...message }).replaceAll(/"nested (\d+)"/g, (_, depth) => nested(Number(depth)));
const write = (message) => process.stdout.write(`${textOf(message)}\n`);

const calls = {
  ok: () => "fine",
  pid: () => String(process.pid),
  give: () => `my key is ${key}`,
  environment: () => JSON.stringify(process.env),
  fail: () => ({ code: -32001, message: `invalid key ${key}` }),
  refuse: () => ({ code: -32000, message: "not today" }),
  wait: () => undefined,
  pings: () => {
    process.stdin.pause();
    let id = 0;
    setInterval(() => {
      for (let n = 0; n < 5_000; n++) write({ id: `ping-${id++}`, method: "ping" });
    }, 1);
  },
  endless: () => {
    const more = () => process.stdout.write(Buffer.alloc(65_536, "x"), more);
    more();
  },
};

const answers = {
  initialize: ({ protocolVersion }) =>
    list === "refusing"
      ? { code: -32002, message: `no access with ${key}` }
      : { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "hostile", version: "1" } },
  "tools/list": () => ({ tools: lists[list]() }),
  "tools/call": ({ name }) => {
    const said = calls[name]();
    return typeof said === "string" ? { content: [{ type: "text", text: said }] } : said;
  },
};

if (list === "stubborn") {
  process.on("SIGTERM", () => undefined);
  setInterval(() => undefined, 60_000);
  lists.stubborn = lists.plain;
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined || method === undefined) return;
  const answer = answers[method](params);
  if (answer !== undefined) write({ id, ...("code" in answer ? { error: answer } : { result: answer }) });
});
