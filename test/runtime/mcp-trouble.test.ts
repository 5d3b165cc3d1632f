/** What is said of an MCP server that cannot be used or lacks a tool, and how little of it runs have to wait for. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import type { McpServerConfig } from "../../src/config/config.ts";
import type { Agent } from "../../src/domain/agent.ts";
import { pauseAfter } from "../../src/runtime/mcp-server.ts";
import { McpServerPool } from "../../src/runtime/mcp-server-pool.ts";
import { McpServers } from "../../src/runtime/mcp-servers.ts";
import { makeFolder } from "../support/gateway.ts";
import { mcpServerPath, startHttpServer } from "../support/mcp.ts";

const node = JSON.stringify(process.execPath);
const open: McpServers[] = [];

afterEach(async () => {
  for (const servers of open.splice(0)) await servers.close();
});

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly problem?: string;
  readonly fix?: string;
  readonly retryAfterMs?: number;
}

function start(config: object, { allow = ["it__*"], retryAfterMs = 60_000 }: { allow?: string[]; retryAfterMs?: number } = {}) {
  const lines: Line[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line) as Line) });
  const agent = { tools: { allow } } as unknown as Agent;
  const whole = { name: "it", connectTimeoutMs: 20_000, transport: "stdio", args: [], env: {}, cwd: undefined, headers: {}, ...config };
  const servers = new McpServers([whole as unknown as McpServerConfig], new McpServerPool({ clientVersion: "0", log, retryAfterMs }), [
    agent,
  ]);
  open.push(servers);
  const tools = async (): Promise<string[]> =>
    (await servers.tools(agent, new AbortController().signal)).map(({ definition }) => definition.name);
  return { servers, tools, lines, warnings: () => lines.filter(({ level }) => level === 40) };
}

const script = (text: string): object => ({ command: process.execPath, args: ["-e", text] });

describe("a server that cannot be used is explained in the log and in a look at it", () => {
  const cases: readonly (readonly [string, () => object | Promise<object>, string | RegExp, string])[] = [
    [
      "a program that is not there",
      () => ({ command: "no-such-program", args: ["--key", "secret-0"] }),
      'cannot start "no-such-program" (not found)',
      "correct mcp.servers.it.command",
    ],
    [
      "a program with its arguments beside it",
      () => ({ command: "no-such-program -y secret-1" }),
      'cannot start "no-such-program …" (not found)',
      "put the arguments in mcp.servers.it.args, the program alone in command",
    ],
    [
      "a folder that is not there",
      () => ({ command: process.execPath, cwd: "/no/such/folder" }),
      `cannot start ${node} in /no/such/folder (no such folder)`,
      "correct mcp.servers.it.cwd",
    ],
    [
      "a file that is no program",
      async () => {
        const command = join(await makeFolder(), "server");
        await writeFile(command, "", { mode: 0o600 });
        return { command };
      },
      /^cannot start "\S+server" \(no program that this user may run\)$/,
      "correct mcp.servers.it.command",
    ],
    [
      "a script that throws",
      () => script("throw new RangeError('It is out.')"),
      `${node} ended with exit code 1; it said: RangeError: It is out.`,
      "run it by hand with the args and env of mcp.servers.it",
    ],
    [
      "one that says why it leaves, secrets and colours left out",
      () => ({
        command: process.execPath,
        args: [
          "-e",
          "console.error('starting'); console.error('\\x1b[31mno access with ' + process.env.KEY + process.argv.slice(1)); process.exit(4)",
          "--",
          "--api-key=secret-2",
          "--token",
          "secret-3",
        ],
        env: { KEY: "secret-4" },
      }),
      `${node} ended with exit code 4; it said: no access with [hidden]--api-key=[hidden],--token,[hidden]`,
      "run it by hand with the args and env of mcp.servers.it",
    ],
    [
      "one that is killed",
      () => script("process.kill(process.pid, 'SIGKILL')"),
      `${node} was ended by SIGKILL`,
      "run it by hand with the args and env of mcp.servers.it",
    ],
    [
      "one that says nothing",
      () => ({ ...script("console.error('still loading'); setInterval(() => {}, 1000)"), connectTimeoutMs: 1_000 }),
      `${node} was not ready within 1000 ms; it said: still loading`,
      "see what it waits for, or raise mcp.servers.it.connectTimeoutMs",
    ],
    [
      "an address where nothing listens",
      async () => {
        const { port, child, result } = await startHttpServer();
        child.kill();
        await result;
        return { transport: "streamable-http", url: `http://127.0.0.1:${port}/secret-5?key=secret-6` };
      },
      /^http:\/\/127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)$/,
      "start it, or correct mcp.servers.it.url",
    ],
    [
      "an address that wants another key",
      async () => ({ transport: "streamable-http", ...(await startHttpServer()).entry, headers: { authorization: "secret-7" } }),
      /^http:\/\/127\.0\.0\.1:\d+ answered with HTTP status 401$/,
      "put what it wants into mcp.servers.it.headers",
    ],
  ];

  test.each(cases)("%s", async (_, config, problem, fix) => {
    const { servers, warnings, lines } = start(await config());
    const explained = { problem: typeof problem === "string" ? problem : (expect.stringMatching(problem) as unknown as string), fix };
    expect(await servers.look()).toEqual([{ name: "it", ...explained }]);
    expect(warnings()).toMatchObject([{ msg: "MCP server cannot be used", ...explained }]);
    expect(JSON.stringify(lines)).not.toContain("secret-");
  });

  test("and one that no agent has tools of is not looked at", async () => {
    const { servers, lines } = start({ command: "no-such-program" }, { allow: ["calculator", "its__*"] });
    expect(await servers.look()).toEqual([]);
    expect(lines).toEqual([]);
  });
});

describe("a server that can be used", () => {
  const config = { command: process.execPath, args: [mcpServerPath] };

  test("is named with its tools", async () => {
    const [report] = await start(config).servers.look();
    expect(report).toMatchObject({ name: "it", tools: expect.arrayContaining(["it__echo", "it__read_file_v2"]) as unknown as string[] });
  });

  test("has a line in the log when agents name tools that it lacks, once for each start", async () => {
    const { tools, warnings } = start(config, { allow: ["it__echo", "it__ecko", "it__gone"] });
    expect([await tools(), await tools()]).toEqual([["it__echo"], ["it__echo"]]);
    expect(warnings()).toMatchObject([
      {
        msg: "MCP server lacks tools",
        problem: expect.stringMatching(/^agents name it__ecko, it__gone, but it has it__echo, it__read_file_v2, /) as unknown as string,
      },
    ]);
  });
});

describe("a server that stays away", () => {
  test("is left alone twice as long each time, up to five minutes", () => {
    expect([1, 2, 3, 4, 6, 7, 8, 5_000].map((failures) => pauseAfter(failures, 5_000))).toEqual([
      5_000, 10_000, 20_000, 40_000, 160_000, 300_000, 300_000, 300_000,
    ]);
  });

  test("begins anew with the first pause after it was there", async () => {
    const there = join(await makeFolder(), "there");
    const text = `if (require("node:fs").existsSync(${JSON.stringify(there)})) import(${JSON.stringify(mcpServerPath)}); else process.exit(1)`;
    const { tools, warnings } = start(script(text), { retryAfterMs: 1 });
    while (warnings().length < 3) expect(await tools()).toEqual([]);
    await writeFile(there, "");
    let names: string[] = [];
    while (names.length === 0) names = await tools();
    expect(names).toContain("it__echo");
    expect(warnings().map(({ retryAfterMs }) => retryAfterMs)).toEqual([1, 2, 4]);
  });

  test("is waited for by one run; the others go on without it until it is there", async () => {
    const folder = await makeFolder();
    const marks = { failed: join(folder, "failed"), tried: join(folder, "tried"), there: join(folder, "there") };
    const text = `
      const fs = require("node:fs");
      const marks = ${JSON.stringify(marks)};
      if (!fs.existsSync(marks.failed)) { fs.writeFileSync(marks.failed, ""); process.exit(1); }
      fs.writeFileSync(marks.tried, "");
      setInterval(function () {
        if (!fs.existsSync(marks.there)) return;
        clearInterval(this);
        import(${JSON.stringify(mcpServerPath)});
      }, 5);`;
    const { tools, warnings } = start(script(text), { retryAfterMs: 1 });
    expect(await tools()).toEqual([]);
    let hasCome = false;
    const [first] = await Promise.all([
      (async () => {
        // Whichever run comes first after the pause is the one that waits.
        let names: string[] = [];
        while (names.length === 0) names = await tools();
        hasCome = true;
        return names;
      })(),
      (async () => {
        while (!existsSync(marks.tried)) await sleep(5);
        expect([await tools(), await tools()]).toEqual([[], []]);
        expect(hasCome).toBe(false);
        await writeFile(marks.there, "");
      })(),
    ]);
    expect(first).toContain("it__echo");
    expect(await tools()).toEqual(first);
    expect(warnings()).toHaveLength(1);
  });
});
