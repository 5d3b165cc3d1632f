/** A client of the WebSocket face that comes, says something in a session, hears the end of it or has it ended, and goes. */
import { once } from "node:events";
import { WebSocket } from "ws";
import { Unexpected } from "./caller.ts";
import { token } from "./place.ts";

interface Frame {
  readonly type: "res" | "event";
  readonly id?: string;
  readonly event?: string;
  readonly ok?: boolean;
  readonly payload: { readonly state?: string; readonly runId?: string; readonly aborted?: boolean };
  readonly error?: { readonly message: string };
}

const patienceMs = 30_000;
const client = { id: "soak", version: "1.0.0", platform: process.platform, mode: "backend" };

export class Visitor {
  readonly #socket: WebSocket;
  readonly #heard: Frame[] = [];
  #ids = 0;

  private constructor(url: string) {
    this.#socket = new WebSocket(url.replace(/^http/, "ws"));
    this.#socket.on("message", (data) => this.#heard.push(JSON.parse((data as Buffer).toString()) as Frame));
    // Whoever waits is told by the wait's own end.
    this.#socket.on("error", () => undefined);
  }

  static async come(url: string): Promise<Visitor> {
    const visitor = new Visitor(url);
    await visitor.#until(({ event }) => event === "connect.challenge");
    const caps = ["session-scoped-events"];
    await visitor.request("connect", { minProtocol: 4, maxProtocol: 4, client, caps, auth: { token } });
    return visitor;
  }

  async request(method: string, params: object): Promise<Frame["payload"]> {
    const id = String(++this.#ids);
    this.#socket.send(JSON.stringify({ type: "req", id, method, params }));
    const { ok, payload, error } = await this.#until((frame) => frame.type === "res" && frame.id === id);
    if (ok !== true) throw new Unexpected(`${method} was refused: ${error?.message}`);
    return payload;
  }

  /** How the run ended: `final`, `error` or `aborted`. */
  async endOf(runId: string | undefined): Promise<string> {
    const isEnd = ({ event, payload }: Frame): boolean => event === "chat" && payload.runId === runId && payload.state !== "delta";
    return (await this.#until(isEnd)).payload.state ?? "";
  }

  async firstWordOf(runId: string | undefined): Promise<void> {
    await this.#until(({ event, payload }) => event === "chat" && payload.runId === runId);
  }

  /** Politely, or as if its machine were gone. */
  async go(isPolite: boolean): Promise<void> {
    const gone = once(this.#socket, "close");
    if (isPolite) this.#socket.close();
    else this.#socket.terminate();
    await gone;
  }

  #until(isMeant: (frame: Frame) => boolean): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        clearTimeout(giveUp);
        this.#socket.off("message", look).off("close", onClose);
        settle();
      };
      const look = (): void => {
        const found = this.#heard.find(isMeant);
        if (found) end(() => resolve(found));
      };
      const onClose = (): void => end(() => reject(new Unexpected("The gateway closed the connection.")));
      const giveUp = setTimeout(() => end(() => reject(new Unexpected("The gateway said no more."))), patienceMs);
      this.#socket.on("message", look).on("close", onClose);
      look();
    });
  }
}
