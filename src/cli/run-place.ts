/** Where `clawgate agent` has its run: in the gateway, or in this process by the same service as every request of the gateway. */
import type { DestinationStream } from "pino";
import type { Config, NamedToken } from "../config/config.ts";
import { mainPrincipal, type Principal } from "../domain/principal.ts";
import type { Run } from "../domain/run.ts";
import type { StoredToken } from "../domain/token.ts";
import type { Program } from "../program.ts";
import { principalNamed } from "../service/principals.ts";
import { exitCodes } from "./exit-codes.ts";
import type { AgentFlags } from "./flags.ts";
import { type Access, openAccess } from "./gateway-access.ts";
import type { GatewayClient } from "./gateway-client.ts";
import { openWith } from "./open.ts";

export interface RunPlace {
  /** Rejects with what is refused before there is a run. */
  start(message: string, signal: AbortSignal): Promise<Run>;
  close(): Promise<void>;
}

/** Resolves with an exit code when the command line or the config is wrong. `logTo` takes what is amiss beside a run in this process. */
export async function openRunPlace(
  flags: AgentFlags,
  logTo: () => DestinationStream | undefined,
  signal: AbortSignal,
): Promise<RunPlace | number> {
  const { as, url, token } = flags;
  if (as !== undefined && (url !== undefined || token !== undefined)) {
    console.error("--as needs no secret and runs in this process only. Through a gateway, give the secret of that token with --token.");
    return exitCodes.usage;
  }
  const access = await openAccess(as === undefined ? flags : { ...flags, local: true }, signal);
  if (typeof access === "number") return access;
  return access.client ? inGateway(access.client, flags) : inThisProcess(access, flags, logTo);
}

function inGateway(client: GatewayClient, { agent, sessionKey, model, json }: AgentFlags): RunPlace {
  return {
    start: async (message, signal) => {
      const { startGatewayRun } = await import("./gateway-run.ts");
      const params = {
        message,
        ...(agent === undefined ? {} : { agentId: agent }),
        ...(sessionKey === undefined ? {} : { sessionKey }),
        ...(model === undefined ? {} : { model }),
        ...(json ? { stream: false } : {}),
      };
      return startGatewayRun(client, params, signal);
    },
    close: () => client.close(),
  };
}

async function inThisProcess(
  { config }: Extract<Access, { client: undefined }>,
  { agent, sessionKey, model, json, as }: AgentFlags,
  logTo: () => DestinationStream | undefined,
): Promise<RunPlace> {
  const { program } = await openWith(config, logTo());
  return {
    // Rejects, instead of throwing, also when `--as` names nobody.
    start: async (message, signal) =>
      program.runs.start(
        {
          // Whoever can read the config may act for everybody in it: no secret is asked for here.
          principal: as === undefined ? mainPrincipal : await principalAs(as, config, program),
          ...(agent === undefined ? {} : { agent: { value: agent, param: "--agent" } }),
          ...(sessionKey === undefined ? {} : { sessionKey: { value: sessionKey, param: "--session-key" } }),
          ...(model === undefined ? {} : { model: { value: model, param: "--model" } }),
          messages: [{ role: "user", content: [{ type: "text", text: message }] }],
          tools: [],
          isFolded: json === true,
          settings: {},
        },
        signal,
      ),
    close: () => program.close(),
  };
}

/** The database is only asked for a name that the config does not have. */
async function principalAs(name: string, { gateway: { auth } }: Config, program: Program): Promise<Principal> {
  const isKnown = name === mainPrincipal.name || auth.mode === "none" || auth.tokens.some((token) => token.name === name);
  const tokens = isKnown ? auth.tokens : [...auth.tokens, ...unshadowed(await program.storedTokens(), auth.tokens)];
  return principalNamed(tokens, name, "--as");
}

function unshadowed(stored: readonly StoredToken[], configured: readonly NamedToken[]): readonly StoredToken[] {
  const names = new Set(configured.map(({ name }) => name.toLowerCase()));
  return stored.filter(({ name }) => !names.has(name.toLowerCase()));
}
