/**
 * The MCP servers of a program: one for each configuration in use, whoever uses it. It ends when nobody does any more.
 *
 * Deliberately absent: which tools of it are whose (`mcp-servers.ts`).
 */
import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import type { McpServerConfig } from "../config/config.ts";
import { createSdkLoader } from "./mcp-sdk.ts";
import { McpServer } from "./mcp-server.ts";

export interface McpServerPoolOptions {
  readonly clientVersion: string;
  readonly log: Logger;
  /** How long a server that cannot be reached is left alone at first; each time it stays away, twice as long. */
  readonly retryAfterMs?: number;
}

interface Use {
  readonly config: McpServerConfig;
  /** None: it is being closed. */
  users: number;
}

const defaultRetryAfterMs = 5_000;

export class McpServerPool {
  readonly #options: McpServerPoolOptions;
  readonly #loadSdk = createSdkLoader();
  readonly #uses = new Map<McpServer, Use>();

  constructor(options: McpServerPoolOptions) {
    this.#options = options;
  }

  /** To be given back. */
  take(config: McpServerConfig): McpServer {
    for (const [server, use] of this.#uses) {
      if (use.users === 0 || !isDeepStrictEqual(use.config, config)) continue;
      use.users++;
      return server;
    }
    const { retryAfterMs = defaultRetryAfterMs, ...rest } = this.#options;
    const server = new McpServer(config, { ...rest, retryAfterMs, loadSdk: this.#loadSdk });
    // Whatever ends us in a hurry: their processes have groups of their own, and hear of no Ctrl-C.
    if (this.#uses.size === 0) process.once("exit", this.#kill);
    this.#uses.set(server, { config, users: 1 });
    return server;
  }

  /** Resolves when its processes and connections have ended, if nobody else uses it. */
  async giveBack(server: McpServer): Promise<void> {
    const use = this.#uses.get(server);
    if (!use || --use.users > 0) return;
    await server.close();
    this.#uses.delete(server);
    if (this.#uses.size === 0) process.off("exit", this.#kill);
  }

  readonly #kill = (): void => {
    for (const server of this.#uses.keys()) server.kill();
  };
}
