/** `sessions.list`, `.get`, `.export`, `.reset`, `.delete`: what is kept, looked at and done away with. */
import { GatewayError } from "../../domain/errors.ts";
import type { KeptSession } from "../../domain/session-catalog.ts";
import type { AgentDirectory } from "../../service/agent-directory.ts";
import type { KeptSessions } from "../../service/kept-sessions.ts";
import type { Methods } from "../contract.ts";
import { readNewest } from "../history.ts";
import { fullKey } from "../session-names.ts";
import { encodeKeptMessage, encodeSession } from "../wire.ts";

export interface SessionParts {
  readonly keptSessions: KeptSessions;
  readonly agents: AgentDirectory;
}

const usualLimit = 100;
const maxPage = 100;
const usualExport = 1000;

export function listSessions({ keptSessions }: SessionParts): Methods["sessions.list"] {
  return async ({ limit = usualLimit, offset = 0, after: first, agentId, activeMinutes }, { principal }) => {
    const since = activeMinutes === undefined ? 0 : Date.now() - activeMinutes * 60_000;
    const taken: KeptSession[] = [];
    let hasMore = true;
    let after = first;
    for (let passed = 0; hasMore && taken.length < limit;) {
      const asked = Math.min(maxPage, offset - passed + limit);
      const page = await keptSessions.list(principal, { limit: Math.max(1, asked), order: "desc", agent: agentId, after });
      const active = page.items.filter(({ lastActiveAt }) => lastActiveAt >= since);
      taken.push(...active.slice(Math.max(0, offset - passed)).slice(0, limit - taken.length));
      passed += page.items.length;
      after = page.items.at(-1)?.key;
      hasMore = page.hasMore && active.length === page.items.length && after !== undefined;
    }
    const sessions = taken.map((session) => encodeSession(session, principal.isMain));
    return { ts: Date.now(), count: sessions.length, hasMore, ...(hasMore ? { nextOffset: offset + sessions.length } : {}), sessions };
  };
}

export function getSession({ keptSessions, agents }: SessionParts): Methods["sessions.get"] {
  return async ({ limit, ...named }, call) => {
    const { principal } = call;
    const key = fullKey(agents, principal, named);
    const session = await keptSessions.get(principal, key);
    call.follow({ sessionKey: key });
    const { messages, hasMore } = await readNewest(keptSessions, principal, key, { limit });
    return { key, session: encodeSession(session, principal.isMain), messages, hasMore };
  };
}

/** What the agent remembers is shown to whoever sees all that its tools do. */
export function exportSession({ keptSessions, agents }: SessionParts): Methods["sessions.export"] {
  return async ({ branches = false, after, limit = usualExport, ...named }, { principal }) => {
    const key = fullKey(agents, principal, named);
    const session = await keptSessions.get(principal, key);
    const isMemoryShown = principal.isMain && after === undefined;
    const memory = isMemoryShown ? { memory: Object.fromEntries(await keptSessions.readMemory(principal, key)) } : {};
    const { items, hasMore } = await keptSessions.readMessages(principal, key, { limit, order: "asc", branches, after });
    const messages = items.map((kept) => encodeKeptMessage(kept, principal.isMain));
    return { key, session: encodeSession(session, principal.isMain), ...memory, messages, hasMore };
  };
}

export function resetSession({ keptSessions, agents }: SessionParts): Methods["sessions.reset"] {
  return async (named, { principal, signal }) => {
    const key = fullKey(agents, principal, named);
    return { ok: true, key, entry: encodeSession(await keptSessions.reset(principal, key, signal), principal.isMain) };
  };
}

export function deleteSession({ keptSessions, agents }: SessionParts): Methods["sessions.delete"] {
  return async (named, { principal, signal }) => {
    const key = fullKey(agents, principal, named);
    try {
      return { ok: true, key: await keptSessions.delete(principal, key, signal), deleted: true, archived: [] };
    } catch (thrown) {
      if (thrown instanceof GatewayError && thrown.code === "not_found") return { ok: true, key, deleted: false, archived: [] };
      throw thrown;
    }
  };
}
