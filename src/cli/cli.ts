/**
 * The terminal face: which commands there are and what their flags mean. Each command's work is in a file of its
 * own, loaded when it is asked for, so that the light ones start at once.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { packageVersion } from "../config/package.ts";
import { configFlag, configHelp, type End, jsonLines, teach, toCount } from "./command-help.ts";
import { exitCodes } from "./exit-codes.ts";
import type {
  AgentFlags,
  ConfigFlags,
  DoctorFlags,
  GatewayFlags,
  InitFlags,
  ListFlags,
  SessionsExportFlags,
  SessionsListFlags,
  SessionsRemovalFlags,
  SessionsShowFlags,
} from "./flags.ts";
import { addStore } from "./store-commands.ts";
import { addTokens } from "./token-commands.ts";

/** Resolves with the exit code of the process; prints every error itself. */
export async function runCli(argv: readonly string[]): Promise<number> {
  let exitCode: number = exitCodes.ok;
  const end: End = (code) => (exitCode = code);
  const program = new Command("clawgate")
    .description("An OpenAI-compatible HTTP gateway to your agents.")
    .version(packageVersion)
    .exitOverride()
    .configureHelp({ sortSubcommands: true })
    .showHelpAfterError("(run 'clawgate --help' to see what there is)");
  teach(program, [
    ["clawgate init", "write a first config"],
    ["clawgate gateway", "serve the API"],
    ['clawgate agent --message "hi"', "talk to an agent"],
    ["clawgate doctor", "find out why something does not work"],
  ]);
  addInit(program, end);
  addGateway(program, end);
  addAgent(program, end);
  addSessions(program, end);
  addTokens(program, end);
  addStore(program, end);
  addLists(program, end);
  addHealth(program, end);
  addConfig(program, end);
  addDoctor(program, end);
  try {
    if (argv.length === 0) program.help({ error: true });
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    throw thrown;
  }
}

/** For commands that work through a gateway when there is one. */
function throughGateway(command: Command): Command {
  return toGateway(command).option("--local", "work in this process, beside a gateway or without one");
}

function toGateway(command: Command): Command {
  return command
    .option("--url <address>", "the gateway at this address; default: the one of the config, if it runs")
    .option("--token <secret>", "the secret for the gateway; default: that of the config")
    .option(configFlag, configHelp);
}

function addInit(program: Command, end: End): void {
  const command = program
    .command("init")
    .description("Write a first config, with a token of its own and comments that say what else there is. Overwrites nothing.")
    .option(configFlag, "where to write it; default: OPENCLAW_CONFIG_PATH, then ~/.openclaw/openclaw.json")
    .action(async (flags: InitFlags) => end(await (await import("./init.ts")).runInit(flags)));
  teach(command, [
    ["clawgate init", ""],
    ["clawgate init --config ./openclaw.json", "state stays beside it"],
  ]);
}

function addGateway(program: Command, end: End): void {
  const command = program
    .command("gateway")
    .description("Serve the HTTP API until it is stopped with Ctrl-C or SIGTERM.")
    .option(configFlag, configHelp)
    .option("--port <number>", "port to listen on; default 18789", toPort)
    .addOption(new Option("--bind <where>", "where to listen; default loopback").choices(["loopback", "lan", "auto", "custom"]))
    .option("--token <secret>", "the token that callers must send")
    .option("--workers <number>", "as many processes on the one port; more than 1 need a Postgres database", toWorkers)
    .action(async (flags: GatewayFlags) => end(await (await import("./gateway.ts")).runGateway(flags)));
  teach(command, [
    ["clawgate gateway", ""],
    ["clawgate gateway --port 0", "any free port; the greeting says which"],
    ["OPENCLAW_GATEWAY_TOKEN=… clawgate gateway --bind lan", "for other machines too"],
    ["clawgate gateway --workers 4", "a process for each of four cores"],
  ]);
}

function addAgent(program: Command, end: End): void {
  const command = program
    .command("agent")
    .description("Run one message through an agent and print its answer.")
    .option("--message <text>", "what to say to the agent")
    .option("--message-file <file>", "the same from a file, or from standard input: -")
    .option("--agent <id>", "which agent; default: the configured default")
    .option("--session-key <key>", "continue this session; without it nothing is kept")
    .option("--model <provider/model>", "a language model other than the agent's own")
    .option("--as <token name>", "with the rights of this named token")
    .option("--json", "print one JSON object instead of text")
    .option("--timeout <seconds>", "give up after this long, exit code 2", toSeconds)
    .action(async (flags: AgentFlags) => end(await (await import("./agent.ts")).runAgent(flags)));
  throughGateway(command);
  teach(command, [
    ['clawgate agent --message "What is 6 * 7?"', ""],
    ["git diff | clawgate agent --message-file -", ""],
    ['clawgate agent --session-key kitchen --message "I am Ada."', "is remembered"],
    ["clawgate agent --agent main --json --message hi | jq -r .text", ""],
  ]);
}

function addSessions(program: Command, end: End): void {
  const sessions = program
    .command("sessions")
    .description("Look at the sessions that are kept, and delete them.")
    // Some of these commands delete: none is put into the mouth of whoever meant another.
    .showSuggestionAfterError(false)
    .showHelpAfterError("(run 'clawgate sessions --help' to see what there is)");
  const load = () => import("./sessions.ts");
  const list = sessions
    .command("list")
    .description("List the sessions of all callers, the one that was active last first.")
    .option("--agent <id>", "only sessions with this agent")
    .option("--limit <number>", "so many at most", toCount, 20)
    .option("--json", jsonLines)
    .action(async (flags: SessionsListFlags) => end(await (await load()).listSessions(flags)));
  teach(list, [["clawgate sessions list --agent main --json | jq -r '.sessions[].key'", ""]]);
  const show = sessions
    .command("show <key>")
    .description("Print a session: whose it is, what is remembered in it, its messages.")
    .option("--branches", "also messages of superseded branches, and those without an answer")
    .option("--json", "print one JSON object instead of text")
    .action(async (key: string, flags: SessionsShowFlags) => end(await (await load()).showSession(key, flags)));
  teach(show, [["clawgate sessions show kitchen", "agent:<default agent>:kitchen"]]);
  const remove = sessions
    .command("delete <key>")
    .description("Delete a session with all that is in it. One at work is deleted when its run is over.")
    .option("--yes", "do not ask")
    .action(async (key: string, flags: SessionsRemovalFlags) => end(await (await load()).deleteSession(key, flags)));
  teach(remove, [["clawgate sessions delete agent:main:kitchen --yes", ""]]);
  const reset = sessions
    .command("reset <key>")
    .description("Empty a session: it stays, without its messages and its memory. One at work is emptied when its run is over.")
    .option("--yes", "do not ask")
    .action(async (key: string, flags: SessionsRemovalFlags) => end(await (await load()).resetSession(key, flags)));
  teach(reset, [["clawgate sessions reset kitchen", ""]]);
  const write = sessions
    .command("export [key]")
    .description("Print a session, or all of them, as lines of JSON: each session, its memory, its messages with all branches.")
    .option("--agent <id>", "only sessions with this agent")
    .action(async (key: string | undefined, flags: SessionsExportFlags) => end(await (await load()).exportSessions(key, flags)));
  teach(write, [["clawgate sessions export > sessions.jsonl", ""]]);
  for (const command of [list, show, remove, reset, write]) throughGateway(command);
  teach(sessions, [
    ["clawgate sessions list", ""],
    ["clawgate sessions show kitchen", ""],
  ]);
}

function addLists(program: Command, end: End): void {
  const load = () => import("./lists.ts");
  const agents = program
    .command("agents")
    .description("List the agents there are, with their models.")
    .option("--json", jsonLines)
    .action(async (flags: ListFlags) => end(await (await load()).listAgents(flags)));
  teach(throughGateway(agents), [["clawgate agents", ""]]);
  const models = program
    .command("models")
    .description("List the language models that may be named with --model.")
    .option("--json", jsonLines)
    .action(async (flags: ListFlags) => end(await (await load()).listModels(flags)));
  teach(throughGateway(models), [["clawgate models --json | jq -r '.models[].id'", ""]]);
}

function addHealth(program: Command, end: End): void {
  const command = program
    .command("health")
    .description("Say whether a gateway runs and can do its work; exit code 1 if not.")
    .option("--json", jsonLines)
    .action(async (flags: ListFlags) => end(await (await import("./health.ts")).showHealth(flags)));
  teach(toGateway(command), [
    ["clawgate health", ""],
    ["clawgate health --url wss://gateway.example --token …", "another machine's"],
  ]);
}

function addConfig(program: Command, end: End): void {
  const config = program.command("config").description("Check and explain the config file.");
  const check = config
    .command("check")
    .description("Say whether the config is right; exit code 78 if it is not.")
    .option(configFlag, configHelp)
    .action(async (flags: ConfigFlags) => end(await (await import("./config.ts")).checkConfig(flags)));
  teach(check, [["clawgate config check && clawgate gateway", ""]]);
  const show = config
    .command("show")
    .description("Print what the config comes to, as JSON: every value, where it came from, secrets masked.")
    .option(configFlag, configHelp)
    .action(async (flags: ConfigFlags) => end(await (await import("./config.ts")).showConfig(flags)));
  teach(show, [["clawgate config show | jq .origins", "where port, secret and models come from"]]);
  const schema = config
    .command("schema")
    .description("Print the JSON Schema of the config file.")
    .action(async () => end(await (await import("./config-schema.ts")).printConfigSchema()));
  teach(schema, [["clawgate config schema > openclaw.schema.json", "for an editor"]]);
  teach(config, [
    ["clawgate config check", ""],
    ["clawgate config show", ""],
  ]);
}

function addDoctor(program: Command, end: End): void {
  const command = program
    .command("doctor")
    .description("Look at everything a gateway needs and say what to do about what is wrong.")
    .option("--json", jsonLines)
    .option(configFlag, configHelp)
    .action(async (flags: DoctorFlags) => end(await (await import("./doctor.ts")).runDoctor(flags)));
  teach(command, [
    ["clawgate doctor", ""],
    ["clawgate doctor --json | jq '.findings[] | select(.status != \"ok\")'", ""],
  ]);
}

function toPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError("A port is a whole number from 0 to 65535.");
  return port;
}

function toWorkers(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > maxWorkers) {
    throw new InvalidArgumentError(`It is a whole number from 1 to ${maxWorkers}.`);
  }
  return count;
}

/** More than a machine of today has cores for; whoever writes more has mistaken something for it. */
const maxWorkers = 64;

function toSeconds(text: string): number {
  const seconds = Number(text);
  if (!Number.isFinite(seconds) || seconds <= 0) throw new InvalidArgumentError("A timeout is a number of seconds above 0.");
  return Math.min(seconds, longestTimerSeconds);
}

/** Node's timers fire at once above this, which is 24 days. */
const longestTimerSeconds = 2_147_483;
