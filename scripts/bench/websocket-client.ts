/**
 * Asks runs over WebSockets as `load.ts` does over HTTP: so many connections, one run at a time on each. A question's path is
 * the method, its body the parameters. `agent` is over with its second answer, `chat.send` with its final `chat` event.
 *
 * It hears only of its own runs, as programs that start many would have it.
 */
import { WebSocket } from "ws";
import type { Asker, Reply } from "./load.ts";
import type { Question } from "./requests.ts";

interface Frame {
  readonly type: "event" | "res";
  readonly id?: string;
  readonly event?: string;
  readonly ok?: boolean;
  readonly payload?: { readonly status?: string; readonly state?: string; readonly type?: string };
}

/** One connection. */
class Connection {
  readonly #socket: WebSocket;
  #listener: ((frame: Frame, text: string) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;
  #ids = 0;

  constructor(url: string) {
    this.#socket = new WebSocket(url.replace(/^http/, "ws"), { perMessageDeflate: false });
    this.#socket.on("message", (data: Buffer) => {
      const text = data.toString();
      this.#listener?.(JSON.parse(text) as Frame, text);
    });
    this.#socket.on("error", (error) => this.#failed?.(error));
    this.#socket.on("close", (code) => this.#failed?.(new Error(`The gateway closed the WebSocket with ${code}.`)));
  }

  /** Resolves with the text of the first frame of which `isLast` is true; rejects with a refusal. */
  ask(method: string, params: object, isLast: (frame: Frame) => boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      const id = String(++this.#ids);
      const done = (settle: () => void): void => {
        this.#listener = undefined;
        this.#failed = undefined;
        settle();
      };
      this.#failed = (error) => done(() => reject(error));
      this.#listener = (frame, text) => {
        if (frame.type === "res" && frame.id !== id) return;
        if (frame.type === "res" && frame.ok === false) done(() => reject(new Error(`${method} was refused: ${text.slice(0, 500)}`)));
        else if (isLast(frame)) done(() => resolve(text));
      };
      this.#socket.send(JSON.stringify({ type: "req", id, method, params }));
    });
  }

  async join(token: string): Promise<this> {
    await new Promise((resolve, reject) => this.#socket.once("open", resolve).once("error", reject));
    const client = { id: "bench", version: "1.0.0", platform: process.platform, mode: "bench" };
    const more = { auth: { token }, caps: ["session-scoped-events"] };
    await this.ask("connect", { minProtocol: 4, maxProtocol: 4, client, ...more }, ({ payload }) => payload?.type === "hello-ok");
    return this;
  }

  close(): Promise<void> {
    this.#failed = undefined;
    return new Promise((resolve) => {
      this.#socket.once("close", () => resolve());
      this.#socket.close();
    });
  }
}

export class WebSocketClient implements Asker {
  readonly #connections: Connection[];
  readonly #idle: Connection[];

  private constructor(connections: Connection[]) {
    this.#connections = connections;
    this.#idle = [...connections];
  }

  static async open(url: string, token: string, count: number): Promise<WebSocketClient> {
    return new WebSocketClient(await Promise.all(Array.from({ length: count }, () => new Connection(url).join(token))));
  }

  /** No more at a time than there are connections. */
  async send({ path, body }: Question): Promise<Reply> {
    const connection = this.#idle.pop();
    if (!connection) throw new Error("More questions at a time than connections.");
    const startedAt = performance.now();
    const isOver = path === "agent" ? isSecondAnswer : isFinalChat;
    const text = await connection.ask(path, JSON.parse(body) as object, isOver);
    this.#idle.push(connection);
    const endMs = performance.now() - startedAt;
    return { text, endMs, firstMs: endMs };
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }
}

/** The first one says `accepted`. */
function isSecondAnswer({ type, payload }: Frame): boolean {
  return type === "res" && payload?.status !== "accepted";
}

function isFinalChat({ event, payload }: Frame): boolean {
  return event === "chat" && payload?.state !== "delta";
}
