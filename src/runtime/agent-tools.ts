/**
 * The tools an agent can have of its own, by name, and the one way they are called: arguments are checked against
 * the tool's schema first, and whatever goes wrong becomes a result that the model sees.
 */
import type { ValidateFunction } from "ajv/dist/2020.js";
import type { ToolCall } from "../domain/message.ts";
import type { JsonObject } from "../domain/model.ts";
import type { Tool, ToolContext } from "../domain/tool.ts";
import { calculator } from "./calculator.ts";
import { memoryRecall, memorySave } from "./memory-tools.ts";

const currentTime: Tool = {
  definition: {
    name: "current_time",
    description: "The current date and time in UTC, ISO 8601.",
    parameters: { type: "object", properties: {}, additionalProperties: false },
  },
  execute: (_args, { now }) => Promise.resolve(now().toISOString()),
};

export interface ToolOutcome {
  readonly content: string;
  readonly isError: boolean;
}

export class AgentTools {
  readonly #tools: ReadonlyMap<string, Tool>;
  readonly #validators = new Map<string, Promise<ValidateFunction>>();

  constructor(tools: readonly Tool[] = [calculator, currentTime, memorySave, memoryRecall]) {
    this.#tools = new Map(tools.map((tool) => [tool.definition.name, tool]));
  }

  names(): readonly string[] {
    return [...this.#tools.keys()];
  }

  /** The tools of these names; a name that is not known is a mistake of the wiring. */
  pick(names: readonly string[]): readonly Tool[] {
    return names.map((name) => {
      const tool = this.#tools.get(name);
      if (!tool) throw new Error(`No agent tool is named '${name}'.`);
      return tool;
    });
  }

  /** Never rejects but for an abort. `allowed` are the names this agent may use. */
  async call(call: ToolCall, allowed: readonly string[], context: ToolContext): Promise<ToolOutcome> {
    const tool = allowed.includes(call.name) ? this.#tools.get(call.name) : undefined;
    if (!tool) return failure(`There is no tool named '${call.name}'. Tools: ${allowed.join(", ") || "none"}.`);
    const args = parseArguments(call.arguments);
    if (args === undefined) return failure("The arguments are not a JSON object.");
    const validate = await this.#validatorOf(tool);
    if (!validate(args)) {
      const [error] = validate.errors ?? [];
      return failure(`The arguments are wrong: ${error?.instancePath.slice(1) || "they"} ${error?.message ?? "do not fit the schema"}.`);
    }
    try {
      return { content: await tool.execute(args, context), isError: false };
    } catch (thrown) {
      context.signal.throwIfAborted();
      return failure(thrown instanceof Error ? thrown.message : String(thrown));
    }
  }

  /** Compiled by the first call: a run without tool calls does not wait for the validator. */
  #validatorOf({ definition: { name, parameters = {} } }: Tool): Promise<ValidateFunction> {
    const known = this.#validators.get(name) ?? import("ajv/dist/2020.js").then(({ Ajv2020 }) => new Ajv2020().compile(parameters));
    this.#validators.set(name, known);
    return known;
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
