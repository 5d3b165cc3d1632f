/** MCP servers that do what they should not, as processes: what it costs the gateway, and that they are ended. */
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import type { McpServerConfig } from "../../src/config/config.ts";
import { hiderOf } from "../../src/runtime/mcp-secrets.ts";
import { openMcpSource } from "../support/mcp-source.ts";

const script = fileURLToPath(new URL("../support/hostile-mcp-server.mjs", import.meta.url));
const server = (list: string, env: object = {}): object => ({ command: process.execPath, args: [script, list], env });

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The test's own time limit is the end of patience. */
async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await sleep(5);
}

describe("a server that does not keep within limits", () => {
  test.each([
    ["asks without end and reads no answer", "pings", "does not read what it is sent"],
    ["sends a line without end", "endless", "wrote a message without end to its standard output"],
  ])("is given up and ended when it %s", async (_, tool, fault) => {
    const source = openMcpSource(server("plain"));
    const pid = Number(await source.call("pid"));
    await expect(source.call(tool)).rejects.toThrow(`The tool server 'it' ${fault}, so it was given up.`);
    expect(source.warnings()).toEqual([`${JSON.stringify(process.execPath)} ${fault}, so it was given up`]);
    await untilGone(pid);
    expect(await source.call("ok")).toBe("fine");
  });

  test("is left without the tools whose schemas nobody could take, which are named once", async () => {
    const source = openMcpSource(server("unfit"));
    const tools = (await source.tools()).map(({ definition }) => definition);
    expect(tools.map(({ name }) => name)).toEqual(["it__flat", "it__wordy"]);
    expect(tools[1]?.description).toMatch(/^é{8191}…$/);
    expect(source.warnings()).toEqual(["the schema of deep, bottomless, long is deeper than 64 levels or longer than 262144 bytes"]);
  });

  test("has no more than 512 tools", async () => {
    const source = openMcpSource(server("many"));
    const tools = await source.tools();
    expect(tools).toHaveLength(512);
    expect(tools.at(-1)?.definition.name).toBe("it__t511");
    expect(source.warnings()).toEqual([expect.stringMatching(/^its list is longer than 512 tools/)]);
  });
});

describe("an error with the number of a closed connection", () => {
  test("closes nothing: other calls go on", async () => {
    const source = openMcpSource(server("plain"));
    const pid = await source.call("pid");
    const leave = new AbortController();
    let hasSettled = false;
    const waiting = source
      .call("wait", leave.signal)
      .catch(() => undefined)
      .finally(() => (hasSettled = true));
    await expect(source.call("refuse")).rejects.toThrow("The tool server 'it' refused: MCP error -32000: not today");
    expect(await source.call("pid")).toBe(pid);
    expect({ hasSettled, warnings: source.warnings() }).toEqual({ hasSettled: false, warnings: [] });
    leave.abort();
    await waiting;
  });
});

describe("a server's secrets", () => {
  const key = 's3cret "quoted" value';

  test("are in no result and no error, however it says them", async () => {
    const source = openMcpSource(server("plain", { TEST_KEY: key, TEST_PART: "s3cret", TEST_FOLDER: "/srv/notes" }));
    expect(await source.call("give")).toBe("my key is [hidden]");
    await expect(source.call("fail")).rejects.toThrow("The tool server 'it' refused: MCP error -32001: invalid key [hidden]");
    expect(JSON.parse(await source.call("environment"))).toMatchObject({ TEST_KEY: "[hidden]", TEST_FOLDER: "/srv/notes" });
  });

  test("are not in the log when it refuses to begin", async () => {
    const source = openMcpSource(server("refusing", { TEST_KEY: key }));
    expect(await source.tools()).toEqual([]);
    expect(source.warnings()).toEqual([`${JSON.stringify(process.execPath)} refused: MCP error -32002: no access with [hidden]`]);
    expect(source.logText()).not.toContain("s3cret");
  });

  test("are what it was given, but for short words, folders and headers that say how to talk", () => {
    const hide = hiderOf({
      name: "it",
      connectTimeoutMs: 1,
      transport: "streamable-http",
      url: "https://example.org/mcp?key=in-the-url&v=2",
      headers: { authorization: "Bearer of-the-header", accept: "application/json", "x-mode": "short" },
    });
    expect(hide("in-the-url of-the-header Bearer of-the-header application/json short /mcp 2")).toBe(
      "[hidden] [hidden] [hidden] application/json short /mcp 2",
    );
    const env = { A_KEY: "/keys/are/secret", DATA: "/srv/data", MODE: "abc", NAME: "somebody" };
    const ofProcess = hiderOf({ ...server("plain", env), name: "it", transport: "stdio" } as McpServerConfig);
    expect(ofProcess("/keys/are/secret /srv/data abc somebody")).toBe("[hidden] /srv/data abc [hidden]");
  });
});

describe("the end of a server's process", () => {
  test("is the end of all that it has started", async () => {
    const source = openMcpSource({ command: "sh", args: ["-c", `"${process.execPath}" "${script}" stubborn; true`] });
    const pid = Number(await source.call("pid"));
    await source.servers.close();
    await untilGone(pid);
  });

  test("comes at once with the end of the gateway's own", async () => {
    const listeners = process.listeners("exit");
    const source = openMcpSource(server("stubborn"));
    const pid = Number(await source.call("pid"));
    const added = process.listeners("exit").filter((listener) => !listeners.includes(listener));
    expect(added).toHaveLength(1);
    added[0]?.(0);
    await untilGone(pid);
    await source.servers.close();
    expect(process.listeners("exit")).toEqual(listeners);
  });

  test("takes with it what it has left behind when it ends by itself", async () => {
    const left = `import("node:child_process").then(({ spawn }) => {
      const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" });
      process.stderr.write("left " + child.pid + "\\n", () => process.exit(3));
    })`;
    const source = openMcpSource({ command: process.execPath, args: ["-e", left] });
    expect(await source.tools()).toEqual([]);
    const pid = Number(/left (\d+)/.exec(source.logText())?.[1]);
    expect(pid).toBeGreaterThan(0);
    await untilGone(pid);
  });
});
