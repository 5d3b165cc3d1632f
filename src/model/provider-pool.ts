/**
 * The connections to all providers: one pool, opened by the first request, for as many catalogues as use it. What no provider
 * is asked on any more closes by itself.
 *
 * Deliberately absent: who is asked, and how (`provider-connection.ts`).
 */
import type { Agent } from "undici";

const connectTimeoutMs = 10_000;

export class ProviderPool {
  #agent: Promise<Agent> | undefined;

  // A run on the built-in model does not wait for an HTTP client it has no use for.
  readonly open = (): Promise<Agent> =>
    (this.#agent ??= import("undici").then((undici) => new undici.Agent({ connect: { timeout: connectTimeoutMs } })));

  async close(): Promise<void> {
    await (await this.#agent)?.destroy();
  }
}
