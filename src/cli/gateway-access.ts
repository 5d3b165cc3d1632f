/**
 * Where a command does its work: in the gateway that runs, or in this process. A gateway that was named must answer; one that
 * is only looked for, at the address of the config, need not be there.
 *
 * A gateway that made its secret up at its start is not even looked for: only whoever started it was shown it.
 */
import { secretInEnvironment } from "../config/auth.ts";
import type { Config } from "../config/config.ts";
import { exitCodes } from "./exit-codes.ts";
import type { AccessFlags } from "./flags.ts";
import { addressOf, isOnThisMachine, parseGatewayUrl } from "./gateway-address.ts";
import { GatewayClient, type GatewayTarget } from "./gateway-client.ts";
import { GatewayFailure, notWhereConfigured } from "./gateway-failure.ts";
import { readConfig } from "./open.ts";

export type Access = { readonly client: GatewayClient } | { readonly client: undefined; readonly config: Config };

/**
 * Resolves with an exit code when the command line or the config is wrong; the reason has been printed by then. Rejects with a
 * `GatewayFailure`, or with the signal's reason.
 */
export async function openAccess(flags: AccessFlags, signal?: AbortSignal): Promise<Access | number> {
  const { local, url, token, config: configPath } = flags;
  if (local && (url !== undefined || token !== undefined)) {
    console.error("--local asks no gateway: leave --url and --token out, or --local.");
    return exitCodes.usage;
  }
  if (url !== undefined) return connectTo(flags, url, signal);
  const config = await readConfig({ configPath });
  if (typeof config === "number") return config;
  const target = local ? undefined : targetOf(config, token);
  if (!target) {
    // Whoever gives a token means a gateway.
    if (token !== undefined) throw noAddress();
    return { client: undefined, config };
  }
  try {
    return { client: await GatewayClient.connect(target, signal) };
  } catch (thrown) {
    if (token === undefined && thrown instanceof GatewayFailure && thrown.isAbsence) return { client: undefined, config };
    throw await withOrigin(thrown, config, configPath);
  }
}

/** The same for a command that can do nothing by itself. */
export async function openGateway(flags: AccessFlags): Promise<GatewayClient | number> {
  if (flags.url !== undefined) {
    const access = await connectTo(flags, flags.url);
    return typeof access === "number" ? access : access.client;
  }
  const config = await readConfig({ configPath: flags.config });
  if (typeof config === "number") return config;
  if (config.gateway.port === 0) throw noAddress();
  try {
    return await GatewayClient.connect({ url: addressOf(config.gateway, "ws"), secret: flags.token ?? knownSecret(config) });
  } catch (thrown) {
    throw await withOrigin(thrown, config, flags.config);
  }
}

/** What was tried to reach is the config's word: where nobody answers, it is said where that stands. */
async function withOrigin(thrown: unknown, config: Config, configPath: string | undefined): Promise<unknown> {
  if (!(thrown instanceof GatewayFailure && thrown.isAbsence)) return thrown;
  const { readOrigins } = await import("../config/origins.ts");
  const [kind, name] = (readOrigins(config, configPath).get("gateway.port") ?? "").split(": ");
  if (name === undefined) return notWhereConfigured(thrown, "no config, it is the default");
  return notWhereConfigured(thrown, kind === "file" ? `${name} in ${config.path}` : name);
}

async function connectTo({ token, config: configPath }: AccessFlags, given: string, signal?: AbortSignal) {
  const url = parseGatewayUrl(given);
  if (!url) {
    console.error(
      "--url must be the address of a gateway, such as ws://127.0.0.1:18789 or wss://gateway.example, without a name and a password in it.",
    );
    return exitCodes.usage;
  }
  const secret = token ?? (await secretFor(url, configPath));
  if (typeof secret === "number") return secret;
  return { client: await GatewayClient.connect({ url, secret }, signal) };
}

/** The config's secret is for gateways of this machine; what another one is to be sent must be said. */
async function secretFor(url: URL, configPath: string | undefined): Promise<string | undefined | number> {
  const inEnvironment = secretInEnvironment();
  if (inEnvironment !== undefined || !isOnThisMachine(url)) return inEnvironment;
  const config = await readConfig({ configPath });
  return typeof config === "number" ? config : knownSecret(config);
}

/** Undefined where no gateway is to be looked for. */
function targetOf(config: Config, token: string | undefined): GatewayTarget | undefined {
  const { port, auth } = config.gateway;
  const secret = token ?? knownSecret(config);
  if (port === 0 || (secret === undefined && auth.mode !== "none")) return undefined;
  return { url: addressOf(config.gateway, "ws"), secret };
}

function knownSecret({ gateway: { auth } }: Config): string | undefined {
  return auth.isGenerated ? undefined : auth.secret;
}

function noAddress(): GatewayFailure {
  const message = "The config leaves the gateway's port open (0), so where it listens is in its greeting only: say it with --url.";
  return new GatewayFailure("gateway_unreachable", message);
}
