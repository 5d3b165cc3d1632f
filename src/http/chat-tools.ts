/** OpenAI's `tools` and `tool_choice` → the domain's. Pure. All forms of the choice, none of the custom tools. */
import type { components } from "../../generated/openapi.ts";
import { GatewayError } from "../domain/errors.ts";
import type { ToolChoice, ToolDefinition } from "../domain/model.ts";
import type { RunRequest } from "../domain/run.ts";
import { refuseDeep } from "./depth.ts";

type ChatBody = components["schemas"]["ChatCompletionRequest"];
type WireTool = NonNullable<ChatBody["tools"]>[number];

export function decodeTools(body: ChatBody): Pick<RunRequest, "tools" | "toolChoice"> {
  const tools = (body.tools ?? []).map(decodeTool);
  const repeated = tools.findIndex((tool, index) => tools.findIndex((other) => other.name === tool.name) < index);
  if (repeated >= 0)
    throw invalid(`tools[${repeated}].function.name`, `Two tools are named '${tools[repeated]?.name}'. Give each its own name.`);
  const choice = body.tool_choice;
  if (choice == null) return { tools };
  if (typeof choice === "string") {
    if (choice === "required") requireTools(tools, "'required'");
    return { tools, toolChoice: choice };
  }
  switch (choice.type) {
    case "function":
      return { tools, toolChoice: { name: known(choice.function.name, tools, "tool_choice.function.name") } };
    case "allowed_tools": {
      const { mode, tools: allowed } = choice.allowed_tools;
      return { tools: pickAllowed(allowed, tools), toolChoice: mode satisfies ToolChoice };
    }
    case "custom":
      throw new GatewayError("unsupported_parameter", "Custom tools are not supported. Use functions.", { param: "tool_choice" });
  }
}

function decodeTool(tool: WireTool, index: number): ToolDefinition {
  if (tool.type !== "function") {
    throw new GatewayError("unsupported_parameter", "Custom tools are not supported. Use tools of type 'function'.", {
      param: `tools[${index}].type`,
    });
  }
  const { name, description, parameters, strict } = tool.function;
  if (parameters) refuseDeep(parameters, `tools[${index}].function.parameters`);
  return {
    name,
    ...(description == null ? {} : { description }),
    ...(parameters == null ? {} : { parameters }),
    ...(strict == null ? {} : { strict }),
  };
}

function pickAllowed(allowed: readonly { readonly [key: string]: unknown }[], tools: readonly ToolDefinition[]): ToolDefinition[] {
  const names = allowed.map((entry, index) => {
    const param = `tool_choice.allowed_tools.tools[${index}]`;
    const name = (entry["function"] as { name?: unknown } | undefined)?.name;
    if (entry["type"] !== "function" || typeof name !== "string")
      throw invalid(param, `'${param}' must be {"type": "function", "function": {"name": …}}.`);
    return known(name, tools, param);
  });
  return tools.filter((tool) => names.includes(tool.name));
}

function known(name: string, tools: readonly ToolDefinition[], param: string): string {
  requireTools(tools, "naming a tool");
  if (tools.some((tool) => tool.name === name)) return name;
  throw invalid(param, `There is no tool named '${name.slice(0, 64)}' in 'tools'.`);
}

function requireTools(tools: readonly ToolDefinition[], what: string): void {
  if (tools.length === 0) throw invalid("tool_choice", `'tool_choice' ${what} needs 'tools'.`);
}

function invalid(param: string, message: string): GatewayError {
  return new GatewayError("invalid_value", message, { param });
}
