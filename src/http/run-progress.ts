/**
 * What a run does besides talking, as the `openclaw` object of a reply whose caller asked for it. Pure.
 *
 * Deliberately absent: what the agent's own tools are told and what they answer. Only that they work.
 */
import type { components } from "../../generated/openapi.ts";
import type { Usage } from "../domain/model.ts";
import type { RunEnd, RunEvent } from "../domain/run.ts";

type Schemas = components["schemas"];

/** Undefined for what is no progress or is told otherwise. */
export function encodeProgress(event: RunEvent): Schemas["RunProgress"] | undefined {
  switch (event.type) {
    case "run_queued":
      return { type: "run_queued" };
    case "turn_start":
      return { type: "turn_start", turn: event.turn, model: event.model };
    case "model_fallback":
      return { type: "model_fallback", from: event.from, to: event.to, code: event.error.code };
    case "tool_start":
      return { type: "tool_start", id: event.call.id, name: event.call.name };
    case "tool_result":
      return { type: "tool_end", id: event.call.id, name: event.call.name, is_error: event.isError };
    default:
      return undefined;
  }
}

export function encodeSummary({ model, turns, usage, cost }: RunEnd): Schemas["RunSummary"] {
  return { type: "run_end", model, turns, ...(usage ? { usage: encodeUsage(usage) } : {}), ...(cost === undefined ? {} : { cost }) };
}

export function encodeUsage({ inputTokens, outputTokens, cachedInputTokens, reasoningTokens }: Usage): Schemas["Usage"] {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    ...(cachedInputTokens === undefined ? {} : { prompt_tokens_details: { cached_tokens: cachedInputTokens } }),
    ...(reasoningTokens === undefined ? {} : { completion_tokens_details: { reasoning_tokens: reasoningTokens } }),
  };
}
