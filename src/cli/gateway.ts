/** `clawgate gateway`: opens the program with its faces, says how to reach it, and waits to be stopped. */
import { type DestinationStream, pino } from "pino";
import type { Config } from "../config/config.ts";
import type { LoadOptions } from "../config/load.ts";
import { drawLine } from "./drawn-log.ts";
import { exitCodes } from "./exit-codes.ts";
import type { GatewayFlags } from "./flags.ts";
import { GatheredLog } from "./gathered-log.ts";
import { addressOf } from "./gateway-address.ts";
import { open, type Opened, withCauses } from "./open.ts";
import { keepReloading } from "./reload.ts";
import { endOnlyWithTerminal, onStopSignal, type StopSignal } from "./stop-signals.ts";
import { watchStrayFailures } from "./stray-failures.ts";

/** Of lines that could not be written. */
const maxHeldLog = 1024 * 1024;

export async function runGateway({ config: configPath, port, bind, token }: GatewayFlags): Promise<number> {
  const options = { configPath, port, bind, token };
  const offHangup = endOnlyWithTerminal();
  try {
    const opened = await open(options, logDestination);
    return typeof opened === "number" ? opened : await serve(opened, options);
  } finally {
    offHangup();
  }
}

/**
 * Whoever read the log may have gone, and the terminal with it: the gateway goes on, and holds only so much for nobody. One that
 * is there and does not read a pipe stops the gateway as soon as the pipe is full, as with every program that writes to it.
 */
function logDestination(): DestinationStream {
  const lines = pino.destination({ dest: 2, sync: true, maxLength: maxHeldLog }).on("error", () => undefined);
  return process.stderr.isTTY ? { write: (line) => void lines.write(drawLine(line, process.stderr)) } : new GatheredLog(lines);
}

async function serve(opened: Opened, options: LoadOptions): Promise<number> {
  const { program, log } = opened;
  let off = (): void => undefined;
  const stopped = new Promise<StopSignal>((resolve) => (off = onStopSignal(resolve)));
  const leaveStrays = watchStrayFailures(log);
  let isStopped = false;
  try {
    for (const warning of program.config.warnings) log.warn(warning);
    const url = await program.listen();
    console.log(banner(program.config, url));
    const stopReloading = keepReloading(opened, options, (secret) => console.log(tokenLine(secret)));
    const signal = await stopped;
    const { running, waiting } = program.runs.load;
    const { shutdownGraceMs: graceMs } = program.config.gateway;
    log.info({ signal, runs: running + waiting, graceMs }, "stopping: no new runs, those at work may end");
    await stopReloading();
    await program.drain();
    isStopped = true;
    return exitCodes.ok;
  } catch (thrown) {
    console.error(await explain(thrown, program.config));
    return exitCodes.failed;
  } finally {
    await program.close();
    if (isStopped) log.info("stopped");
    leaveStrays();
    off();
  }
}

function banner(config: Config, url: string): string {
  const { auth, chatCompletions } = config.gateway;
  const secret = auth.isGenerated && auth.secret ? auth.secret : auth.mode === "password" ? "YOUR_PASSWORD" : "YOUR_TOKEN";
  const agents = config.agents.map((agent) => `${agent.id} (${agent.model})`).join(", ");
  const lines = [
    `Clawgate listens on ${url}   docs: ${url}/docs`,
    `  config  ${config.path ?? "none, all defaults"}`,
    `  agents  ${agents}`,
    ...(config.defaultModel ? [`  model   ${config.defaultModel.ref}: ${config.defaultModel.reason}`] : []),
    auth.isGenerated && auth.secret ? tokenLine(auth.secret) : `  auth    ${auth.mode}`,
    ...(auth.tokens.length === 0 ? [] : [`  tokens  ${auth.tokens.map(({ name }) => name).join(", ")}`]),
  ];
  if (!chatCompletions.enabled) {
    lines.push("", "The chat endpoint is disabled. Set gateway.http.endpoints.chatCompletions.enabled: true in the config to enable it.");
    if (config.path === undefined) lines.push("There is no config yet: `clawgate init` writes one with it enabled.");
    return lines.join("\n");
  }
  lines.push(
    "",
    "Try it:",
    "",
    `curl -sS ${url}/v1/chat/completions \\`,
    ...(auth.mode === "none" ? [] : [`  -H 'Authorization: Bearer ${secret}' \\`]),
    "  -H 'Content-Type: application/json' \\",
    `  -d '{"model": "openclaw", "messages": [{"role": "user", "content": "hi"}]}'`,
  );
  return lines.join("\n");
}

function tokenLine(secret: string): string {
  return `  token   ${secret} (made for this start; set OPENCLAW_GATEWAY_TOKEN to choose your own)`;
}

async function explain(thrown: unknown, { gateway }: Config): Promise<string> {
  const { code } = thrown as NodeJS.ErrnoException;
  const place = `${gateway.host}:${gateway.port}`;
  if (code === "EADDRINUSE") return `${await holderOf(gateway, place)}, or choose another port with --port.`;
  if (code === "EACCES") return `This user may not listen on ${place}. Choose a port above 1023 with --port.`;
  return `The gateway could not start: ${thrown instanceof Error ? withCauses(thrown) : String(thrown)}`;
}

/** Who has the port already, and how to get it from there. */
async function holderOf({ host, port }: Config["gateway"], place: string): Promise<string> {
  const { versionOfClawgate } = await import("./port-holder.ts");
  const version = await versionOfClawgate(host, port);
  if (version === undefined) return `Another program listens on ${place} already. Stop it`;
  const url = addressOf({ host, port }, "http").origin;
  return `A gateway, Clawgate ${version}, listens on ${place} already, and \`clawgate health --url ${url}\` asks it how it is. Stop it where it was started, with Ctrl-C or SIGTERM`;
}
