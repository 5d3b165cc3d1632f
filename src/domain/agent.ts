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
  /** `<provider>/<model>`. */
  readonly model: string;
  /** Names of the agent's own tools, each known to the runtime. */
  readonly tools: readonly string[];
  /** Model calls in one run, at most. */
  readonly maxTurns: number;
  /** From the moment the run leaves the queue, in milliseconds. */
  readonly runTimeoutMs: number;
  /** Unix seconds: when the configuration that made the agent was last changed. */
  readonly createdAt: number;
}
