/**
 * One connection to a running gateway: its handshake, requests and their answers, the events of runs. It never waits for ever:
 * a gateway that says nothing, not even its ticks, is given up.
 *
 * Deliberately absent: what a run's events mean (`run-event-decoder.ts`), and whether a gateway is to be asked at all
 * (`gateway-access.ts`).
 */
import type { RawData, WebSocket } from "ws";
import type { components, events, methods } from "../../generated/rpc.ts";
import { packageVersion } from "../config/package.ts";
import { shownAddress } from "./gateway-address.ts";
import { garbled, GatewayFailure, notAGateway, refusedConnection, silent, stopping, unreachable } from "./gateway-failure.ts";

export interface GatewayTarget {
  readonly url: URL;
  readonly secret?: string | undefined;
}

type Hello = methods["connect"]["result"];
type MethodName = Exclude<keyof methods, "connect">;
type RefusedFrame = components["schemas"]["RefusedFrame"];
export type RunPayload = events["agent"];

type Frame =
  | { readonly type: "event"; readonly event: string; readonly payload: unknown }
  | { readonly type: "res"; readonly id: string; readonly ok: true; readonly payload: unknown }
  | RefusedFrame;

interface Pending {
  /** Takes the first answer, where there are two. */
  acknowledge: ((payload: unknown) => void) | undefined;
  readonly settle: (payload: unknown) => void;
  readonly fail: (why: GatewayFailure) => void;
}

const protocolVersion = 4;
/** To connect and to be greeted. */
const greetingLimitMs = 10_000;
const normalClosure = 1000;
/** How long a close may take. */
const farewellMs = 500;
/** Ticks that may be missed before a gateway counts as gone. */
const missedTicks = 2.5;
/** Node's timers fire at once above this. */
const longestTimerMs = 2_147_483_647;

export class GatewayClient {
  /** As sentences say it. */
  readonly place: string;
  readonly hello: Hello;
  readonly #socket: WebSocket;
  readonly #pending = new Map<string, Pending>();
  readonly #runs = new Map<string, (payload: RunPayload) => void>();
  readonly #closed: Promise<unknown>;
  #lastId = 0;
  #isStopping = false;
  #isGarbled = false;
  #lost: GatewayFailure | undefined;

  /** Rejects with a `GatewayFailure`, or with the signal's reason. */
  static async connect({ url, secret }: GatewayTarget, signal?: AbortSignal): Promise<GatewayClient> {
    const { WebSocket } = await import("ws");
    signal?.throwIfAborted();
    const socket = new WebSocket(url, { perMessageDeflate: false });
    const leave = (): void => socket.terminate();
    signal?.addEventListener("abort", leave, { once: true });
    try {
      const hello = await greet(socket, { place: shownAddress(url), secret });
      return new GatewayClient(shownAddress(url), hello, socket);
    } catch (thrown) {
      socket.terminate();
      signal?.throwIfAborted();
      throw thrown;
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }

  private constructor(place: string, hello: Hello, socket: WebSocket) {
    this.place = place;
    this.hello = hello;
    this.#socket = socket;
    const silenceMs = Math.min(hello.policy.tickIntervalMs * missedTicks, longestTimerMs);
    const silence = setTimeout(() => socket.terminate(), silenceMs);
    socket.on("message", (data) => {
      silence.refresh();
      this.#receive(data);
    });
    this.#closed = new Promise((resolve) => {
      socket.on("close", (_code, reason) => {
        clearTimeout(silence);
        this.#end(reason.toString());
        resolve(undefined);
      });
    });
  }

  /** `acknowledge` is told the first answer of a method that is answered twice. Rejects with a `GatewayFailure`. */
  request<Method extends MethodName>(
    method: Method,
    params: methods[Method]["params"],
    acknowledge?: (payload: methods[Method]["ack"]) => void,
  ): Promise<methods[Method]["result"]> {
    return new Promise<unknown>((settle, fail) => {
      const { features, server, policy } = this.hello;
      if (this.#lost) throw this.#lost;
      if (!features.methods.includes(method)) {
        const message = `The gateway at ${this.place} is of another version (${server.version}) and does not know ${method}.`;
        throw new GatewayFailure("UNKNOWN_METHOD", message);
      }
      const id = String(++this.#lastId);
      const frame = Buffer.from(JSON.stringify({ type: "req", id, method, params }));
      if (frame.length > policy.maxPayload) {
        const message = `The request has ${frame.length} bytes, and the gateway at ${this.place} takes ${policy.maxPayload} at most.`;
        throw new GatewayFailure("request_too_large", message);
      }
      this.#pending.set(id, { acknowledge: acknowledge as Pending["acknowledge"], settle, fail });
      this.#socket.send(frame, { binary: false });
    }) as Promise<methods[Method]["result"]>;
  }

  /** `listener` is told what the run does, until its request is answered. */
  follow(runId: string, listener: (payload: RunPayload) => void): void {
    this.#runs.set(runId, listener);
  }

  /** Everything that is under way fails at once. */
  terminate(): void {
    this.#socket.terminate();
  }

  async close(): Promise<void> {
    const cut = setTimeout(() => this.#socket.terminate(), farewellMs);
    this.#socket.close(normalClosure);
    await this.#closed;
    clearTimeout(cut);
  }

  #receive(data: RawData): void {
    try {
      const frame = decode(data);
      if (frame.type === "res") return this.#answer(frame);
      if (frame.event === "shutdown") this.#isStopping = true;
      if (frame.event !== "agent") return;
      const payload = frame.payload as RunPayload;
      this.#runs.get(payload.runId)?.(payload);
    } catch {
      // Whatever reads it trusts its shape, which is another one: nothing else from there can be trusted either.
      this.#isGarbled = true;
      this.terminate();
    }
  }

  #answer(frame: Exclude<Frame, { type: "event" }>): void {
    const pending = this.#pending.get(frame.id);
    if (!pending) return;
    if (frame.ok && pending.acknowledge) {
      const { acknowledge } = pending;
      pending.acknowledge = undefined;
      return acknowledge(frame.payload);
    }
    if (frame.ok) pending.settle(frame.payload);
    else pending.fail(new GatewayFailure(frame.error.details.code, frame.error.message, { run: frame.payload }));
    this.#pending.delete(frame.id);
  }

  #end(reason: string): void {
    const message = this.#isStopping
      ? `The gateway at ${this.place} has stopped.`
      : `The connection to the gateway at ${this.place} broke off${reason === "" ? "" : ` (${reason})`}.`;
    this.#lost = this.#isGarbled ? garbled(this.place) : new GatewayFailure("gateway_lost", message);
    for (const { fail } of this.#pending.values()) fail(this.#lost);
    this.#pending.clear();
    this.#runs.clear();
  }
}

/** Resolves when the connection is open. Its listeners are gone by then. */
function greet(socket: WebSocket, { place, secret }: { readonly place: string; readonly secret: string | undefined }): Promise<Hello> {
  const listening = new AbortController();
  return new Promise<Hello>((resolve, reject) => {
    const fail = (why: Error): void => reject(why);
    let isChallenged = false;
    const timer = setTimeout(() => fail(silent(place, greetingLimitMs)), greetingLimitMs);
    listening.signal.addEventListener("abort", () => clearTimeout(timer));
    const onMessage = (data: RawData): void => {
      try {
        const frame = decode(data);
        if (frame.type === "event" && frame.event === "connect.challenge" && !isChallenged) {
          isChallenged = true;
          return socket.send(connectFrame(secret));
        }
        if (frame.type === "res" && !frame.ok) return fail(refusedConnection(place, frame.error));
        if (frame.type !== "res" || !isHello(frame.payload)) throw new Error("It greets like no gateway.");
        socket.off("message", onMessage);
        resolve(frame.payload);
      } catch {
        fail(notAGateway(place, "it says what no gateway says"));
      }
    };
    socket.on("message", onMessage);
    // For good: later on, the close that follows says all there is to say.
    socket.on("error", (error) => fail(unreachable(place, error)));
    socket.once("close", (code) => fail(notAGateway(place, `it closed the connection with ${code}`)));
    socket.once("unexpected-response", (_request, response) => {
      void explain(response).then(({ why, isStopping }) => fail(isStopping ? stopping(place) : notAGateway(place, why)));
    });
  }).finally(() => listening.abort());
}

function connectFrame(secret: string | undefined): string {
  const client = { id: "cli", version: packageVersion, platform: process.platform, mode: "cli" };
  const params: methods["connect"]["params"] = {
    minProtocol: protocolVersion,
    maxProtocol: protocolVersion,
    client,
    caps: ["session-scoped-events"],
    ...(secret === undefined ? {} : { auth: { token: secret } }),
  };
  return JSON.stringify({ type: "req", id: "0", method: "connect", params });
}

function isHello(payload: unknown): payload is Hello {
  const { type, policy, features } = (payload ?? {}) as Partial<Hello>;
  return type === "hello-ok" && typeof policy?.tickIntervalMs === "number" && Array.isArray(features?.methods);
}

/** Throws at what is no frame. What a frame holds is not looked at. */
function decode(data: RawData): Frame {
  const frame = JSON.parse((data as Buffer).toString("utf8")) as Frame | null;
  if (frame?.type === "res" || frame?.type === "event") return frame;
  throw new Error("It is no frame.");
}

interface HttpRefusal {
  readonly why: string;
  readonly isStopping: boolean;
}

/** What an HTTP server said instead, in a sentence of its own if it has one. */
async function explain(response: AsyncIterable<Buffer> & { readonly statusCode?: number | undefined }): Promise<HttpRefusal> {
  const status = { why: `HTTP status ${response.statusCode}`, isStopping: false };
  let body = "";
  try {
    for await (const piece of response) if ((body += piece.toString()).length > maxExplanation) return status;
    const { error } = JSON.parse(body) as { readonly error?: { readonly message?: unknown; readonly code?: unknown } };
    return typeof error?.message === "string" ? { why: `${status.why}: ${error.message}`, isStopping: error.code === "draining" } : status;
  } catch {
    return status;
  }
}

const maxExplanation = 10_000;
