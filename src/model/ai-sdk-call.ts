/**
 * Our model request → the call options of the AI SDK's provider interface. Pure.
 *
 * A hint that the provider has no word for is left out, as its effect is the model's matter anyway: penalties and seed at
 * Anthropic; `logit_bias`, `verbosity`, `service_tier` and the cache and safety keys at Anthropic and Google;
 * `parallel_tool_calls` at Google. Temperature is cut to the provider's range. What decides the form of the reply is
 * never left out: tools, their choice, formats, stop sequences and token limits, which include reasoning as everywhere.
 */
import type { JSONValue, LanguageModelV3, LanguageModelV3CallOptions, LanguageModelV3Prompt } from "@ai-sdk/provider";
import type { ProviderApi } from "../config/config.ts";
import type { Message } from "../domain/message.ts";
import type { ModelRequest, ModelSettings, ResponseFormat, ToolChoice, ToolDefinition } from "../domain/model.ts";
import { encodePrompt } from "./ai-sdk-prompt.ts";
import { anthropicReasoning, googleReasoning, type AnthropicReasoning } from "./ai-sdk-reasoning.ts";

export interface CallContext {
  /** The model's `<provider>/<model>`. */
  readonly ref: string;
  readonly api: ProviderApi;
  /** Tokens of one reply, at most, when the request names no limit. */
  readonly maxTokens: number | undefined;
}

type SdkTool = NonNullable<LanguageModelV3CallOptions["tools"]>[number];
type CallOptions = Omit<LanguageModelV3CallOptions, "abortSignal">;
type Options = { [name: string]: JSONValue };

export function encodeCall(request: ModelRequest, model: LanguageModelV3, { ref, api, maxTokens }: CallContext): CallOptions {
  const { messages, toolChoice, settings } = request;
  const { temperature, topP, frequencyPenalty, presencePenalty, stop, seed, responseFormat: format } = settings;
  const isAnthropic = api === "anthropic-messages";
  const limit = limitOf(settings) ?? maxTokens;
  const reasoning = isAnthropic ? anthropicReasoning(request, { modelId: model.modelId, ref, limit }) : {};
  // The package adds the budget to the limit, which includes it already.
  const budget = reasoning.thinking?.type === "enabled" ? reasoning.thinking.budgetTokens : 0;
  const inWords = isAnthropic ? sayInWords(request, model.modelId) : [];
  const prompt = encodePrompt([...inWords.map(instruction), ...messages], { ref, api });
  const used = isAnthropic && request.tools.length === 0 ? toolsUsedIn(prompt) : [];
  const tools = used.length > 0 ? used : request.tools.map(encodeTool);
  const choice = used.length > 0 ? "none" : toolChoice;
  return defined({
    prompt,
    temperature,
    topP,
    frequencyPenalty,
    presencePenalty,
    stopSequences: stop && [...stop],
    seed,
    maxOutputTokens: limit === undefined ? undefined : limit - budget,
    responseFormat: format && encodeFormat(format, isAnthropic && hasJsonTool(request)),
    tools: tools.length > 0 ? tools : undefined,
    toolChoice: tools.length > 0 && choice !== undefined ? encodeChoice(choice) : undefined,
    providerOptions: optionsFor(request, model, api, reasoning),
  });
}

/**
 * What Anthropic has no field for: JSON without a schema, and with its newest models a call that must be made. It is
 * asked for in words; whether the reply keeps to it is checked at the end of the run, as with every provider.
 */
function sayInWords(request: ModelRequest, modelId: string): string[] {
  const { tools, toolChoice, settings } = request;
  const said = sayFormat(settings.responseFormat, hasJsonTool(request));
  if (tools.length === 0 || !/claude-(?:sonnet-5-5|opus-5-5|fable-5-1)/u.test(modelId)) return said;
  if (toolChoice === "required") return [...said, "Reply with a call of one of your tools."];
  return typeof toolChoice === "object" ? [...said, `Reply with a call of the tool ${toolChoice.name}.`] : said;
}

function sayFormat(format: ResponseFormat | undefined, isSchemaSaid: boolean): string[] {
  if (isJsonWithoutSchema(format)) return ["Reply with one JSON object and with nothing else."];
  if (format?.type !== "json_schema" || !isSchemaSaid) return [];
  return [`Reply with JSON that fits this JSON Schema and with nothing else: ${JSON.stringify(format.schema)}`];
}

/** With some models the package makes a tool of a schema and calls it `json`: beside another of that name it cannot. */
function hasJsonTool({ tools }: ModelRequest): boolean {
  return tools.some(({ name }) => name === "json");
}

function instruction(text: string): Message {
  return { role: "system", content: [{ type: "text", text }] };
}

/** Anthropic takes no conversation with calls in it unless it is told of their tools, also of those that are offered no more. */
function toolsUsedIn(prompt: LanguageModelV3Prompt): SdkTool[] {
  const names = new Set<string>();
  for (const { role, content } of prompt) {
    if (role !== "assistant" && role !== "tool") continue;
    for (const part of content) if (part.type === "tool-call" || part.type === "tool-result") names.add(part.toolName);
  }
  return [...names].map((name) => encodeTool({ name }));
}

function isJsonWithoutSchema(format: ResponseFormat | undefined): boolean {
  return format?.type === "json_object" || (format?.type === "json_schema" && format.schema === undefined);
}

function limitOf({ maxCompletionTokens, maxTokens }: ModelSettings): number | undefined {
  const limits = [maxCompletionTokens, maxTokens].filter((limit) => limit !== undefined);
  return limits.length === 0 ? undefined : Math.min(...limits);
}

function encodeFormat(format: ResponseFormat, isSchemaSaid: boolean): CallOptions["responseFormat"] {
  if (format.type === "text") return { type: "text" };
  if (format.type === "json_object") return { type: "json" };
  const { name, description, schema } = format;
  return defined({ type: "json" as const, name, description, schema: isSchemaSaid ? undefined : schema });
}

function encodeTool({ name, description, parameters, strict }: ToolDefinition): SdkTool {
  const inputSchema = parameters ?? { type: "object", properties: {} };
  return defined({ type: "function" as const, name, description, inputSchema, strict });
}

function encodeChoice(choice: ToolChoice): CallOptions["toolChoice"] {
  return typeof choice === "string" ? { type: choice } : { type: "tool", toolName: choice.name };
}

function optionsFor(
  request: ModelRequest,
  model: LanguageModelV3,
  api: ProviderApi,
  reasoning: AnthropicReasoning,
): CallOptions["providerOptions"] {
  const { settings, tools } = request;
  const parallel = tools.length > 0 ? settings.parallelToolCalls : undefined;
  if (api === "anthropic-messages") {
    const disableParallelToolUse = parallel === undefined ? undefined : !parallel;
    return named("anthropic", { disableParallelToolUse, ...reasoning });
  }
  if (api === "google-generative-ai") return named("google", googleReasoning(settings.reasoningEffort, model.modelId));
  // The names that packages for OpenAI's protocol have for these; the others leave out what they do not know.
  const [key = ""] = model.provider.split(".");
  return named(key, {
    parallelToolCalls: parallel,
    reasoningEffort: settings.reasoningEffort,
    logitBias: settings.logitBias && { ...settings.logitBias },
    textVerbosity: settings.verbosity,
    serviceTier: settings.serviceTier,
    promptCacheKey: settings.promptCacheKey,
    promptCacheRetention: settings.promptCacheRetention,
    safetyIdentifier: settings.safetyIdentifier,
  });
}

function named(key: string, options: { [name: string]: JSONValue | undefined }): CallOptions["providerOptions"] {
  const given: Options = defined(options);
  return Object.keys(given).length === 0 ? undefined : { [key]: given };
}

/** Without the keys that are undefined. */
function defined<Value extends object>(value: Value): { [Key in keyof Value]: Exclude<Value[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as never;
}
