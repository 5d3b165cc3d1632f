/**
 * OpenAI's chat request → `RunRequest`. Pure. A field is honoured, passed on or refused, never dropped in silence;
 * an explicit null is an absent field.
 *
 * Deliberately absent: shape and bounds, which the contract has checked before.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { components } from "../../generated/openapi.ts";
import type { ChatCompletionsConfig } from "../config/config.ts";
import { GatewayError } from "../domain/errors.ts";
import type { ModelSettings, ResponseFormat } from "../domain/model.ts";
import type { Principal } from "../domain/principal.ts";
import type { Chosen, RunRequest } from "../domain/run.ts";
import { decodeMessage } from "./chat-messages.ts";
import { decodeTools } from "./chat-tools.ts";
import { refuseDeep, refuseLong } from "./depth.ts";
import { decodeHeaderValue } from "./headers.ts";
import { idempotencyOf } from "./idempotency.ts";
import { agentOfModelName } from "./model-name.ts";

export type ChatBody = components["schemas"]["ChatCompletionRequest"];

export interface ChatHeaders {
  readonly "x-openclaw-agent-id"?: string;
  readonly "x-openclaw-session-key"?: string;
  readonly "x-openclaw-model"?: string;
  readonly "x-openclaw-background"?: "true" | "false";
  readonly "idempotency-key"?: string;
}

export interface ChatRequest {
  readonly body: ChatBody;
  readonly headers: ChatHeaders;
  /** Also those that only the configuration names. */
  readonly allHeaders: IncomingHttpHeaders;
  readonly principal: Principal;
}

/** Throws a `GatewayError` with the `param` that is at fault. */
export function decodeChatRequest({ body, headers, allHeaders, principal }: ChatRequest, config: ChatCompletionsConfig): RunRequest {
  refuseUnsupported(body);
  // All of the body before the agent: what is malformed is said first, whoever it was meant for.
  const content = { messages: body.messages.map(decodeMessage), ...decodeTools(body), settings: decodeSettings(body) };
  const agent = chooseAgent(body.model, headers["x-openclaw-agent-id"], config.modelAliases);
  const { sessionHeader } = config;
  const sessionKey = chooseSession(headers["x-openclaw-session-key"], allHeaders, sessionHeader);
  const model = headers["x-openclaw-model"];
  const key = headers["idempotency-key"];
  return {
    principal,
    modelName: body.model,
    ...(key === undefined ? {} : { idempotency: idempotencyOf({ key, principal, body, headers: allHeaders, sessionHeader }) }),
    ...(agent ? { agent } : {}),
    ...(sessionKey ? { sessionKey } : {}),
    ...(body.user == null ? {} : { user: { value: body.user, param: "user" } }),
    ...(model === undefined ? {} : { model: { value: model, param: "x-openclaw-model" } }),
    // What runs in the background can be read along by others.
    isFolded: body.stream !== true && headers["x-openclaw-background"] !== "true",
    // As at OpenAI's, metadata is that of a stored completion and nothing else.
    ...(body.store === true ? { keep: { metadata: body.metadata ?? {} } } : {}),
    ...content,
  };
}

function refuseUnsupported(body: ChatBody): void {
  const refused: readonly [param: string, isAsked: boolean, why: string][] = [
    ["n", body.n != null && body.n !== 1, "A run acts in the world and cannot be had several times over; use n: 1"],
    ["logprobs", body.logprobs === true, "A run has no log probabilities"],
    ["top_logprobs", body.top_logprobs != null, "A run has no log probabilities"],
    ["audio", body.audio != null, "Agents do not speak"],
    ["modalities", body.modalities?.includes("audio") === true, "Agents do not speak"],
    ["functions", body.functions != null, "Use 'tools'"],
    ["function_call", body.function_call != null, "Use 'tool_choice'"],
    ["prediction", body.prediction != null, "A predicted output does not fit a run of several turns"],
    ["web_search_options", body.web_search_options != null, "An agent searches with its own tools"],
    ["moderation", body.moderation != null, "The gateway does not moderate"],
    ["prompt_cache_options", body.prompt_cache_options != null, "The gateway composes the prompt"],
  ];
  const first = refused.find(([, isAsked]) => isAsked);
  if (first) throw new GatewayError("unsupported_parameter", `'${first[0]}' is not supported here. ${first[2]}.`, { param: first[0] });
  if (body.stream_options != null && body.stream !== true) {
    throw new GatewayError("invalid_value", "'stream_options' needs 'stream': true.", { param: "stream_options" });
  }
}

function chooseAgent(modelName: string, header: string | undefined, aliases: ReadonlyMap<string, string>): Chosen | undefined {
  const named = agentOfModelName(modelName, aliases);
  const asked = header?.trim();
  if (!asked) return named === undefined ? undefined : { value: named, param: "model" };
  if (named !== undefined && named.toLowerCase() !== asked.toLowerCase()) {
    throw new GatewayError(
      "invalid_value",
      `The model names the agent '${named}' and the header x-openclaw-agent-id another one. Name one agent only.`,
      {
        param: "x-openclaw-agent-id",
      },
    );
  }
  return { value: asked, param: "x-openclaw-agent-id" };
}

function chooseSession(header: string | undefined, allHeaders: IncomingHttpHeaders, mapped: string | undefined): Chosen | undefined {
  if (header !== undefined) return { value: decodeHeaderValue(header), param: "x-openclaw-session-key" };
  const value = mapped === undefined ? undefined : allHeaders[mapped];
  return mapped === undefined || typeof value !== "string" || value.trim() === ""
    ? undefined
    : { value: decodeHeaderValue(value), param: mapped };
}

function decodeSettings(body: ChatBody): ModelSettings {
  const settings = {
    temperature: body.temperature,
    topP: body.top_p,
    frequencyPenalty: body.frequency_penalty,
    presencePenalty: body.presence_penalty,
    logitBias: body.logit_bias,
    maxCompletionTokens: body.max_completion_tokens,
    maxTokens: body.max_tokens,
    stop: typeof body.stop === "string" ? [body.stop] : body.stop,
    seed: body.seed,
    responseFormat: body.response_format && decodeFormat(body.response_format),
    parallelToolCalls: body.parallel_tool_calls,
    reasoningEffort: body.reasoning_effort,
    verbosity: body.verbosity,
    serviceTier: body.service_tier,
    promptCacheKey: body.prompt_cache_key,
    promptCacheRetention: body.prompt_cache_retention,
    safetyIdentifier: body.safety_identifier,
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value != null));
}

function decodeFormat(format: NonNullable<ChatBody["response_format"]>): ResponseFormat {
  if (format.type !== "json_schema") return { type: format.type };
  const { name, description, schema, strict } = format.json_schema;
  if (schema) {
    refuseDeep(schema, "response_format.json_schema.schema");
    refuseLong(schema, "response_format.json_schema.schema");
  }
  return {
    type: "json_schema",
    name,
    ...(description == null ? {} : { description }),
    ...(schema == null ? {} : { schema }),
    ...(strict == null ? {} : { strict }),
  };
}
