/**
 * The `gateway` section → where to listen, what the endpoint does, whose forwarding headers count.
 *
 * Who may call is `auth.ts`. Nothing is bound here: that a port is free shows when the program opens.
 */
import { isIP, isIPv4, isIPv6 } from "node:net";
import { agentIdPattern } from "../domain/agent.ts";
import { buildAttachments } from "./attachments.ts";
import { resolveAuth } from "./auth.ts";
import type { Findings } from "./config-error.ts";
import type { ChatCompletionsConfig, GatewayConfig } from "./config.ts";
import { suggest } from "./nearest.ts";
import type { ConfigFile } from "./schema.ts";
import { given } from "./source.ts";

export interface GatewayOptions {
  readonly port?: number | undefined;
  readonly bind?: string | undefined;
  readonly token?: string | undefined;
  /** Stands for the secret that is made up where none is configured: several processes need the same one. */
  readonly madeUpSecret?: string | undefined;
}

type GatewayFile = ConfigFile["gateway"];
type ChatCompletionsFile = GatewayFile["http"]["endpoints"]["chatCompletions"];

const bindNames = ["loopback", "lan", "auto", "custom"] as const;

export function buildGateway(file: GatewayFile, options: GatewayOptions, env: NodeJS.ProcessEnv, findings: Findings): GatewayConfig {
  const host = resolveHost(file, options.bind, findings);
  file.trustedProxies.forEach((range, index) => {
    if (isAddressRange(range)) return;
    findings.error(["gateway", "trustedProxies", index], "must be an IP address or a CIDR range such as 10.0.0.0/8.");
  });
  file.http.cors.origins.forEach((origin, index) => {
    if (isOrigin(origin)) return;
    const path = ["gateway", "http", "cors", "origins", index];
    findings.error(path, "must be one origin, scheme://host with its port if it has one and nothing after it; * is not allowed.");
  });
  return {
    port: resolvePort(file.port, options.port, env, findings),
    host,
    auth: resolveAuth(file.auth, options.token, env, { isLoopback: isLoopbackHost(host), madeUpSecret: options.madeUpSecret, findings }),
    chatCompletions: buildChatCompletions(file.http.endpoints.chatCompletions, findings),
    requestTimeoutMs: file.http.requestTimeoutMs,
    maxConnections: file.http.maxConnections,
    shutdownGraceMs: file.shutdownGraceMs,
    corsOrigins: file.http.cors.origins,
    trustedProxies: file.trustedProxies,
  };
}

/** Every alias must lead to an agent, and must not hide a name of our own. */
export function checkModelAliases(aliases: ReadonlyMap<string, string>, agentIds: readonly string[], findings: Findings): void {
  for (const [alias, target] of aliases) {
    const path = ["gateway", "http", "endpoints", "chatCompletions", "modelAliases", alias];
    if (/^(openclaw([:/].*)?|agent:.*)$/i.test(alias)) {
      findings.error(path, "is a form of the gateway's own model names; choose another alias.");
    } else if (!agentIdPattern.test(target)) {
      findings.error(path, "must be the id of an agent.");
    } else if (!agentIds.includes(target)) {
      findings.error(path, `there is no agent "${target}": ${suggest(target, agentIds)}`);
    }
  }
}

/** Whether only this machine can reach a server that listens on `host`. */
export function isLoopbackHost(host: string): boolean {
  if (isIPv4(host)) return host.startsWith("127.");
  // The URL parser writes an IPv6 address in its one canonical form.
  if (isIPv6(host) && !host.includes("%")) return new URL(`http://[${host}]`).hostname === "[::1]";
  return host.toLowerCase() === "localhost";
}

function buildChatCompletions(file: ChatCompletionsFile, findings: Findings): ChatCompletionsConfig {
  const { enabled, maxBodyBytes, keepAliveMs, readerTimeoutMs, modelAliases, sessionHeader } = file;
  return {
    enabled,
    maxBodyBytes,
    keepAliveMs,
    readerTimeoutMs,
    attachments: buildAttachments(file, findings),
    modelAliases: new Map(Object.entries(modelAliases).map(([alias, target]) => [alias, target.trim().toLowerCase()])),
    sessionHeader: sessionHeader?.toLowerCase(),
  };
}

function resolvePort(inFile: number, option: number | undefined, env: NodeJS.ProcessEnv, findings: Findings): number {
  if (option !== undefined) {
    if (!isPort(option)) findings.inputError("--port", "must be a whole number from 0 to 65535.");
    return option;
  }
  const inEnv = given(env["OPENCLAW_GATEWAY_PORT"]);
  if (inEnv === undefined) return inFile;
  const port = /^\d{1,5}$/.test(inEnv) ? Number(inEnv) : Number.NaN;
  if (!isPort(port)) findings.inputError("OPENCLAW_GATEWAY_PORT", "must be a whole number from 0 to 65535.");
  return port;
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 65_535;
}

function resolveHost(file: GatewayFile, option: string | undefined, findings: Findings): string {
  const bind = bindNames.find((name) => name === (option ?? file.bind));
  if (bind === undefined) {
    findings.inputError(
      "--bind",
      `must be one of ${bindNames.join(", ")}; for an address of your own, set gateway.customBindHost and use custom.`,
    );
    return "127.0.0.1";
  }
  if (bind === "lan") return "0.0.0.0";
  if (bind !== "custom") return "127.0.0.1";
  const host = file.customBindHost?.trim();
  if (host === undefined) {
    findings.error("gateway.customBindHost", "bind is custom, so this key must hold the address to listen on.");
  } else if (isIP(host) === 0 && !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(host)) {
    findings.error("gateway.customBindHost", "must be an IP address or a host name, without port and brackets.");
  } else {
    return host;
  }
  return "127.0.0.1";
}

function isAddressRange(text: string): boolean {
  const [address = "", prefix, ...rest] = text.split("/");
  if (isIP(address) === 0 || rest.length > 0) return false;
  if (prefix === undefined) return true;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (isIPv4(address) ? 32 : 128);
}

/** As browsers send it: lower case, no path, no default port. */
function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}
