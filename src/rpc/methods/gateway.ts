/** `health`, `status`, `agents.list`, `models.list`: what the gateway is, as far as the caller may know. */
import { performance } from "node:perf_hooks";
import type { ModelCatalog } from "../../domain/model.ts";
import { mayNameModel, type Principal } from "../../domain/principal.ts";
import type { AgentDirectory } from "../../service/agent-directory.ts";
import type { RunService } from "../../service/run-service.ts";
import type { Methods } from "../contract.ts";
import { protocolVersion } from "../handshake.ts";

export interface GatewayParts {
  readonly version: string;
  readonly agents: AgentDirectory;
  readonly models: ModelCatalog;
  readonly runs: Pick<RunService, "startInBackground" | "load">;
  /** Rejects with `store_unavailable` while sessions cannot be kept. */
  readonly checkReadiness: () => Promise<void>;
  readonly connections: () => number;
  /** Of the face, however often its configuration has changed. */
  readonly uptimeMs: () => number;
}

export function getHealth({ agents, checkReadiness }: GatewayParts): Methods["health"] {
  return async (_params, { principal }) => {
    const startedAt = performance.now();
    await checkReadiness();
    const defaultAgentId = defaultAgentOf(agents, principal);
    const durationMs = Math.round(performance.now() - startedAt);
    return { ok: true, ts: Date.now(), durationMs, ...(defaultAgentId === undefined ? {} : { defaultAgentId }) };
  };
}

export function getStatus({ version, runs, connections, uptimeMs }: GatewayParts): Methods["status"] {
  return () => {
    const { running, waiting, sessions } = runs.load;
    return Promise.resolve({
      version,
      protocol: protocolVersion,
      uptimeMs: uptimeMs(),
      connections: connections(),
      runs: { running, waiting, sessions },
    });
  };
}

export function listAgents({ agents }: GatewayParts): Methods["agents.list"] {
  return (_params, { principal }) =>
    Promise.resolve().then(() => ({
      defaultId: agents.defaultFor(principal).id,
      mainKey: "main",
      scope: "per-sender",
      agents: agents.list(principal).map(({ id, createdAt, model, fallbacks }) => ({
        id,
        createdAt: createdAt * 1000,
        model: { primary: model, fallbacks: [...fallbacks] },
      })),
    }));
}

export function listModels({ models }: GatewayParts): Methods["models.list"] {
  return ({ includeUnlisted = false }, { principal }) => {
    // A provider whose models nobody listed has no names to tell. A token that may name some of them may name these only.
    const named = [...new Set([...models.refs().filter(isName), ...(principal.models ?? [])])].filter((ref) =>
      mayNameModel(principal, ref),
    );
    const unlisted = principal.models ? [] : models.refs().filter((ref) => !isName(ref));
    return Promise.resolve({
      models: named.flatMap((ref) => modelOf(models, ref)),
      ...(includeUnlisted ? { anyOf: unlisted.map((ref) => ref.slice(0, -anyModel.length)) } : {}),
    });
  };
}

const anyModel = "/*";

function isName(ref: string): boolean {
  return !ref.endsWith(anyModel);
}

/** Undefined where the principal may use none. */
export function defaultAgentOf(agents: AgentDirectory, principal: Principal): string | undefined {
  return agents.list(principal).length === 0 ? undefined : agents.defaultFor(principal).id;
}

function modelOf(models: ModelCatalog, ref: string) {
  const model = models.find(ref);
  if (!model) return [];
  const slash = ref.indexOf("/");
  const id = ref.slice(slash + 1);
  const { contextWindow, takesImages } = model;
  return [
    {
      id,
      name: id,
      provider: ref.slice(0, slash),
      ...(contextWindow === undefined ? {} : { contextWindow }),
      input: takesImages ? ["text" as const, "image" as const] : ["text" as const],
    },
  ];
}
