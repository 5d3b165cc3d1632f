/**
 * The kept sessions and tokens and nothing that runs: for commands that look at them or do away with them, and are to start at once.
 *
 * Deliberately absent: models, tools and faces. A program (`program.ts`) has the same services, wired the same way, beside them.
 */
import type { Config } from "./config/config.ts";
import type { TokenStore } from "./domain/token.ts";
import { AgentDirectory } from "./service/agent-directory.ts";
import { KeptSessions } from "./service/kept-sessions.ts";
import { Lanes } from "./service/lanes.ts";
import { SessionTurns } from "./service/session-turns.ts";
import { deferSessionStore } from "./store/deferred-session-store.ts";

export interface SessionDesk {
  readonly keptSessions: KeptSessions;
  readonly tokens: TokenStore;
  close(): Promise<void>;
}

export function openSessionDesk({ agents, session }: Config): SessionDesk {
  const store = deferSessionStore(session);
  const turns = new SessionTurns({ lanes: new Lanes(session), store, maxWaitMs: session.maxWaitMs, log: silent });
  const keptSessions = new KeptSessions({ store, agents: new AgentDirectory(agents), turns });
  return { keptSessions, tokens: store.tokens, close: () => store.close() };
}

/** What a command has to say, it says on the terminal. */
const silent = { warn: (): void => undefined };
