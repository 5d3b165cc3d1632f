/** The kept sessions as `clawgate sessions` reads them, from the database itself or through the gateway: the same either way. */
import type { components } from "../../generated/rpc.ts";
import { mainPrincipal } from "../domain/principal.ts";
import type { KeptMessage, KeptSession } from "../domain/session-catalog.ts";
import type { SessionDesk } from "../session-desk.ts";
import type { GatewayClient } from "./gateway-client.ts";
import { GatewayFailure } from "./gateway-failure.ts";

type Schemas = components["schemas"];

/** Through a gateway, whose a session is stands only where the caller sees those of others. */
export type ShownSession = Omit<KeptSession, "owner"> & { readonly owner?: string };

export interface OpenedSession {
  readonly session: ShownSession;
  readonly memory: { readonly [name: string]: string };
  /** To be read once. */
  readonly messages: AsyncIterable<KeptMessage>;
}

/** A key may be given without its `agent:<id>:`. What is not there rejects with a sentence. */
export interface SessionSource {
  /** Last active first. */
  list(agent: string | undefined, limit: number): AsyncIterable<ShownSession>;
  find(key: string): Promise<ShownSession>;
  open(key: string, branches: boolean): Promise<OpenedSession>;
  /** Waits for the run that is at work on it. Resolves with the full key. */
  delete(key: string, signal: AbortSignal): Promise<string>;
  /** The same, but the session stays, with nothing in it. */
  reset(key: string, signal: AbortSignal): Promise<string>;
}

const pageSize = 1_000;

export function sessionsOfDesk({ keptSessions: kept }: SessionDesk): SessionSource {
  return {
    async *list(agent, limit) {
      let left = limit;
      for (let after: string | undefined; left > 0;) {
        const page = await kept.list(mainPrincipal, { agent, after, order: "desc", limit: Math.min(left, pageSize) });
        yield* page.items;
        left -= page.items.length;
        after = page.items.at(-1)?.key;
        if (!page.hasMore) return;
      }
    },
    find: (key) => kept.get(mainPrincipal, key),
    async open(given, branches) {
      const session = await kept.get(mainPrincipal, given);
      const memory = Object.fromEntries(await kept.readMemory(mainPrincipal, session.key));
      async function* messages(): AsyncGenerator<KeptMessage> {
        for (let after: string | undefined; ;) {
          const page = await kept.readMessages(mainPrincipal, session.key, { branches, after, order: "asc", limit: pageSize });
          yield* page.items;
          after = page.items.at(-1)?.id;
          if (!page.hasMore) return;
        }
      }
      return { session, memory, messages: messages() };
    },
    delete: (key, signal) => kept.delete(mainPrincipal, key, signal),
    reset: async (key, signal) => (await kept.reset(mainPrincipal, key, signal)).key,
  };
}

export function sessionsOfGateway(client: GatewayClient): SessionSource {
  const find = async (key: string): Promise<ShownSession> =>
    decodeSession((await client.request("sessions.get", { key, limit: 1 })).session);
  return {
    async *list(agent, limit) {
      const agentId = agent === undefined ? {} : { agentId: agent };
      let left = limit;
      for (let after = {}; left > 0;) {
        const { sessions, hasMore } = await client.request("sessions.list", { ...agentId, ...after, limit: Math.min(left, pageSize) });
        yield* sessions.map(decodeSession);
        left -= sessions.length;
        const last = sessions.at(-1);
        if (!hasMore || !last) return;
        after = { after: last.key };
      }
    },
    find,
    async open(given, branches) {
      const first = await client.request("sessions.export", { key: given, branches });
      async function* messages(): AsyncGenerator<KeptMessage> {
        for (let page = first; ;) {
          yield* page.messages.map(decodeMessage);
          const after = page.messages.at(-1)?.id;
          if (!page.hasMore || after === undefined) return;
          page = await client.request("sessions.export", { key: first.key, branches, after });
        }
      }
      return { session: decodeSession(first.session), memory: first.memory ?? {}, messages: messages() };
    },
    async delete(key, signal) {
      const { deleted, key: full } = await leaving(client, signal, client.request("sessions.delete", { key }));
      if (!deleted) throw new GatewayFailure("not_found", `Somebody else has deleted ${full} already.`);
      return full;
    },
    reset: async (key, signal) => (await leaving(client, signal, client.request("sessions.reset", { key }))).key,
  };
}

/** The signal's end is the end of the connection, and of whatever is waited for. */
async function leaving<T>(client: GatewayClient, signal: AbortSignal, answer: Promise<T>): Promise<T> {
  const leave = (): void => client.terminate();
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await answer;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

function decodeSession({ key, agentId, createdBy, createdAt, lastActivityAt, messageCount, bytes }: Schemas["Session"]): ShownSession {
  const owner = createdBy === undefined ? {} : { owner: createdBy };
  return { key, agentId, ...owner, createdAt, lastActiveAt: lastActivityAt, messageCount, bytes };
}

function decodeMessage({ parentId, ...kept }: Schemas["KeptMessage"]): KeptMessage {
  return { ...kept, parentId: parentId ?? undefined };
}
