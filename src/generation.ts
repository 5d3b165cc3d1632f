/**
 * Everything that a configuration decides and a later one may decide anew while the program runs: agents, models, tools,
 * the rules of admission. A run keeps the generation it began in, to its end.
 *
 * Deliberately absent: what outlives a configuration, which generations share (`program.ts`): the store, the lanes, the runs
 * at work.
 */
import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import type { Config } from "./config/config.ts";
import type { ModelCatalog } from "./domain/model.ts";
import type { SessionStore } from "./domain/session.ts";
import { openModelCatalog } from "./model/catalog.ts";
import { LlamaRuntime } from "./model/llama.ts";
import type { ProviderPool } from "./model/provider-pool.ts";
import { AgentTools, builtInTools } from "./runtime/agent-tools.ts";
import type { McpServerPool } from "./runtime/mcp-server-pool.ts";
import { McpServers, type ToolServerReport } from "./runtime/mcp-servers.ts";
import { ReplyFormatChecker } from "./runtime/reply-format.ts";
import type { SchemaChecker } from "./runtime/schema-checker.ts";
import { AgentDirectory } from "./service/agent-directory.ts";
import { AttachmentService } from "./service/attachments.ts";
import { InstructionService } from "./service/instructions.ts";
import { KeptSessions } from "./service/kept-sessions.ts";
import type { Lanes } from "./service/lanes.ts";
import type { RepeatedRuns } from "./service/repeated-runs.ts";
import { RunAdmission } from "./service/run-admission.ts";
import type { RunFeed } from "./service/run-feed.ts";
import { RunQueue } from "./service/run-queue.ts";
import type { RunRegistry } from "./service/run-registry.ts";
import { RunService } from "./service/run-service.ts";
import type { RunSlots } from "./service/run-slots.ts";
import { SessionService } from "./service/session-service.ts";
import { SessionTurns } from "./service/session-turns.ts";
import type { TokenLimiter } from "./service/token-limits.ts";

/** What all generations of a program have in common. */
export interface Shared {
  readonly store: SessionStore;
  readonly lanes: Lanes;
  readonly slots: RunSlots;
  readonly registry: RunRegistry;
  readonly repeated: RepeatedRuns;
  readonly feed: RunFeed;
  readonly limits: TokenLimiter;
  readonly schemas: SchemaChecker;
  readonly pool: ProviderPool;
  readonly toolServers: McpServerPool;
  readonly log: Logger;
}

/** What holds processes or much memory, and is shared as long as it is made from the same configuration. */
interface Parts {
  readonly llama: Part<LlamaRuntime>;
  readonly attachments: Part<AttachmentService>;
}

export class Generation {
  readonly config: Config;
  readonly agents: AgentDirectory;
  readonly models: ModelCatalog;
  readonly turns: SessionTurns;
  readonly keptSessions: KeptSessions;
  readonly runs: RunService;
  readonly #parts: Parts;
  readonly #mcpServers: McpServers;
  #closing: Promise<unknown> | undefined;

  /** Takes over from `previous`, which must not be closed yet, what is made from the same configuration. */
  constructor(config: Config, shared: Shared, previous?: Generation) {
    const { store, lanes, slots, registry, repeated, feed, limits, schemas, pool, toolServers, log } = shared;
    this.config = config;
    this.agents = new AgentDirectory(config.agents);
    const { attachments } = config.gateway.chatCompletions;
    const files = config.providers.filter(({ api }) => api === "llama");
    const parts = previous === undefined ? undefined : previous.#parts;
    this.#parts = {
      llama: reuse(parts?.llama, files, () => new LlamaRuntime()),
      attachments: reuse(parts?.attachments, attachments, () => new AttachmentService(attachments)),
    };
    this.models = openModelCatalog(config.providers, { pool, llama: this.#parts.llama.value });
    this.#mcpServers = new McpServers(config.mcpServers, toolServers, config.agents);
    const { maxWaitMs } = config.session;
    this.turns = new SessionTurns({ lanes, store, maxWaitMs, log });
    this.keptSessions = new KeptSessions({ store, agents: this.agents, turns: this.turns });
    const sessions = new SessionService(store);
    const formats = new ReplyFormatChecker(schemas);
    this.runs = new RunService({
      admission: new RunAdmission({
        agents: this.agents,
        models: this.models,
        attachments: this.#parts.attachments.value,
        formats,
        queue: new RunQueue({ lanes, slots, store, maxWaitMs, log }),
        sessions,
      }),
      limits,
      registry,
      repeated,
      feed,
      sessions,
      store,
      instructions: new InstructionService(log),
      tools: new AgentTools(builtInTools, this.#mcpServers, schemas),
      formats,
      log,
    });
  }

  checkToolServers(): Promise<readonly ToolServerReport[]> {
    return this.#mcpServers.look();
  }

  /** Closes what no other generation uses. Its runs have ended, or are given up. */
  async close(): Promise<void> {
    const { llama, attachments } = this.#parts;
    this.#closing ??= Promise.all([llama.release(), attachments.release(), this.#mcpServers.close()]);
    await this.#closing;
  }
}

/** Something that is closed when the last of its users lets go of it, and what it was made from. */
class Part<T extends { close(): Promise<void> }> {
  readonly source: unknown;
  readonly value: T;
  #users = 1;

  constructor(source: unknown, value: T) {
    this.source = source;
    this.value = value;
  }

  share(): this {
    this.#users++;
    return this;
  }

  async release(): Promise<void> {
    if (--this.#users === 0) await this.value.close();
  }
}

function reuse<T extends { close(): Promise<void> }>(previous: Part<T> | undefined, source: unknown, make: () => T): Part<T> {
  return previous !== undefined && isDeepStrictEqual(previous.source, source) ? previous.share() : new Part(source, make());
}
