/** A client that goes on sending whatever it is told, as fast as it is taken, until its connection ends. */
import { connect, type Socket } from "node:net";
import { afterAll } from "@jest/globals";
import { parseReply, type RawReply } from "../../support/raw-http.ts";

const sockets = new Set<Socket>();

afterAll(() => sockets.forEach((socket) => socket.destroy()));

export class EndlessSender {
  readonly #socket: Socket;
  readonly #isOver: Promise<void>;
  #received = Buffer.alloc(0);
  #sentBytes = 0;

  private constructor(socket: Socket, next: () => string) {
    this.#socket = socket;
    const send = (): void => {
      let hasRoom = true;
      while (hasRoom && socket.writable) {
        const piece = next();
        this.#sentBytes += piece.length;
        hasRoom = socket.write(piece);
      }
    };
    socket.on("drain", send).on("error", () => undefined);
    socket.on("data", (piece) => (this.#received = Buffer.concat([this.#received, piece])));
    this.#isOver = new Promise((resolve) => socket.once("close", () => resolve()));
    send();
  }

  static async start(url: string, beginning: string, next: () => string): Promise<EndlessSender> {
    const { hostname, port } = new URL(url);
    // The other side's end is not taken for a reason to stop.
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    sockets.add(socket);
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    socket.write(beginning);
    return new EndlessSender(socket, next);
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  async reply(): Promise<RawReply> {
    for (;;) {
      const found = parseReply(this.#received, false, this.#socket.destroyed);
      if (found) return found.reply;
      if (this.#socket.destroyed) throw new Error("The connection ended without a reply.");
      await new Promise((resolve) => this.#socket.once("data", resolve).once("close", resolve));
    }
  }

  /** Resolves when the other side has cut the connection. */
  stopped(): Promise<void> {
    return this.#isOver;
  }
}
