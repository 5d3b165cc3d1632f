/** `clawgate agent` as a script uses it: exit codes, what is on stdout and what on stderr. */
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type CliResult, runCli, startCli } from "../support/cli.ts";
import { makeFolder } from "../support/gateway.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { onProvider, providerKey } from "../faces/provider.ts";

let stub: StubUpstream;
let folder: string;

beforeAll(async () => {
  stub = await startStubUpstream();
  folder = await folderFor(stub.url);
});

afterAll(() => stub.close());

async function folderFor(url: string): Promise<string> {
  const home = await makeFolder();
  await writeFile(join(home, "openclaw.json"), JSON.stringify(onProvider(url)));
  return home;
}

const withConfig = ["agent", "--config", "openclaw.json"];
const agent = (...args: string[]): Promise<CliResult> => runCli([...withConfig, ...args], { folder });

describe("a run that completes", () => {
  test("exits 0 with the text on stdout, ended by one newline, and nothing on stderr", async () => {
    stub.reply({ text: "Hello,\n\nworld. ✓" });
    expect(await agent("--message", "hi")).toEqual({ code: 0, stdout: "Hello,\n\nworld. ✓\n", stderr: "" });
  });

  test("with --json prints one object on one line", async () => {
    stub.reply({ text: "Hello,\nworld.", reasoning: "Hm." });
    const { code, stdout, stderr } = await agent("--message", "hi", "--json", "--session-key", "kitchen");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.split("\n")).toHaveLength(2);
    expect(JSON.parse(stdout)).toEqual({
      runId: expect.stringMatching(/^[0-9a-f]{32}$/),
      agentId: "main",
      sessionKey: "agent:main:kitchen",
      model: "stub/test-model",
      status: "completed",
      text: "Hello,\nworld.",
      reasoning: "Hm.",
      toolCalls: [],
      finishReason: "stop",
      usage: { inputTokens: 9, outputTokens: 5 },
    });
  });

  test("prints a refusal, so that nobody wonders about an empty answer", async () => {
    stub.reply({ refusal: "That I will not do." });
    expect(await agent("--message", "hi")).toEqual({ code: 0, stdout: "That I will not do.\n", stderr: "" });
  });

  test("prints the text as it comes", async () => {
    const held = await startHeldUpstream();
    const started = await startCli([...withConfig, "--message", "hi"], { folder: await folderFor(held.url) });
    const exchange = await held.next();
    exchange.say("first ");
    expect(await started.waitFor("stdout", "first ")).toBe("first ");
    exchange.say("second");
    exchange.finish();
    expect(await started.result).toEqual({ code: 0, stdout: "first second\n", stderr: "" });
  });

  test("is of the agent and the model that were named", async () => {
    stub.reply({ text: "plain" });
    const { stdout } = await agent("--message", "hi", "--agent", "Plain", "--model", "stub/other", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ agentId: "plain", model: "stub/other", text: "plain" });
    const { body } = stub.requests.at(-1)!;
    expect(body).toMatchObject({ model: "other" });
    expect(body).not.toHaveProperty("tools");
  });

  test("needs no config at all, and leaves nothing in the home folder", async () => {
    const home = await makeFolder();
    const { code, stdout, stderr } = await runCli(["agent", "--message", "what is 6 * 7?", "--json"], { folder: home });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ model: "builtin/offline", status: "completed" });
    expect(await readdir(home)).toEqual([]);
  });

  test("of a session keeps it in the state folder, and nothing else there", async () => {
    const home = await makeFolder();
    const args = ["agent", "--session-key", "kitchen", "--message"];
    expect(await runCli([...args, "My name is Ada."], { folder: home })).toMatchObject({ code: 0, stderr: "" });
    expect((await runCli([...args, "What is my name?"], { folder: home })).stdout).toContain("Ada");
    expect(await readdir(home)).toEqual([".openclaw"]);
    expect((await readdir(join(home, ".openclaw"))).filter((name) => !/^clawgate\.db(-wal|-shm)?$/.test(name))).toEqual([]);
  });

  test("may be given any time limit, however long", async () => {
    stub.reply({ text: "in time" });
    expect(await agent("--message", "hi", "--timeout", "99999999")).toEqual({ code: 0, stdout: "in time\n", stderr: "" });
  });
});

describe("a run that meets trouble on its way and completes", () => {
  const overloaded = { status: 503, headers: { "x-should-retry": "false" }, body: { error: { message: "Too much." } } };
  const troubled = async (): Promise<string> => {
    const home = await makeFolder();
    const file = {
      models: { providers: { stub: { baseUrl: stub.url, apiKey: providerKey } } },
      agents: {
        defaults: { model: { primary: "stub/a", fallbacks: ["stub/b"] } },
        entries: { main: { default: true }, tooled: { tools: ["gone__*"] } },
      },
      mcp: { servers: { gone: { command: "no-such-program" } } },
      log: { level: "debug" },
    };
    await writeFile(join(home, "openclaw.json"), JSON.stringify(file));
    return home;
  };

  test("says on stderr that another model was asked, and why", async () => {
    stub.reply(overloaded, { text: "Here." });
    expect(await runCli([...withConfig, "--message", "hi"], { folder: await troubled() })).toEqual({
      code: 0,
      stdout: "Here.\n",
      stderr: "The model provider 'stub' failed (status 503): Too much. Asking stub/b instead.\n",
    });
  });

  test("says on stderr that a tool server cannot be used, and what to do", async () => {
    stub.reply({ text: "Here." });
    expect(await runCli([...withConfig, "--message", "hi", "--agent", "tooled"], { folder: await troubled() })).toEqual({
      code: 0,
      stdout: "Here.\n",
      stderr: 'MCP server cannot be used: gone: cannot start "no-such-program" (not found) → correct mcp.servers.gone.command\n',
    });
  });

  test("with --json is one object and nothing else, with the model that answered", async () => {
    stub.reply(overloaded, { text: "Here." });
    const args = [...withConfig, "--message", "hi", "--json", "--agent", "tooled"];
    const { code, stdout, stderr } = await runCli(args, { folder: await troubled() });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ status: "completed", model: "stub/b", text: "Here." });
  });
});

describe("a run that fails", () => {
  const failure = { status: 500, headers: { "x-should-retry": "false" }, body: { error: { message: `Bad key ${providerKey}.` } } };

  test("exits 1 with the reason on stderr and nothing on stdout", async () => {
    stub.reply(failure);
    expect(await agent("--message", "hi")).toEqual({
      code: 1,
      stdout: "",
      stderr: "The model provider 'stub' failed (status 500): Bad key [key].\n",
    });
  });

  test("with --json exits 1 with the reason in the object", async () => {
    stub.reply(failure);
    const { code, stdout, stderr } = await agent("--message", "hi", "--json");
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ status: "failed", text: "", error: { code: "upstream_error" } });
    expect(stdout).not.toContain(providerKey);
  });

  test("in the middle of its answer keeps what came of it on stdout", async () => {
    const held = await startHeldUpstream();
    const started = await startCli([...withConfig, "--message", "hi"], { folder: await folderFor(held.url) });
    const exchange = await held.next();
    exchange.say("Half of");
    await started.waitFor("stdout", "Half of");
    exchange.cut();
    expect(await started.result).toEqual({
      code: 1,
      stdout: "Half of\n",
      stderr: "The model provider 'stub' broke off (UND_ERR_SOCKET).\n",
    });
  });

  test.each([
    ["an agent that does not exist", ["--agent", "nobody"], "There is no agent 'nobody'. Configured agents: main, plain."],
    ["a session key that is reserved", ["--session-key", "cron:x"], "Session keys that start with 'cron:' are reserved"],
    ["a model of nobody", ["--model", "nobody/x"], "There is no model 'nobody/x' in the catalogue."],
  ])("because of %s exits 1 and says so", async (_, args, words) => {
    const text = await agent("--message", "hi", ...args);
    expect(text).toMatchObject({ code: 1, stdout: "" });
    expect(text.stderr).toContain(words);
  });

  test("before it begins, with --json, is an object too", async () => {
    const { code, stdout, stderr } = await agent("--message", "hi", "--json", "--agent", "nobody");
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({
      status: "failed",
      error: { code: "model_not_found", message: "There is no agent 'nobody'. Configured agents: main, plain." },
    });
  });
});

describe("a run that is stopped", () => {
  test("by --timeout exits 2 and closes the provider's connection", async () => {
    const held = await startHeldUpstream();
    const started = await startCli([...withConfig, "--message", "hi", "--timeout", "0.5"], { folder: await folderFor(held.url) });
    expect(await started.result).toEqual({
      code: 2,
      stdout: "",
      stderr: "The run took longer than --timeout 0.5 s and was stopped.\n",
    });
  });

  test("by --timeout with --json says so in the object", async () => {
    const held = await startHeldUpstream();
    const started = await startCli([...withConfig, "--json", "--message", "hi", "--timeout", "0.5"], { folder: await folderFor(held.url) });
    const { code, stdout, stderr } = await started.result;
    expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
    const error = { message: "The run took longer than --timeout 0.5 s and was stopped.", code: "run_timeout" };
    expect(JSON.parse(stdout)).toMatchObject({ status: "aborted", error });
  });

  test("by a terminal that is closed exits 129 and closes the provider's connection", async () => {
    const held = await startHeldUpstream();
    const started = await startCli([...withConfig, "--message", "hi"], { folder: await folderFor(held.url) });
    const exchange = await held.next();
    started.child.kill("SIGHUP");
    await exchange.aborted;
    expect(await started.result).toMatchObject({ code: 129, stdout: "" });
  });

  test("by Ctrl-C exits 130, after what came of the answer", async () => {
    const held = await startHeldUpstream();
    const started = await startCli([...withConfig, "--message", "hi"], { folder: await folderFor(held.url) });
    const exchange = await held.next();
    exchange.say("Well");
    await started.waitFor("stdout", "Well");
    started.child.kill("SIGINT");
    await exchange.aborted;
    expect(await started.result).toEqual({ code: 130, stdout: "Well\n", stderr: "The run was aborted.\n" });
  });

  test("because nobody reads its output any more closes the provider's connection and exits 1", async () => {
    const held = await startHeldUpstream();
    const started = await startCli([...withConfig, "--message", "hi"], { folder: await folderFor(held.url) });
    const exchange = await held.next();
    exchange.say("first");
    await started.waitFor("stdout", "first");
    started.child.stdout?.destroy();
    exchange.say("second");
    await exchange.aborted;
    expect(await started.result).toEqual({ code: 1, stdout: "first", stderr: "The run was aborted.\n" });
  });
});

describe("a command line that is wrong exits 64 and runs nothing:", () => {
  test.each([
    ["no message", ["agent"], "--message"],
    ["an unknown option", ["agent", "--message", "hi", "--verbose"], "--verbose"],
    ["an argument too many", ["agent", "--message", "hi", "there"], "too many arguments"],
    ["a timeout that is none", ["agent", "--message", "hi", "--timeout", "soon"], "A timeout is a number of seconds above 0."],
    ["a timeout of nothing", ["agent", "--message", "hi", "--timeout", "0"], "A timeout is a number of seconds above 0."],
    ["an unknown command", ["talk"], "unknown command 'talk'"],
  ])("%s", async (_, args, words) => {
    const asked = stub.requestCount;
    const { code, stdout, stderr } = await runCli(args, { folder });
    expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
    expect(stderr).toContain(words);
    expect(stub.requestCount).toBe(asked);
  });
});

describe("a config that is wrong exits 78 and runs nothing:", () => {
  test.each([
    ["a file that is not there", {}, ["--config", "nowhere.json"], "nowhere.json: there is no such file; correct --config."],
    ["a file that is no JSON5", { "broken.json": "{ gateway: " }, ["--config", "broken.json"], "broken.json:1:12: not valid JSON5"],
    [
      "a variable that is not set",
      { "variable.json": '{ gateway: { auth: { token: "${NOT_SET_ANYWHERE}" } } }' },
      ["--config", "variable.json"],
      "NOT_SET_ANYWHERE",
    ],
  ])("%s", async (_, files, args, words) => {
    const home = await makeFolder();
    for (const [name, text] of Object.entries(files)) await writeFile(join(home, name), text);
    const { code, stdout, stderr } = await runCli(["agent", "--message", "hi", ...args], { folder: home });
    expect({ code, stdout }).toEqual({ code: 78, stdout: "" });
    expect(stderr).toContain(words);
  });

  test("a database that cannot be opened is a failure, exit 1, but only for those who need it", async () => {
    const home = await makeFolder();
    await writeFile(join(home, "folder.json"), '{ session: { database: "." } }');
    const args = ["agent", "--message", "hi", "--config", "folder.json"];
    const { code, stdout, stderr } = await runCli([...args, "--session-key", "kitchen"], { folder: home });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("cannot be opened");
    expect(stderr).not.toContain("    at ");
    expect(await runCli(args, { folder: home })).toMatchObject({ code: 0, stderr: "" });
  });
});
