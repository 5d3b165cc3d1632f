/**
 * A session store that opens its database when it is first needed: a run that keeps nothing leaves no file behind
 * and does not wait for a database.
 *
 * Deliberately absent: retries. A database that could not be opened is tried again by the next use.
 */
import type { GatewayError } from "../domain/errors.ts";
import type { LeaseClaim, SessionKey, SessionMemory, SessionOwnership, SessionStore, TurnRecord } from "../domain/session.ts";
import type { SessionCatalog } from "../domain/session-catalog.ts";
import type { StoredTranscript } from "../domain/transcript-tree.ts";
import { closedError } from "./store-errors.ts";

export class DeferredSessionStore implements SessionStore {
  readonly #open: () => Promise<SessionStore>;
  #opened: Promise<SessionStore> | undefined;
  #isClosed = false;
  readonly catalog: SessionCatalog;

  constructor(open: () => Promise<SessionStore>) {
    this.#open = open;
    this.catalog = deferredCatalog(async () => (await this.#store()).catalog);
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

  async appendTurn(record: TurnRecord): Promise<void> {
    await (await this.#store()).appendTurn(record);
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
      withdraw: async () => (await claim)?.withdraw(),
    };
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
    this.#opened ??= this.#open().catch((thrown: unknown) => {
      this.#opened = undefined;
      throw thrown;
    });
    return this.#opened;
  }
}

function deferredCatalog(open: () => Promise<SessionCatalog>): SessionCatalog {
  return {
    list: async (query) => (await open()).list(query),
    find: async (key) => (await open()).find(key),
    readMessages: async (key, query) => (await open()).readMessages(key, query),
    ownCallsOf: async (key, runIds) => (await open()).ownCallsOf(key, runIds),
    remove: async (key, owner) => (await open()).remove(key, owner),
    empty: async (key, owner) => (await open()).empty(key, owner),
    measure: async (before) => (await open()).measure(before),
    listOldest: async (limit, before) => (await open()).listOldest(limit, before),
    listBranched: async (limit, after) => (await open()).listBranched(limit, after),
    removeBranches: async (key, before) => (await open()).removeBranches(key, before),
  };
}
