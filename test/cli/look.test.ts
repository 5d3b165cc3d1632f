/** `clawgate health | agents | models | sessions` through a running gateway, and what of it there is without one. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { type CliResult, runCli, startCli } from "../support/cli.ts";
import { makeFolder, say, startGateway, type TestGateway, testToken } from "../support/gateway.ts";

const beta = "secret-of-beta";
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    gateway: { port: 0, auth: { mode: "token", token: testToken, tokens: [{ name: "phone", token: beta, agents: ["beta"] }] } },
    models: {
      providers: { own: { baseUrl: "http://127.0.0.1:9/v1", models: [{ id: "big", contextWindow: 1000, input: ["text", "image"] }] } },
    },
    agents: {
      defaults: { model: "builtin/offline", tools: ["memory_save", "calculator"] },
      entries: { main: { default: true }, beta: { model: { primary: "own/big", fallbacks: ["builtin/offline"] } } },
    },
  });
  for (const [key, message] of [
    ["kitchen", "Remember that my city is Seoul"],
    ["garden", "what is 6 * 7?"],
  ] as const) {
    const { code } = await through(["agent", "--session-key", key, "--message", message]);
    expect(code).toBe(0);
  }
});

const through = (args: readonly string[], token = testToken): Promise<CliResult> =>
  runCli([...args, "--url", gateway.url, "--token", token]);
const here = (args: readonly string[]): Promise<CliResult> => runCli([...args, "--config", gateway.configPath, "--local"]);
const good = (stdout: string | RegExp) => ({
  code: 0,
  stdout: typeof stdout === "string" ? stdout : expect.stringMatching(stdout),
  stderr: "",
});

describe("health", () => {
  test("says that the gateway is well, and what it is at", async () => {
    const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ`;
    expect(await through(["health"])).toEqual(
      good(
        new RegExp(
          `^Clawgate \\S+ answers at ws://127\\.0\\.0\\.1:\\d+ and is well\\.\\n  since {10}${time}\\n  connections {4}1\\n` +
            "  runs {11}0 at work, 0 waiting\\n  default agent {2}main\\n$",
        ),
      ),
    );
    const { stdout } = await through(["health", "--json"]);
    expect(JSON.parse(stdout)).toEqual({
      status: "ok",
      url: gateway.url.replace("http", "ws"),
      version: expect.any(String),
      protocol: 4,
      uptimeMs: expect.any(Number),
      connections: 1,
      runs: { running: 0, waiting: 0, sessions: 0 },
      defaultAgentId: "main",
    });
  });

  test("exits 1 where no gateway answers, with an object if that is asked for", async () => {
    const gone = await startGateway();
    await gone.close();
    const message = `No gateway answers at ${gone.url.replace("http", "ws")} (ECONNREFUSED). Start one with \`clawgate gateway\`, or name another with --url.`;
    expect(await runCli(["health", "--url", gone.url])).toEqual({ code: 1, stdout: "", stderr: `${message}\n` });
    const { code, stdout, stderr } = await runCli(["health", "--json", "--url", gone.url]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({ status: "failed", error: { message, code: "gateway_unreachable" } });
  });

  test("says where the address is from that nobody answers at", async () => {
    const gone = await startGateway();
    await gone.close();
    const folder = await makeFolder();
    const port = Number(new URL(gone.url).port);
    await writeFile(join(folder, "openclaw.json"), JSON.stringify({ gateway: { port } }));
    await writeFile(join(folder, "plain.json"), "{}");
    const said = async (config: string, env = {}): Promise<string> =>
      (await runCli(["health", "--config", config], { folder, env })).stderr;
    const listens = "a gateway that was started with another config, or before that was changed, listens elsewhere.\n";
    expect(await said("openclaw.json")).toMatch(/^No gateway answers at ws:\S+ \(ECONNREFUSED\)\. Start one with /);
    expect(await said("openclaw.json")).toContain(` The port is from gateway.port in ${join(folder, "openclaw.json")}: ${listens}`);
    const env = { OPENCLAW_GATEWAY_PORT: String(port) };
    expect(await said("plain.json", env)).toContain(` The port is from OPENCLAW_GATEWAY_PORT: ${listens}`);
    const asked = await runCli(["agent", "--config", "openclaw.json", "--token", "any", "--message", "hi"], { folder });
    expect(asked).toMatchObject({ code: 1, stderr: expect.stringContaining("The port is from gateway.port in ") });
  });

  test("exits 1 while the gateway is not ready", async () => {
    const stopping = await startGateway();
    void stopping.program.drain();
    expect(await runCli(["health", "--url", stopping.url, "--token", testToken])).toEqual({
      code: 1,
      stdout: "",
      stderr: "The gateway is about to stop and takes nothing new.\n",
    });
  });

  test("looks where the config says, and asks for an address where it does not", async () => {
    const folder = await makeFolder();
    await writeFile(join(folder, "openclaw.json"), JSON.stringify({ gateway: { port: Number(new URL(gateway.url).port) } }));
    const args = ["health", "--config", "openclaw.json"];
    // The secret of this config was made up, and is none of the gateway's.
    expect(await runCli(args, { folder })).toMatchObject({ code: 1, stderr: expect.stringContaining("asks for a secret") });
    expect(await runCli([...args, "--token", testToken], { folder })).toMatchObject({ code: 0 });
    expect(await runCli(["health", "--config", gateway.configPath])).toEqual({
      code: 1,
      stdout: "",
      stderr: "The config leaves the gateway's port open (0), so where it listens is in its greeting only: say it with --url.\n",
    });
    expect((await runCli(["health", "--config", "nowhere.json"], { folder })).code).toBe(78);
  });
});

describe("agents and models", () => {
  test("are the same through the gateway and from the config", async () => {
    const agents = "main  builtin/offline  (default)\nbeta  own/big, then builtin/offline\n";
    const models = "own/big          text and image, 1000 tokens\nbuiltin/offline  text\nollama/…  any model of ollama\n";
    for (const ask of [through, here]) {
      expect(await ask(["agents"])).toEqual(good(agents));
      expect(await ask(["models"])).toEqual(good(models));
      expect(JSON.parse((await ask(["agents", "--json"])).stdout)).toEqual({
        defaultId: "main",
        agents: [
          { id: "main", model: "builtin/offline", fallbacks: [] },
          { id: "beta", model: "own/big", fallbacks: ["builtin/offline"] },
        ],
      });
      expect(JSON.parse((await ask(["models", "--json"])).stdout)).toEqual({
        models: [
          { id: "own/big", contextWindow: 1000, input: ["text", "image"] },
          { id: "builtin/offline", input: ["text"] },
        ],
        anyOf: ["ollama"],
      });
    }
  });

  test("are those that a token may use", async () => {
    expect(await through(["agents"], beta)).toEqual(good("beta  own/big, then builtin/offline  (default)\n"));
  });
});

describe("what is refused is refused in the same words and with the same exit code through the gateway and in this process:", () => {
  test.each([
    ["an agent that is not there", ["agent", "--agent", "nobody", "--message", "hi"]],
    ["a model that is not there", ["agent", "--model", "nowhere/none", "--message", "hi"]],
    ["a session of an agent that is not there", ["agent", "--session-key", "agent:nobody:x", "--message", "hi"]],
    ["a session of another agent", ["agent", "--agent", "beta", "--session-key", "agent:main:x", "--message", "hi"]],
    ["a session key that is too long", ["agent", "--session-key", "x".repeat(2_000), "--message", "hi"]],
    ["sessions of an agent that is not there", ["sessions", "list", "--agent", "nobody"]],
  ])("%s", async (_, args) => {
    const forms = args[0] === "agent" ? [args, [...args, "--json"]] : [args];
    for (const form of forms) {
      const [there, local] = [await through(form), await here(form)];
      expect(there).toEqual(local);
      expect(`${there.stdout}${there.stderr}`).not.toBe("");
    }
  });

  test("an agent that a token may not use", async () => {
    const args = ["agent", "--agent", "main", "--message", "hi"];
    const there = await through(args, beta);
    expect(there).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("main") });
    expect(there).toEqual(await runCli([...args, "--config", gateway.configPath, "--as", "phone"]));
  });
});

describe("sessions", () => {
  test.each([
    ["list"],
    ["list", "--json", "--limit", "1"],
    ["list", "--agent", "main"],
    ["show", "kitchen"],
    ["show", "agent:main:garden", "--json"],
    ["show", "garden", "--branches"],
    ["export"],
    ["export", "kitchen"],
  ])("%s %s %s are the same through the gateway and from the database", async (...args) => {
    const given = args.filter((arg) => arg !== undefined);
    const there = await through(["sessions", ...given]);
    expect(there).toEqual(await here(["sessions", ...given]));
    expect(there).toMatchObject({ code: 0, stderr: "" });
    expect(there.stdout).toMatch(/kitchen|garden/);
  });

  test("that are not there are refused in the same words", async () => {
    const stderr = "There is no session 'agent:main:nowhere'. List the sessions to see which there are.\n";
    for (const ask of [through, here])
      for (const args of [["show"], ["export"], ["delete", "--yes"], ["reset", "--yes"]])
        expect(await ask(["sessions", ...args, "nowhere"])).toEqual({ code: 1, stdout: "", stderr });
  });

  test("of others are not there for a token, and its own name no owner", async () => {
    expect(await through(["sessions", "list"], beta)).toEqual({ code: 0, stdout: "", stderr: "There are no sessions.\n" });
    await through(["agent", "--model", "builtin/offline", "--session-key", "mine", "--message", "what is 6 * 7?"], beta);
    const { stdout } = await through(["sessions", "show", "mine"], beta);
    expect(stdout).toContain("agent:beta:mine\n  agent   beta\n  begun ");
    expect(stdout).toContain("\nassistant:\n6 * 7 = 42.\n");
    expect(await through(["sessions", "list"])).toEqual(good(/agent:beta:mine {2}of phone\n/));
  });

  test("are emptied in the same words, and stay", async () => {
    for (const ask of [through, here]) {
      await ask(["agent", "--session-key", "notes", "--message", "Remember that my city is Seoul"]);
      expect(await ask(["sessions", "reset", "notes", "--yes"])).toEqual(good("Reset agent:main:notes\n"));
      const { stdout } = await ask(["sessions", "show", "notes", "--json"]);
      expect(JSON.parse(stdout)).toMatchObject({ key: "agent:main:notes", memory: {}, messages: [] });
      expect(await ask(["sessions", "reset", "notes"])).toMatchObject({ code: 64, stdout: "" });
    }
  });

  test("of others can be neither emptied nor deleted with a token", async () => {
    for (const command of ["reset", "delete"]) {
      const { code, stderr } = await through(["sessions", command, "agent:main:kitchen", "--yes"], beta);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: "There is no session 'agent:main:kitchen' of yours. List the sessions to see which there are.\n",
      });
    }
    expect((await here(["sessions", "show", "kitchen"])).stdout).toContain("  memory  city: Seoul\n");
  });

  test("are read page by page, however many there are", async () => {
    const messages = Array.from({ length: 1_100 }, (_, n) => ({ role: n % 2 === 0 ? "user" : "assistant", content: `message ${n}` }));
    await gateway.chat(
      { model: "openclaw", messages: [...messages, { role: "user", content: "hi" }] },
      { "x-openclaw-session-key": "long" },
    );
    const { stdout } = await through(["sessions", "show", "long", "--json"]);
    const shown = JSON.parse(stdout) as { messageCount: number; messages: object[] };
    expect(shown.messages).toHaveLength(shown.messageCount);
    expect(shown.messages.length).toBeGreaterThan(1_000);
  });

  test("are deleted when the gateway's run in them is over, and not at all after Ctrl-C", async () => {
    const held = await startHeldUpstream();
    const models = { providers: { held: { baseUrl: held.url } } };
    const busy = await startGateway({ models, agents: { defaults: { model: "held/any" } } });
    const key = { "x-openclaw-session-key": "shared" };
    const first = busy.chat(say("one"), key);
    (await held.next()).finish();
    await (await first).arrayBuffer();
    const second = busy.chat(say("two"), key);
    const exchange = await held.next();
    const remove = ["sessions", "delete", "shared", "--yes", "--url", busy.url, "--token", testToken];
    const { keptSessions } = busy.program;
    const asked = jest.spyOn(keptSessions, "delete");
    const [stopped, waiting] = [await startCli(remove), await startCli(remove)];
    while (asked.mock.calls.length < 2) {
      expect([stopped.child.exitCode, waiting.child.exitCode]).toEqual([null, null]);
      await sleep(5);
    }
    stopped.child.kill("SIGINT");
    expect(await stopped.result).toEqual({ code: 130, stdout: "", stderr: "Nothing was deleted.\n" });
    exchange.say("2");
    exchange.finish();
    expect((await second).status).toBe(200);
    expect(await waiting.result).toEqual({ code: 0, stdout: "Deleted agent:main:shared\n", stderr: "" });
  });
});
