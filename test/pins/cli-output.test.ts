/** What the command says about itself and about mistakes, letter for letter: scripts and documents quote it. Did you mean to? */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { runCli } from "../support/cli.ts";
import { makeFolder } from "../support/gateway.ts";

test("clawgate --help", async () => {
  expect(await runCli(["--help"])).toEqual({
    code: 0,
    stderr: "",
    stdout: `Usage: clawgate [options] [command]

An OpenAI-compatible HTTP gateway to your agents.

Options:
  -V, --version      output the version number
  -h, --help         display help for command

Commands:
  agent [options]    Run one message through an agent and print its answer.
  gateway [options]  Serve the HTTP API until it is stopped with Ctrl-C or
                     SIGTERM.
  help [command]     display help for command
`,
  });
});

test("clawgate gateway --help", async () => {
  expect((await runCli(["gateway", "--help"])).stdout).toBe(`Usage: clawgate gateway [options]

Serve the HTTP API until it is stopped with Ctrl-C or SIGTERM.

Options:
  --config <file>   config file (JSON5); default: OPENCLAW_CONFIG_PATH, then
                    ~/.openclaw/openclaw.json
  --port <number>   port to listen on; default 18789
  --bind <where>    loopback, lan, auto or custom; default loopback
  --token <secret>  the token that callers must send
  -h, --help        display help for command
`);
});

test("clawgate agent --help", async () => {
  expect((await runCli(["agent", "--help"])).stdout).toBe(`Usage: clawgate agent [options]

Run one message through an agent and print its answer.

Options:
  --message <text>          what to say to the agent
  --agent <id>              which agent; default: the configured default
  --session-key <key>       continue this session; without it nothing is kept
  --model <provider/model>  a language model other than the agent's own
  --json                    print one JSON object instead of text
  --timeout <seconds>       give up after this long, exit code 2
  --config <file>           config file (JSON5)
  -h, --help                display help for command
`);
});

test("an unknown option", async () => {
  expect(await runCli(["gateway", "--prot", "1"])).toEqual({
    code: 64,
    stdout: "",
    stderr: `error: unknown option '--prot'
(Did you mean --port?)
(run 'clawgate --help' to see what there is)
`,
  });
});

test("an option with a wrong value", async () => {
  expect(await runCli(["gateway", "--port", "http"])).toEqual({
    code: 64,
    stdout: "",
    stderr: `error: option '--port <number>' argument 'http' is invalid. A port is a whole number from 0 to 65535.
(run 'clawgate --help' to see what there is)
`,
  });
});

test("a message that is missing", async () => {
  expect(await runCli(["agent"])).toEqual({
    code: 64,
    stdout: "",
    stderr: `error: required option '--message <text>' not specified
(run 'clawgate --help' to see what there is)
`,
  });
});

test("no command at all", async () => {
  const { code, stdout, stderr } = await runCli([]);
  expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
  expect(stderr).toBe((await runCli(["--help"])).stdout);
});

test("a config with mistakes in it, all of them at once", async () => {
  const folder = await makeFolder();
  await writeFile(
    join(folder, "openclaw.json"),
    `{ gateway: { prot: 1, auth: { mode: "secret" } }, agents: { defaults: { model: "gpt" } } }`,
  );
  const { code, stdout, stderr } = await runCli(["gateway", "--config", "openclaw.json"], { folder });
  expect({ code, stdout }).toEqual({ code: 78, stdout: "" });
  expect(stderr.replaceAll(folder, "FOLDER")).toBe(`FOLDER/openclaw.json: gateway.auth.mode: must be one of "token", "password", "none".
FOLDER/openclaw.json: agents.defaults.model: "gpt" must be <provider>/<model>, such as openai/gpt-5.4.
`);
});
