/**
 * Requests that come on one connection before the ones ahead of them are answered: they are worked on one after another, and
 * what is said of the connection itself waits for its turn as well.
 *
 * Node would start them together, but a reply that waits behind another has no socket of its own yet: it would never learn that
 * its client has gone. Deliberately absent: what a request is answered.
 */
import type { RequestListener, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Each is held with its headers. Clients that do this at all send a few ahead. */
const mostWaiting = 100;

interface Connection {
  last: ServerResponse;
  /** The reply ahead of `last`, while it is not out. */
  ahead: ServerResponse | undefined;
  waitingCount: number;
}

export class Pipeline {
  readonly #handle: RequestListener;
  readonly #connections = new WeakMap<Socket, Connection>();

  constructor(handle: RequestListener) {
    this.#handle = handle;
  }

  readonly enter: RequestListener = (req, res) => {
    const { socket } = req;
    const connection = this.#connections.get(socket);
    const ahead = connection === undefined || connection.last.closed ? undefined : connection.last;
    const entered = { last: res, ahead, waitingCount: connection?.waitingCount ?? 0 };
    this.#connections.set(socket, entered);
    if (!ahead) {
      this.#handle(req, res);
      return;
    }
    entered.waitingCount++;
    if (entered.waitingCount > mostWaiting) {
      socket.destroy();
      return;
    }
    ahead.once("close", () => {
      const now = this.#connections.get(socket);
      if (now) now.waitingCount--;
      entered.ahead = undefined;
      if (!socket.destroyed) this.#handle(req, res);
    });
  };

  /** The reply that goes out before whatever is said of the bytes that came last; undefined when there is none to wait for. */
  replyAhead(socket: Socket): ServerResponse | undefined {
    const connection = this.#connections.get(socket);
    // A request that is not complete is the one that those bytes belong to.
    const reply = connection?.last.req.complete === true ? connection.last : connection?.ahead;
    return reply?.closed === false ? reply : undefined;
  }
}
