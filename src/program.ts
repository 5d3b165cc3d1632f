/**
 * The only place where everything is wired: a configuration becomes a program, with or without its HTTP face.
 *
 * No state lives outside the object, so two programs can be open in one process.
 */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { Config } from "./config/config.ts";
import { contractPath, docsPagePath, packageVersion } from "./config/package.ts";
import type { SessionStore } from "./domain/session.ts";
import { openModelCatalog } from "./model/catalog.ts";
import { AgentTools, builtInTools } from "./runtime/agent-tools.ts";
import { McpServers, type ToolServerReport } from "./runtime/mcp-servers.ts";
import { ReplyFormatChecker } from "./runtime/reply-format.ts";
import { SchemaChecker } from "./runtime/schema-checker.ts";
import { AgentDirectory } from "./service/agent-directory.ts";
import { KeptSessions } from "./service/kept-sessions.ts";
import { Lanes } from "./service/lanes.ts";
import { AttachmentService } from "./service/attachments.ts";
import { InstructionService } from "./service/instructions.ts";
import { Retention } from "./service/retention.ts";
import { RunAdmission } from "./service/run-admission.ts";
import { RunQueue } from "./service/run-queue.ts";
import { RunService } from "./service/run-service.ts";
import { RunSlots } from "./service/run-slots.ts";
import { SessionService } from "./service/session-service.ts";
import { SessionTurns } from "./service/session-turns.ts";
import { DeferredSessionStore } from "./store/deferred-session-store.ts";

/** How long `close` waits for runs that do not react to their abort. */
const settleTimeoutMs = 5_000;

export type { ToolServerReport } from "./runtime/mcp-servers.ts";

export interface Program {
  readonly config: Config;
  readonly runs: RunService;
  readonly keptSessions: KeptSessions;
  /** Resolves when sessions can be kept; opens their database if need be. Rejects with `store_unavailable`. */
  checkStore(): Promise<void>;
  /** Connects to the MCP servers that agents have tools of, and says what became of each. Never rejects. */
  checkToolServers(): Promise<readonly ToolServerReport[]>;
  /** Opens the store and starts the HTTP face; resolves with its base URL when it accepts connections. */
  listen(): Promise<string>;
  /** Stops accepting, closes every connection, provider pool and the store. */
  close(): Promise<void>;
}

export function openProgram(config: Config, log: Logger): Program {
  const store = new DeferredSessionStore(async () => {
    const { openSessionStore } = await import("./store/open-session-store.ts");
    return openSessionStore(config.session.database);
  });
  const models = openModelCatalog(config.providers);
  const mcpServers = new McpServers(config.mcpServers, { clientVersion: packageVersion, log, agents: config.agents });
  const agents = new AgentDirectory(config.agents);
  const attachments = new AttachmentService(config.gateway.chatCompletions.attachments);
  const schemas = new SchemaChecker();
  const formats = new ReplyFormatChecker(schemas);
  const sessions = new SessionService(store);
  const lanes = new Lanes(config.session);
  const { keptSessions, retention } = keepSessions(config.session, { lanes, store, agents, log });
  const queue = new RunQueue({
    lanes,
    slots: new RunSlots(config.runs),
    store,
    maxWaitMs: config.session.maxWaitMs,
    log,
  });
  const runs = new RunService({
    admission: new RunAdmission({ agents, models, attachments, formats, queue, sessions }),
    sessions,
    instructions: new InstructionService(log),
    tools: new AgentTools(builtInTools, mcpServers, schemas),
    formats,
    log,
  });
  let server: Server | undefined;

  const listen = async (): Promise<string> => {
    // A gateway that cannot keep sessions does not start, whereas the CLI may never need any.
    await store.check();
    // The CLI has runs without HTTP: it does not wait for what only this face needs.
    // One after the other: Jest's module loader cannot link graphs that overlap at the same time.
    const { createApp } = await import("./http/app.ts");
    const { Contract } = await import("./http/contract.ts");
    const { createOperations } = await import("./http/operations/index.ts");
    const { createHttpServer } = await import("./http/server.ts");
    const { AuthService } = await import("./service/auth-service.ts");
    const document = await readFile(contractPath, "utf8");
    const contractDocument = JSON.parse(document) as { [key: string]: unknown };
    const { gateway } = config;
    const operations = createOperations({
      runs,
      keptSessions,
      agents,
      chatCompletions: gateway.chatCompletions,
      version: packageVersion,
      checkReadiness: () => store.check(),
      contractDocument,
      docsPagePath,
    });
    const contract = await Contract.load(contractDocument, operations);
    const app = createApp({ config: gateway, contract, auth: new AuthService(gateway.auth), log });
    const handle = app.callback();
    server = createHttpServer((req, res) => void handle(req, res), gateway.requestTimeoutMs);
    server.listen(gateway.port, gateway.host);
    await once(server, "listening");
    retention.start();
    return urlOf(server.address() as AddressInfo);
  };

  const close = async (): Promise<void> => {
    if (server?.listening) {
      server.close();
      server.closeAllConnections();
    }
    // Callers that were cut abort their runs; those write their sessions before the store closes.
    await Promise.race([runs.settled(), sleep(settleTimeoutMs, undefined, { ref: false })]);
    await Promise.all([retention.stop(), models.close(), schemas.close(), attachments.close(), mcpServers.close()]);
    await store.close();
  };

  return { config, runs, keptSessions, checkStore: () => store.check(), checkToolServers: () => mcpServers.look(), listen, close };
}

function keepSessions(
  { maxWaitMs, retention: limits }: Config["session"],
  { lanes, store, agents, log }: { lanes: Lanes; store: SessionStore; agents: AgentDirectory; log: Logger },
) {
  const turns = new SessionTurns({ lanes, store, maxWaitMs, log });
  return {
    keptSessions: new KeptSessions({ store, agents, turns }),
    retention: new Retention({ catalog: store.catalog, turns, limits, log }),
  };
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
