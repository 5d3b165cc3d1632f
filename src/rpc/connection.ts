/**
 * One connection: its handshake, its requests, its numbered events, its end. Whatever the client does, what is held for it
 * is bounded: frames, requests under way, and what it does not read.
 *
 * Deliberately absent: who else is connected (`face.ts`) and what methods do (`methods/`).
 */
import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import type { Logger } from "pino";
import type { RawData, WebSocket } from "ws";
import { GatewayError } from "../domain/errors.ts";
import type { Principal } from "../domain/principal.ts";
import type { Call, MethodName, Methods, ResultOf, RpcContract } from "./contract.ts";
import { refusal, RpcError, toWireError } from "./errors.ts";
import { decodeRequest, type EncodedEvent, encodeEvent, encodeRefusal, encodeResult, type Request } from "./frames.ts";
import type { Admission, Arrival, ConnectParams } from "./handshake.ts";
import { closeCodes, greetingBytes, type RpcLimits } from "./limits.ts";
import { includesScope, missingScope } from "./scopes.ts";

export interface ConnectionParts {
  readonly contract: RpcContract;
  /** As they are at the moment. */
  methods(): Methods;
  readonly limits: RpcLimits;
  readonly log: Logger;
  admit(params: ConnectParams, arrival: Arrival): Promise<Admission>;
  hello(connection: Connection, admission: Admission): ResultOf<"connect">;
  /** Whether the principal's token is still good. */
  stillHolds(principal: Principal): boolean;
  onOpen(connection: Connection): void;
  /** A request named what its connection may want to hear of. */
  onNamed(connection: Connection, named: { readonly runId?: string; readonly sessionKey: string }): void;
  /** A request is about to be answered: what the connection was to hear comes first. */
  onAnswer(connection: Connection): void;
  /** `code`: of the error that was answered. */
  onAnswered(method: string, code: string | undefined): void;
  onEnd(connection: Connection): void;
}

type UntypedHandler = (params: unknown, call: Call<MethodName>) => Promise<unknown>;

export class Connection {
  readonly id = randomUUID();
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #arrival: Arrival;
  readonly #parts: ConnectionParts;
  readonly #arrivedAt = performance.now();
  #state: "greeting" | "deciding" | "open" | "ended" = "greeting";
  #admission: Admission | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #stopGuard: (() => void) | undefined;
  /** Of requests that wait for something. Made when the first one comes. */
  #left: AbortController | undefined;
  #underWay = 0;
  #whenAnswered: (() => void)[] = [];
  #seq = 0;
  #isAnswering = true;

  constructor(ws: WebSocket, socket: Duplex, arrival: Arrival, parts: ConnectionParts) {
    this.#ws = ws;
    this.#socket = socket;
    this.#arrival = arrival;
    this.#parts = parts;
    ws.on("message", (data, isBinary) => this.#receive(data, isBinary));
    ws.on("pong", () => (this.#isAnswering = true));
    // What is wrong with the framing itself is closed with its code by ws.
    ws.on("error", () => undefined);
    ws.on("close", (code) => this.#ended(code));
    this.#stopGuard = guardGreeting(socket, () => this.#tooLargeGreeting());
    this.#deadline = setTimeout(() => this.close(closeCodes.policy, "connect timeout"), parts.limits.handshakeMs).unref();
    const challenge = { nonce: arrival.nonce, ts: Date.now() };
    this.#send(encodeEvent({ event: "connect.challenge", payload: JSON.stringify(challenge) }));
  }

  /** Undefined before `hello-ok`. */
  get principal(): Principal | undefined {
    return this.#admission?.principal;
  }

  /** `named`: only of what it names. */
  get hearsOf(): "all" | "named" | "nothing" {
    if (!this.#admission || !includesScope(this.#admission.scopes, "operator.read")) return "nothing";
    return this.#admission.isScoped ? "named" : "all";
  }

  tell(events: readonly EncodedEvent[]): void {
    if (this.#state !== "open" || !this.#isRead()) return;
    // In one piece: a write to each of many sockets is what telling them costs.
    this.#socket.cork();
    for (const event of events) this.#ws.send(encodeEvent(event, ++this.#seq));
    this.#socket.uncork();
  }

  /** Events in whole frames, the same bytes for everybody: ws would frame them anew for each. They have numbers of their own. */
  tellFramed(frames: Buffer): void {
    // Nothing may follow a close frame, be it one that ws has sent by itself.
    if (this.#state === "open" && this.#ws.readyState === this.#ws.OPEN && this.#isRead()) this.#socket.write(frames);
  }

  /** Whether somebody is there, and still may be. */
  checkPresence(): void {
    if (this.#state !== "open") return;
    if (!this.#isAnswering) {
      // Nothing came back since the last time: there is nobody to be told either.
      this.#ws.terminate();
      return;
    }
    if (!this.#parts.stillHolds(this.#admission!.principal)) {
      this.close(closeCodes.policy, "token expired");
      return;
    }
    this.#isAnswering = false;
    this.#ws.ping();
  }

  /** Resolves when no request is under way. */
  async answered(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#whenAnswered.push(resolve));
  }

  /** Nothing more is read or sent. What does not end by itself is cut a moment later. */
  close(code: number, reason: string): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#ws.close(code, reason);
  }

  terminate(): void {
    this.#state = "ended";
    this.#ws.terminate();
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#state === "ended") return;
    if (isBinary) return this.close(closeCodes.unsupported, "text frames only");
    // With one kind of binary data asked for, ws gives one buffer.
    const bytes = data as Buffer;
    if (this.#state !== "open" && bytes.length > greetingBytes) return this.#tooLargeGreeting();
    const request = decodeRequest(bytes);
    if (typeof request === "string") return this.close(closeCodes.policy, request);
    if (this.#state === "open") void this.#answer(request);
    else if (this.#state === "greeting" && request.method === "connect") void this.#greet(request);
    else this.#refuseGreeting(request);
  }

  async #greet({ id, params }: Request): Promise<void> {
    this.#state = "deciding";
    try {
      const checked = this.#checkConnect(params);
      const admission = await this.#parts.admit(checked, this.#arrival);
      if (!this.#isDeciding()) return;
      this.#open(id, admission, checked);
    } catch (thrown) {
      const error = toWireError(thrown);
      this.#log().warn({ code: error.details.code, ...causeOf(thrown) }, "websocket connection refused");
      this.#send(encodeRefusal(id, error, undefined));
      this.#parts.onAnswered("connect", error.details.code);
      this.close(closeCodes.policy, "connect failed");
    }
  }

  /** The connection may have ended while it was decided on. */
  #isDeciding(): boolean {
    return this.#state === "deciding";
  }

  /** Clients look for these words when they sent what only other gateways know. */
  #checkConnect(params: unknown): ConnectParams {
    try {
      return this.#parts.contract.check("connect", params);
    } catch (thrown) {
      const { message, details } = toWireError(thrown);
      throw refusal(details, `invalid connect params: ${message}`);
    }
  }

  #open(id: string, admission: Admission, { client }: ConnectParams): void {
    // It may have been taken out since it was looked at, and whoever closes the connections of its holder has not seen this one.
    if (!this.#parts.stillHolds(admission.principal)) throw new GatewayError("invalid_api_key", "This token is no longer good.");
    this.#endGreeting();
    this.#admission = admission;
    const hello = this.#parts.hello(this, admission);
    this.#state = "open";
    this.#send(encodeResult(id, hello));
    this.#parts.onAnswered("connect", undefined);
    this.#log().info({ principal: admission.principal.name, client: client.id, mode: client.mode }, "websocket connected");
    this.#parts.onOpen(this);
  }

  #refuseGreeting({ id }: Request): void {
    const message = "The first request must be connect.";
    this.#send(encodeRefusal(id, toWireError(refusal({ code: "CONNECT_REQUIRED" }, message)), undefined));
    this.close(closeCodes.policy, "connect required");
  }

  #tooLargeGreeting(): void {
    this.close(closeCodes.tooLarge, "too large before connect");
    // What else comes is not even read.
    this.#ws.pause();
  }

  async #answer({ id, method, params }: Request): Promise<void> {
    const { maxRequests } = this.#parts.limits;
    this.#underWay++;
    try {
      if (this.#underWay > maxRequests) {
        const message = `This connection has ${maxRequests} requests under way. Wait for one of them to be answered.`;
        throw new RpcError({ code: "UNAVAILABLE", message, details: { code: "TOO_MANY_REQUESTS" }, retryable: true });
      }
      const result = await this.#call(id, method, params);
      this.#parts.onAnswer(this);
      this.#send(encodeResult(id, result));
      this.#count(method, undefined);
    } catch (thrown) {
      const error = toWireError(thrown);
      const cause = causeOf(thrown);
      if (cause && this.#state !== "ended") this.#log().error({ method, code: error.details.code, ...cause }, "websocket request failed");
      this.#parts.onAnswer(this);
      this.#send(encodeRefusal(id, error, thrown instanceof RpcError ? thrown.payload : undefined));
      this.#count(method, error.details.code);
    } finally {
      if (--this.#underWay === 0) for (const resolve of this.#whenAnswered.splice(0)) resolve();
    }
  }

  #count(method: string, code: string | undefined): void {
    const isKnown = method === "connect" || this.#parts.contract.has(method);
    this.#parts.onAnswered(isKnown ? method : "none", code);
  }

  #call(id: string, method: string, params: unknown): Promise<unknown> {
    const { contract } = this.#parts;
    const { principal, scopes } = this.#admission!;
    if (method === "connect")
      throw refusal({ code: "ALREADY_CONNECTED" }, "This connection is open already: connect is its first request only.");
    if (!contract.has(method)) {
      throw refusal({ code: "UNKNOWN_METHOD" }, `There is no method of that name. There are: ${contract.methods.join(", ")}.`);
    }
    if (!this.#parts.stillHolds(principal)) {
      this.close(closeCodes.policy, "token expired");
      throw new GatewayError("invalid_api_key", "The token of this connection is no longer good.");
    }
    const needed = contract.scopeOf(method);
    if (needed !== undefined && !includesScope(scopes, needed)) throw missingScope(method, needed);
    const call: Call<MethodName> = {
      principal,
      signal: (this.#left ??= new AbortController()).signal,
      acknowledge: (payload: unknown) => this.#send(encodeResult(id, payload)),
      follow: (named) => this.#parts.onNamed(this, named),
    };
    return (this.#parts.methods()[method] as UntypedHandler)(contract.check(method, params), call);
  }

  #send(frame: string): void {
    if (this.#state !== "ended" && this.#isRead()) this.#ws.send(frame);
  }

  /** Closes the connection of whoever does not. */
  #isRead(): boolean {
    const bytes = this.#ws.bufferedAmount;
    if (bytes <= this.#parts.limits.maxBufferedBytes) return true;
    this.#log().warn({ bytes }, "websocket client does not read, its connection is closed");
    this.close(closeCodes.policy, "slow consumer");
    return false;
  }

  #endGreeting(): void {
    clearTimeout(this.#deadline);
    this.#stopGuard?.();
    this.#stopGuard = undefined;
  }

  #ended(code: number): void {
    this.#state = "ended";
    this.#endGreeting();
    this.#left?.abort(new Error("The connection has ended."));
    const durationMs = Math.round(performance.now() - this.#arrivedAt);
    this.#log()[this.#admission ? "info" : "debug"]({ code, durationMs }, "websocket closed");
    this.#parts.onEnd(this);
  }

  #log(): Logger {
    return this.#parts.log.child({ connId: this.id, address: this.#arrival.address });
  }
}

/** Before anybody is known, bytes are counted as they come: ws itself would hold as much as a request may have. */
function guardGreeting(socket: Duplex, onTooMany: () => void): () => void {
  let bytes = 0;
  const count = (chunk: Buffer): void => {
    bytes += Math.max(chunk.length, pieceBytes);
    if (bytes <= greetingBytes + framingBytes) return;
    stop();
    onTooMany();
  };
  const stop = (): void => void socket.off("data", count);
  socket.on("data", count);
  return stop;
}

/** What frames take besides what they say, of one message and some pings. */
const framingBytes = 1024;
/** What a piece that comes by itself counts for, however short it is: holding it costs as much. */
const pieceBytes = 64;

function causeOf(thrown: unknown): { readonly err: unknown } | undefined {
  if (thrown instanceof RpcError) return undefined;
  if (!(thrown instanceof GatewayError)) return { err: thrown };
  return thrown.cause === undefined ? undefined : { err: thrown };
}
