/**
 * The tools an agent can have of its own, by name, and the one way they are called: arguments are checked against
 * the tool's schema first, time and output are limited, and whatever goes wrong becomes a result that the model sees.
 */
import { type Agent, allowsTool } from "../domain/agent.ts";
import type { ToolCall } from "../domain/message.ts";
import { exceededBound } from "../domain/json-bounds.ts";
import type { JsonObject, ToolDefinition } from "../domain/model.ts";
import type { Tool, ToolContext } from "../domain/tool.ts";
import { ArgumentsCheck } from "./arguments-check.ts";
import { calculator } from "./calculator.ts";
import { createHttpFetch } from "./http-fetch.ts";
import { memoryRecall, memorySave } from "./memory-tools.ts";
import { SchemaChecker } from "./schema-checker.ts";
import { limitOutput } from "./tool-output.ts";
import { DeadlineOver, withDeadline } from "./until-aborted.ts";

const currentTime: Tool = {
  definition: {
    name: "current_time",
    description: "The current date and time in UTC, ISO 8601.",
    parameters: { type: "object", properties: {}, additionalProperties: false },
  },
  execute: (_args, { now }) => Promise.resolve(now().toISOString()),
};

export const builtInTools: readonly Tool[] = [calculator, currentTime, memorySave, memoryRecall, createHttpFetch()];

const maxArgumentDepth = 64;

export interface ToolOutcome {
  readonly content: string;
  readonly isError: boolean;
}

/** The tools of one agent, for one run. */
export interface ToolSet {
  readonly definitions: readonly ToolDefinition[];
  /** Never rejects but with the signal's reason: whatever else goes wrong is an outcome. */
  call(call: ToolCall, context: ToolContext): Promise<ToolOutcome>;
}

/** Where tools come from that are not built in. */
export interface ToolSource {
  /** The tools of its own that `agent` may use at the moment. Rejects only with the signal's reason. */
  tools(agent: Agent, signal: AbortSignal): Promise<readonly Tool[]>;
}

export class AgentTools {
  readonly #builtIn: readonly Tool[];
  readonly #source: ToolSource | undefined;
  readonly #arguments: ArgumentsCheck;

  /** The names of `source`'s tools contain `__`, so that none is a built-in one's. */
  constructor(builtIn = builtInTools, source?: ToolSource, schemas = new SchemaChecker()) {
    this.#source = source;
    this.#builtIn = builtIn;
    this.#arguments = new ArgumentsCheck(schemas);
  }

  /** The tools that `agent` has at the moment, the built-in ones first. Rejects only with the signal's reason. */
  async open(agent: Agent, signal: AbortSignal): Promise<ToolSet> {
    signal.throwIfAborted();
    const builtIn = this.#builtIn.filter(({ definition }) => allowsTool(agent.tools, definition.name));
    const others = (await this.#source?.tools(agent, signal)) ?? [];
    const tools = new Map([...builtIn, ...others].map((tool) => [tool.definition.name, tool]));
    return {
      definitions: [...tools.values()].map((tool) => tool.definition),
      call: async (call, context) => {
        const { content, isError } = await this.#call(call, tools, context);
        return { content: limitOutput(content, context.agent.tools.maxOutputBytes), isError };
      },
    };
  }

  async #call(call: ToolCall, tools: ReadonlyMap<string, Tool>, context: ToolContext): Promise<ToolOutcome> {
    const tool = tools.get(call.name);
    if (!tool) return failure(`There is no tool named '${call.name}'. Tools: ${[...tools.keys()].join(", ") || "none"}.`);
    const args = parseArguments(call.arguments);
    if (args === undefined) return failure("The arguments are not a JSON object.");
    // Whoever takes the arguments over may read them recursively.
    if (exceededBound(args, { maxDepth: maxArgumentDepth, maxNodes: Infinity }))
      return failure(`The arguments are nested deeper than ${maxArgumentDepth} levels.`);
    const problem = await this.#problemOf(args, tool, context.signal);
    return problem === undefined ? execute(tool, args, context) : failure(`The arguments are wrong: ${problem}.`);
  }

  async #problemOf(args: JsonObject, tool: Tool, signal: AbortSignal): Promise<string | undefined> {
    try {
      return await this.#arguments.problemOf(args, tool, signal);
    } catch {
      signal.throwIfAborted();
      return "they cannot be checked at the moment";
    }
  }
}

async function execute(tool: Tool, args: JsonObject, context: ToolContext): Promise<ToolOutcome> {
  const { timeoutMs } = context.agent.tools;
  try {
    const content = await withDeadline(timeoutMs, context.signal, (signal) => tool.execute(args, { ...context, signal }));
    return { content, isError: false };
  } catch (thrown) {
    context.signal.throwIfAborted();
    if (thrown instanceof DeadlineOver) return failure(`The tool did not finish within ${timeoutMs} ms and was stopped.`);
    return failure(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function failure(message: string): ToolOutcome {
  return { content: `Error: ${message}`, isError: true };
}

function parseArguments(text: string): JsonObject | undefined {
  try {
    const value: unknown = text.trim() === "" ? {} : JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}
