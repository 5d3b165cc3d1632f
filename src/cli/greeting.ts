/** What a gateway says to whoever started it: how to reach it, or why it cannot be. Printing it is not done here. */
import type { Config } from "../config/config.ts";
import { showDatabase } from "../config/database.ts";
import { addressOf } from "./gateway-address.ts";
import { withCauses } from "./open.ts";

/** `workers`: processes, where they are several. */
export function banner(config: Config, url: string, workers?: number): string {
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
    `  store   ${showDatabase(config.session.database)}`,
    ...(workers === undefined ? [] : [`  workers ${workers} processes`]),
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

export function tokenLine(secret: string): string {
  return `  token   ${secret} (made for this start; set OPENCLAW_GATEWAY_TOKEN to choose your own)`;
}

/** Why a gateway could not start, and what to do about it. */
export async function explainFailedStart(thrown: unknown, { gateway }: Config): Promise<string> {
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
