/** `clawgate config check | show | schema`: what they say about a right and a wrong config, and that they keep its secrets. */
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { type CliResult, runCli } from "../support/cli.ts";
import { makeFolder } from "../support/gateway.ts";

interface Asked extends CliResult {
  readonly folder: string;
  readonly path: string;
}

/** `clawgate config <command>` on a file with this text. */
async function config(command: string, text: string, env: { [name: string]: string } = {}): Promise<Asked> {
  const folder = await makeFolder();
  const path = join(folder, "openclaw.json");
  await writeFile(path, text);
  return { folder, path, ...(await runCli(["config", command, "--config", "openclaw.json"], { folder, env })) };
}

const secrets = ["secret-of-the-gateway", "secret-of-the-provider", "secret-of-the-header", "secret-of-the-tools"] as const;
const withSecrets = `{
  gateway: { port: 4711, auth: { token: "${secrets[0]}" }, http: { endpoints: { chatCompletions: { modelAliases: { "gpt-4o": "main" } } } } },
  agents: { defaults: { model: "local/small" }, entries: { Main: { model: { primary: "local/large", fallbacks: ["local/small", "builtin/offline"] }, tools: ["calculator", "files__*"] }, beta: {} }, list: [{ id: "gamma", model: "builtin/offline" }] },
  models: { providers: { local: { baseUrl: "http://127.0.0.1:1/v1", apiKey: "${secrets[1]}", headers: { "x-key": "${secrets[2]}" } } } },
  mcp: { servers: {
    files: { command: "files", args: ["--key", "${secrets[3]}"], env: { KEY: "${secrets[3]}" } },
    web: { url: "http://127.0.0.1:1/mcp?key=${secrets[3]}", headers: { "x-key": "${secrets[3]}" } },
  } },
  session: { database: "sessions.db" },
}`;
const digest = "0123456789abcdef".repeat(4);
const withTokens = `{
  gateway: { auth: { token: "${secrets[0]}", tokens: [
    { name: "laptop", token: "secret-of-the-laptop", agents: ["beta"], expiresAt: "2999-01-31" },
    { name: "ci", sha256: "${digest}", models: [] },
  ] } },
  agents: { defaults: { model: "builtin/offline" }, entries: { main: {}, beta: {} } },
}`;

describe("clawgate config check", () => {
  test("says of a right config what it comes to, and exits 0", async () => {
    const { code, stdout, stderr, path, folder } = await config("check", withSecrets);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(`ok    config: ${path}
ok    gateway: 127.0.0.1:4711, auth token, the API is disabled
ok    agent main: local/large, else local/small, else builtin/offline; tools: calculator, files__*
ok    agent beta: local/small; no tools
ok    agent gamma: builtin/offline; no tools
ok    providers: local, builtin
ok    mcp files: starts files
ok    mcp web: at http://127.0.0.1:1
ok    session: ${join(folder, "sessions.db")}
`);
    expect(await readdir(folder)).toEqual(["openclaw.json"]);
  });

  test("names an Ollama that somebody named, in the environment or as a model, and not all of very many tools", async () => {
    const named = await config("check", "{}", { OLLAMA_HOST: "ollama.example" });
    expect(named.stdout).toContain("\nok    providers: ollama, builtin\n");
    const tools = Array.from({ length: 14 }, (_, index) => `files__${index}`);
    const text = JSON.stringify({
      agents: { defaults: { model: { primary: "builtin/offline", fallbacks: ["ollama/m"] }, tools } },
      mcp: { servers: { files: { command: "npx -y secret" } } },
    });
    const { stdout } = await config("check", text);
    expect(stdout).toContain(`\nok    agent main: builtin/offline, else ollama/m; tools: ${tools.slice(0, 12).join(", ")} and 2 more\n`);
    expect(stdout).toContain("\nok    providers: ollama, builtin\n");
    expect(stdout).toContain("\nok    mcp files: starts npx\n");
  });

  test("has a line for each warning, and still exits 0", async () => {
    const { code, stdout } = await config("check", `{ agents: { entries: { main: { systemPromt: "x" } } }, channels: {} }`);
    expect(code).toBe(0);
    expect(stdout).toContain('\nwarn  agents.entries.main.systemPromt: unknown key, ignored: did you mean "systemPrompt"?\n');
    expect(stdout).toContain("\nwarn  top level: these sections are not Clawgate's and are ignored: channels.\n");
  });

  test("has a line for each error and warning of a wrong one, with path and nearest name, and exits 78", async () => {
    const text = `{ gateway: { auth: { tokn: "${secrets[0]}" } }, agents: { defaults: { model: "opnai/x" } }, channels: {} }`;
    const { code, stdout, stderr, path } = await config("check", text, { OPENAI_API_KEY: secrets[1] });
    expect({ code, stderr }).toEqual({ code: 78, stderr: "" });
    expect(stdout).toContain(`FAIL  ${path}: gateway.auth.tokn: unknown key: did you mean "token"? Rename or remove it.\n`);
    expect(stdout).toContain(`FAIL  ${path}: agents.defaults.model: there is no provider "opnai": did you mean "openai"?`);
    expect(stdout).toContain("warn  top level: ");
    expect(stdout).not.toContain("ok ");
    for (const secret of secrets) expect(stdout).not.toContain(secret);
  });

  test.each([
    ["no JSON5", "{ gateway: ", ":1:12: not valid JSON5"],
    ["a variable that is not set", '{ gateway: { auth: { token: "${NOT_SET}" } } }', "the environment variable NOT_SET is not set"],
  ])("exits 78 with %s", async (_, text, words) => {
    const { code, stdout } = await config("check", text);
    expect(code).toBe(78);
    expect(stdout).toMatch(/^FAIL {2}/);
    expect(stdout).toContain(words);
  });

  test("exits 78 when the file that was named is not there, and 0 when none was named and none is there", async () => {
    const missing = await runCli(["config", "check", "--config", "nowhere.json"]);
    expect(missing).toMatchObject({ code: 78, stdout: expect.stringContaining("nowhere.json: there is no such file; correct --config.") });
    const none = await runCli(["config", "check"]);
    expect(none).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("ok    config: no file, all defaults; clawgate init writes one\n"),
    });
  });

  test("has no colours in a pipe", async () => {
    expect((await config("check", "{ channels: {} }")).stdout).not.toContain("\x1b");
  });
});

test("clawgate config check names the tokens there are", async () => {
  const { stdout } = await config("check", withTokens);
  expect(stdout).toContain("ok    gateway: 127.0.0.1:18789, auth token (named: laptop, ci), the API is disabled\n");
});

describe("clawgate config show", () => {
  const shown = async (text: string, env: { [name: string]: string } = {}) => {
    const { code, stdout, stderr, path, folder } = await config("show", text, env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const parsed = JSON.parse(stdout) as { file: string; origins: { [place: string]: string }; config: object };
    return { ...parsed, stdout, path, folder };
  };

  test("prints what named tokens may do, and neither them nor their hashes", async () => {
    const { stdout, config: values } = await shown(withTokens);
    expect(values).toMatchObject({
      gateway: {
        auth: {
          secret: "***",
          tokens: [
            { name: "laptop", sha256: "***", agents: ["beta"], expiresAt: "2999-01-31T00:00:00.000Z" },
            { name: "ci", sha256: "***", models: [] },
          ],
        },
      },
    });
    const hash = createHash("sha256").update("secret-of-the-laptop").digest("hex");
    for (const secret of [secrets[0], "secret-of-the-laptop", hash, digest]) expect(stdout).not.toContain(secret);
  });

  test("says where the secrets are when there are only named ones", async () => {
    const { origins } = await shown(withTokens.replace(`token: "${secrets[0]}", `, ""));
    expect(origins["gateway.auth"]).toBe("file: gateway.auth.tokens");
  });

  test("prints what the config comes to, without its secrets", async () => {
    const { stdout, file, path, config: values } = await shown(withSecrets);
    expect(file).toBe(path);
    expect(values).toMatchObject({
      gateway: { port: 4711, auth: { mode: "token", secret: "***" }, chatCompletions: { modelAliases: { "gpt-4o": "main" } } },
      agents: [{ id: "main", model: "local/large" }, { id: "beta" }, { id: "gamma" }],
      providers: [{ id: "local", baseUrl: "http://127.0.0.1:1/v1", apiKey: "***", headers: { "x-key": "***" } }, {}, {}],
      mcpServers: [
        { name: "files", args: ["***", "***"], env: { KEY: "***" } },
        { name: "web", url: "http://127.0.0.1:1/mcp?***", headers: { "x-key": "***" } },
      ],
    });
    for (const secret of secrets) expect(stdout).not.toContain(secret);
  });

  test("prints which database there is on a server, and neither its password nor what else its URL says", async () => {
    const { stdout, config: values } = await shown(
      '{ session: { database: "postgres://me:hunter2@db:5433/mine?sslkey=hunter2", databaseListenUrl: "postgres://me:hunter2@h/mine" } }',
    );
    expect(values).toMatchObject({
      session: { database: "postgres://db:5433/mine", server: { poolSize: 10, listenUrl: "postgres://h/mine" } },
    });
    expect(stdout).not.toContain("hunter2");
    expect((await config("check", '{ session: { database: "postgres://me:hunter2@db/mine" } }')).stdout).toContain(
      "ok    session: postgres://db/mine\n",
    );
  });

  test("says what came from the file", async () => {
    expect((await shown(withSecrets)).origins).toEqual({
      config: "--config",
      "gateway.port": "file: gateway.port",
      "gateway.auth": "file: gateway.auth.token",
      "session.database": "file: session.database",
      "agents.main.model": "file: agents.entries.Main.model",
      "agents.beta.model": "file: agents.defaults.model",
      "agents.gamma.model": "file: agents.list[0].model",
      "providers.local": "file: models.providers.local",
      "providers.ollama": "default",
      "providers.builtin": "default",
    });
  });

  test("says what came from the environment, and keeps its secrets too", async () => {
    const env = {
      OPENCLAW_GATEWAY_PORT: "4712",
      OPENCLAW_GATEWAY_PASSWORD: secrets[0],
      OPENAI_API_KEY: secrets[1],
      OPENCLAW_STATE_DIR: "state",
      OLLAMA_HOST: "ollama.example:1",
    };
    const { origins, stdout, folder } = await shown("{ gateway: { port: 4711 } }", env);
    expect(origins).toMatchObject({
      "gateway.port": "environment: OPENCLAW_GATEWAY_PORT",
      "gateway.auth": "environment: OPENCLAW_GATEWAY_PASSWORD",
      "session.database": "environment: OPENCLAW_STATE_DIR",
      "agents.main.model": "default: OPENAI_API_KEY is set",
      "providers.openai": "environment: OPENAI_API_KEY",
      "providers.ollama": "environment: OLLAMA_HOST",
    });
    expect(JSON.parse(stdout)).toMatchObject({
      config: { gateway: { port: 4712 }, session: { database: join(folder, "state/clawgate.db") } },
    });
    for (const secret of secrets) expect(stdout).not.toContain(secret);
  });

  test("says what is default, and that a token is made at each start", async () => {
    const { stdout } = await runCli(["config", "show"]);
    expect(JSON.parse(stdout)).toMatchObject({
      file: null,
      origins: { config: "default", "gateway.port": "default", "gateway.auth": "made at each start", "session.database": "default" },
      config: { gateway: { port: 18789, auth: { secret: "***", isGenerated: true } } },
    });
  });

  test("of a wrong config exits 78 with the reasons on stderr", async () => {
    const { code, stdout, stderr } = await config("show", '{ gateway: { auth: { mode: "secret" } } }');
    expect({ code, stdout }).toEqual({ code: 78, stdout: "" });
    expect(stderr).toContain("gateway.auth.mode: must be one of");
  });
});

describe("clawgate config schema", () => {
  test("prints the schema that is shipped, also beside a broken config", async () => {
    const { code, stdout, stderr } = await runCli(["config", "schema"], { env: { OPENCLAW_CONFIG_PATH: "nowhere.json" } });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual(JSON.parse(await readFile(new URL("../../generated/config.schema.json", import.meta.url), "utf8")));
  });
});

test("clawgate config alone shows what there is, and exits 64", async () => {
  const { code, stdout, stderr } = await runCli(["config"]);
  expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
  expect(stderr).toContain("check [options]");
  expect(await runCli(["config", "chek"])).toMatchObject({ code: 64, stderr: expect.stringContaining("(Did you mean check?)") });
});
