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
  agents [options]   List the agents there are, with their models.
  config             Check and explain the config file.
  doctor [options]   Look at everything a gateway needs and say what to do about
                     what is wrong.
  gateway [options]  Serve the HTTP API until it is stopped with Ctrl-C or
                     SIGTERM.
  health [options]   Say whether a gateway runs and can do its work; exit code 1
                     if not.
  help [command]     display help for command
  init [options]     Write a first config, with a token of its own and comments
                     that say what else there is. Overwrites nothing.
  models [options]   List the language models that may be named with --model.
  sessions           Look at the sessions that are kept, and delete them.
  store              Move all that is kept to another database: from a file to
                     Postgres, and back.
  tokens             Named tokens beside those of the config: make them, and
                     take them back at once.

Examples:
  clawgate init                  # write a first config
  clawgate gateway               # serve the API
  clawgate agent --message "hi"  # talk to an agent
  clawgate doctor                # find out why something does not work
`,
  });
});

test("clawgate gateway --help", async () => {
  expect((await runCli(["gateway", "--help"])).stdout).toBe(`Usage: clawgate gateway [options]

Serve the HTTP API until it is stopped with Ctrl-C or SIGTERM.

Options:
  --config <file>     config file (JSON5); default: OPENCLAW_CONFIG_PATH, then
                      ~/.openclaw/openclaw.json
  --port <number>     port to listen on; default 18789
  --bind <where>      where to listen; default loopback (choices: "loopback",
                      "lan", "auto", "custom")
  --token <secret>    the token that callers must send
  --workers <number>  as many processes on the one port; more than 1 need a
                      Postgres database
  -h, --help          display help for command

Examples:
  clawgate gateway
  clawgate gateway --port 0                             # any free port; the greeting says which
  OPENCLAW_GATEWAY_TOKEN=… clawgate gateway --bind lan  # for other machines too
  clawgate gateway --workers 4                          # a process for each of four cores
`);
});

test("clawgate agent --help", async () => {
  expect((await runCli(["agent", "--help"])).stdout).toBe(`Usage: clawgate agent [options]

Run one message through an agent and print its answer.

Options:
  --message <text>          what to say to the agent
  --message-file <file>     the same from a file, or from standard input: -
  --agent <id>              which agent; default: the configured default
  --session-key <key>       continue this session; without it nothing is kept
  --model <provider/model>  a language model other than the agent's own
  --as <token name>         with the rights of this named token
  --json                    print one JSON object instead of text
  --timeout <seconds>       give up after this long, exit code 2
  --url <address>           the gateway at this address; default: the one of the
                            config, if it runs
  --token <secret>          the secret for the gateway; default: that of the
                            config
  --config <file>           config file (JSON5); default: OPENCLAW_CONFIG_PATH,
                            then ~/.openclaw/openclaw.json
  --local                   work in this process, beside a gateway or without
                            one
  -h, --help                display help for command

Examples:
  clawgate agent --message "What is 6 * 7?"
  git diff | clawgate agent --message-file -
  clawgate agent --session-key kitchen --message "I am Ada."  # is remembered
  clawgate agent --agent main --json --message hi | jq -r .text
`);
});

test("clawgate init --help", async () => {
  expect((await runCli(["init", "--help"])).stdout).toBe(`Usage: clawgate init [options]

Write a first config, with a token of its own and comments that say what else
there is. Overwrites nothing.

Options:
  --config <file>  where to write it; default: OPENCLAW_CONFIG_PATH, then
                   ~/.openclaw/openclaw.json
  -h, --help       display help for command

Examples:
  clawgate init
  clawgate init --config ./openclaw.json  # state stays beside it
`);
});

test("clawgate sessions --help", async () => {
  expect((await runCli(["sessions", "--help"])).stdout).toBe(`Usage: clawgate sessions [options] [command]

Look at the sessions that are kept, and delete them.

Options:
  -h, --help              display help for command

Commands:
  delete [options] <key>  Delete a session with all that is in it. One at work
                          is deleted when its run is over.
  export [options] [key]  Print a session, or all of them, as lines of JSON:
                          each session, its memory, its messages with all
                          branches.
  help [command]          display help for command
  list [options]          List the sessions of all callers, the one that was
                          active last first.
  reset [options] <key>   Empty a session: it stays, without its messages and
                          its memory. One at work is emptied when its run is
                          over.
  show [options] <key>    Print a session: whose it is, what is remembered in
                          it, its messages.

Examples:
  clawgate sessions list
  clawgate sessions show kitchen
`);
});

test("clawgate config --help", async () => {
  expect((await runCli(["config", "--help"])).stdout).toBe(`Usage: clawgate config [options] [command]

Check and explain the config file.

Options:
  -h, --help       display help for command

Commands:
  check [options]  Say whether the config is right; exit code 78 if it is not.
  help [command]   display help for command
  schema           Print the JSON Schema of the config file.
  show [options]   Print what the config comes to, as JSON: every value, where
                   it came from, secrets masked.

Examples:
  clawgate config check
  clawgate config show
`);
});

test("clawgate doctor --help", async () => {
  expect((await runCli(["doctor", "--help"])).stdout).toBe(`Usage: clawgate doctor [options]

Look at everything a gateway needs and say what to do about what is wrong.

Options:
  --json           print one JSON object instead of lines
  --config <file>  config file (JSON5); default: OPENCLAW_CONFIG_PATH, then
                   ~/.openclaw/openclaw.json
  -h, --help       display help for command

Examples:
  clawgate doctor
  clawgate doctor --json | jq '.findings[] | select(.status != "ok")'
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
    stderr: "Say something to the agent: either --message <text> or --message-file <file>.\n",
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
