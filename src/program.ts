/**
 * The only place where everything is wired: a configuration becomes a program, with or without its faces on the network.
 *
 * No state lives outside the object, so two programs can be open in one process.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import type { Config } from "./config/config.ts";
import { packageVersion } from "./config/package.ts";
import type { ModelCatalog } from "./domain/model.ts";
import type { StoredToken } from "./domain/token.ts";
import { Faces, type MetricSeries, type WorkerMetrics } from "./faces.ts";
import { Generation, type Shared } from "./generation.ts";
import { ProviderPool } from "./model/provider-pool.ts";
import type { RpcLimits } from "./rpc/limits.ts";
import { McpServerPool } from "./runtime/mcp-server-pool.ts";
import type { ToolServerReport } from "./runtime/mcp-servers.ts";
import { SchemaChecker } from "./runtime/schema-checker.ts";
import type { AgentDirectory } from "./service/agent-directory.ts";
import type { KeptSessions } from "./service/kept-sessions.ts";
import { Lanes } from "./service/lanes.ts";
import { RepeatedRuns } from "./service/repeated-runs.ts";
import { Retention } from "./service/retention.ts";
import { RunFeed } from "./service/run-feed.ts";
import { RunHistory } from "./service/run-history.ts";
import { RunRegistry } from "./service/run-registry.ts";
import type { RunService } from "./service/run-service.ts";
import { RunSlots } from "./service/run-slots.ts";
import { TokenLimiter } from "./service/token-limits.ts";
import { WindowCounts } from "./service/window-counts.ts";
import { deferSessionStore } from "./store/deferred-session-store.ts";

/** How long `close` waits for runs that do not react to their abort. */
const settleTimeoutMs = 5_000;

export type { GatheredMetrics, MetricSeries, WorkerMetrics } from "./faces.ts";
export type { ToolServerReport } from "./runtime/mcp-servers.ts";

export interface Program {
  readonly config: Config;
  readonly runs: RunService;
  readonly keptSessions: KeptSessions;
  readonly agents: AgentDirectory;
  readonly models: ModelCatalog;
  /** Resolves when sessions can be kept; opens their database if need be. Rejects with `store_unavailable`. */
  checkStore(): Promise<void>;
  /** Tokens beside those of the config; opens their database if need be. Rejects with `store_unavailable`. */
  storedTokens(): Promise<readonly StoredToken[]>;
  /** Connects to the MCP servers that agents have tools of, and says what became of each. Never rejects. */
  checkToolServers(): Promise<readonly ToolServerReport[]>;
  /** Opens the store and starts the faces of the network; resolves with its base URL when it accepts connections. */
  listen(): Promise<string>;
  /** Another configuration, for all that begins from now on. What has begun keeps the one it began with. */
  apply(config: Config): Applied;
  /** What the config file says cannot be used, until the next `apply`: whoever watches the gateway is told. */
  refuseConfig(): void;
  /** What this process counts, for whoever gathers it of several. */
  metricSeries(): Promise<readonly MetricSeries[]>;
  /** Takes no more runs, and waits for those at work as long as `gateway.shutdownGraceMs` allows. */
  drain(): Promise<void>;
  /** Stops accepting, ends every run, closes every connection, provider pool and the store. */
  close(): Promise<void>;
}

/** What became of another configuration. */
export interface Applied {
  /** The sections of the file, by their top-level keys, that are others now. None: everything is as it was. */
  readonly changed: readonly string[];
  /** Keys that are as they were, because another value needs a restart. Each change is named once. */
  readonly unchanged: readonly string[];
}

export interface ProgramOptions {
  /** Others of the WebSocket face than the usual ones, for tests. */
  readonly rpcLimits?: Partial<RpcLimits>;
  /** Where this process is one of several on one port: its metrics are those of all. */
  readonly workers?: WorkerMetrics;
}

export function openProgram(config: Config, log: Logger, options: ProgramOptions = {}): Program {
  return new OpenProgram(config, log, options);
}

class OpenProgram implements Program {
  readonly #shared: Shared;
  readonly #faces: Faces;
  readonly #retention: Retention;
  #current: Generation;
  /** The configuration that was asked for last, be it that parts of it need a restart. */
  #wanted: Config;
  #isFileUsable = true;
  /** The current one, and earlier ones whose runs have not ended yet. */
  readonly #generations = new Set<Generation>();
  #isStopping = false;

  constructor(config: Config, log: Logger, { rpcLimits = {}, workers }: ProgramOptions) {
    const store = deferSessionStore(config.session);
    const registry = new RunRegistry();
    store.runs.onCancelRequested((id) => registry.findLive(id)?.abort("cancel"));
    const history = new RunHistory(registry, store.runs);
    const feed = new RunFeed();
    const counters = new WindowCounts(() => store.counters());
    this.#shared = {
      store,
      lanes: new Lanes(config.session),
      slots: new RunSlots(config.runs),
      registry,
      repeated: new RepeatedRuns(history),
      feed,
      limits: new TokenLimiter({ accounts: store.accounts, counters, log }),
      schemas: new SchemaChecker(),
      pool: new ProviderPool(),
      toolServers: new McpServerPool({ clientVersion: packageVersion, log }),
      log,
    };
    this.#wanted = config;
    this.#current = new Generation(config, this.#shared);
    this.#generations.add(this.#current);
    const { turns } = this.#current;
    const { catalog, runs, accounts } = store;
    this.#retention = new Retention({ catalog, runs, accounts, turns, limits: config.session.retention, log });
    const configFile = () => ({
      isUsable: this.#isFileUsable,
      needsRestart: restartKeysOf(this.config, this.#wanted, this.config).length > 0,
    });
    this.#faces = new Faces({ store, history, registry, feed, counters, log, rpcLimits, configFile, workers });
  }

  get config(): Config {
    return this.#current.config;
  }

  get runs(): RunService {
    return this.#current.runs;
  }

  get keptSessions(): KeptSessions {
    return this.#current.keptSessions;
  }

  get agents(): AgentDirectory {
    return this.#current.agents;
  }

  get models(): ModelCatalog {
    return this.#current.models;
  }

  checkStore(): Promise<void> {
    return this.#shared.store.check();
  }

  async storedTokens(): Promise<readonly StoredToken[]> {
    return (await this.#shared.store.tokens.list()).tokens;
  }

  checkToolServers(): Promise<readonly ToolServerReport[]> {
    return this.#current.checkToolServers();
  }

  async listen(): Promise<string> {
    // A gateway that cannot keep sessions does not start, whereas the CLI may never need any.
    await this.checkStore();
    const url = await this.#faces.listen(this.#current);
    this.#retention.start();
    return url;
  }

  apply(wanted: Config): Applied {
    if (this.#isStopping) return { changed: [], unchanged: [] };
    const unchanged = restartKeysOf(this.config, wanted, this.#wanted);
    this.#wanted = wanted;
    this.#isFileUsable = true;
    const next = whileRunning(this.config, wanted);
    const changed = changedSections(this.config, next);
    if (changed.length === 0) return { changed, unchanged };
    const previous = this.#current;
    this.#current = new Generation(next, this.#shared, previous);
    this.#generations.add(this.#current);
    this.#shared.lanes.limit(next.session);
    this.#shared.slots.limit(next.runs);
    this.#retention.limit(next.session.retention);
    this.#faces.configure(this.#current);
    void this.#retire(previous);
    return { changed, unchanged };
  }

  refuseConfig(): void {
    this.#isFileUsable = false;
  }

  metricSeries(): Promise<readonly MetricSeries[]> {
    return this.#faces.metricSeries();
  }

  async drain(): Promise<void> {
    this.#isStopping = true;
    this.#faces.drain();
    for (const { runs } of this.#generations) runs.close();
    await this.#settled(this.config.gateway.shutdownGraceMs);
  }

  async close(): Promise<void> {
    this.#isStopping = true;
    this.#faces.refuse();
    // Their callers are told, and their sessions written before the store closes.
    for (const { runs } of this.#generations) runs.stop();
    await this.#settled(settleTimeoutMs);
    await this.#faces.close();
    // Runs whose callers did not take what they were told have ended with their connections.
    await this.#settled(settleTimeoutMs);
    const { schemas, pool, store } = this.#shared;
    const generations = [...this.#generations].map((generation) => generation.close());
    await Promise.all([this.#retention.stop(), schemas.close(), pool.close(), ...generations]);
    await store.close();
  }

  /** Never rejects. */
  async #retire(generation: Generation): Promise<void> {
    try {
      await generation.runs.settled();
      await generation.close();
    } catch (thrown) {
      this.#shared.log.warn({ err: thrown }, "what an earlier config needed could not be closed");
    }
    this.#generations.delete(generation);
  }

  /** Resolves when no run is under way, after `ms` at the latest. */
  async #settled(ms: number): Promise<void> {
    const isOver = new AbortController();
    const runs = Promise.all([...this.#generations].map((generation) => generation.runs.settled()));
    await Promise.race([runs, sleep(ms, undefined, { signal: isOver.signal })]);
    isOver.abort();
  }
}

/** What of `wanted` can be had without a restart. */
function whileRunning({ gateway, session }: Config, wanted: Config): Config {
  // A secret that was made up at start is still the one that was printed then.
  const isMadeUp = gateway.auth.isGenerated && wanted.gateway.auth.isGenerated;
  const wantedAuth = isMadeUp ? { ...wanted.gateway.auth, secret: gateway.auth.secret! } : wanted.gateway.auth;
  // One mode's secrets say nothing about who may call in another one.
  const auth = gateway.auth.mode === wanted.gateway.auth.mode ? wantedAuth : gateway.auth;
  return {
    ...wanted,
    gateway: { ...wanted.gateway, port: gateway.port, host: gateway.host, auth },
    session: { ...wanted.session, database: session.database, server: session.server },
  };
}

/** The keys with which `wanted` differs from what runs in a way that needs a restart, but for what `before` has asked for already. */
function restartKeysOf(running: Config, wanted: Config, before: Config): readonly string[] {
  const valuesOf = ({ gateway: { port, host, auth }, session }: Config): { [key: string]: unknown } => ({
    "gateway.port": port,
    "gateway.bind": host,
    "gateway.auth.mode": auth.mode,
    ...(wanted.gateway.auth.mode === running.gateway.auth.mode
      ? {}
      : { "gateway.auth.tokens": auth.tokens, "gateway.auth.rateLimit": auth.rateLimit }),
    "session.database": session.database,
    "session.databasePoolSize": session.server.poolSize,
    "session.databaseListenUrl": session.server.listenUrl,
  });
  const [now, then, next] = [valuesOf(running), valuesOf(before), valuesOf(wanted)];
  return Object.keys(next).filter((key) => !isDeepStrictEqual(next[key], now[key]) && !isDeepStrictEqual(next[key], then[key]));
}

/** Of what the program is made from: a file that was only touched, or says the same in another way, changes nothing. */
function changedSections(before: Config, after: Config): readonly string[] {
  const valuesOf = ({
    gateway,
    agents,
    runs,
    defaultModel,
    providers,
    mcpServers,
    session,
    log,
  }: Config): { [section: string]: unknown } => ({
    gateway,
    agents: [agents.map((agent) => ({ ...agent, createdAt: 0 })), runs, defaultModel],
    models: providers,
    mcp: mcpServers,
    session,
    log,
  });
  const [then, now] = [valuesOf(before), valuesOf(after)];
  return Object.keys(now).filter((section) => !isDeepStrictEqual(now[section], then[section]));
}
