/**
 * An MCP server that is a process of ours: its transport, how it ended and what it said last.
 *
 * It is started and ended by the transport; here it is only watched.
 */
import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { McpSdk, Transport } from "./mcp-sdk.ts";
import type { Hide } from "./mcp-secrets.ts";
import { logLines } from "./mcp-stderr.ts";
import { type ProcessEnd, type StdioConfig, StdioTransport } from "./mcp-stdio.ts";

/** Its children may keep its standard error open after its end. */
const lastWordsTimeoutMs = 200;
const maxLastWords = 300;

/** A line that says what went wrong, among stack traces and good-byes; npm's last one says where its log is. */
const reason = /(?:error|exception)\b[^:]*:\s*\S/i;
const noReason = /log of this run/;

export class McpProcess {
  readonly #transport: StdioTransport;
  #lastLine = "";
  #reason = "";
  #allSaid: Promise<void> = Promise.resolve();

  constructor(config: StdioConfig, sdk: McpSdk, log: Logger, hide: Hide) {
    this.#transport = new StdioTransport(config, sdk, (stderr) => this.#listen(stderr, log, hide));
  }

  get transport(): Transport {
    return this.#transport;
  }

  /** Undefined while it runs, or when it never did. */
  get end(): ProcessEnd | undefined {
    return this.#transport.end;
  }

  /** Why it was given up, as the end of a sentence about it. */
  get fault(): string | undefined {
    return this.#transport.fault;
  }

  /** What it said on its standard error that may tell why it ended, `""` when it said nothing. */
  get lastWords(): string {
    return (this.#reason || this.#lastLine).slice(0, maxLastWords);
  }

  /** Resolves when `lastWords` are complete, if it has ended. */
  async settled(): Promise<void> {
    if (this.end !== undefined) await Promise.race([this.#allSaid, sleep(lastWordsTimeoutMs, undefined, { ref: false })]);
  }
  /** Without waiting. */
  kill(): void {
    this.#transport.kill();
  }

  #listen(stderr: Readable, log: Logger, hide: Hide): void {
    this.#allSaid = finished(stderr).catch(() => undefined);
    logLines(stderr, log, hide, (line) => {
      this.#lastLine = line.trim();
      if (reason.test(line) && !noReason.test(line)) this.#reason = line.trim();
    });
  }
}
