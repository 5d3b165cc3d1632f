/** The newest part of what was said in a session, oldest first; older parts by how many newer ones are left out. */
import type { Principal } from "../domain/principal.ts";
import type { KeptMessage } from "../domain/session-catalog.ts";
import type { KeptSessions } from "../service/kept-sessions.ts";
import { type ChatMessage, encodeMessage } from "./wire.ts";

export interface HistoryPart {
  readonly limit?: number | undefined;
  /** So many of the newest are left out. */
  readonly offset?: number | undefined;
  readonly maxChars?: number | undefined;
}

export interface History {
  readonly messages: ChatMessage[];
  readonly hasMore: boolean;
  readonly nextOffset?: number;
}

const usualLimit = 200;
const maxPage = 1000;

/** Rejects with `not_found` where there is no such session of the principal's. */
export async function readNewest(
  sessions: KeptSessions,
  principal: Principal,
  key: string,
  { limit = usualLimit, offset = 0, maxChars = Number.POSITIVE_INFINITY }: HistoryPart,
): Promise<History> {
  const taken: KeptMessage[] = [];
  let hasMore = true;
  let after: string | undefined;
  for (let passed = 0; hasMore && taken.length < limit;) {
    const asked = Math.min(maxPage, offset - passed + limit);
    const page = await sessions.readMessages(principal, key, { limit: asked, order: "desc", branches: false, after });
    taken.push(...page.items.slice(Math.max(0, offset - passed)).slice(0, limit));
    passed += page.items.length;
    after = page.items.at(-1)?.id;
    hasMore = page.hasMore && after !== undefined;
    // A page that is short although there are more is a large one, and enough for one answer.
    if (taken.length > 0 && page.items.length < asked) break;
  }
  const messages = taken
    .reverse()
    .filter(isShown)
    .map((kept) => encodeMessage(kept, maxChars));
  return { messages, hasMore, ...(hasMore ? { nextOffset: offset + taken.length } : {}) };
}

/** Of what the agent's own tools did, others than the main principal are told nothing: not even a place is left for it. */
function isShown({ message, origin }: KeptMessage): boolean {
  if (origin === "caller") return true;
  if (message.role === "assistant") return message.content !== "" || message.refusal !== undefined || message.toolCalls.length > 0;
  return message.content.length > 0;
}
