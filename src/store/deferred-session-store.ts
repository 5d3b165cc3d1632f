/**
 * A session store that opens its database when it is first needed: a run that keeps nothing leaves no file behind
 * and does not wait for a database.
 *
 * Deliberately absent: retries. A database that could not be opened is tried again by the next use.
 */
import type { SessionConfig } from "../config/config.ts";
import type { Changes } from "../domain/changes.ts";
import type { GatewayError } from "../domain/errors.ts";
import type { CompletionStore } from "../domain/kept-completion.ts";
import type { RunStore } from "../domain/run-record.ts";
import type {
  LeaseClaim,
  SessionKey,
  SessionMemory,
  SessionOwnership,
  SessionStore,
  TranscriptStart,
  TranscriptWriter,
} from "../domain/session.ts";
import type { SessionCatalog } from "../domain/session-catalog.ts";
import type { TokenStore } from "../domain/token.ts";
import type { TokenAccounts, WindowCounters } from "../domain/token-account.ts";
import type { StoredTranscript } from "../domain/transcript-tree.ts";
import { closedError } from "./store-errors.ts";

/** As `openSessionStore` opens it. */
export function deferSessionStore({ database, server }: Pick<SessionConfig, "database" | "server">): DeferredSessionStore {
  return new DeferredSessionStore(async () => {
    const { openSessionStore } = await import("./open-session-store.ts");
    return openSessionStore(database, server);
  });
}

export class DeferredSessionStore implements SessionStore {
  readonly #open: () => Promise<SessionStore>;
  #opened: Promise<SessionStore> | undefined;
  #isClosed = false;
  /** Waits for the database like everybody else, but opens none: where none is open no run of this process is kept. */
  #cancelListener: (runId: string) => void = () => undefined;
  readonly catalog: SessionCatalog;
  readonly runs: RunStore;
  readonly completions: CompletionStore;
  readonly accounts: TokenAccounts;
  readonly tokens: TokenStore;

  constructor(open: () => Promise<SessionStore>) {
    this.#open = open;
    this.catalog = deferredCatalog(async () => (await this.#store()).catalog);
    this.runs = deferredRuns(
      async () => (await this.#store()).runs,
      (listener) => (this.#cancelListener = listener),
      (runId) => void this.#opened?.then((store) => store.runs.abandon(runId)).catch(() => undefined),
    );
    this.completions = deferredCompletions(async () => (await this.#store()).completions);
    this.accounts = deferredAccounts(async () => (await this.#store()).accounts);
    this.tokens = deferredTokens(async () => (await this.#store()).tokens);
  }

  async ownerOf(sessionKey: SessionKey): Promise<string | undefined> {
    return (await this.#store()).ownerOf(sessionKey);
  }

  async readPath(sessionKey: SessionKey): Promise<StoredTranscript> {
    return (await this.#store()).readPath(sessionKey);
  }

  async readTree(sessionKey: SessionKey): Promise<StoredTranscript> {
    return (await this.#store()).readTree(sessionKey);
  }

  async beginTurns(start: TranscriptStart): Promise<TranscriptWriter> {
    return (await this.#store()).beginTurns(start);
  }

  memoryOf(session: SessionOwnership): SessionMemory {
    const memory = async (): Promise<SessionMemory> => (await this.#store()).memoryOf(session);
    return {
      save: async (name, value) => (await memory()).save(name, value),
      recall: async () => (await memory()).recall(),
    };
  }

  claimLease(sessionKey: SessionKey, onLost: (error: GatewayError) => void): LeaseClaim {
    let claim: Promise<LeaseClaim> | undefined;
    const claimed = (): Promise<LeaseClaim> => (claim ??= this.#store().then((store) => store.claimLease(sessionKey, onLost)));
    return {
      attempt: async () => (await claimed()).attempt(),
      nextChange: async (pauseMs, signal) => (await claimed()).nextChange(pauseMs, signal),
      withdraw: async () => (await claim)?.withdraw(),
    };
  }

  async counters(): Promise<WindowCounters | undefined> {
    return (await this.#store()).counters();
  }

  async check(): Promise<void> {
    await (await this.#store()).check();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await (await this.#opened?.catch(() => undefined))?.close();
  }

  /** Once closed, nothing opens the database again; who came before that is served before it closes. */
  #store(): Promise<SessionStore> {
    if (this.#isClosed) return Promise.reject(closedError());
    this.#opened ??= this.#openNow().catch((thrown: unknown) => {
      this.#opened = undefined;
      throw thrown;
    });
    return this.#opened;
  }

  async #openNow(): Promise<SessionStore> {
    const store = await this.#open();
    store.runs.onCancelRequested((runId) => this.#cancelListener(runId));
    return store;
  }
}

function deferredCatalog(open: () => Promise<SessionCatalog>): SessionCatalog {
  return {
    list: async (query) => (await open()).list(query),
    find: async (key) => (await open()).find(key),
    readMessages: async (key, query) => (await open()).readMessages(key, query),
    ownCallsOf: async (key, runIds) => (await open()).ownCallsOf(key, runIds),
    remove: async (key, owner, fence) => (await open()).remove(key, owner, fence),
    empty: async (key, owner, fence) => (await open()).empty(key, owner, fence),
    measure: async (before) => (await open()).measure(before),
    listOldest: async (limit, before) => (await open()).listOldest(limit, before),
    listBranched: async (limit, after) => (await open()).listBranched(limit, after),
    removeBranches: async (key, before, fence) => (await open()).removeBranches(key, before, fence),
  };
}

function deferredRuns(
  open: () => Promise<RunStore>,
  onCancelRequested: RunStore["onCancelRequested"],
  abandon: RunStore["abandon"],
): RunStore {
  return {
    open: async (run) => (await open()).open(run),
    discard: async (runId) => (await open()).discard(runId),
    end: async (ending) => (await open()).end(ending),
    appendEvents: async (runId, events) => (await open()).appendEvents(runId, events),
    readEvents: async (runId, after) => (await open()).readEvents(runId, after),
    find: async (runId) => (await open()).find(runId),
    watch: async (runId) => (await open()).watch(runId),
    requestCancel: async (runId) => (await open()).requestCancel(runId),
    onCancelRequested,
    abandon,
    removeExpired: async (limit) => (await open()).removeExpired(limit),
    measure: async () => (await open()).measure(),
    removeOldest: async (limit) => (await open()).removeOldest(limit),
  };
}

function deferredCompletions(open: () => Promise<CompletionStore>): CompletionStore {
  return {
    list: async (query) => (await open()).list(query),
    find: async (runId) => (await open()).find(runId),
    readInput: async (runId) => (await open()).readInput(runId),
    setMetadata: async (runId, owner, metadata) => (await open()).setMetadata(runId, owner, metadata),
    remove: async (runId, owner) => (await open()).remove(runId, owner),
  };
}

function deferredAccounts(open: () => Promise<TokenAccounts>): TokenAccounts {
  return {
    enter: async (run, limits) => (await open()).enter(run, limits),
    leave: async (run, use) => (await open()).leave(run, use),
    usedIn: async (month) => (await open()).usedIn(month),
    removeBefore: async (month) => (await open()).removeBefore(month),
  };
}

function deferredTokens(open: () => Promise<TokenStore>): TokenStore {
  return {
    list: async () => (await open()).list(),
    add: async (token) => (await open()).add(token),
    revoke: async (name) => (await open()).revoke(name),
    rotate: async (name, sha256) => (await open()).rotate(name, sha256),
    version: async () => (await open()).version(),
    watch: () => {
      let changes: Promise<Changes> | undefined;
      return {
        next: async (pauseMs, signal) => (await (changes ??= open().then((tokens) => tokens.watch()))).next(pauseMs, signal),
        stop: () => void changes?.then((opened) => opened.stop()).catch(() => undefined),
      };
    },
  };
}
