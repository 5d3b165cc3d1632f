/**
 * The gateway's configuration as the program sees it: complete, checked, frozen. No key is optional that has a default.
 *
 * Deliberately absent: how the file spells it (`schema.ts`) and where values come from (`load.ts`).
 */
import type { Agent, FetchLimits } from "../domain/agent.ts";
import type { ImagePart } from "../domain/message.ts";
import type { Price } from "../domain/model.ts";
import type { NamedToken } from "../domain/token.ts";

export type { NamedToken } from "../domain/token.ts";

export interface Config {
  /** The file it was read from; undefined when there is none and everything is default. */
  readonly path: string | undefined;
  readonly gateway: GatewayConfig;
  /** Never empty. In the order of the file. */
  readonly agents: readonly Agent[];
  readonly providers: readonly ProviderConfig[];
  readonly mcpServers: readonly McpServerConfig[];
  /** What agents without a model of their own run on; undefined when each names one. */
  readonly defaultModel: DefaultModel | undefined;
  readonly session: SessionConfig;
  readonly runs: RunsConfig;
  readonly log: LogConfig;
  /** What was read and has no effect, a sentence each; shown at start. */
  readonly warnings: readonly string[];
}

export interface GatewayConfig {
  readonly port: number;
  /** The address to listen on: `127.0.0.1`, `0.0.0.0` or the one of `customBindHost`. */
  readonly host: string;
  readonly auth: AuthConfig;
  readonly chatCompletions: ChatCompletionsConfig;
  /** From the first byte of a request to the last byte of its body. */
  readonly requestTimeoutMs: number;
  /** At a time, of all faces; what is more is closed at once. */
  readonly maxConnections: number;
  /** How long runs may go on when the gateway is stopped. */
  readonly shutdownGraceMs: number;
  /** Origins of web pages that may read the replies. */
  readonly corsOrigins: readonly string[];
  /** Addresses or CIDR ranges whose forwarding headers are believed. */
  readonly trustedProxies: readonly string[];
}

export type AuthMode = "token" | "password" | "none";

export interface AuthConfig {
  readonly mode: AuthMode;
  /** Present unless mode is `none`, or named tokens are the only ones. */
  readonly secret?: string;
  /** The secret was made up at start because none was configured; it is printed once. */
  readonly isGenerated: boolean;
  readonly tokens: readonly NamedToken[];
  /** Undefined: failed logins are not limited. */
  readonly rateLimit: RateLimitConfig | undefined;
}

export interface RateLimitConfig {
  readonly maxAttempts: number;
  readonly windowMs: number;
  readonly lockoutMs: number;
  readonly exemptLoopback: boolean;
}

export interface ChatCompletionsConfig {
  readonly enabled: boolean;
  readonly maxBodyBytes: number;
  /** Silence after which a stream sends a comment. */
  readonly keepAliveMs: number;
  /** How long a reader may take nothing before it is cut and its run aborted. */
  readonly readerTimeoutMs: number;
  /** Model names that clients have hard-wired → agent ids. */
  readonly modelAliases: ReadonlyMap<string, string>;
  /** A client header, lower case, that names the session when `x-openclaw-session-key` does not; off by default. */
  readonly sessionHeader: string | undefined;
  readonly attachments: AttachmentsConfig;
}

/** How much of what callers attach is taken. */
export interface AttachmentsConfig {
  /** Image parts of one request. */
  readonly maxImageParts: number;
  /** Of all image parts of one request, decoded. */
  readonly maxTotalImageBytes: number;
  /** Undefined: images by address are refused. */
  readonly imageUrls: FetchLimits | undefined;
  /** Of one image, decoded. */
  readonly maxImageBytes: number;
  /** Never empty. */
  readonly imageTypes: readonly ImagePart["mediaType"][];
  /** File parts of one request. */
  readonly maxFileParts: number;
  /** Of one file, decoded. */
  readonly maxFileBytes: number;
  /** Of one file's text; what is longer is refused. */
  readonly maxFileCharacters: number;
}

/** The protocol a provider speaks. `ai-sdk`: whatever the AI SDK package `package` speaks. `llama`: none, models run in this process. */
export type ProviderApi = "openai-completions" | "anthropic-messages" | "google-generative-ai" | "ai-sdk" | "llama" | "builtin";

export interface ProviderConfig {
  readonly id: string;
  readonly api: ProviderApi;
  /** Of `ai-sdk`: an npm package of an AI SDK provider, installed beside the gateway or the config file. */
  readonly package?: string;
  /** Absolute path of the module that importing `package` means. */
  readonly packageEntry?: string;
  /** Of `ai-sdk`: what else the package wants to be told when its provider is made. May hold secrets. */
  readonly options?: { readonly [name: string]: unknown };
  /** Without a trailing slash, `/v1` included; empty for `builtin`, and where the package knows it. */
  readonly baseUrl: string;
  readonly apiKey?: string;
  readonly headers: { readonly [name: string]: string };
  /** Empty: any model id is passed on. */
  readonly models: readonly ModelConfig[];
  /** Until the response headers, and between two pieces of the body. */
  readonly timeoutMs: number;
}

export interface ModelConfig {
  /** As the provider knows it. */
  readonly id: string;
  /** `false`: the configuration says that it takes none. */
  readonly takesImages: boolean;
  /** Tokens of one reply, at most, where a request names no limit. */
  readonly maxTokens?: number;
  readonly contextWindow?: number;
  readonly price?: Price;
}

/** A server of the Model Context Protocol, started as a process or reached over HTTP. */
export type McpServerConfig = {
  /** `[A-Za-z0-9-]…`, the first part of its tools' names. */
  readonly name: string;
  /** To connect and to list its tools. */
  readonly connectTimeoutMs: number;
} & (
  | {
      readonly transport: "stdio";
      readonly command: string;
      readonly args: readonly string[];
      readonly env: { readonly [name: string]: string };
      readonly cwd: string | undefined;
    }
  | { readonly transport: "streamable-http"; readonly url: string; readonly headers: { readonly [name: string]: string } }
);

export interface DefaultModel {
  /** `<provider>/<model>`. */
  readonly ref: string;
  /** Why it was chosen: a clause printed at start, without a final dot. */
  readonly reason: string;
}

export interface SessionConfig {
  /** Absolute path of the SQLite file, or `:memory:`, or the URL of a Postgres database, which may hold a password. */
  readonly database: string;
  /** Of use for a database with a URL only. */
  readonly server: DatabaseServerConfig;
  /** Runs that may wait for one session. */
  readonly maxQueued: number;
  /** How long a run waits at most, be it for its session or for others to end. */
  readonly maxWaitMs: number;
  readonly retention: RetentionConfig;
}

export interface DatabaseServerConfig {
  /** Connections of one process, at most; one more listens. */
  readonly poolSize: number;
  /** Where that one leads to; undefined: to the database's URL. */
  readonly listenUrl: string | undefined;
}

/** What is kept; undefined: all of it. */
export interface RetentionConfig {
  /** `false`: what is over the limits is only spoken of. */
  readonly isEnforced: boolean;
  /** How long without activity. */
  readonly pruneAfterMs: number | undefined;
  /** Sessions. */
  readonly maxEntries: number | undefined;
  /** Of all sessions together. */
  readonly maxDiskBytes: number | undefined;
}

/** Of all agents and sessions together. */
export interface RunsConfig {
  /** Runs at work at a time. */
  readonly maxConcurrent: number;
  /** Runs that may wait besides. */
  readonly maxQueued: number;
}

export interface LogConfig {
  readonly level: "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";
}
