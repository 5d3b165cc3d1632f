/**
 * The requests under way, by who sent them, so that they can be cut off when their token is no more.
 *
 * Deliberately absent: whose token that is, and what becomes of a run whose caller was cut off: the same as of any whose caller left.
 */
import type { IncomingMessage } from "node:http";
import type { Principal } from "../domain/principal.ts";

interface Exchange {
  readonly principal: Principal;
  readonly req: IncomingMessage;
}

export class Exchanges {
  readonly #open = new Set<Exchange>();

  /** From when the caller is known until `during` is over, with its reply handed over or broken. */
  async add(principal: Principal, req: IncomingMessage, during: () => Promise<unknown>): Promise<void> {
    const exchange = { principal, req };
    this.#open.add(exchange);
    try {
      await during();
    } finally {
      this.#open.delete(exchange);
    }
  }

  /** Their connections end at once; a reply that has begun is visibly broken. */
  cutWhere(isMeant: (principal: Principal) => boolean): void {
    for (const { principal, req } of this.#open) if (isMeant(principal)) req.socket.destroy();
  }
}
