/** Tools of MCP servers, real processes over both transports, from the configuration to what the model is shown. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { say, type TestGateway } from "../support/gateway.ts";
import { mcpKey, offeredBy, resultsOf, startHttpServer, startMcpGateway, stdioServer } from "../support/mcp.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";

const node = JSON.stringify(process.execPath);

let stub: StubUpstream;
const gateways: TestGateway[] = [];

beforeAll(async () => void (stub = await startStubUpstream()));
afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.close();
});
afterAll(() => stub.close());

async function start(...[servers, tools]: [object, unknown?]): Promise<TestGateway> {
  const gateway = await startMcpGateway(stub, servers, tools);
  gateways.push(gateway);
  return gateway;
}

const linesOf = (gateway: TestGateway, msg: string) => gateway.log().filter((line) => line["msg"] === msg);

/** Resolves as soon as the log says it; the test's own time limit is the end of patience. */
async function untilLogged(gateway: TestGateway, text: string): Promise<void> {
  while (!gateway.logText().includes(text)) await sleep(5);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe.each(["stdio", "streamable-http"] as const)("a server over %s", (transport) => {
  const entry = async (): Promise<object> => (transport === "stdio" ? stdioServer : (await startHttpServer()).entry);

  test("gives the agent the tools of all its pages, under its name, after the built-in ones", async () => {
    const gateway = await start({ files: await entry() });
    await gateway.chat(say("hi"));
    expect(offeredBy(stub)).toEqual([
      "calculator",
      ...["echo", "read_file_v2", "fail", "throw", "picture", "structured", "nothing", "environment", "pid", "hang", "die"].map(
        (name) => `files__${name}`,
      ),
      "files__unchecked",
      "files__grow",
      expect.stringMatching(/^files__long_n{43}_[0-9a-f]{8}$/),
    ]);
    const tools = stub.requests.at(-1)?.body["tools"] as object[];
    expect(tools[1]).toMatchObject({
      type: "function",
      function: { description: "Says what it is told.", parameters: { type: "object", required: ["text"] } },
    });
    expect(linesOf(gateway, "MCP server connected")).toMatchObject([{ mcpServer: "files", transport, tools: 14 }]);
  });

  test("is called, and the model sees what it says", async () => {
    const gateway = await start({ files: await entry() });
    const long = `files__long_${"n".repeat(43)}`;
    const results = await resultsOf(
      gateway,
      stub,
      ["files__echo", { text: "안녕" }],
      ["files__read_file_v2"],
      ["files__picture"],
      ["files__structured"],
      ["files__nothing"],
      ["files__unchecked", { x: 1 }],
      [offeredBy(stub).find((name) => name.startsWith(long)) ?? long],
    );
    expect(results).toEqual([
      "안녕",
      "the file",
      "Two things:\n[image image/png, 8 bytes, not shown]\n[resource note://1]\nA note.\n[resource note://2, another note, not shown]",
      '{"degrees":21}',
      "[no content]",
      '{"x":1}',
      "a long name",
    ]);
  });

  test("answers with an error result when a call fails, or does not reach it for wrong arguments", async () => {
    const gateway = await start({ files: await entry() });
    const results = await resultsOf(
      gateway,
      stub,
      ["files__fail"],
      ["files__throw"],
      ["files__echo", { text: 1 }],
      ["files__echo", { text: "x", pair: [1] }],
      ["files__gone"],
    );
    expect(results.slice(0, 4)).toEqual([
      "Error: The disk is full.",
      "Error: The tool server 'files' refused: MCP error -32603: It broke inside.",
      "Error: The arguments are wrong: text must be string.",
      "Error: The arguments are wrong: pair/0 must be string.",
    ]);
    expect(results[4]).toMatch(/^Error: There is no tool named 'files__gone'/);
  });

  test("is told when a call takes too long, and serves the next", async () => {
    const gateway = await start({ files: await entry() }, { allow: ["files__*"], timeoutMs: 300 });
    expect(await resultsOf(gateway, stub, ["files__hang"])).toEqual(["Error: The tool did not finish within 300 ms and was stopped."]);
    expect(await resultsOf(gateway, stub, ["files__echo", { text: "still here" }])).toEqual(["still here"]);
    if (transport === "stdio") await untilLogged(gateway, "hang was cancelled");
    expect(linesOf(gateway, "MCP server connected").length).toBe(1);
  });

  test("that ends in the middle of a call gives an error result", async () => {
    const gateway = await start({ files: await entry() });
    const [result] = await resultsOf(gateway, stub, ["files__die"]);
    expect(result).toMatch(/^Error: The tool server 'files' (closed the connection|cannot be reached \(\w+\))\.$/);
    expect(linesOf(gateway, "MCP server is gone")).toMatchObject([
      {
        level: 40,
        mcpServer: "files",
        problem:
          transport === "stdio" ? `${node} ended with exit code 1; it said: my key is [hidden]` : expect.stringMatching(/^http:\/\/127/),
      },
    ]);
  });

  test("has its new tools offered, and their new schemas checked, after it says that they have changed", async () => {
    const gateway = await start({ files: await entry() });
    expect(await resultsOf(gateway, stub, ["files__echo", { text: "a" }])).toEqual(["a"]);
    expect(await resultsOf(gateway, stub, ["files__grow"])).toEqual(["grown"]);
    const [old, changed, grown] = await resultsOf(
      gateway,
      stub,
      ["files__echo", { text: "a" }],
      ["files__echo", { words: "b" }],
      ["files__grown"],
    );
    expect(old).toBe("Error: The arguments are wrong: they must have required property 'words'.");
    expect([changed, grown]).toEqual(["b", "I am new."]);
    expect(offeredBy(stub)).toContain("files__grown");
    expect(linesOf(gateway, "MCP server connected").length).toBe(1);
  });

  test("is connected once by runs that come at the same time, and never for an agent without its tools", async () => {
    const gateway = await start({ files: await entry() });
    await gateway.chat(say("hi", { model: "openclaw/plain" }));
    expect(gateway.logText()).not.toContain("MCP");
    await Promise.all([1, 2, 3].map(() => gateway.chat(say("hi"))));
    expect(linesOf(gateway, "MCP server connected").length).toBe(1);
  });

  test("keeps its secrets: they are in no line of the log", async () => {
    const gateway = await start({ files: await entry() });
    await resultsOf(gateway, stub, ["files__echo", { text: "a" }], ["files__die"]);
    if (transport === "stdio") await untilLogged(gateway, "my key is [hidden]");
    await gateway.close();
    expect(gateway.logText()).not.toContain(mcpKey);
  });
});

describe("a server's process", () => {
  test("gets the configured environment and hardly any of the gateway's", async () => {
    process.env["TEST_GATEWAY_SECRET"] = "not for you";
    try {
      const [names = ""] = await resultsOf(await start({ files: stdioServer }), stub, ["files__environment"]);
      const allowed = ["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "TEST_MCP_KEY"];
      expect(names.split(" ").filter((name) => !allowed.includes(name))).toEqual([]);
      expect(names.split(" ")).toEqual(expect.arrayContaining(["PATH", "TEST_MCP_KEY"]));
    } finally {
      delete process.env["TEST_GATEWAY_SECRET"];
    }
  });

  test("that was killed is started anew by the next run", async () => {
    const gateway = await start({ files: stdioServer });
    const [first] = await resultsOf(gateway, stub, ["files__pid"]);
    process.kill(Number(first), "SIGKILL");
    await untilLogged(gateway, "MCP server is gone");
    const [second] = await resultsOf(gateway, stub, ["files__pid"]);
    expect(Number(second)).toBeGreaterThan(0);
    expect(second).not.toBe(first);
  });

  test("that died is started anew within the same run, too", async () => {
    const gateway = await start({ files: stdioServer });
    stub.reply(
      { toolCalls: [{ name: "files__die" }] },
      { toolCalls: [{ name: "files__echo", arguments: '{"text":"back"}' }] },
      { text: "Done." },
    );
    expect((await gateway.chat(say("go"))).status).toBe(200);
    expect(stub.requests.at(-1)?.body.messages.slice(-1)).toMatchObject([{ role: "tool", content: "back" }]);
  });

  test("ends with the gateway", async () => {
    const gateway = await start({ files: stdioServer });
    const [pid] = await resultsOf(gateway, stub, ["files__pid"]);
    expect(isAlive(Number(pid))).toBe(true);
    await gateway.close();
    expect(isAlive(Number(pid))).toBe(false);
  });

  test("ends with the gateway even when it ignores that", async () => {
    const gateway = await start({ files: { ...stdioServer, env: { TEST_MCP_STUBBORN: "yes" } } });
    const pid = Number((await resultsOf(gateway, stub, ["files__pid"]))[0]);
    expect(isAlive(pid)).toBe(true);
    await gateway.close();
    expect(isAlive(pid)).toBe(false);
  });

  test("hears of it when the caller goes away", async () => {
    const gateway = await start({ files: stdioServer });
    const leave = new AbortController();
    stub.reply({ toolCalls: [{ name: "files__hang" }] });
    const asked = gateway.chat(say("go"), {}, leave.signal).catch(() => undefined);
    await untilLogged(gateway, "hang was called");
    leave.abort();
    await untilLogged(gateway, "hang was cancelled");
    await asked;
  });
});

describe("a server over HTTP", () => {
  test("that was started anew and has forgotten the session is asked again", async () => {
    const first = await startHttpServer();
    const gateway = await start({ files: first.entry });
    expect(await resultsOf(gateway, stub, ["files__echo", { text: "one" }])).toEqual(["one"]);
    first.child.kill("SIGKILL");
    await first.result;
    await startHttpServer(first.port);
    expect(await resultsOf(gateway, stub, ["files__echo", { text: "two" }])).toEqual(["two"]);
    expect(linesOf(gateway, "MCP server connected").length).toBe(2);
  });

  test("that went away gives error results while it is away", async () => {
    const server = await startHttpServer();
    const gateway = await start({ files: server.entry });
    await resultsOf(gateway, stub, ["files__echo", { text: "one" }]);
    server.child.kill("SIGKILL");
    await server.result;
    expect((await resultsOf(gateway, stub, ["files__echo", { text: "two" }]))[0]).toMatch(
      /^Error: The tool server 'files' cannot be reached/,
    );
    expect(await resultsOf(gateway, stub, ["files__echo", { text: "three" }])).toEqual([
      "Error: The tool server 'files' cannot be reached (ECONNREFUSED).",
    ]);
    expect(offeredBy(stub)).toContain("files__echo");
  });

  test("has its session closed with the gateway", async () => {
    const server = await startHttpServer();
    const gateway = await start({ files: server.entry });
    await resultsOf(gateway, stub, ["files__echo", { text: "one" }]);
    await gateway.close();
    server.child.kill();
    expect((await server.result).stderr).toContain("session was closed");
  });

  test("that refuses us is not quoted: it may repeat the key", async () => {
    const { entry } = await startHttpServer();
    const gateway = await start({ files: { ...entry, headers: { authorization: "Bearer wrong-secret-42" } } });
    expect((await gateway.chat(say("hi"))).status).toBe(200);
    expect(offeredBy(stub)).toEqual(["calculator"]);
    expect(linesOf(gateway, "MCP server cannot be used")).toMatchObject([
      { problem: `${new URL(entry.url).origin} answered with HTTP status 401`, fix: "put what it wants into mcp.servers.files.headers" },
    ]);
    expect(gateway.logText()).not.toContain("wrong-secret-42");
  });
});

describe("a server that cannot be used", () => {
  const problems = (gateway: TestGateway) =>
    linesOf(gateway, "MCP server cannot be used").map(({ level, mcpServer, problem }) => [level, mcpServer, problem]);

  test("leaves the run with its other tools, is named in one line, and is not waited for again at once", async () => {
    const gateway = await start({ dead: { command: "/no/such/program" }, files: stdioServer }, ["dead__*", "files__echo", "calculator"]);
    expect(await resultsOf(gateway, stub, ["files__echo", { text: "alive" }])).toEqual(["alive"]);
    expect(await resultsOf(gateway, stub, ["dead__tool"])).toEqual([
      "Error: There is no tool named 'dead__tool'. Tools: calculator, files__echo.",
    ]);
    expect(offeredBy(stub)).toEqual(["calculator", "files__echo"]);
    expect(problems(gateway)).toEqual([[40, "dead", 'cannot start "/no/such/program" (not found)']]);
  });

  test("because it ends at once, says nothing, or nothing that is understood", async () => {
    const script = (text: string, connectTimeoutMs: number) => ({ command: process.execPath, args: ["-e", text], connectTimeoutMs });
    const gateway = await start(
      {
        ends: script("process.exit(3)", 20_000),
        mute: script("setInterval(() => {}, 1000)", 300),
        odd: script("console.log('Hi!'); setInterval(() => {}, 1000)", 1_000),
      },
      ["ends__*", "mute__*", "odd__*"],
    );
    expect((await gateway.chat(say("hi"))).status).toBe(200);
    expect(problems(gateway).sort()).toEqual([
      [40, "ends", `${node} ended with exit code 3`],
      [40, "mute", `${node} was not ready within 300 ms`],
      [40, "odd", `${node} was not ready within 1000 ms, and wrote what is not of the protocol to its standard output`],
    ]);
  });
});
