/**
 * The sessions that are kept, for whoever looks at them or does away with them, by whichever face. Everybody sees their own;
 * the main principal sees all. What is somebody else's is answered like what is not there.
 *
 * Deliberately absent: what a run does with its session (`session-service.ts`).
 */
import { GatewayError } from "../domain/errors.ts";
import { mayKnow, type Principal, whose } from "../domain/principal.ts";
import type { SessionKey, SessionStore } from "../domain/session.ts";
import type { KeptMessage, KeptSession, Page, PageRequest, TranscriptQuery } from "../domain/session-catalog.ts";
import type { AgentDirectory } from "./agent-directory.ts";
import { agentIdOfKey } from "./session-key.ts";
import type { SessionTurns } from "./session-turns.ts";

export interface KeptSessionsParts {
  readonly store: Pick<SessionStore, "catalog" | "memoryOf">;
  readonly agents: AgentDirectory;
  readonly turns: SessionTurns;
}

export interface ListRequest extends PageRequest {
  /** Only sessions with this agent, which need not be configured any more. */
  readonly agent?: string | undefined;
}

/** A key may be given without its `agent:<agentId>:`; then the principal's default agent is meant. */
export class KeptSessions {
  readonly #parts: KeptSessionsParts;

  constructor(parts: KeptSessionsParts) {
    this.#parts = parts;
  }

  list(principal: Principal, { agent, after, ...page }: ListRequest): Promise<Page<KeptSession>> {
    return this.#parts.store.catalog.list({
      ...page,
      after: after === undefined ? undefined : this.#fullKey(principal, after),
      agentId: agent?.toLowerCase(),
      owner: principal.isMain ? undefined : principal.name,
    });
  }

  /** Rejects with `not_found`, like all that follow. */
  async get(principal: Principal, given: string): Promise<KeptSession> {
    const key = this.#fullKey(principal, given);
    const session = await this.#parts.store.catalog.find(key);
    if (!session || !mayKnow(principal, session.owner)) throw noSession(principal, key);
    return session;
  }

  async readMessages(principal: Principal, given: string, query: TranscriptQuery): Promise<Page<KeptMessage>> {
    const { key } = await this.get(principal, given);
    const page = await this.#parts.store.catalog.readMessages(key, query);
    return principal.isMain ? page : { ...page, items: await this.#withoutOwnCalls(key, page.items) };
  }

  async readMemory(principal: Principal, given: string): Promise<ReadonlyMap<string, string>> {
    const { key, agentId, owner } = await this.get(principal, given);
    return this.#parts.store.memoryOf({ sessionKey: key, agentId, owner }).recall();
  }

  /** Waits its turn as a run would; rejects with `session_busy` where a run would. Resolves with the full key. */
  async delete(principal: Principal, given: string, signal: AbortSignal): Promise<SessionKey> {
    const { key, owner } = await this.get(principal, given);
    const removed = await this.#parts.turns.take(key, signal, (fence) => this.#parts.store.catalog.remove(key, owner, fence));
    if (!removed) throw noSession(principal, key);
    return key;
  }

  /** The same, but the session stays, with nothing in it. */
  async reset(principal: Principal, given: string, signal: AbortSignal): Promise<KeptSession> {
    const { key, owner } = await this.get(principal, given);
    const emptied = await this.#parts.turns.take(key, signal, (fence) => this.#parts.store.catalog.empty(key, owner, fence));
    if (!emptied) throw noSession(principal, key);
    return emptied;
  }

  #fullKey(principal: Principal, given: string): SessionKey {
    const key = given.trim();
    const named = agentIdOfKey(key);
    if (named !== undefined) return `agent:${named}:${key.slice(key.indexOf(":", "agent:".length) + 1)}`;
    if (this.#parts.agents.list(principal).length === 0) throw noSession(principal, key);
    return `agent:${this.#parts.agents.defaultFor(principal).id}:${key}`;
  }

  /** What the agent does with its own tools stays inside the gateway: of the calls only their places in the tree are shown. */
  async #withoutOwnCalls(key: SessionKey, messages: readonly KeptMessage[]): Promise<readonly KeptMessage[]> {
    const runs = messages.filter(({ message }) => message.role === "assistant" && message.toolCalls.length > 0).map(({ runId }) => runId);
    const own = await this.#parts.store.catalog.ownCallsOf(key, [...new Set(runs)]);
    return messages.map((kept) => {
      const { message } = kept;
      if (message.role === "tool" && kept.origin === "run") return { ...kept, message: { ...message, content: [] } };
      if (message.role !== "assistant" || kept.origin === "caller") return kept;
      return { ...kept, message: { ...message, toolCalls: message.toolCalls.filter(({ id }) => !own.has(id)) } };
    });
  }
}

function noSession(principal: Principal, key: SessionKey): GatewayError {
  return new GatewayError("not_found", `There is no session '${key}'${whose(principal)}. List the sessions to see which there are.`, {
    param: "key",
  });
}
