/** The full key of the session that a request names, with or without its agent. */
import { GatewayError } from "../domain/errors.ts";
import type { Principal } from "../domain/principal.ts";
import type { AgentDirectory } from "../service/agent-directory.ts";
import { agentIdOfKey } from "../service/session-key.ts";

export interface NamedSession {
  readonly key: string;
  readonly agentId?: string | undefined;
}

/** A key without its agent is one of `agentId`, or of the caller's default agent. The agent need not be configured any more. */
export function fullKey(agents: AgentDirectory, principal: Principal, { key: given, agentId }: NamedSession): string {
  const key = given.trim();
  const named = agentIdOfKey(key);
  const asked = agentId?.trim().toLowerCase();
  if (named === undefined) return `agent:${asked ?? agents.defaultFor(principal).id}:${key}`;
  if (asked !== undefined && asked !== named) {
    const message = `The session key belongs to agent '${named}', but 'agentId' is '${asked}'. Name one agent only.`;
    throw new GatewayError("invalid_value", message, { param: "agentId" });
  }
  return `agent:${named}:${key.slice(key.indexOf(":", "agent:".length) + 1)}`;
}
