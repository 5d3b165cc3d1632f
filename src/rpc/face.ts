/**
 * The WebSocket face: all connections, who hears of which run, the beat of ticks, and the end of it all.
 *
 * Deliberately absent: which requests of the HTTP server come here (`http/upgrade.ts`) and what methods do (`methods/`).
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { WebSocketServer } from "ws";
import type { GatewayConfig } from "../config/config.ts";
import { GatewayError } from "../domain/errors.ts";
import type { Principal } from "../domain/principal.ts";
import type { AuthService } from "../service/auth-service.ts";
import type { RunFeed } from "../service/run-feed.ts";
import { RunAudience } from "./audience.ts";
import { Broadcast } from "./broadcast.ts";
import { Connection, type ConnectionParts } from "./connection.ts";
import { type Methods, type PayloadOf, type ResultOf, RpcContract, type RpcDocument } from "./contract.ts";
import { type Admission, admit, arrivalOf, protocolVersion } from "./handshake.ts";
import { closeCodes, limitsOf, maxPieces, type RpcLimits } from "./limits.ts";
import { defaultAgentOf } from "./methods/gateway.ts";
import { createMethods, type MethodParts } from "./methods/index.ts";

/** How long requests that are under way may take to be answered when it all ends. */
const farewellMs = 500;

/** What may change while connections are open. */
export interface RpcSetup extends Omit<MethodParts, "connections" | "uptimeMs"> {
  readonly config: GatewayConfig;
  /** The client's, behind trusted proxies. */
  readonly addressOf: (req: IncomingMessage) => string;
}

export interface RpcParts extends RpcSetup {
  readonly auth: AuthService;
  readonly runFeed: RunFeed;
  /** A request was answered; `method` is one of the protocol's, or `none`. */
  readonly onAnswered: (method: string, code: string | undefined) => void;
  /** `generated/rpc.json`. */
  readonly document: RpcDocument;
  readonly log: Logger;
  /** Others than the usual ones, for tests. */
  readonly limits?: Partial<RpcLimits>;
}

export interface RpcFace {
  /** Makes a connection of a request to upgrade; `refuse` answers one that cannot be. */
  accept(req: IncomingMessage, socket: Duplex, head: Buffer, refuse: (error: GatewayError) => void): void;
  /** For the requests that come from now on, on open connections too. These keep their limit of frames. */
  configure(setup: RpcSetup): void;
  /** Closes the connections of some principals, such as those whose token is no more. How many it were. */
  closeWhere(isMeant: (principal: Principal) => boolean, code: number, reason: string): number;
  /** Tells everybody, closes all connections and takes no new ones. Resolves when all have ended. */
  drain(reason?: string): Promise<void>;
  readonly connections: number;
}

export function openRpcFace(parts: RpcParts): RpcFace {
  const limits = { ...limitsOf(parts.config), ...parts.limits };
  return new Face(parts, limits);
}

class Face implements RpcFace {
  #parts: RpcParts;
  #methods: Methods;
  #limits: RpcLimits;
  readonly #server: WebSocketServer;
  readonly #contract: RpcContract;
  readonly #connectionParts: ConnectionParts;
  readonly #broadcast: Broadcast;
  /** Also those that are not open yet. */
  readonly #all = new Set<Connection>();
  readonly #audience: RunAudience;
  readonly #startedAt = performance.now();
  #ticks: NodeJS.Timeout | undefined;
  #isDraining = false;
  #whenEmpty: (() => void)[] = [];

  constructor(parts: RpcParts, limits: RpcLimits) {
    const { document, runFeed, onAnswered, log } = parts;
    this.#parts = parts;
    this.#limits = limits;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: limits.maxPayload,
      // One message at a time, so that whoever sends thousands at once does not keep all others waiting.
      allowSynchronousEvents: false,
      // Not in the package's types yet.
      ...{ closeTimeout: limits.closeMs, maxFragments: maxPieces },
    });
    this.#contract = new RpcContract(document);
    this.#audience = new RunAudience(limits);
    this.#broadcast = new Broadcast(runFeed, this.#audience, limits.gatherMs);
    this.#methods = this.#methodsOf(parts);
    this.#connectionParts = {
      contract: this.#contract,
      methods: () => this.#methods,
      limits,
      log,
      admit: (params, arrival) => admit(params, arrival, this.#parts),
      hello: (connection, admission) => this.#hello(connection, admission),
      stillHolds: (principal) => parts.auth.stillHolds(principal),
      onOpen: (connection) => this.#onOpen(connection),
      onNamed: (connection, named) => this.#audience.name(connection, named),
      onAnswer: (connection) => this.#audience.catchUp(connection),
      onAnswered,
      onEnd: (connection) => this.#onEnd(connection),
    };
  }

  get #uptimeMs(): number {
    return Math.round(performance.now() - this.#startedAt);
  }

  get connections(): number {
    return this.#all.size;
  }

  accept(req: IncomingMessage, socket: Duplex, head: Buffer, refuse: (error: GatewayError) => void): void {
    if (this.#isDraining) return refuse(new GatewayError("draining", "The gateway is stopping. Connect again when it is back."));
    const arrival = arrivalOf(req, randomUUID(), this.#parts.addressOf(req));
    // With this listener ws leaves the reply to us.
    const onBadHandshake = (error: Error): void => {
      refuse(new GatewayError("invalid_value", `This is no well-formed WebSocket handshake: ${error.message}.`));
    };
    this.#server.once("wsClientError", onBadHandshake);
    this.#server.handleUpgrade(req, socket, head, (ws) => this.#all.add(new Connection(ws, socket, arrival, this.#connectionParts)));
    this.#server.off("wsClientError", onBadHandshake);
  }

  configure(setup: RpcSetup): void {
    this.#parts = { ...this.#parts, ...setup };
    this.#methods = this.#methodsOf(setup);
    this.#limits = { ...limitsOf(setup.config), ...this.#parts.limits };
    this.#server.options.maxPayload = this.#limits.maxPayload;
  }

  closeWhere(isMeant: (principal: Principal) => boolean, code: number, reason: string): number {
    const meant = [...this.#all].filter(({ principal }) => principal !== undefined && isMeant(principal));
    for (const connection of meant) connection.close(code, reason);
    return meant.length;
  }

  async drain(reason = "gateway stopping"): Promise<void> {
    this.#isDraining = true;
    clearInterval(this.#ticks);
    this.#broadcast.stop();
    const all = [...this.#all];
    this.#audience.announce({ event: "shutdown", payload: JSON.stringify({ reason }) }, all);
    // Runs have ended by now, and whoever waits for one is about to be told how.
    await Promise.race([Promise.all(all.map((connection) => connection.answered())), sleep(farewellMs, undefined, { ref: false })]);
    for (const connection of this.#all) connection.close(closeCodes.restart, "service restart");
    if (this.#all.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  #methodsOf(setup: RpcSetup): Methods {
    return createMethods({ ...setup, connections: () => this.#all.size, uptimeMs: () => this.#uptimeMs });
  }

  #onOpen(connection: Connection): void {
    if (this.#isDraining) return connection.close(closeCodes.restart, "service restart");
    this.#ticks ??= setInterval(() => this.#tick(), this.#limits.tickIntervalMs).unref();
    this.#audience.join(connection);
    if (!this.#audience.isEmpty) this.#broadcast.start();
  }

  #onEnd(connection: Connection): void {
    this.#all.delete(connection);
    this.#audience.leave(connection);
    if (this.#audience.isEmpty) this.#broadcast.stop();
    if (this.#all.size > 0) return;
    clearInterval(this.#ticks);
    this.#ticks = undefined;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  #tick(): void {
    const payload: PayloadOf<"tick"> = { ts: Date.now() };
    for (const connection of this.#all) connection.checkPresence();
    this.#audience.announce({ event: "tick", payload: JSON.stringify(payload) }, this.#all);
  }

  #hello(connection: Connection, { principal, scopes }: Admission): ResultOf<"connect"> {
    const { version, agents, config } = this.#parts;
    const { maxPayload, maxBufferedBytes, tickIntervalMs } = this.#limits;
    const defaultAgentId = defaultAgentOf(agents, principal);
    return {
      type: "hello-ok",
      protocol: protocolVersion,
      server: { version, connId: connection.id },
      features: { methods: [...this.#contract.methods], events: [...this.#contract.events] },
      snapshot: {
        presence: [],
        health: { ts: Date.now(), ...(defaultAgentId === undefined ? {} : { defaultAgentId }) },
        stateVersion: { presence: 0, health: 0 },
        uptimeMs: this.#uptimeMs,
        authMode: config.auth.mode,
        ...(defaultAgentId === undefined
          ? {}
          : { sessionDefaults: { defaultAgentId, mainKey: "main", mainSessionKey: `agent:${defaultAgentId}:main` } }),
      },
      auth: { role: "operator", scopes: [...scopes] },
      policy: { maxPayload, maxBufferedBytes, tickIntervalMs },
    };
  }
}
