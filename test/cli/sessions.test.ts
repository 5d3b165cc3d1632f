/** `clawgate sessions`: what it prints, what it asks, and that it works beside a running gateway. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "@jest/globals";
import Database from "libsql";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { type CliResult, runCli, startCli } from "../support/cli.ts";
import { makeFolder, say, startGateway } from "../support/gateway.ts";

let folder: string;

const sessions = (...args: string[]): Promise<CliResult> => runCli(["sessions", ...args, "--config", "openclaw.json"], { folder });

async function talk(key: string, message: string): Promise<void> {
  const { code, stderr } = await runCli(["agent", "--config", "openclaw.json", "--session-key", key, "--message", message], { folder });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
}

beforeAll(async () => {
  folder = await makeFolder();
  const agents = {
    defaults: { model: "builtin/offline", tools: ["memory_save", "memory_recall", "calculator"] },
    entries: { main: { default: true }, beta: {} },
  };
  await writeFile(join(folder, "openclaw.json"), JSON.stringify({ agents }));
  await talk("kitchen", "Remember that my city is Seoul");
  await talk("agent:beta:민지", "what is 6 * 7?");
});

const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ`;

describe("list", () => {
  test("prints a line for each session, the one that was active last first", async () => {
    const { code, stdout, stderr } = await sessions("list");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`^${time}       4 messages  agent:beta:민지\\n${time}       4 messages  agent:main:kitchen\\n$`));
  });

  test("keeps to an agent and to a number, and has a form for programs", async () => {
    const { stdout } = await sessions("list", "--agent", "main", "--json");
    const [first, ...others] = (JSON.parse(stdout) as { sessions: object[] }).sessions;
    expect(first).toEqual({
      key: "agent:main:kitchen",
      agentId: "main",
      owner: "main",
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      lastActiveAt: expect.stringMatching(/^\d{4}-.*Z$/),
      messageCount: 4,
      bytes: expect.any(Number),
    });
    expect(others).toEqual([]);
    expect((await sessions("list", "--limit", "1")).stdout.split("\n")).toHaveLength(2);
  });

  test("says so when there is nothing, and refuses a limit that is none", async () => {
    expect(await sessions("list", "--agent", "gamma")).toEqual({ code: 0, stdout: "", stderr: "There are no sessions.\n" });
    expect((await sessions("list", "--limit", "0")).code).toBe(64);
  });
});

describe("show", () => {
  test("prints what is known of a session, what is remembered in it and its messages", async () => {
    const { code, stdout } = await sessions("show", "kitchen");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^agent:main:kitchen\n {2}agent {3}main\n {2}owner {3}main\n {2}begun {3}2.*\n {2}active {2}2.*\n {2}size {4}4 messages, \d+\.\d KiB\n/,
    );
    expect(stdout).toContain("  memory  city: Seoul\n");
    expect(stdout).toContain("\nuser:\nRemember that my city is Seoul\n");
    expect(stdout).toContain("\nassistant:\n→ memory_save(");
    expect(stdout).toContain("\ntool of the agent:\n");
  });

  test("has a form for programs", async () => {
    const { stdout } = await sessions("show", "agent:beta:민지", "--json", "--branches");
    const shown = JSON.parse(stdout) as { key: string; memory: object; messages: { message: { role: string }; state: string }[] };
    expect({ key: shown.key, memory: shown.memory }).toEqual({ key: "agent:beta:민지", memory: {} });
    expect(shown.messages.map(({ message, state }) => `${message.role} ${state}`)).toEqual([
      "user active",
      "assistant active",
      "tool active",
      "assistant active",
    ]);
  });

  test("never lets what was written command the terminal", async () => {
    await talk("rude", "clear \u001b[2J\u0007 me");
    const { stdout } = await sessions("show", "rude");
    expect(stdout).toContain("clear \ufffd[2J\ufffd me");
    expect(stdout).not.toContain("\u001b");
  });

  test("of an unknown session fails with a sentence", async () => {
    expect(await sessions("show", "nowhere")).toEqual({
      code: 1,
      stdout: "",
      stderr: "There is no session 'agent:main:nowhere'. List the sessions to see which there are.\n",
    });
  });
});

describe("export", () => {
  test("prints a line of JSON for each session, memory and message", async () => {
    const { code, stdout } = await sessions("export", "kitchen");
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; session?: string; key?: string });
    expect(lines.map(({ type }) => type)).toEqual(["session", "memory", "message", "message", "message", "message"]);
    expect(lines[1]).toEqual({ type: "memory", session: "agent:main:kitchen", name: "city", value: "Seoul" });
    expect(lines[2]).toMatchObject({ session: "agent:main:kitchen", parentId: null, message: { role: "user" }, state: "active" });
    const all = (await sessions("export")).stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; key?: string });
    expect(all.filter(({ type }) => type === "session").map(({ key }) => key)).toEqual(
      expect.arrayContaining(["agent:main:kitchen", "agent:beta:민지"]),
    );
    const ofBeta = (await sessions("export", "--agent", "beta")).stdout;
    expect(ofBeta).not.toContain("agent:main:");
  });

  test("ends quietly when its reader goes away", async () => {
    for (let turn = 0; turn < 3; turn++) await talk("long", "x".repeat(100_000));
    const command = fileURLToPath(new URL("../../bin/clawgate.js", import.meta.url));
    const line = `${JSON.stringify(process.execPath)} ${JSON.stringify(command)} sessions export --config openclaw.json | head -c 10 > /dev/null; exit "\${PIPESTATUS[0]}"`;
    const child = spawn("bash", ["-c", line], { cwd: folder, env: { PATH: process.env["PATH"], HOME: folder, CLAWGATE_OLLAMA: "off" } });
    let stderr = "";
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
    const [code] = (await once(child, "close")) as [number];
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});

describe("delete", () => {
  test("in a pipe asks for --yes and deletes nothing", async () => {
    expect(await sessions("delete", "kitchen")).toEqual({
      code: 64,
      stdout: "",
      stderr: "Nobody is there to be asked: say --yes to delete a session without a question.\n",
    });
    expect((await sessions("show", "kitchen")).code).toBe(0);
  });

  test("is no guess at what else was meant", async () => {
    for (const command of ["clear", "deleet", "reste", "remove"]) {
      expect(await sessions(command, "kitchen", "--yes")).toEqual({
        code: 64,
        stdout: "",
        stderr: `error: unknown command '${command}'\n(run 'clawgate sessions --help' to see what there is)\n`,
      });
    }
  });

  test("with --yes deletes the session with its memory", async () => {
    await talk("short-lived", "Remember that my city is Busan");
    expect(await sessions("delete", "short-lived", "--yes")).toEqual({ code: 0, stdout: "Deleted agent:main:short-lived\n", stderr: "" });
    expect((await sessions("delete", "short-lived", "--yes")).code).toBe(1);
    expect((await sessions("export")).stdout).not.toContain("Busan");
  });

  test("beside a gateway that is at work on the session waits until its run is over", async () => {
    const held = await startHeldUpstream();
    const config = { models: { providers: { stub: { baseUrl: held.url } } }, agents: { defaults: { model: "stub/any" } } };
    const gateway = await startGateway(config);
    const key = { "x-openclaw-session-key": "shared" };
    const first = gateway.chat(say("one"), key);
    const firstModel = await held.next();
    firstModel.say("1");
    firstModel.finish();
    await (await first).arrayBuffer();
    const second = gateway.chat(say("two"), key);
    const secondModel = await held.next();
    const args = ["sessions", "delete", "shared", "--yes", "--config", gateway.configPath];
    const deleting = await startCli(args, { folder: gateway.folder });
    await untilSomebodyWaits(join(gateway.folder, "clawgate.db"));
    secondModel.say("2");
    secondModel.finish();
    expect((await second).status).toBe(200);
    expect(await deleting.result).toEqual({ code: 0, stdout: "Deleted agent:main:shared\n", stderr: "" });
    expect((await gateway.get("/v1/sessions/shared")).status).toBe(404);
  });
});

/** For a session that this process is at work on. */
async function untilSomebodyWaits(file: string): Promise<void> {
  const database = new Database(file);
  const waiting = database.prepare("select count(*) c from leases where next_owner is not null");
  while ((waiting.get([]) as { c: number }).c === 0) await new Promise((resolve) => setImmediate(resolve));
  database.close();
}
