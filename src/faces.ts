/**
 * The faces of a gateway on their one port: opened when it listens, configured anew with each generation, closed at the end.
 *
 * Loaded when they are needed: the command line has runs without them. Deliberately absent: what a face does with a request.
 */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { contractPath, docsPagePath, packageVersion, rpcContractPath } from "./config/package.ts";
import { GatewayError } from "./domain/errors.ts";
import type { Principal } from "./domain/principal.ts";
import type { SessionStore } from "./domain/session.ts";
import type { TokenList } from "./domain/token.ts";
import type { WindowCounters } from "./domain/token-account.ts";
import type { Generation } from "./generation.ts";
import type { ClientAddress } from "./http/client-address.ts";
import type { HttpFace } from "./http/face.ts";
import type { RpcDocument } from "./rpc/contract.ts";
import type { RpcFace } from "./rpc/face.ts";
import type { RpcLimits } from "./rpc/limits.ts";
import type { AuthService } from "./service/auth-service.ts";
import { KeptCompletions } from "./service/kept-completions.ts";
import { RunDirectory } from "./service/run-directory.ts";
import type { RunFeed } from "./service/run-feed.ts";
import type { RunHistory } from "./service/run-history.ts";
import { inTime } from "./service/in-time.ts";
import type { RunRegistry } from "./service/run-registry.ts";
import { TokenWatch } from "./service/token-watch.ts";
import type { MetricSeries, WorkerMetrics } from "./telemetry/gathered-metrics.ts";
import type { ConfigFileState } from "./telemetry/gauges.ts";
import type { Telemetry } from "./telemetry/telemetry.ts";

/** How long the end waits for callers to take what they were told. */
const farewellMs = 500;
/** A guess at how long a restart takes. */
const retryAfterMs = 5_000;
/** Of the WebSocket protocol: against the rules. */
const closedForRights = 1008;
const rightsAreOver = "the token is no longer valid";

export type { GatheredMetrics, MetricSeries, WorkerMetrics } from "./telemetry/gathered-metrics.ts";

export interface FacesParts {
  readonly store: SessionStore;
  readonly history: RunHistory;
  readonly registry: RunRegistry;
  readonly feed: RunFeed;
  /** Of failed logins. */
  readonly counters: WindowCounters;
  readonly log: Logger;
  readonly rpcLimits: Partial<RpcLimits>;
  /** How what the file says stands to what holds. */
  readonly configFile: () => ConfigFileState;
  /** Undefined: no other process listens on the same port. */
  readonly workers: WorkerMetrics | undefined;
}

interface OpenFaces {
  readonly http: HttpFace;
  readonly rpc: RpcFace;
  readonly auth: AuthService;
  readonly telemetry: Telemetry;
  readonly addressBehind: (trustedProxies: readonly string[]) => ClientAddress;
}

export class Faces {
  readonly #parts: FacesParts;
  readonly #runDirectory: RunDirectory;
  readonly #keptCompletions: KeptCompletions;
  #open: OpenFaces | undefined;
  readonly #tokens: TokenWatch;
  /** Names in the config and in the store, of which the log has said so. */
  readonly #shadowed = new Set<string>();
  #damaged: readonly string[] = [];
  #isDraining = false;
  #closed: Promise<unknown> | undefined;
  #checking: Promise<void> | undefined;

  constructor(parts: FacesParts) {
    this.#parts = parts;
    this.#runDirectory = new RunDirectory(parts.history);
    this.#keptCompletions = new KeptCompletions(parts);
    this.#tokens = new TokenWatch(parts.store.tokens, (list) => this.#setStored(list), parts.log);
  }

  /** Resolves with the base URL when connections are accepted. */
  async listen(first: Generation): Promise<string> {
    const { log, feed, counters, rpcLimits, configFile, workers } = this.#parts;
    // One after the other: Jest's module loader cannot link graphs that overlap at the same time.
    const { openHttpFace } = await import("./http/face.ts");
    const { clientAddressBehind } = await import("./http/client-address.ts");
    const { openRpcFace } = await import("./rpc/face.ts");
    const { AuthService } = await import("./service/auth-service.ts");
    const { Telemetry } = await import("./telemetry/telemetry.ts");
    const { gateway } = first.config;
    const auth = new AuthService(gateway.auth, Date.now, counters);
    const contractDocument = await readJson<{ [key: string]: unknown }>(contractPath);
    const connections = (): number => this.#open?.rpc.connections ?? 0;
    const telemetry = await Telemetry.open(feed, first, { connections, configFile, version: packageVersion, workers });
    const setup = this.#setupOf(first);
    const metrics = () => telemetry.metrics();
    const http = await openHttpFace({ contractDocument, docsPagePath, metrics, auth, observer: telemetry, log }, setup);
    const rpc = openRpcFace({
      ...setup,
      addressOf: clientAddressBehind(gateway.trustedProxies),
      auth,
      runFeed: feed,
      onAnswered: (method, code) => telemetry.rpcAnswered(method, code),
      document: await readJson<RpcDocument>(rpcContractPath),
      log,
      limits: rpcLimits,
    });
    http.passUpgrades((req, socket, head, refuse) => rpc.accept(req, socket, head, refuse));
    this.#open = { http, rpc, auth, telemetry, addressBehind: clientAddressBehind };
    // Where everybody is let in there is nothing to compare with.
    if (gateway.auth.mode !== "none") await this.#tokens.start();
    http.server.listen(gateway.port, gateway.host);
    await once(http.server, "listening");
    return urlOf(http.server);
  }

  /** What comes from now on is answered by `next`. Connections of secrets that are no more end at once. */
  configure(next: Generation): void {
    if (!this.#open) return;
    const { http, rpc, auth, telemetry, addressBehind } = this.#open;
    const setup = this.#setupOf(next);
    auth.configure(setup.config.auth);
    telemetry.configure(next);
    http.configure(setup);
    rpc.configure({ ...setup, addressOf: addressBehind(setup.config.trustedProxies) });
    rpc.closeWhere((principal) => !auth.stillHolds(principal), closedForRights, rightsAreOver);
    this.#parts.registry.restore((owner) => auth.knows(owner));
    this.#sayShadowed(auth);
  }

  /** Whoever calls with a secret that is no more is cut off, and whoever has none any more has its runs cancelled. */
  #setStored({ tokens, damaged }: TokenList): void {
    if (!this.#open) return;
    const { http, rpc, auth } = this.#open;
    const gone = auth.setStored(tokens);
    const isGone = (principal: Principal): boolean => gone.has(principal);
    this.#parts.registry.restore((owner) => auth.knows(owner));
    for (const { name } of gone) {
      const isRevoked = !auth.knows(name);
      if (isRevoked) this.#parts.registry.revoke(name);
      this.#parts.log.info(
        { token: name },
        isRevoked ? "a stored token was revoked" : "a stored token was changed: what it was before is refused",
      );
    }
    http.cutWhere(isGone);
    rpc.closeWhere(isGone, closedForRights, rightsAreOver);
    this.#sayShadowed(auth);
    for (const name of damaged.filter((one) => !this.#damaged.includes(one))) {
      this.#parts.log.error({ token: name }, "a stored token is damaged and refused: revoke it, and add it again");
    }
    this.#damaged = damaged;
  }

  #sayShadowed({ shadowed }: AuthService): void {
    for (const name of shadowed.filter((one) => !this.#shadowed.has(one))) {
      this.#shadowed.add(name);
      this.#parts.log.warn({ token: name }, "a stored token is not used: gateway.auth.tokens has one of that name");
    }
  }

  /** What this process counts. Nothing before it listens. */
  async metricSeries(): Promise<readonly MetricSeries[]> {
    return this.#open ? this.#open.telemetry.series() : [];
  }

  /** Says that it is not ready for anything new, and goes on answering. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Accepts no connections any more. */
  refuse(): void {
    const server = this.#open?.http.server;
    if (!server?.listening) return;
    this.#closed = once(server, "close");
    server.close();
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    const { http, rpc, telemetry } = this.#open;
    await this.#tokens.stop();
    await rpc.drain();
    http.server.closeIdleConnections();
    await Promise.race([this.#closed, sleep(farewellMs, undefined, { ref: false })]);
    http.server.closeAllConnections();
    await telemetry.close();
  }

  #setupOf({ config, agents, models, runs, keptSessions }: Generation) {
    return {
      config: config.gateway,
      agents,
      models,
      runs,
      keptSessions,
      runDirectory: this.#runDirectory,
      keptCompletions: this.#keptCompletions,
      version: packageVersion,
      checkReadiness: () => this.#checkReadiness(),
    };
  }

  #checkReadiness(): Promise<void> {
    if (!this.#isDraining) return this.#checkStore();
    return Promise.reject(new GatewayError("draining", "The gateway is about to stop and takes nothing new.", { retryAfterMs }));
  }

  /** Of many who ask at the same time, one asks the database: those who ask of one that hangs must not take its connections. */
  async #checkStore(): Promise<void> {
    this.#checking ??= this.#parts.store.check().finally(() => (this.#checking = undefined));
    await inTime(this.#checking);
  }
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, "utf8")) as T;
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
