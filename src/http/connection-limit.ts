/**
 * How many connections there may be at a time: what is more is closed at once, and the log says so once a minute.
 *
 * Node's own limit (`server.maxConnections`) is deliberately not used: where several processes share a port, Node passes a connection
 * that is too many on from one to the next and back without end, and nobody hears of it.
 */
import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "pino";
import { QuietMinute } from "./quiet-minute.ts";

export class ConnectionLimit {
  #max: number;
  #open = 0;

  constructor(server: Server, max: number, log: Logger) {
    this.#max = max;
    const told = new QuietMinute();
    // Before Node's own listener, which reads the request.
    server.prependListener("connection", (socket: Socket) => {
      this.#open++;
      socket.once("close", () => this.#open--);
      if (this.#open <= this.#max) return;
      socket.destroy();
      told.tell("drop", (closed) =>
        log.warn({ connections: this.#max, closed }, "more connections than gateway.http.maxConnections were closed"),
      );
    });
  }

  /** From now on; those that are open stay. */
  set(max: number): void {
    this.#max = max;
  }
}
