/**
 * A session store that opens its database when it is first needed: a run that keeps nothing leaves no file behind
 * and does not wait for a database.
 *
 * Deliberately absent: retries. A database that could not be opened is tried again by the next use.
 */
import type { SessionKey, SessionMemory, SessionOwnership, SessionStore, TurnRecord } from "../domain/session.ts";
import type { StoredTranscript } from "../domain/transcript-tree.ts";
import { closedError } from "./store-errors.ts";

export class DeferredSessionStore implements SessionStore {
  readonly #open: () => Promise<SessionStore>;
  #opened: Promise<SessionStore> | undefined;
  #isClosed = false;

  constructor(open: () => Promise<SessionStore>) {
    this.#open = open;
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
