/** `clawgate init`: the file it writes, the files it leaves alone, and that what it says to do next works. */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { loadConfig } from "../../src/config/load.ts";
import { runCli, startCli } from "../support/cli.ts";
import { makeFolder } from "../support/gateway.ts";

const run = promisify(execFile);
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
const offline = { CLAWGATE_OLLAMA: "off" };

/** In a new folder, by default at the default place. */
async function init(args: readonly string[] = [], env: { [name: string]: string } = {}, folder?: string) {
  const home = folder ?? (await makeFolder());
  const path = join(home, ".openclaw", "openclaw.json");
  return { home, path, ...(await runCli(["init", ...args], { folder: home, env })) };
}

describe("the file", () => {
  test("is at the default place, for its owner only, and nothing else is made", async () => {
    const { home, path, code, stderr, stdout } = await init();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`Wrote ${path}\n`);
    expect(await modeOf(path)).toBe(0o600);
    expect(await modeOf(join(home, ".openclaw"))).toBe(0o700);
    expect([await readdir(home), await readdir(join(home, ".openclaw"))]).toEqual([[".openclaw"], ["openclaw.json"]]);
  });

  test("loads without a warning: the API enabled, one agent with its tools, a token of its own", async () => {
    const { path } = await init();
    const config = await loadConfig({ configPath: path }, offline);
    expect(config).toMatchObject({
      warnings: [],
      gateway: { port: 18789, host: "127.0.0.1", auth: { mode: "token", isGenerated: false }, chatCompletions: { enabled: true } },
      agents: [{ id: "main", isDefault: true, tools: { allow: ["calculator", "current_time", "memory_save", "memory_recall"] } }],
    });
    expect(config.gateway.auth.secret).toMatch(/^[\w-]{43}$/);
  });

  test("has another token each time, which is never printed", async () => {
    const written = await Promise.all([init(), init()]);
    const tokens = await Promise.all(
      written.map(async ({ path, stdout }) => {
        const { secret } = (await loadConfig({ configPath: path }, offline)).gateway.auth;
        expect(stdout).not.toContain(secret);
        return secret;
      }),
    );
    expect(new Set(tokens).size).toBe(2);
  });

  test.each([
    ['"openai/gpt-5.4"', "openai/gpt-5.4", []],
    ['"ollama/qwen3"', "ollama/qwen3", []],
    ['"local/qwen3"', "local/qwen3", []],
    ["{ primary: ", "openai/gpt-5.4", ["local/qwen3"]],
  ])("works with everything that its comments offer, and model: %s", async (line, model, fallbacks) => {
    const { path } = await init();
    const uncommented = (await readFile(path, "utf8"))
      .split("\n")
      .filter((other) => !/^\s*\/\/ model: /.test(other) || other.includes(`model: ${line}`))
      .map((other) => other.replace(/^(\s*)\/\/ (?= *(?:[a-z]\w*: |\},?$))/, "$1"));
    await writeFile(path, uncommented.join("\n"));
    await mkdir(join(path, "..", "workspace"));
    const env = { ...offline, OPENAI_API_KEY: "key-1", OPENROUTER_API_KEY: "key-2", TICKETS_TOKEN: "key-3" };
    const { warnings, gateway, agents, providers, mcpServers } = await loadConfig({ configPath: path }, env);
    expect(warnings).toEqual([]);
    expect(gateway.auth.rateLimit).toMatchObject({ maxAttempts: 10 });
    expect(agents).toMatchObject([
      { id: "main", model, fallbacks },
      { id: "brief", model, tools: { allow: [] } },
      {
        id: "worker",
        workspace: join(path, "..", "workspace"),
        tools: { allow: ["calculator", "http_fetch", "files__*"], timeoutMs: 30_000, httpFetch: { allowHosts: ["*.example.org"] } },
        maxTurns: 8,
      },
    ]);
    expect(mcpServers.map(({ name }) => name)).toEqual(["files", "tickets"]);
    expect(providers.map(({ id }) => id)).toEqual(["local", "openrouter", "openai", "ollama", "builtin"]);
  });

  test.each([
    ["--config", ["--config", "mine/config.json5"], {}, "mine/config.json5"],
    ["OPENCLAW_CONFIG_PATH", [], { OPENCLAW_CONFIG_PATH: "~/mine.json5" }, "mine.json5"],
    ["OPENCLAW_STATE_DIR", [], { OPENCLAW_STATE_DIR: "~/state" }, "state/openclaw.json"],
    ["--config, before the others", ["--config", "a.json"], { OPENCLAW_CONFIG_PATH: "b.json", OPENCLAW_STATE_DIR: "c" }, "a.json"],
  ])("is where %s says, and is found there again", async (_, args, env, place) => {
    const { home, code, stdout } = await init(args, env);
    expect({ code, said: stdout.split("\n")[0] }).toEqual({ code: 0, said: `Wrote ${join(home, place)}` });
    const checked = await runCli(["config", "check", ...args], { folder: home, env });
    expect(checked).toMatchObject({ code: 0 });
    expect(checked.stdout).toContain(`ok    config: ${join(home, place)}\n`);
  });

  test("does not change the mode of a folder that is there", async () => {
    const home = await makeFolder();
    await mkdir(join(home, ".openclaw"), { mode: 0o755 });
    expect(await init([], {}, home)).toMatchObject({ code: 0 });
    expect(await modeOf(join(home, ".openclaw"))).toBe(0o755);
  });
});

describe("a file that is there", () => {
  test("stays as it is, and the user is told what to do", async () => {
    const home = await makeFolder();
    await writeFile(join(home, "mine.json"), "{}");
    const { code, stdout, stderr } = await init(["--config", "mine.json"], {}, home);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(`${join(home, "mine.json")} is there already, and stays as it is.
To check it, run: clawgate config check --config mine.json
To start afresh, move it away and run this again, or name another file with --config.
`);
    expect(await readFile(join(home, "mine.json"), "utf8")).toBe("{}");
  });

  test("also when it is a link that leads nowhere", async () => {
    const home = await makeFolder();
    await symlink("nowhere.json", join(home, "mine.json"));
    expect(await init(["--config", "mine.json"], {}, home)).toMatchObject({ code: 1, stdout: "" });
    expect(await readlink(join(home, "mine.json"))).toBe("nowhere.json");
    expect(await readdir(home)).toEqual(["mine.json"]);
  });

  test("also when it came this very moment: of several at once one writes", async () => {
    const home = await makeFolder();
    const all = await Promise.all([1, 2, 3].map(() => init([], {}, home)));
    expect(all.map(({ code }) => code).sort()).toEqual([0, 1, 1]);
    expect(await loadConfig({ configPath: all[0]!.path }, offline)).toMatchObject({ warnings: [] });
  });
});

describe("a place where nothing can be written", () => {
  test("exits 1 and says why", async () => {
    const home = await makeFolder();
    await writeFile(join(home, "file"), "");
    for (const place of ["file/openclaw.json", "file/deeper/openclaw.json"]) {
      const { code, stdout, stderr } = await init(["--config", place], {}, home);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/ cannot be written: there is a file where \S+ should be a folder\. Choose another place with --config\.\n$/);
    }
  });

  test("with an empty name exits 78", async () => {
    expect(await init(["--config", ""])).toMatchObject({ code: 78, stdout: "", stderr: "--config: must name a file, but is empty.\n" });
  });
});

describe("what to do next", () => {
  test("works as it is printed, also with a place that a shell would take apart", async () => {
    const { home, stdout } = await init(["--config", "it's here/openclaw.json"]);
    const start = `clawgate gateway --config 'it'\\''s here/openclaw.json'`;
    expect(stdout).toContain(`\n  ${start}\n`);
    const gateway = await startCli(["gateway", "--config", "it's here/openclaw.json", "--port", "0"], { folder: home });
    const greeting = await gateway.waitFor("stdout", "\n");
    const url = /listens on (\S+)/.exec(greeting)?.[1] as string;
    const curl = stdout.slice(stdout.indexOf("curl "), stdout.indexOf("\n\nIf something"));
    const { stdout: reply } = await run("sh", ["-c", curl.replace("http://127.0.0.1:18789", url)], { cwd: home });
    expect(JSON.parse(reply)).toMatchObject({ object: "chat.completion" });
    gateway.child.kill("SIGTERM");
    expect((await gateway.result).code).toBe(0);
  });

  test("has the port that the environment sets, and names the command as npx does where that was how it was called", async () => {
    const { stdout } = await init([], { OPENCLAW_GATEWAY_PORT: "4711", npm_command: "exec" });
    expect(stdout).toContain("curl -sS http://127.0.0.1:4711/v1/chat/completions");
    expect(stdout).toContain("\n  npx clawgate gateway\n");
  });

  test("begins with what is wrong in the environment", async () => {
    const { code, stdout } = await init([], { OPENCLAW_GATEWAY_PORT: "http" });
    expect(code).toBe(0);
    expect(stdout).toContain("mend this:\n\n  OPENCLAW_GATEWAY_PORT: must be a whole number from 0 to 65535.\n");
  });
});
