/**
 * `reasoning_effort` in the words of Anthropic and Google, which each have two: a budget of tokens for their older
 * models and a level for the newer ones. Where one is asked for, so is a summary of the thoughts.
 */
import type { JSONValue } from "@ai-sdk/provider";
import { GatewayError } from "../domain/errors.ts";
import type { ModelRequest } from "../domain/model.ts";

type Options = { [name: string]: JSONValue | undefined };

export interface AnthropicReasoning {
  readonly thinking?:
    | { readonly type: "disabled" }
    | { readonly type: "adaptive"; readonly display: "summarized" }
    | { readonly type: "enabled"; readonly budgetTokens: number };
  readonly effort?: string;
}

/** Fewer Anthropic does not take. */
const leastBudget = 1024;
/** What a thinking model keeps of a limit to answer with. */
const leastAnswer = 1024;

/** Tokens to think with. */
const budgets: ReadonlyMap<string, number> = new Map([
  ["minimal", leastBudget],
  ["low", 2048],
  ["medium", 8192],
  ["high", 24_576],
  ["xhigh", 32_768],
  ["max", 32_768],
]);

export interface AskedModel {
  readonly modelId: string;
  /** Its `<provider>/<model>`. */
  readonly ref: string;
  /** Tokens of the whole reply, reasoning included: a budget that does not fit is cut, or left out. */
  readonly limit: number | undefined;
}

export function anthropicReasoning(request: ModelRequest, { modelId, ref, limit = Infinity }: AskedModel): AnthropicReasoning {
  const { messages, tools, toolChoice, settings } = request;
  const effort = settings.reasoningEffort;
  if (effort === undefined) return {};
  if (effort === "none") return { thinking: { type: "disabled" } };
  const budgetTokens = Math.min(budgetOf(effort), limit - leastAnswer);
  if (takesEffort(modelId)) {
    return { thinking: { type: "adaptive", display: "summarized" }, effort: effort === "minimal" ? "low" : effort };
  }
  // Models of that time refuse to think on when the thoughts behind a call are gone, as they are for callers without a session.
  const openTurn = messages.slice(messages.findLastIndex(({ role }) => role === "user") + 1);
  const isUnsigned = openTurn.some(
    (message) => message.role === "assistant" && message.replay?.model !== ref && message.toolCalls.length > 0,
  );
  // And to think when a call is demanded: the demand counts for more.
  const isForced = tools.length > 0 && (toolChoice === "required" || typeof toolChoice === "object");
  return isUnsigned || isForced || budgetTokens < leastBudget ? {} : { thinking: { type: "enabled", budgetTokens } };
}

/** Claude models since 4.6. Others that speak Anthropic's protocol know the budget. */
function takesEffort(modelId: string): boolean {
  return /claude-/u.test(modelId) && !/claude-(?:instant|v?[123]\b|[a-z]+-4(?!-[6-9](?!\d)))/u.test(modelId);
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
