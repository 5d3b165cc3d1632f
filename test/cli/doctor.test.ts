/** `clawgate doctor`: what it finds, what it says to do, and that it leaves nothing behind and gives no key away. */
import { once } from "node:events";
import { chmod, readdir, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createSocketServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { type CliResult, runCli } from "../support/cli.ts";
import { makeFolder, startGateway } from "../support/gateway.ts";
import { mcpServerPath } from "../support/mcp.ts";

const key = "sk-doctor-0123456789";
const enabled = { http: { endpoints: { chatCompletions: { enabled: true } } } };
const servers: Server[] = [];

afterAll(async () => {
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
});

async function listenOn(server: Server): Promise<number> {
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** A provider that answers every request so; resolves with its base URL. */
async function provider(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  return `http://127.0.0.1:${await listenOn(server)}/v1`;
}

const listing =
  (...ids: string[]): RequestListener =>
  (_, reply) =>
    void reply.setHeader("content-type", "application/json").end(JSON.stringify({ data: ids.map((id) => ({ id })) }));
const refusing =
  (status: number, headers: { [name: string]: string } = {}): RequestListener =>
  (_, reply) =>
    void reply.writeHead(status, headers).end(`Your key ${key} is bad.`);

/** A config on which everything is right but what is said; its sessions are in memory unless a test is about them. */
function healthy({ gateway = {}, ...others }: { gateway?: object; [section: string]: unknown } = {}): object {
  return {
    gateway: { port: 0, auth: { token: "a-token-of-decent-length" }, ...enabled, ...gateway },
    agents: { defaults: { model: "builtin/offline" } },
    session: { database: ":memory:" },
    ...others,
  };
}

const onProvider = (baseUrl: string, more: object = {}): object =>
  healthy({
    agents: { defaults: { model: "stub/m" } },
    models: { providers: { stub: { baseUrl, apiKey: key, ...more } } },
  });

interface CheckUp extends CliResult {
  readonly folder: string;
  readonly lines: readonly string[];
}

async function examine(
  config: unknown,
  { args = [], env = {} }: { args?: string[]; env?: { [name: string]: string } } = {},
): Promise<CheckUp> {
  const folder = await makeFolder();
  const path = join(folder, "openclaw.json");
  await writeFile(path, typeof config === "string" ? config : JSON.stringify(config));
  await chmod(path, 0o600);
  const result = await runCli(["doctor", "--config", "openclaw.json", ...args], { folder, env });
  expect(result.stdout + result.stderr).not.toContain(key);
  return { ...result, folder, lines: result.stdout.replaceAll(folder, "FOLDER").trimEnd().split("\n") };
}

describe("a gateway that is well", () => {
  test("has a line for each check, in order, and exit code 0", async () => {
    const url = await provider(listing("m", "n"));
    const { code, stderr, lines, folder } = await examine({ ...onProvider(url), session: {} });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(lines).toEqual([
      "ok    config: FOLDER/openclaw.json",
      "ok    port: 0: the system chooses a free one at each start",
      "ok    auth: token (file: gateway.auth.token), this machine only",
      "ok    endpoint: /v1/chat/completions and /v1/models are enabled",
      "ok    database: FOLDER/clawgate.db can be made",
      `ok    provider stub: ${url} answers and lists 2 models`,
      "ok    agent main: stub/m (file: agents.defaults.model)",
    ]);
    expect(await readdir(folder)).toEqual(["openclaw.json"]);
  });

  test("with --json is one object", async () => {
    const { code, stdout, stderr } = await examine(onProvider(await provider(listing("m"))), { args: ["--json"] });
    expect({ code, stderr, lines: stdout.split("\n").length }).toEqual({ code: 0, stderr: "", lines: 2 });
    const report = JSON.parse(stdout) as { ok: boolean; findings: { name: string; status: string }[] };
    expect(report.ok).toBe(true);
    expect(report.findings.map(({ name }) => name)).toEqual([
      "config",
      "port",
      "auth",
      "endpoint",
      "database",
      "provider stub",
      "agent main",
    ]);
  });

  test("may run already, and keeps its port, its database and its sessions", async () => {
    const gateway = await startGateway();
    await gateway.chat({ model: "openclaw", user: "ada", messages: [{ role: "user", content: "hi" }] });
    const { port } = new URL(gateway.url);
    const config = healthy({ gateway: { port: Number(port) }, session: { database: join(gateway.folder, "clawgate.db") } });
    const { code, lines } = await examine(config);
    expect(code).toBe(0);
    expect(lines).toContainEqual(expect.stringMatching(/^ok {4}port: Clawgate \S+ answers on 127\.0\.0\.1:\d+ already$/));
    expect(lines).toContain(`ok    database: ${join(gateway.folder, "clawgate.db")}`);
    expect((await gateway.get("/readyz")).status).toBe(200);
    await gateway.close();
  });

  test("is asked for nothing where nobody named a provider", async () => {
    const { lines } = await examine(healthy());
    expect(lines.filter((line) => line.includes("provider"))).toEqual([]);
    expect(lines.at(-1)).toBe(
      "warn  agent main: builtin/offline, which is for trying things out and knows next to nothing → set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, start Ollama, or name a model in agents.defaults.model",
    );
  });
});

test("a gateway whose only secrets are named tokens is well, on the network too", async () => {
  const auth = { tokens: [{ name: "laptop", token: "t" }], rateLimit: {} };
  const { code, lines } = await examine(healthy({ gateway: { bind: "lan", auth } }));
  expect(code).toBe(0);
  expect(lines.filter((line) => line.includes("auth:"))).toEqual([
    "ok    auth: token (file: gateway.auth.tokens), other machines may call with it",
  ]);
});

describe("a config", () => {
  test("that is wrong ends the check-up with exit code 78", async () => {
    const { code, lines } = await examine('{ gateway: { auth: { tokn: "x" } }, channels: {} }');
    expect(code).toBe(78);
    expect(lines).toEqual([
      'FAIL  config: FOLDER/openclaw.json: gateway.auth.tokn: unknown key: did you mean "token"? Rename or remove it.',
      "warn  config: top level: these sections are not Clawgate's and are ignored: channels.",
    ]);
  });

  test("that is wrong is an object too with --json", async () => {
    const { code, stdout } = await examine("{ gateway: ", { args: ["--json"] });
    expect(code).toBe(78);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, findings: [{ name: "config", status: "fail" }] });
  });

  test("that would let everybody in is wrong", async () => {
    const { code, stdout } = await examine(healthy({ gateway: { bind: "lan", auth: {} } }));
    expect(code).toBe(78);
    expect(stdout).toContain("other machines can reach this gateway, so it needs a secret");
  });

  test("that is missing is a warning, with how to write one", async () => {
    const folder = await makeFolder();
    const { code, stdout } = await runCli(["doctor"], { folder, env: { OPENCLAW_GATEWAY_PORT: "0" } });
    expect(code).toBe(1);
    expect(stdout).toContain(
      `warn  config: there is no ${folder}/.openclaw/openclaw.json, so all is default → write one with \`clawgate init\`\n`,
    );
    expect(stdout).toContain(`ok    database: ${folder}/.openclaw/clawgate.db can be made\n`);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("the port", () => {
  test("that another program has is a failure", async () => {
    const port = await listenOn(createServer((_, reply) => void reply.end("hello")));
    const { code, lines } = await examine(healthy({ gateway: { port } }));
    expect(code).toBe(1);
    expect(lines[1]).toBe(
      `FAIL  port: another program listens on 127.0.0.1:${port} → stop it, or choose another port with gateway.port or --port`,
    );
  });

  test("that a program has which does not speak HTTP is one too", async () => {
    const port = await listenOn(createSocketServer((socket) => socket.destroy()));
    expect((await examine(healthy({ gateway: { port } }))).lines[1]).toMatch(/^FAIL {2}port: another program listens on /);
  });

  test("of an address that this machine does not have is a failure", async () => {
    const { code, lines } = await examine(healthy({ gateway: { port: 4711, bind: "custom", customBindHost: "192.0.2.1" } }));
    expect(code).toBe(1);
    expect(lines[1]).toMatch(/^FAIL {2}port: 192\.0\.2\.1:4711 is no address that this machine can listen on \(EADDRNOTAVAIL\) → /);
  });
});

describe("who may call and what", () => {
  test.each([
    ["a token that is made at each start", { auth: {} }, "warn  auth: no token is configured, so each start makes a new one → "],
    ["no secret at all", { auth: { mode: "none" } }, "warn  auth: none: every program on this machine may call → "],
    ["a short secret on the network", { bind: "lan", auth: { token: "short" } }, "warn  auth: the token is short enough to be guessed → "],
    ["no limit on the network", { bind: "lan" }, "warn  auth: wrong secrets may be tried without limit → set gateway.auth.rateLimit: {}"],
  ])("with %s is a warning", async (_, gateway, line) => {
    const { code, lines } = await examine(healthy({ gateway }));
    expect(code).toBe(0);
    expect(lines).toContainEqual(expect.stringContaining(line));
  });

  test("with a secret in a file that others can read is a warning", async () => {
    const { folder } = await examine(healthy());
    await chmod(join(folder, "openclaw.json"), 0o644);
    const { code, stdout } = await runCli(["doctor", "--config", "openclaw.json"], { folder });
    expect(code).toBe(0);
    expect(stdout).toContain(`warn  auth: other users of this machine can read the token → run \`chmod 600 ${folder}/openclaw.json\`\n`);
  });

  test("with a secret that the file takes from a variable it does not matter who reads the file", async () => {
    const env = { CALLERS_TOKEN: "a-token-of-decent-length" };
    const { folder, lines } = await examine(healthy({ gateway: { auth: { token: "${CALLERS_TOKEN}" } } }), { env });
    expect(lines).toContain("ok    auth: token (environment: CALLERS_TOKEN), this machine only");
    await chmod(join(folder, "openclaw.json"), 0o644);
    expect((await runCli(["doctor", "--config", "openclaw.json"], { folder, env })).stdout).not.toContain("other users");
  });

  test("with the endpoint disabled is a failure that names the key", async () => {
    const { code, lines } = await examine(healthy({ gateway: { http: {} } }));
    expect(code).toBe(1);
    expect(lines).toContain(
      "FAIL  endpoint: /v1/chat/completions and /v1/models are disabled, callers get 404 → set gateway.http.endpoints.chatCompletions.enabled: true",
    );
  });
});

describe("the database", () => {
  test.each([
    ["whose folder is a file", "openclaw.json/clawgate.db", "FAIL  database: FOLDER/openclaw.json/clawgate.db cannot be made (ENOTDIR) → "],
    ["that is a folder", ".", "FAIL  database: The session database FOLDER cannot be opened: "],
    ["that is another kind of file", "openclaw.json", "FAIL  database: The session database FOLDER/openclaw.json cannot be opened: "],
  ])("%s is a failure", async (_, database, line) => {
    const { code, lines, folder } = await examine(healthy({ session: { database } }));
    expect(code).toBe(1);
    expect(lines).toContainEqual(expect.stringContaining(line));
    expect(await readdir(folder)).toEqual(["openclaw.json"]);
  });

  test("whose folders are still to be made is tried beside them, and none is made", async () => {
    const { code, lines, folder } = await examine(healthy({ session: { database: "a/b/c.db" } }));
    expect(code).toBe(0);
    expect(lines).toContain("ok    database: FOLDER/a/b/c.db can be made");
    expect(await readdir(folder)).toEqual(["openclaw.json"]);
  });

  test("in memory is a warning", async () => {
    const { code, lines } = await examine(healthy({ session: { database: ":memory:" } }));
    expect(code).toBe(0);
    expect(lines).toContainEqual(expect.stringContaining("warn  database: in memory: sessions are lost at each stop → "));
  });
});

describe("a provider", () => {
  test("is asked for its models with its key and its headers", async () => {
    const seen: unknown[] = [];
    const url = await provider((request, reply) => {
      seen.push([request.method, request.url, request.headers["authorization"], request.headers["x-team"]]);
      listing("m")(request, reply);
    });
    await examine(onProvider(url, { headers: { "x-team": "kitchen" } }));
    expect(seen).toEqual([["GET", "/v1/models", `Bearer ${key}`, "kitchen"]]);
  });

  test.each([
    ["anthropic-messages", "x-api-key", "/v1/models?limit=1000", { data: [{ id: "m" }] }],
    ["google-generative-ai", "x-goog-api-key", "/v1/models?pageSize=1000", { models: [{ name: "models/m" }] }],
  ])("that speaks %s is asked in its own way", async (api, header, path, body) => {
    const seen: unknown[] = [];
    const url = await provider((request, reply) => {
      seen.push([request.url, request.headers[header], request.headers["authorization"]]);
      reply.end(JSON.stringify(body));
    });
    const { lines } = await examine(onProvider(url, { api }));
    expect(seen).toEqual([[path, key, undefined]]);
    expect(lines).toContain(`ok    provider stub: ${url} answers and lists 1 model`);
    expect(lines.at(-1)).toBe("ok    agent main: stub/m (file: agents.defaults.model)");
  });

  test("of Google refuses a wrong key as a wrong request", async () => {
    const { code, lines } = await examine(onProvider(await provider(refusing(400)), { api: "google-generative-ai" }));
    expect(code).toBe(1);
    expect(lines).toContainEqual(expect.stringContaining("refuses the key (401) → put a valid key into models.providers.stub.apiKey"));
  });

  test("behind a package of the user's is not asked", async () => {
    const file = { api: "ai-sdk", package: "@ai-sdk/openai-compatible" };
    const { code, lines } = await examine(onProvider("http://127.0.0.1:1", file));
    expect(code).toBe(0);
    expect(lines).toContain("ok    provider stub: the package @ai-sdk/openai-compatible is there; its service was not asked");
  });

  test.each([
    ["that refuses the key", 401, 1, "refuses the key (401) → put a valid key into models.providers.stub.apiKey"],
    ["that forbids", 403, 1, "refuses the key (403) → "],
    ["that is out of order", 503, 1, "fails (503) → "],
    ["without a list of models", 404, 0, "answers, but has no list of models (404) → nothing, if runs work; else correct its baseUrl"],
    ["that is asked too often", 429, 0, "has too many requests (429) → "],
    ["that finds the question odd", 400, 0, "does not list its models (400) → "],
  ])("%s (%p)", async (_, status, exitCode, words) => {
    const url = await provider(refusing(status));
    const { code, lines } = await examine(onProvider(url));
    expect(code).toBe(exitCode);
    expect(lines).toContainEqual(expect.stringContaining(`${exitCode === 0 ? "warn" : "FAIL"}  provider stub: ${url} ${words}`));
  });

  test("that wants a key where none is set", async () => {
    const url = await provider(refusing(401));
    const config = healthy({ agents: { defaults: { model: "stub/m" } }, models: { providers: { stub: { baseUrl: url } } } });
    expect((await examine(config)).lines).toContainEqual(expect.stringContaining("wants a key and there is none (401)"));
  });

  test("whose address lacks its /v1 is told so", async () => {
    const url = (await provider(refusing(404))).replace("/v1", "");
    expect((await examine(onProvider(url))).lines).toContainEqual(expect.stringContaining(`try ${url}/v1 as its baseUrl`));
  });

  test.each(["/chat/completions", "/messages", "/models"])("whose address ends in %s is told to end before it", async (path) => {
    const url = await provider(refusing(404));
    const { code, lines } = await examine(onProvider(url + path));
    expect(code).toBe(1);
    expect(lines).toContainEqual(expect.stringContaining(`→ set its baseUrl to ${url}: the rest is added to each request`));
  });

  test("that sends callers elsewhere is not followed there with the key", async () => {
    const seen: unknown[] = [];
    const elsewhere = await provider((request, reply) => void (seen.push(request.url), reply.end()));
    const { code, lines } = await examine(onProvider(await provider(refusing(307, { location: `${elsewhere}/models` }))));
    expect(code).toBe(1);
    expect(lines).toContainEqual(expect.stringContaining("sends callers elsewhere (307)"));
    expect(seen).toEqual([]);
  });

  test("where nothing listens", async () => {
    const server = createSocketServer();
    const port = await listenOn(server);
    servers.splice(servers.indexOf(server), 1);
    await new Promise((resolve) => server.close(resolve));
    const { code, lines } = await examine(onProvider(`http://127.0.0.1:${port}/v1`));
    expect(code).toBe(1);
    expect(lines).toContain(`FAIL  provider stub: nothing listens on 127.0.0.1:${port} → start it, or correct its baseUrl`);
  });

  test("that never answers is given up after three seconds", async () => {
    const url = await provider(() => undefined);
    const { code, lines } = await examine(onProvider(url));
    expect(code).toBe(1);
    expect(lines).toContainEqual(expect.stringContaining(`FAIL  provider stub: ${url} did not answer within 3 s → `));
  });

  test("whose key HTTP cannot carry is told without showing it", async () => {
    const { code, lines } = await examine(onProvider(await provider(listing("m")), { apiKey: `${key}\u{20ac}` }));
    expect(code).toBe(78);
    expect(lines).toContainEqual(expect.stringContaining("models.providers.stub.apiKey"));
  });

  test("that no agent uses cannot fail the check-up", async () => {
    const models = { providers: { spare: { baseUrl: await provider(refusing(401)), apiKey: key } } };
    const { code, lines } = await examine(healthy({ models }));
    expect(code).toBe(0);
    expect(lines).toContainEqual(expect.stringMatching(/^warn {2}provider spare: .* refuses the key/));
  });

  test("of the environment is named by its variables", async () => {
    const env = { OPENAI_API_KEY: key, OPENAI_BASE_URL: await provider(refusing(401)) };
    const { code, lines } = await examine(healthy({ agents: {} }), { env });
    expect(code).toBe(1);
    expect(lines).toContainEqual(expect.stringMatching(/^FAIL {2}provider openai: .* → put a valid key into OPENAI_API_KEY$/));
    expect(lines.at(-1)).toBe("ok    agent main: openai/gpt-5.4 (default: OPENAI_API_KEY is set)");
  });
});

describe("an agent's model", () => {
  test("that its provider does not list is a warning", async () => {
    const { code, lines } = await examine(onProvider(await provider(listing("other"))));
    expect(code).toBe(0);
    expect(lines.at(-1)).toBe(
      "warn  agent main: stub/m (file: agents.defaults.model) is not among the models that stub lists → choose one that it lists",
    );
  });

  test("that is a fallback is looked up like the first, and its provider must be right", async () => {
    const first = await provider(listing("m"));
    const second = await provider(listing("n"));
    const config = (baseUrl: string): object =>
      healthy({
        agents: { defaults: { model: { primary: "stub/m", fallbacks: ["other/n", "other/o", "builtin/offline"] } } },
        models: { providers: { stub: { baseUrl: first }, other: { baseUrl } } },
      });
    const { code, lines } = await examine(config(second));
    expect(code).toBe(0);
    expect(lines.slice(-4)).toEqual([
      "ok    agent main: stub/m (file: agents.defaults.model)",
      "ok    agent main, fallback: other/n",
      "warn  agent main, fallback: other/o is not among the models that other lists → choose one that it lists",
      expect.stringContaining("warn  agent main, fallback: builtin/offline, which is for trying things out"),
    ]);
    const broken = await examine(config(await provider(refusing(401))));
    expect(broken.code).toBe(1);
    expect(broken.lines).toContainEqual(expect.stringMatching(/^FAIL {2}provider other: .* wants a key and there is none/));
  });

  test("is known to Ollama without its tag", async () => {
    const baseUrl = await provider(listing("qwen3:latest"));
    const config = (model: string): object => healthy({ agents: { defaults: { model } }, models: { providers: { ollama: { baseUrl } } } });
    expect((await examine(config("ollama/qwen3"))).lines.at(-1)).toBe("ok    agent main: ollama/qwen3 (file: agents.defaults.model)");
    expect((await examine(config("ollama/qwen4"))).lines.at(-1)).toContain("→ run `ollama pull qwen4`, or choose one that it lists");
  });
});

describe("an MCP server", () => {
  const withServers = (servers: object, tools: readonly string[]): object =>
    healthy({ agents: { defaults: { model: "builtin/offline", tools } }, mcp: { servers } });
  const files = { command: process.execPath, args: [mcpServerPath], env: { TEST_MCP_KEY: key } };

  test("that agents use is started and listed, and ended again", async () => {
    const { code, lines } = await examine(withServers({ files }, ["files__*"]));
    expect(code).toBe(0);
    expect(lines.at(-1)).toBe("ok    mcp files: 14 tools");
  });

  test("is warned of where an agent names tools that it does not have", async () => {
    const { code, lines } = await examine(withServers({ files }, ["files__echo", "files__ecko"]));
    expect(code).toBe(0);
    expect(lines.slice(-2)).toEqual([
      "ok    mcp files: 14 tools",
      expect.stringMatching(
        /^warn {2}mcp files: agent main names files__ecko, which it does not have → choose of what it has: files__echo, files__read_file_v2, /,
      ),
    ]);
  });

  test("that cannot be started fails the check-up, and is told apart from one that ends by itself", async () => {
    const servers = {
      gone: { command: "no-such-program" },
      whole: { command: "no-such-program --key secret-in-the-command" },
      ends: { command: process.execPath, args: ["-e", "throw new Error('No key ' + process.env.KEY)"], env: { KEY: key } },
    };
    const { code, lines, stdout } = await examine(withServers(servers, ["gone__*", "whole__x", "ends__*"]));
    expect(code).toBe(1);
    expect(lines.slice(-3)).toEqual([
      'FAIL  mcp gone: cannot start "no-such-program" (not found) → correct mcp.servers.gone.command',
      'FAIL  mcp whole: cannot start "no-such-program …" (not found) → put the arguments in mcp.servers.whole.args, the program alone in command',
      `FAIL  mcp ends: ${JSON.stringify(process.execPath)} ended with exit code 1; it said: Error: No key [hidden] → run it by hand with the args and env of mcp.servers.ends`,
    ]);
    expect(stdout).not.toContain("secret-in-the-command");
  });

  test("that no agent uses is not started, and one that is not enabled is not mentioned", async () => {
    const servers = { spare: { command: "no-such-program" }, off: { command: "no-such-program", enabled: false } };
    const { code, lines } = await examine(withServers(servers, ["calculator"]));
    expect(code).toBe(0);
    expect(lines.filter((line) => line.includes("mcp"))).toEqual([
      "warn  mcp spare: no agent has its tools, so it was not asked → name spare__* in the tools of one",
    ]);
  });
});
