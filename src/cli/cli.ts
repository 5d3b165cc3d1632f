/**
 * The terminal face: which commands there are and what their flags mean. Each command's work is in a file of its
 * own, loaded when it is asked for.
 */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { packageVersion } from "../config/package.ts";
import { exitCodes } from "./exit-codes.ts";

export interface GatewayFlags {
  readonly config?: string;
  readonly port?: number;
  readonly bind?: string;
  readonly token?: string;
}

export interface AgentFlags {
  readonly message: string;
  readonly agent?: string;
  readonly sessionKey?: string;
  readonly model?: string;
  readonly json?: boolean;
  readonly timeout?: number;
  readonly config?: string;
}

/** Resolves with the exit code of the process; prints every error itself. */
export async function runCli(argv: readonly string[]): Promise<number> {
  let exitCode: number = exitCodes.ok;
  const program = new Command("clawgate")
    .description("An OpenAI-compatible HTTP gateway to your agents.")
    .version(packageVersion)
    .exitOverride()
    .configureHelp({ sortSubcommands: true })
    .showHelpAfterError("(run 'clawgate --help' to see what there is)");

  program
    .command("gateway")
    .description("Serve the HTTP API until it is stopped with Ctrl-C or SIGTERM.")
    .option("--config <file>", "config file (JSON5); default: OPENCLAW_CONFIG_PATH, then ~/.openclaw/openclaw.json")
    .option("--port <number>", "port to listen on; default 18789", toPort)
    .option("--bind <where>", "loopback, lan, auto or custom; default loopback")
    .option("--token <secret>", "the token that callers must send")
    .action(async (flags: GatewayFlags) => {
      const { runGateway } = await import("./gateway.ts");
      exitCode = await runGateway(flags);
    });

  program
    .command("agent")
    .description("Run one message through an agent and print its answer.")
    .requiredOption("--message <text>", "what to say to the agent")
    .option("--agent <id>", "which agent; default: the configured default")
    .option("--session-key <key>", "continue this session; without it nothing is kept")
    .option("--model <provider/model>", "a language model other than the agent's own")
    .option("--json", "print one JSON object instead of text")
    .option("--timeout <seconds>", "give up after this long, exit code 2", toSeconds)
    .option("--config <file>", "config file (JSON5)")
    .action(async (flags: AgentFlags) => {
      const { runAgent } = await import("./agent.ts");
      exitCode = await runAgent(flags);
    });

  try {
    if (argv.length === 0) program.help({ error: true });
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    throw thrown;
  }
}

function toPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError("A port is a whole number from 0 to 65535.");
  return port;
}

function toSeconds(text: string): number {
  const seconds = Number(text);
  if (!Number.isFinite(seconds) || seconds <= 0) throw new InvalidArgumentError("A timeout is a number of seconds above 0.");
  return Math.min(seconds, longestTimerSeconds);
}

/** Node's timers fire at once above this, which is 24 days. */
const longestTimerSeconds = 2_147_483;
