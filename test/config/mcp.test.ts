/** `mcp.servers`: OpenClaw's keys for tool servers, and what is said about those that cannot be used. */
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { load, problems } from "./config-file.ts";

const servers = async (entries: object, env: NodeJS.ProcessEnv = {}) => (await load({ mcp: { servers: entries } }, env)).mcpServers;

test("a command is a server to start, with its defaults", async () => {
  expect(await servers({ files: { command: "npx" } })).toEqual([
    { name: "files", connectTimeoutMs: 10_000, transport: "stdio", command: "npx", args: [], env: {}, cwd: undefined },
  ]);
});

test("everything about it can be said, variables included", async () => {
  const env = { KEY: "k-1" };
  const entry = {
    command: "npx",
    args: ["-y", "${KEY}"],
    env: { A: "${KEY}", N: 1, B: true },
    cwd: "tools",
    connectTimeoutMs: 5,
    transport: "stdio",
  };
  const config = await load({ mcp: { servers: { "my-Files_2": entry } } }, env);
  expect(config.mcpServers).toEqual([
    {
      name: "my-Files_2",
      connectTimeoutMs: 5,
      transport: "stdio",
      command: "npx",
      args: ["-y", "k-1"],
      env: { A: "k-1", N: "1", B: "true" },
      cwd: join(config.path ?? "", "..", "tools"),
    },
  ]);
  expect(config.warnings).toEqual([
    `mcp.servers.my-Files_2.cwd: there is no folder ${join(config.path ?? "", "..", "tools")}; make it, or correct the path.`,
  ]);
});

test("a url is a server to reach over streamable HTTP, said or not", async () => {
  const web = { name: "web", connectTimeoutMs: 10_000, transport: "streamable-http", url: "http://127.0.0.1:1/mcp?a=b" };
  expect(await servers({ web: { url: web.url, headers: { Authorization: "Bearer ${T}" } } }, { T: "t" })).toEqual([
    { ...web, headers: { Authorization: "Bearer t" } },
  ]);
  expect(await servers({ web: { url: web.url, transport: "streamable-http" } })).toEqual([{ ...web, headers: {} }]);
});

test("one that is not enabled is left out, and one over sse with a warning", async () => {
  const config = await load({
    mcp: { servers: { off: { command: "x", enabled: false }, old: { url: "http://h/sse", transport: "sse" } } },
  });
  expect(config.mcpServers).toEqual([]);
  expect(config.warnings).toEqual([
    "mcp.servers.old.transport: this version does not speak sse, so the server is left out; most servers offer streamable-http too.",
  ]);
});

test("agents name its tools, one or all; a server that is not there is a warning", async () => {
  const tools = ["files__read", "files__*", "web__*", "calculator"];
  const config = await load({ mcp: { servers: { files: { command: "x" } } }, agents: { entries: { main: { tools } } } });
  expect(config.agents[0]?.tools.allow).toEqual(["files__read", "files__*", "calculator"]);
  expect(config.warnings).toEqual([expect.stringMatching(/^agents\.entries\.main\.tools: no such tools here, left out: web__\*/)]);
});

test("OpenClaw's own keys are warnings, with ours where there is the like", async () => {
  const files = { command: "x", workingDirectory: "y", connectionTimeoutMs: 1, timeout: 2, supportsParallelToolCalls: true };
  expect((await load({ mcp: { sessionIdleTtlMs: 1, servers: { files } } })).warnings).toEqual([
    "mcp.sessionIdleTtlMs: unknown key, ignored.",
    'mcp.servers.files.workingDirectory: unknown key, ignored: did you mean "cwd"?',
    'mcp.servers.files.connectionTimeoutMs: unknown key, ignored: did you mean "connectTimeoutMs"?',
    "mcp.servers.files.timeout: unknown key, ignored.",
    "mcp.servers.files.supportsParallelToolCalls: unknown key, ignored.",
  ]);
});

test("any other unknown key of a server is an error: it may have been meant to hold it back", async () => {
  const files = { command: "x", enbled: false, disabled: true, toolFilter: { include: ["read"] }, autoApprove: [] };
  expect(await problems({ mcp: { servers: { files } } })).toEqual([
    'mcp.servers.files.enbled: unknown key: did you mean "enabled"? Rename or remove it.',
    "mcp.servers.files.disabled: unknown key: did you mean enabled: false? Rename or remove it.",
    "mcp.servers.files.toolFilter: unknown key: did you mean the tools of agents: files__read? Rename or remove it.",
    "mcp.servers.files.autoApprove: unknown key: known here: enabled, command, args, env, cwd, url, headers, transport, " +
      "connectTimeoutMs. Rename or remove it.",
  ]);
});

test("servers as other programs spell them are pointed to their place", async () => {
  expect((await load({ mcpServers: { files: { command: "x" } }, channels: {} })).warnings).toEqual([
    "top level: these sections are not Clawgate's and are ignored: mcpServers (did you mean mcp: { servers: … }?), channels.",
  ]);
});

test("a tool that is a server's name, or a wildcard that is none, is told how all of a server's tools are named", async () => {
  const tools = ["Every", "*", "every__re*"];
  const config = await load({ mcp: { servers: { every: { command: "x" } } }, agents: { entries: { main: { tools } } } });
  expect(config.agents[0]?.tools.allow).toEqual([]);
  const wildcard = "(a wildcard stands for all tools of one server: every__*)";
  expect(config.warnings).toEqual([expect.stringContaining(`left out: Every (did you mean "every__*"?), * ${wildcard}, every__re* `)]);
  expect((await load({ agents: { entries: { main: { tools: ["*"] } } } })).warnings).toEqual([
    expect.stringContaining("left out: * (a wildcard stands for all tools of one server: <server>__*). There are: calculator, "),
  ]);
});

describe("what is wrong stops the start", () => {
  test.each([
    ["neither command nor url", { a: {} }, "mcp.servers.a: must have either command or url: a program to start, or an address to reach."],
    [
      "both",
      { a: { command: "x", url: "http://h/" } },
      "mcp.servers.a: must have either command or url: a program to start, or an address to reach.",
    ],
    [
      "a transport that does not fit",
      { a: { command: "x", transport: "sse" } },
      "mcp.servers.a.transport: must be stdio for a server with a command.",
    ],
    [
      "an unknown transport",
      { a: { url: "http://h/", transport: "ws" } },
      "mcp.servers.a.transport: must be streamable-http for a server with a url.",
    ],
    ["no web address", { a: { url: "ws://h/" } }, "mcp.servers.a.url: must be a URL that starts with http:// or https://."],
    [
      "a password in the address",
      { a: { url: "http://u:secret@h/" } },
      "mcp.servers.a.url: must not contain a user or password; use headers.",
    ],
    [
      "a header no connection can carry",
      { a: { url: "http://h/", headers: { X: "secret\n" } } },
      /^mcp\.servers\.a\.headers\.X: has a character/,
    ],
    [
      "a name that is no header's",
      { a: { url: "http://h/", headers: { "X:": "y" } } },
      'mcp.servers.a.headers["X:"]: is not a valid name; rename it.',
    ],
    [
      "a NUL in the environment",
      { a: { command: "x", env: { A: "secret\0" } } },
      /^mcp\.servers\.a\.env\.A: must not contain a NUL character/,
    ],
    ["no time at all", { a: { command: "x", connectTimeoutMs: 0 } }, "mcp.servers.a.connectTimeoutMs: must be at least 1."],
    [
      "a missing variable",
      { a: { command: "x", env: { A: "${NOT_THERE}" } } },
      /^mcp\.servers\.a\.env\.A: the environment variable NOT_THERE is not set/,
    ],
  ])("%s", async (_name, entries, message) => {
    const found = await problems({ mcp: { servers: entries } });
    expect(found).toEqual([message instanceof RegExp ? expect.stringMatching(message) : message]);
    expect(found.join()).not.toContain("secret");
  });

  test.each(["a__b", "a_", "_a", "-a", "a.b", "a b", "", "ü", "n".repeat(33)])("the name %j", async (name) => {
    const found = await problems({ mcp: { servers: { [name]: { command: "x" } } } });
    expect(found).toEqual([expect.stringContaining("a server's name must have at most 32 letters, digits, - and single _")]);
  });

  test("and agents are not blamed for it", async () => {
    const found = await problems({ mcp: { servers: { a: { command: 1 } } }, agents: { entries: { main: { tools: ["a__*"] } } } });
    expect(found).toEqual(["mcp.servers.a.command: must be a string, but is a number."]);
  });
});
