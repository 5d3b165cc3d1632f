/** A configured behaviour: instructions, a model, tools, limits. What a caller names when it names a `model`. */

/** `[a-z0-9][a-z0-9_-]{0,63}`, always lower case. */
export type AgentId = string;

export const agentIdPattern = /^[a-z0-9][a-z0-9_-]{0,63}$/;

export interface Agent {
  readonly id: AgentId;
  /** At most one agent has it. */
  readonly isDefault: boolean;
  /** Sent to the model before anything the caller sends. */
  readonly systemPrompt?: string;
  /** Absolute path of a folder whose `AGENTS.md` and `SOUL.md` are instructions too. */
  readonly workspace?: string;
  /** `<provider>/<model>`. */
  readonly model: string;
  /** Models to try in this order when `model` fails before anything was sent to the caller. */
  readonly fallbacks: readonly string[];
  readonly tools: AgentToolPolicy;
  /** Model calls in one run, at most. */
  readonly maxTurns: number;
  /** From the moment the run leaves the queue, in milliseconds. */
  readonly runTimeoutMs: number;
  /** Unix seconds: when the configuration that made the agent was last changed. */
  readonly createdAt: number;
}

/** Which tools of its own an agent has, and how far each may go. */
export interface AgentToolPolicy {
  /** Names of built-in tools, `<server>__<tool>` for one tool of an MCP server, `<server>__*` for all of them. */
  readonly allow: readonly string[];
  /** For one call, in milliseconds. */
  readonly timeoutMs: number;
  /** Of one result, in UTF-8; what is longer is cut, and says so. */
  readonly maxOutputBytes: number;
  readonly httpFetch: FetchLimits;
}

/** How far a request to an address that a caller or a model named may go. Addresses that are not public are never reached. */
export interface FetchLimits {
  /** Host names, `*.example.org` for all below one, `*` for any. */
  readonly allowHosts: readonly string[];
  /** Of the body, unpacked. */
  readonly maxBytes: number;
  readonly maxRedirects: number;
  /** From the first lookup to the last byte, redirects included. */
  readonly timeoutMs: number;
}

/** Whether `allow` gives an agent the tool `name`. */
export function allowsTool({ allow }: AgentToolPolicy, name: string): boolean {
  return allow.some((entry) => entry === name || (entry.endsWith("__*") && name.startsWith(entry.slice(0, -1))));
}
