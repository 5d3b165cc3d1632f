/** A tool of the agent's own: it runs inside the gateway and its calls are not shown to the caller. */
import type { Agent } from "./agent.ts";
import type { JsonObject, ToolDefinition } from "./model.ts";
import type { SessionMemory } from "./session.ts";

export interface ToolContext {
  readonly agent: Agent;
  readonly memory: SessionMemory;
  readonly signal: AbortSignal;
  readonly now: () => Date;
}

export interface Tool {
  readonly definition: ToolDefinition;
  /**
   * `args` is a JSON object that has the properties `definition.parameters` requires, of the types it names.
   * A rejection becomes a tool result that the model sees; its message must be fit for that.
   */
  execute(args: JsonObject, context: ToolContext): Promise<string>;
}
