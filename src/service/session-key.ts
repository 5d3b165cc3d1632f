/**
 * The address of a session: which forms a caller may give, and which the gateway makes.
 *
 * Deliberately absent: how a key travels in a header (percent-encoded, see `http/headers.ts`).
 */
import { randomUUID } from "node:crypto";
import type { AgentId } from "../domain/agent.ts";
import { GatewayError } from "../domain/errors.ts";
import type { Principal } from "../domain/principal.ts";
import type { Chosen, RunRequest } from "../domain/run.ts";
import type { SessionKey } from "../domain/session.ts";

const maxKeyLength = 512;
// eslint-disable-next-line no-control-regex -- control characters are exactly what is refused
const controlCharacter = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
/** Kept for the gateway's own inner sessions. */
const reservedPrefix = /^(subagent|cron|acp):/i;
const userPrefix = "openai-user:";

export interface ResolvedSession {
  readonly key: SessionKey;
  /** Whether the transcript outlives the run. */
  readonly isStored: boolean;
  /** The input that named it; absent when none did. */
  readonly param?: string;
}

/** The agent a key such as `agent:beta:kitchen` speaks of; undefined for a key without that prefix. */
export function agentIdOfKey(key: string): string | undefined {
  return /^agent:([^:]*):/i.exec(key.trim())?.[1]?.toLowerCase();
}

/**
 * The session of a run: the caller's explicit key, else the one of its `user`, else a fresh one that nothing is stored under.
 * Throws `invalid_value` for a key that is reserved, of another agent, too long, empty or not plain text, and `not_found`
 * for one of another principal's users.
 */
export function resolveSession(
  agentId: AgentId,
  { sessionKey: explicit, user, principal }: Pick<RunRequest, "sessionKey" | "user" | "principal">,
): ResolvedSession {
  if (explicit) return { key: explicitKey(agentId, explicit, principal), isStored: true, param: explicit.param };
  const name = user?.value.trim();
  if (user && name) {
    return { key: checkPlain(`agent:${agentId}:${usersOf(principal)}${name}`, user.param), isStored: true, param: user.param };
  }
  return { key: `agent:${agentId}:openai:${randomUUID()}`, isStored: false };
}

/** Whoever may not know of a session is not told that it is there. */
export function noSuchSession({ key, param }: Pick<ResolvedSession, "key" | "param">): GatewayError {
  return new GatewayError("not_found", `There is no session '${key}' of yours. Use another key.`, param === undefined ? {} : { param });
}

/** Two principals' users of one name are two people. */
function usersOf({ name, isMain }: Principal): string {
  return isMain ? userPrefix : `${userPrefix}${name}/`;
}

function explicitKey(agentId: AgentId, { value, param }: Chosen, principal: Principal): SessionKey {
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
  const full = checkPlain(`agent:${agentId}:${rest}`, param);
  // Otherwise a token could make the session of somebody else's user before that user comes, and read it afterwards.
  const isOfOtherUser = rest.toLowerCase().startsWith(userPrefix) && !rest.startsWith(usersOf(principal));
  if (isOfOtherUser && !principal.isMain) throw noSuchSession({ key: full, param });
  return full;
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
