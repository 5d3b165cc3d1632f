/**
 * `reasoning_effort` in the words of Anthropic and Google, which each have two: a budget of tokens for their older
 * models and a level for the newer ones. Where one is asked for, so is a summary of the thoughts.
 */
import type { JSONValue } from "@ai-sdk/provider";
import { GatewayError } from "../domain/errors.ts";
import type { ModelRequest } from "../domain/model.ts";

type Options = { [name: string]: JSONValue | undefined };

/** Tokens to think with. Anthropic takes no fewer than 1024. */
const budgets: ReadonlyMap<string, number> = new Map([
  ["minimal", 1024],
  ["low", 2048],
  ["medium", 8192],
  ["high", 24_576],
  ["xhigh", 32_768],
  ["max", 32_768],
]);

export function anthropicReasoning({ messages, tools, toolChoice, settings }: ModelRequest, modelId: string): Options {
  const effort = settings.reasoningEffort;
  if (effort === undefined) return {};
  if (effort === "none") return { thinking: { type: "disabled" } };
  const budgetTokens = budgetOf(effort);
  if (takesEffort(modelId)) {
    return { thinking: { type: "adaptive", display: "summarized" }, effort: effort === "minimal" ? "low" : effort };
  }
  // Models of that time refuse to think on when the thoughts behind a call are gone, as they are for callers without a session.
  const isUnsigned = messages.some(
    (message, index) => message.role === "assistant" && !message.replay && message.toolCalls.length > 0 && isOpenTurn(messages, index),
  );
  // And to think when a call is demanded: the demand counts for more.
  const isForced = tools.length > 0 && (toolChoice === "required" || typeof toolChoice === "object");
  return isUnsigned || isForced ? {} : { thinking: { type: "enabled", budgetTokens } };
}

/** Claude models since 4.6. Others that speak Anthropic's protocol know the budget. */
function takesEffort(modelId: string): boolean {
  return /claude-/u.test(modelId) && !/claude-(?:instant|v?[123]\b|[a-z]+-4(?!-[6-9](?!\d)))/u.test(modelId);
}

/** No user has spoken since. */
function isOpenTurn(messages: ModelRequest["messages"], index: number): boolean {
  return !messages.slice(index + 1).some(({ role }) => role === "user");
}

export function googleReasoning(effort: string | undefined, modelId: string): Options {
  if (effort === undefined) return {};
  const includeThoughts = effort !== "none";
  if (/gemini-(?:1|2)(?:[.-]|$)|^gemma/u.test(modelId)) {
    return { thinkingConfig: { thinkingBudget: effort === "none" ? 0 : Math.min(budgetOf(effort), 24_576), includeThoughts } };
  }
  const level = effort === "none" ? "minimal" : effort === "xhigh" || effort === "max" ? "high" : effort;
  if (effort !== "none") budgetOf(effort);
  return { thinkingConfig: { thinkingLevel: level, includeThoughts } };
}

function budgetOf(effort: string): number {
  const budget = budgets.get(effort);
  if (budget !== undefined) return budget;
  throw new GatewayError("unsupported_parameter", `This model knows no reasoning_effort '${effort.slice(0, 40)}': leave it out.`, {
    param: "reasoning_effort",
  });
}
