/**
 * The tokens of the store, read at once and again whenever somebody has changed them, in whichever process.
 *
 * While the database does not answer, those that were read last hold. Deliberately absent: who may call with them
 * (`auth-service.ts`), and what becomes of those who call with one that is no more.
 */
import type { Logger } from "pino";
import type { TokenList, TokenStore } from "../domain/token.ts";

/** So long a change may go unnoticed where nobody tells of it. */
const lookEveryMs = 500;

export class TokenWatch {
  readonly #store: TokenStore;
  readonly #onTokens: (list: TokenList) => void;
  readonly #log: Logger;
  #canLook = true;
  readonly #stop = new AbortController();
  #following: Promise<void> | undefined;

  constructor(store: TokenStore, onTokens: (list: TokenList) => void, log: Logger) {
    this.#store = store;
    this.#onTokens = onTokens;
    this.#log = log;
  }

  /** Rejects with `store_unavailable`: who does not know the tokens must not begin to serve. */
  async start(): Promise<void> {
    const version = await this.#store.version();
    this.#onTokens(await this.#store.list());
    this.#following = this.#follow(version);
  }

  /** Before the store is closed. Never rejects. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  async #follow(first: number): Promise<void> {
    const { signal } = this.#stop;
    const changes = this.#store.watch();
    for (let known = first; !signal.aborted;) {
      await changes.next(lookEveryMs, signal);
      if (!signal.aborted) known = await this.#tryToLook(known);
    }
    changes.stop();
  }

  /** Never rejects. Of looks that fail one after the other the log has the first, and when that is over. */
  async #tryToLook(known: number): Promise<number> {
    try {
      const version = await this.#look(known);
      if (!this.#canLook) this.#log.info("the tokens of the store can be read again");
      this.#canLook = true;
      return version;
    } catch (thrown) {
      if (this.#canLook && !this.#stop.signal.aborted) {
        this.#log.warn({ err: thrown }, "the tokens of the store cannot be read: those that were read last hold");
      }
      this.#canLook = false;
      return known;
    }
  }

  /** The version is asked for first: what changes between the two is seen by the next look. */
  async #look(known: number): Promise<number> {
    const version = await this.#store.version();
    if (version === known) return known;
    const list = await this.#store.list();
    if (!this.#stop.signal.aborted) this.#onTokens(list);
    return version;
  }
}
