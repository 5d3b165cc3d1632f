/** The operations on sessions: what is kept, read page by page, emptied and deleted. */
import type { KeptSessions } from "../../service/kept-sessions.ts";
import { callerOf } from "../caller.ts";
import type { Operations } from "../contract.ts";
import { encodeKeptMessage, encodePage, encodeSession } from "../session-reply.ts";

export interface SessionParts {
  readonly keptSessions: KeptSessions;
}

const defaultLimit = 20;

export function listSessions({ keptSessions }: SessionParts): Operations["listSessions"] {
  return async ({ query }, context) => {
    const caller = callerOf(context);
    const { limit = defaultLimit, order = "desc", agent, after } = query;
    const page = await keptSessions.list(caller, { limit, order, agent, after });
    return { status: 200, type: "application/json", body: encodePage(page, (session) => encodeSession(session, caller.isMain)) };
  };
}

export function getSession({ keptSessions }: SessionParts): Operations["getSession"] {
  return async ({ path }, context) => {
    const caller = callerOf(context);
    const session = await keptSessions.get(caller, path.key);
    return { status: 200, type: "application/json", body: encodeSession(session, caller.isMain) };
  };
}

export function listSessionMessages({ keptSessions }: SessionParts): Operations["listSessionMessages"] {
  return async ({ path, query }, context) => {
    const { limit = defaultLimit, order = "asc", branches = false, after } = query;
    const page = await keptSessions.readMessages(callerOf(context), path.key, { limit, order, branches, after });
    return { status: 200, type: "application/json", body: encodePage(page, encodeKeptMessage) };
  };
}

export function deleteSession({ keptSessions }: SessionParts): Operations["deleteSession"] {
  return async ({ path }, context) => {
    const id = await keptSessions.delete(callerOf(context), path.key, context.signal);
    return { status: 200, type: "application/json", body: { id, object: "session.deleted", deleted: true } };
  };
}

export function resetSession({ keptSessions }: SessionParts): Operations["resetSession"] {
  return async ({ path }, context) => {
    const caller = callerOf(context);
    const session = await keptSessions.reset(caller, path.key, context.signal);
    return { status: 200, type: "application/json", body: encodeSession(session, caller.isMain) };
  };
}
