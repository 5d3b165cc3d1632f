/**
 * Our model request → the JSON body of OpenAI's `POST /chat/completions`. Pure.
 *
 * Deliberately absent: fixing what a provider may not like. What the caller asked for is sent; the provider's refusal
 * comes back as an error with its own words.
 */
import type { Message, UserPart } from "../domain/message.ts";
import type { ModelRequest, ModelSettings, ResponseFormat, ToolChoice, ToolDefinition } from "../domain/model.ts";

/** What is sent when the request names no limit of tokens, in the field that the provider knows. */
export type DefaultLimit = { readonly max_tokens: number } | { readonly max_completion_tokens: number };

export function encodeRequest(modelId: string, request: ModelRequest, defaultLimit?: DefaultLimit): string {
  const { messages, tools, toolChoice, settings } = request;
  const isLimited = settings.maxTokens !== undefined || settings.maxCompletionTokens !== undefined;
  const hasTools = tools.length > 0;
  return JSON.stringify({
    model: modelId,
    messages: messages.map(encodeMessage),
    stream: true,
    stream_options: { include_usage: true },
    ...encodeSettings(settings),
    ...(isLimited ? {} : defaultLimit),
    // OpenAI refuses these two when no tools are offered.
    tools: hasTools ? tools.map(encodeTool) : undefined,
    tool_choice: hasTools && toolChoice !== undefined ? encodeToolChoice(toolChoice) : undefined,
    parallel_tool_calls: hasTools ? settings.parallelToolCalls : undefined,
  });
}

function encodeMessage(message: Message): object {
  switch (message.role) {
    case "system":
    case "developer":
    case "user":
      return { role: message.role, content: encodeContent(message.content), name: message.name };
    case "assistant": {
      const { content, refusal, toolCalls, name } = message;
      const saysNothing = content === "" && (toolCalls.length > 0 || refusal !== undefined);
      return {
        role: "assistant",
        content: saysNothing ? null : content,
        refusal,
        name,
        tool_calls:
          toolCalls.length === 0
            ? undefined
            : toolCalls.map((call) => ({ id: call.id, type: "function", function: { name: call.name, arguments: call.arguments } })),
      };
    }
    case "tool":
      return { role: "tool", tool_call_id: message.toolCallId, content: encodeContent(message.content) };
  }
}

/** One part goes as a plain string: small providers know no other form. */
function encodeContent(parts: readonly UserPart[]): string | object[] {
  const [first] = parts;
  if (first === undefined) return "";
  return parts.length === 1 && first.type === "text" ? first.text : parts.map(encodePart);
}

function encodePart(part: UserPart): object {
  if (part.type === "text") return { type: "text", text: part.text };
  return { type: "image_url", image_url: { url: `data:${part.mediaType};base64,${part.data}`, detail: part.detail } };
}

function encodeTool({ name, description, parameters, strict }: ToolDefinition): object {
  return { type: "function", function: { name, description, parameters, strict } };
}

function encodeToolChoice(choice: ToolChoice): string | object {
  return typeof choice === "string" ? choice : { type: "function", function: { name: choice.name } };
}

function encodeSettings(settings: ModelSettings): object {
  return {
    temperature: settings.temperature,
    top_p: settings.topP,
    frequency_penalty: settings.frequencyPenalty,
    presence_penalty: settings.presencePenalty,
    logit_bias: settings.logitBias,
    max_completion_tokens: settings.maxCompletionTokens,
    max_tokens: settings.maxTokens,
    stop: settings.stop,
    seed: settings.seed,
    response_format: settings.responseFormat && encodeResponseFormat(settings.responseFormat),
    reasoning_effort: settings.reasoningEffort,
    verbosity: settings.verbosity,
    service_tier: settings.serviceTier,
    prompt_cache_key: settings.promptCacheKey,
    prompt_cache_retention: settings.promptCacheRetention,
    safety_identifier: settings.safetyIdentifier,
  };
}

function encodeResponseFormat(format: ResponseFormat): object {
  if (format.type !== "json_schema") return { type: format.type };
  const { name, description, schema, strict } = format;
  return { type: "json_schema", json_schema: { name, description, schema, strict } };
}
