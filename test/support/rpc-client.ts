/**
 * A client of the WebSocket face for tests, made of the `ws` package alone. Every frame it gets is held against the contract;
 * one that does not fit fails whatever is waited for.
 */
import { afterAll } from "@jest/globals";
import { type ClientOptions, WebSocket } from "ws";
import type { events, methods } from "../../generated/rpc.ts";
import { testToken } from "./gateway.ts";
import { complaintOf, type EventFrame, type Frame, type RefusedFrame, type ResultFrame } from "./rpc-frames.ts";

type MethodName = keyof methods;

export class RpcFailure extends Error {
  readonly frame: RefusedFrame;

  constructor(frame: RefusedFrame) {
    super(frame.error.message);
    this.frame = frame;
  }

  get code(): string {
    return this.frame.error.code;
  }

  /** What exactly it was. */
  get detail(): string {
    return this.frame.error.details.code;
  }
}

export interface ConnectOptions {
  readonly auth?: object;
  /** Added to the parameters of `connect`. */
  readonly params?: object;
  readonly socket?: ClientOptions;
}

interface Pending {
  readonly method: string;
  /** Those before the final one. */
  readonly acks: ResultFrame[];
  readonly expectsAck: boolean;
  readonly settle: (frame: ResultFrame) => void;
  readonly fail: (error: Error) => void;
}

export const testClient = { id: "test", version: "1.0.0", platform: "linux", mode: "test" };

const opened = new Set<RpcClient>();

afterAll(() => {
  for (const client of opened) client.socket.terminate();
});

export class RpcClient {
  readonly socket: WebSocket;
  /** All events so far, in order. */
  readonly events: EventFrame[] = [];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  hello!: methods["connect"]["result"];
  readonly #pending = new Map<string, Pending>();
  readonly #waiting = new Set<() => void>();
  #ids = 0;
  #complaint: Error | undefined;
  #isClosed = false;

  /** As it comes from the network: without a challenge, without `connect`. */
  constructor(url: string, options: ClientOptions = {}) {
    this.socket = new WebSocket(url.replace(/^http/, "ws"), options);
    opened.add(this);
    this.closed = new Promise((resolve, reject) => {
      this.socket.once("close", (code, reason) => {
        this.#isClosed = true;
        for (const { fail } of this.#pending.values()) fail(new Error(`closed with ${code} ${reason.toString()}`));
        this.#wake();
        resolve({ code, reason: reason.toString() });
      });
      this.socket.once("error", reject);
    });
    this.closed.catch(() => undefined);
    this.socket.on("message", (data) => this.#receive(JSON.parse((data as Buffer).toString()) as Frame));
  }

  static async connect(url: string, { auth = { token: testToken }, params = {}, socket = {} }: ConnectOptions = {}): Promise<RpcClient> {
    const client = new RpcClient(url, socket);
    await client.challenge();
    await client.greet({ auth, ...params });
    return client;
  }

  async challenge(): Promise<{ readonly nonce: string; readonly ts: number }> {
    return (await this.event((event) => event.event === "connect.challenge")).payload as events["connect.challenge"];
  }

  async greet(params: object): Promise<void> {
    this.hello = await this.request("connect", { minProtocol: 4, maxProtocol: 4, client: testClient, ...params });
  }

  /** The payload of the final answer. Rejects with `RpcFailure`. */
  async request<Method extends MethodName>(method: Method, params?: object): Promise<methods[Method]["result"]> {
    return (await this.start(method, params).final).payload;
  }

  /** Sends a request; the acknowledgement may be waited for by itself. */
  start<Method extends MethodName>(method: Method, params?: object, send = (frame: string): void => this.socket.send(frame)) {
    const id = String(++this.#ids);
    const acks: ResultFrame[] = [];
    const final = new Promise<ResultFrame>((settle, fail) => {
      this.#pending.set(id, { method, acks, expectsAck: method === "agent", settle, fail });
    }) as Promise<ResultFrame & { readonly payload: methods[Method]["result"] }>;
    final.catch(() => undefined);
    send(JSON.stringify({ type: "req", id, method, ...(params ? { params } : {}) }));
    const accepted = async (): Promise<methods[Method]["ack"]> => {
      let failure: unknown;
      final.catch((thrown: unknown) => (failure = thrown));
      await this.until(() => acks.length > 0 || failure !== undefined);
      if (acks.length === 0) throw failure as Error;
      return acks[0]!.payload as methods[Method]["ack"];
    };
    return { final, accepted };
  }

  /** A request that is refused; why it was. */
  async refusal(method: string, params?: object): Promise<RpcFailure> {
    try {
      await this.request(method as MethodName, params);
    } catch (thrown) {
      if (thrown instanceof RpcFailure) return thrown;
      throw thrown;
    }
    throw new Error(`${method} was answered.`);
  }

  /** The first event that fits, of those so far and those to come. */
  async event(isMeant: (event: EventFrame) => boolean): Promise<EventFrame> {
    let found: EventFrame | undefined;
    await this.until(() => (found = this.events.find(isMeant)) !== undefined);
    return found!;
  }

  /** The first `agent` or `chat` event of a run that fits. */
  async told<Name extends "agent" | "chat">(
    name: Name,
    runId: string,
    isMeant: (payload: events[Name]) => boolean = () => true,
  ): Promise<events[Name]> {
    await this.until(() => this.payloads(name, runId).some(isMeant));
    return this.payloads(name, runId).find(isMeant)!;
  }

  /** The `chat` event with which a run ended. */
  chatEnd(runId: string): Promise<events["chat"]> {
    return this.told("chat", runId, ({ state }) => state !== "delta");
  }

  /** Payloads of the events of one name and run, so far. */
  payloads<Name extends "agent" | "chat">(name: Name, runId: string): events[Name][] {
    return this.events.flatMap(({ event, payload }) =>
      event === name && (payload as events[Name]).runId === runId ? [payload as events[Name]] : [],
    );
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }

  async until(isReached: () => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const check = (): void => {
        if (!this.#complaint && !isReached() && !this.#isClosed) return;
        this.#waiting.delete(check);
        if (this.#complaint) reject(this.#complaint);
        else if (isReached()) resolve();
        else reject(new Error("The connection has ended."));
      };
      this.#waiting.add(check);
      check();
    });
  }

  #receive(frame: Frame): void {
    const pending = frame.type === "event" ? undefined : this.#pending.get(frame.id);
    const complaint = complaintOf(frame, pending?.method);
    if (complaint !== undefined) {
      this.#complaint ??= new Error(`The gateway sent what asyncapi.yaml does not describe. ${complaint}`);
      pending?.fail(this.#complaint);
    } else if (frame.type === "event") {
      this.events.push(frame);
    } else if (frame.ok && pending?.expectsAck === true && pending.acks.length === 0) {
      pending.acks.push(frame);
    } else if (pending) {
      this.#pending.delete(frame.id);
      if (frame.ok) pending.settle(frame);
      else pending.fail(new RpcFailure(frame));
    }
    this.#wake();
    // What a rejected request fails first is known a moment later.
    queueMicrotask(() => this.#wake());
  }

  #wake(): void {
    for (const check of [...this.#waiting]) check();
  }
}
