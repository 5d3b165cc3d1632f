/**
 * The address of a session: which forms a caller may give, and which the gateway makes.
 *
 * Deliberately absent: how a key travels in a header (percent-encoded, see `http/headers.ts`).
 */
import { randomUUID } from "node:crypto";
import type { AgentId } from "../domain/agent.ts";
import { GatewayError } from "../domain/errors.ts";
import type { Chosen } from "../domain/run.ts";
import type { SessionKey } from "../domain/session.ts";

const maxKeyLength = 512;
// eslint-disable-next-line no-control-regex -- control characters are exactly what is refused
const controlCharacter = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
/** Kept for the gateway's own inner sessions. */
const reservedPrefix = /^(subagent|cron|acp):/i;

export interface ResolvedSession {
  readonly key: SessionKey;
  /** Whether the transcript outlives the run. */
  readonly isStored: boolean;
}

/** The agent a key such as `agent:beta:kitchen` speaks of; undefined for a key without that prefix. */
export function agentIdOfKey(key: string): string | undefined {
  return /^agent:([^:]*):/i.exec(key.trim())?.[1]?.toLowerCase();
}

/**
 * The session of a run: the caller's explicit key, else the one of its `user`, else a fresh one that nothing is stored under.
 * Throws `invalid_value` for a key that is reserved, of another agent, too long, empty or not plain text.
 */
export function resolveSession(agentId: AgentId, explicit: Chosen | undefined, user: Chosen | undefined): ResolvedSession {
  if (explicit) return { key: explicitKey(agentId, explicit), isStored: true };
  const name = user?.value.trim();
  if (user && name) return { key: checkPlain(`agent:${agentId}:openai-user:${name}`, user.param), isStored: true };
  return { key: `agent:${agentId}:openai:${randomUUID()}`, isStored: false };
}

function explicitKey(agentId: AgentId, { value, param }: Chosen): SessionKey {
  const key = value.trim();
  const owner = agentIdOfKey(key);
  if (owner !== undefined && owner !== agentId) {
    throw new GatewayError(
      "invalid_value",
      `The session key belongs to agent '${owner}', but this request is for agent '${agentId}'. Name one agent only.`,
      { param },
    );
  }
  const rest = owner === undefined ? key : key.slice(key.indexOf(":", "agent:".length) + 1);
  if (rest === "") throw new GatewayError("invalid_value", "The session key is empty. Leave it out for a stateless request.", { param });
  const reserved = reservedPrefix.exec(rest);
  if (reserved) {
    throw new GatewayError(
      "invalid_value",
      `Session keys that start with '${reserved[0]}' are reserved for the gateway. Choose another prefix.`,
      { param },
    );
  }
  return checkPlain(`agent:${agentId}:${rest}`, param);
}

function checkPlain(key: string, param: string): SessionKey {
  if (key.length > maxKeyLength) {
    throw new GatewayError(
      "invalid_value",
      `The session key has ${key.length} characters with its prefix; at most ${maxKeyLength} are allowed.`,
      { param },
    );
  }
  if (controlCharacter.test(key) || !key.isWellFormed()) {
    throw new GatewayError("invalid_value", "The session key holds control characters or broken Unicode. Use printable text.", { param });
  }
  return key;
}
