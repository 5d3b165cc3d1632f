/** `clawgate agent` through a running gateway: the same output and exit codes as in its own process, and a run that is the gateway's. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type HeldUpstream, startHeldUpstream } from "../faces/held-upstream.ts";
import { onProvider, providerKey } from "../faces/provider.ts";
import { showRun } from "../faces/run-requests.ts";
import { type CliOptions, type CliResult, runCli, startCli } from "../support/cli.ts";
import { configOf, makeFolder, startGateway, type TestGateway, testToken } from "../support/gateway.ts";
import { RpcClient } from "../support/rpc-client.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";

let stub: StubUpstream;
let held: HeldUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  stub = await startStubUpstream();
  held = await startHeldUpstream();
  gateway = await startGateway({
    models: { providers: { stub: { baseUrl: stub.url, apiKey: providerKey }, held: { baseUrl: held.url } } },
    agents: {
      defaults: { model: "stub/test-model" },
      entries: { main: { default: true }, slow: { model: "held/any" }, careful: { model: { primary: "stub/a", fallbacks: ["stub/b"] } } },
    },
  });
});

afterAll(() => stub.close());

const through = (...args: string[]): string[] => ["agent", "--url", gateway.url, "--token", testToken, ...args];
const agent = (args: string[], options: CliOptions = {}): Promise<CliResult> => runCli(through(...args), options);
const slow = (...args: string[]) => startCli(through("--agent", "slow", "--message", "hi", ...args));

/** A folder with the config of the gateway and the port it really has. */
async function folderAt(port: string, auth: object = { mode: "token", token: testToken }): Promise<string> {
  const folder = await makeFolder();
  const config = configOf(onProvider(stub.url, {}, { gateway: { port: Number(port), auth } }));
  await writeFile(join(folder, "openclaw.json"), JSON.stringify(config));
  return folder;
}

describe("a run through a gateway", () => {
  test("is found by the gateway's own records, not made in this process", async () => {
    stub.reply({ text: "Hello, ✓" });
    const { code, stdout, stderr } = await agent(["--message", "hi", "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { runId } = JSON.parse(stdout) as { runId: string };
    expect(await showRun(gateway, runId)).toMatchObject({ status: "completed", background: true });
  });

  test.each([
    ["completed", { reasoning: "Hm.", text: "Hello." }, 0],
    ["failed", { status: 400, body: { error: { message: "No." } } }, 1],
  ] as const)("that %s has an object with the keys of one in this process, in their order", async (status, script, code) => {
    stub.reply(script, script);
    const here = await runCli(["agent", "--config", gateway.configPath, "--local", "--message", "hi", "--json"]);
    const there = await agent(["--message", "hi", "--json"]);
    expect([here.code, there.code]).toEqual([code, code]);
    const [one, other] = [here, there].map(({ stdout }) => JSON.parse(stdout) as { [key: string]: unknown });
    expect(Object.keys(other!)).toEqual(Object.keys(one!));
    const own = { runId: expect.any(String), sessionKey: expect.stringMatching(/^agent:main:openai:/) };
    expect(other).toEqual({ ...one, ...own, status });
  });

  test("prints its text as it comes", async () => {
    const started = await slow();
    const exchange = await held.next();
    exchange.say("first ");
    expect(await started.waitFor("stdout", "first ")).toBe("first ");
    exchange.say("second");
    exchange.finish();
    expect(await started.result).toEqual({ code: 0, stdout: "first second\n", stderr: "" });
  });

  test("says on stderr that another model was asked, and why", async () => {
    stub.reply({ status: 503, headers: { "x-should-retry": "false" }, body: { error: { message: "Too much." } } }, { text: "Here." });
    expect(await agent(["--message", "hi", "--agent", "careful"])).toEqual({
      code: 0,
      stdout: "Here.\n",
      stderr: "The model provider 'stub' failed (status 503): Too much. Asking stub/b instead.\n",
    });
  });

  test("with --json takes a fallback's answer also when the first model fails in the middle", async () => {
    stub.reply({ text: "Half an ans", ending: "cut" }, { text: "A whole one." });
    const { code, stdout } = await agent(["--message", "hi", "--agent", "careful", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ text: "A whole one.", model: "stub/b" });
  });

  test("in the middle of its answer keeps what came of it on stdout when it fails", async () => {
    const started = await slow();
    const exchange = await held.next();
    exchange.say("Half of");
    await started.waitFor("stdout", "Half of");
    exchange.cut();
    expect(await started.result).toEqual({
      code: 1,
      stdout: "Half of\n",
      stderr: "The model provider 'held' broke off (UND_ERR_SOCKET).\n",
    });
  });

  test("that is refused exits 1 and says why, as an object with --json", async () => {
    const message = "There is no agent 'nobody'. Configured agents: main, slow, careful.";
    expect(await agent(["--message", "hi", "--agent", "nobody"])).toEqual({ code: 1, stdout: "", stderr: `${message}\n` });
    const { code, stdout, stderr } = await agent(["--message", "hi", "--agent", "nobody", "--json"]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({ status: "failed", error: { message, code: "model_not_found" } });
  });
});

describe("a run through a gateway is stopped there", () => {
  test("by Ctrl-C, with exit code 130, after what came of the answer", async () => {
    const started = await slow("--session-key", "stopped");
    const exchange = await held.next();
    exchange.say("Well");
    await started.waitFor("stdout", "Well");
    started.child.kill("SIGINT");
    await exchange.aborted;
    expect(await started.result).toEqual({ code: 130, stdout: "Well\n", stderr: "The run was aborted.\n" });
    const client = await RpcClient.connect(gateway.url);
    const { messages } = await client.request("sessions.export", { key: "agent:slow:stopped", branches: true });
    expect(messages.map(({ state }) => state)).toEqual(["unanswered"]);
    expect(await client.request("runs.get", { runId: messages[0]!.runId })).toMatchObject({ status: "aborted" });
    await client.close();
  });

  test("by Ctrl-C while it waits for its session", async () => {
    const first = await slow("--session-key", "busy");
    const exchange = await held.next();
    const second = await slow("--session-key", "busy");
    const client = await RpcClient.connect(gateway.url);
    const waiting = async (): Promise<number> => (await client.request("status", {})).runs.waiting;
    while ((await waiting()) === 0) expect(second.child.exitCode).toBeNull();
    second.child.kill("SIGINT");
    expect(await second.result).toEqual({ code: 130, stdout: "", stderr: "The run was aborted.\n" });
    exchange.say("Mine.");
    exchange.finish();
    expect(await first.result).toMatchObject({ code: 0, stdout: "Mine.\n" });
    await client.close();
  });

  test("by --timeout, with exit code 2", async () => {
    // Long enough to reach the model on a machine that has other things to do: the time counts from the command's start.
    const started = await slow("--timeout", "6");
    const exchange = await held.next();
    await exchange.aborted;
    expect(await started.result).toEqual({
      code: 2,
      stdout: "",
      stderr: "The run took longer than --timeout 6 s and was stopped.\n",
    });
  });

  test("because the terminal was closed, with exit code 129", async () => {
    const started = await slow();
    const exchange = await held.next();
    started.child.kill("SIGHUP");
    await exchange.aborted;
    expect(await started.result).toMatchObject({ code: 129, stdout: "" });
  });

  test("by SIGTERM, with exit code 143 and an object", async () => {
    const started = await slow("--json");
    const exchange = await held.next();
    started.child.kill("SIGTERM");
    await exchange.aborted;
    const { code, stdout, stderr } = await started.result;
    expect({ code, stderr }).toEqual({ code: 143, stderr: "" });
    const error = { message: "The run was aborted.", code: "run_aborted" };
    expect(JSON.parse(stdout)).toMatchObject({ status: "aborted", agentId: "slow", model: "held/any", text: "", error });
  });

  test("because nobody reads the output any more", async () => {
    const started = await slow();
    const exchange = await held.next();
    exchange.say("first");
    await started.waitFor("stdout", "first");
    started.child.stdout?.destroy();
    exchange.say("second");
    await exchange.aborted;
    expect(await started.result).toEqual({ code: 1, stdout: "first", stderr: "The run was aborted.\n" });
  });

  test("by somebody else, which exits 1", async () => {
    const started = await slow("--session-key", "cancelled");
    const exchange = await held.next();
    const client = await RpcClient.connect(gateway.url);
    expect(await client.request("chat.abort", { sessionKey: "agent:slow:cancelled" })).toMatchObject({ aborted: true });
    await exchange.aborted;
    expect(await started.result).toEqual({ code: 1, stdout: "", stderr: "The run was aborted.\n" });
    await client.close();
  });
});

describe("which gateway", () => {
  test("is the one that the config speaks of, with the config's secret", async () => {
    const folder = await folderAt(new URL(gateway.url).port);
    stub.reply({ text: "From the gateway." });
    const { stdout } = await runCli(["agent", "--config", "openclaw.json", "--message", "hi", "--json"], { folder });
    const { runId, text } = JSON.parse(stdout) as { runId: string; text: string };
    expect(text).toBe("From the gateway.");
    expect(await showRun(gateway, runId)).toMatchObject({ status: "completed" });
  });

  test("is none with --local, and with --as, which needs no secret", async () => {
    const tokens = [{ name: "phone", token: "secret-of-the-phone" }];
    const folder = await folderAt(new URL(gateway.url).port, { mode: "token", token: testToken, tokens });
    for (const flag of [["--local"], ["--as", "phone"]]) {
      stub.reply({ text: "From here." });
      const args = ["agent", "--config", "openclaw.json", "--message", "hi", "--json", ...flag];
      const { runId } = JSON.parse((await runCli(args, { folder })).stdout) as { runId: string };
      expect((await gateway.get(`/v1/runs/${runId}`)).status).toBe(404);
    }
  });

  test("is none where none answers, and nothing is said of it", async () => {
    const gone = await startGateway({});
    await gone.close();
    const folder = await folderAt(new URL(gone.url).port);
    stub.reply({ text: "From here." });
    expect(await runCli(["agent", "--config", "openclaw.json", "--message", "hi"], { folder })).toEqual({
      code: 0,
      stdout: "From here.\n",
      stderr: "",
    });
  });

  test("is none where the gateway made its secret up and has told it to nobody", async () => {
    const folder = await folderAt(new URL(gateway.url).port, {});
    stub.reply({ text: "From here." });
    expect(await runCli(["agent", "--config", "openclaw.json", "--message", "hi"], { folder })).toMatchObject({
      code: 0,
      stdout: "From here.\n",
    });
  });

  test("may be named by its address alone, and by the one that OpenAI clients are given", async () => {
    const { host } = new URL(gateway.url);
    for (const url of [host, `localhost:${gateway.url.split(":").at(-1)}`, `http://${host}/v1`, `ws://${host}/v1/`]) {
      stub.reply({ text: "Here." });
      const args = ["agent", "--url", url, "--token", testToken, "--message", "hi"];
      expect(await runCli(args)).toEqual({ code: 0, stdout: "Here.\n", stderr: "" });
    }
  });

  test("of this machine is sent the config's secret, and any the environment's", async () => {
    stub.reply({ text: "One." }, { text: "Two." });
    expect(await runCli(["agent", "--url", gateway.url, "--config", gateway.configPath, "--message", "hi"])).toMatchObject({ code: 0 });
    const env = { OPENCLAW_GATEWAY_TOKEN: testToken };
    expect(await runCli(["agent", "--url", gateway.url.replace("http", "ws"), "--message", "hi"], { env })).toMatchObject({ code: 0 });
  });
});

describe("the message", () => {
  test("is read from a file and from standard input, without the newline at its end", async () => {
    const folder = await makeFolder();
    await writeFile(join(folder, "message.txt"), "From a file.\n\nTwo lines. ✓\n");
    stub.reply({ text: "One." }, { text: "Two." }, { text: "Three." });
    await agent(["--message-file", "message.txt"], { folder });
    expect(stub.requests.at(-1)?.body.messages.at(-1)).toEqual({ role: "user", content: "From a file.\n\nTwo lines. ✓" });
    await agent(["--message-file", "-"], { input: "From a pipe.\r\n" });
    expect(stub.requests.at(-1)?.body.messages.at(-1)).toEqual({ role: "user", content: "From a pipe." });
    await runCli(["agent", "--local", "--config", gateway.configPath, "--message-file", "-"], { input: "From a pipe" });
    expect(stub.requests.at(-1)?.body.messages.at(-1)).toEqual({ role: "user", content: "From a pipe" });
  });

  test("may be as long as the gateway takes, and is not sent when it is longer", async () => {
    stub.reply({ text: "Long." });
    expect(await agent(["--message-file", "-"], { input: "x".repeat(1_000_000) })).toMatchObject({ code: 0, stdout: "Long.\n" });
    const { code, stderr } = await agent(["--message-file", "-"], { input: "x".repeat(21_000_000) });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The request has 21000\d+ bytes, and the gateway at ws:\S+ takes 20971520 at most\.\n$/);
  });

  test.each<[string, string[], CliOptions, string]>([
    ["is not there", [], {}, "Say something to the agent: either --message <text> or --message-file <file>."],
    ["is there twice", ["--message", "a", "--message-file", "b"], {}, "Say something to the agent: either"],
    ["is empty", ["--message", " "], {}, "--message is empty."],
    ["is an empty input", ["--message-file", "-"], { input: "\n" }, "--message-file: standard input is empty."],
    ["is in a file that is missing", ["--message-file", "gone.txt"], {}, "--message-file: gone.txt is not there."],
    ["is a folder", ["--message-file", "."], {}, "--message-file: . is a folder, not a file."],
    ["is no text", ["--message-file", "-"], { input: Buffer.from([0xff, 0xfe]) }, "--message-file: standard input is no UTF-8 text."],
  ])("that %s is a wrong command line, exit 64", async (_, args, options, words) => {
    const asked = stub.requestCount;
    const { code, stdout, stderr } = await agent(args, options);
    expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
    expect(stderr).toContain(words);
    expect(stub.requestCount).toBe(asked);
  });
});

describe("flags that exclude each other are a wrong command line, exit 64:", () => {
  test.each([
    ["--local and --url", ["--local", "--url", "ws://127.0.0.1:1"], "--local asks no gateway"],
    ["--local and --token", ["--local", "--token", "x"], "--local asks no gateway"],
    ["--as and --url", ["--as", "main", "--url", "ws://127.0.0.1:1"], "--as needs no secret and runs in this process only."],
    ["--as and --token", ["--as", "main", "--token", "x"], "--as needs no secret and runs in this process only."],
    ["a --url that is none", ["--url", "127.0.0.1:port"], "--url must be the address of a gateway"],
    [
      "a --url elsewhere that does not say how",
      ["--url", "gateway.example:18789"],
      "such as ws://127.0.0.1:18789 or wss://gateway.example",
    ],
    ["a --url of something else", ["--url", "ftp://127.0.0.1/"], "--url must be the address of a gateway"],
    ["a --url with a name in it", ["--url", "ws://ada:secret@127.0.0.1/"], "--url must be the address of a gateway"],
  ])("%s", async (_, args, words) => {
    const { code, stdout, stderr } = await runCli(["agent", "--message", "hi", ...args]);
    expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
    expect(stderr).toContain(words);
  });
});
