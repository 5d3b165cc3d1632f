/**
 * What a stub upstream was asked, whichever wire it came by, so that one suite can expect one thing of all of them.
 *
 * Wires differ in how they cut a conversation into messages (Anthropic and Google put tool results into a user's
 * message), so neighbours of one side are joined here, and results stand with the user's parts. Pure.
 */
import type { StubRequest } from "./stub-script.ts";
import { wireOf } from "./stub-wires.ts";

export type NeutralPart =
  | { readonly text: string }
  | { readonly image: { readonly mediaType: string | undefined; readonly data: string | undefined } }
  | { readonly reasoning: string; readonly signature: string | undefined }
  | { readonly call: { readonly id: string; readonly name: string; readonly arguments: unknown; readonly signature?: string | undefined } }
  | { readonly result: { readonly id: string; readonly text: string } };

interface NeutralMessage {
  readonly role: "user" | "assistant";
  readonly parts: readonly NeutralPart[];
}

interface NeutralTool {
  readonly name: string;
  readonly description: string;
  readonly parameters: unknown;
}

/** What was not said is absent, or undefined. */
export interface NeutralRequest {
  readonly model: string;
  readonly system: readonly string[];
  readonly messages: readonly NeutralMessage[];
  readonly tools: readonly NeutralTool[];
  readonly toolChoice: "auto" | "none" | "required" | { readonly name: string } | undefined;
  /** Whether a single call at a time was asked for; Google's wire cannot say. */
  readonly isSerial: boolean;
  /** `{}`: any JSON. `additionalProperties` is left out: two of the wires do not take it as it is. */
  readonly jsonSchema: unknown;
  readonly settings: {
    readonly maxTokens: number | undefined;
    readonly temperature: number | undefined;
    readonly topP: number | undefined;
    readonly stop: readonly string[] | undefined;
  };
}

export function readRequest(request: StubRequest): NeutralRequest {
  const read = { openai: readOpenai, anthropic: readAnthropic, google: readGoogle }[wireOf(request.path)](request);
  const { messages } = read;
  return JSON.parse(JSON.stringify({ ...read, messages: joinNeighbours(messages) })) as NeutralRequest;
}

function joinNeighbours(messages: readonly NeutralMessage[]): NeutralMessage[] {
  const joined: { role: NeutralMessage["role"]; parts: NeutralPart[] }[] = [];
  for (const { role, parts } of messages) {
    const last = joined.at(-1);
    if (last?.role === role) last.parts.push(...parts);
    else joined.push({ role, parts: [...parts] });
  }
  return joined;
}

type Role = "system" | "developer" | "user" | "assistant" | "tool";
type Content<Part> = string | readonly Part[] | null | undefined;

const isInstruction = ({ role }: { role: Role }): boolean => role === "system" || role === "developer";

/** A string is one part, and an empty one is none. */
function partsOf<Part>(content: Content<Part>): (Part | { type: "text"; text: string })[] {
  if (typeof content !== "string") return [...(content ?? [])];
  return content === "" ? [] : [{ type: "text", text: content }];
}

function textOf(content: Content<{ text?: string }>): string {
  return partsOf(content)
    .map(({ text }) => text ?? "")
    .join("");
}

interface OpenaiBody {
  readonly model: string;
  readonly messages: readonly {
    readonly role: Role;
    readonly content?: Content<{ type: "text"; text: string } | { type: "image_url"; image_url: { url: string } }>;
    readonly tool_calls?: readonly { id: string; function: { name: string; arguments: string } }[];
    readonly tool_call_id?: string;
  }[];
  readonly tools?: readonly { function: { name: string; description?: string; parameters?: unknown } }[];
  readonly tool_choice?: "auto" | "none" | "required" | { function: { name: string } };
  readonly parallel_tool_calls?: boolean;
  readonly response_format?: { type: string; json_schema?: { schema: unknown } };
  readonly max_completion_tokens?: number;
  readonly max_tokens?: number;
  readonly temperature?: number;
  readonly top_p?: number;
  readonly stop?: readonly string[];
}

function readOpenai({ text }: StubRequest): NeutralRequest {
  const body = JSON.parse(text) as OpenaiBody;
  const { response_format: format, tool_choice: choice } = body;
  const spoken = body.messages.filter((message) => !isInstruction(message));
  return {
    model: body.model,
    system: body.messages.filter(isInstruction).map(({ content }) => textOf(content as string)),
    messages: spoken.map(({ role, content, tool_calls: calls = [], tool_call_id: id = "" }) => ({
      role: role === "assistant" ? "assistant" : "user",
      parts:
        role === "tool"
          ? [{ result: { id, text: textOf(content as string) } }]
          : [
              ...partsOf(content).map((part) => (part.type === "text" ? { text: part.text } : { image: fromDataUrl(part.image_url.url) })),
              ...calls.map((call) => ({
                call: { id: call.id, name: call.function.name, arguments: JSON.parse(call.function.arguments) as unknown },
              })),
            ],
    })),
    tools: (body.tools ?? []).map(({ function: { name, description, parameters } }) => toolOf(name, description, parameters)),
    toolChoice: typeof choice === "object" ? { name: choice.function.name } : choice,
    isSerial: body.parallel_tool_calls === false,
    jsonSchema: format?.type === "json_object" ? {} : schemaOf(format?.json_schema?.schema),
    settings: {
      maxTokens: body.max_completion_tokens ?? body.max_tokens,
      temperature: body.temperature,
      topP: body.top_p,
      stop: body.stop,
    },
  };
}

function fromDataUrl(url: string): { mediaType: string | undefined; data: string | undefined } {
  const [, mediaType, data] = /^data:([^;]+);base64,(.*)$/s.exec(url) ?? [];
  return { mediaType, data };
}

type AnthropicPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly source: { readonly media_type: string; readonly data: string } }
  | { readonly type: "thinking"; readonly thinking: string; readonly signature: string }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; readonly input: unknown }
  | { readonly type: "tool_result"; readonly tool_use_id: string; readonly content?: Content<{ text?: string }> };

interface AnthropicBody {
  readonly model: string;
  readonly system?: Content<{ text: string }>;
  readonly messages: readonly { readonly role: Role; readonly content: Content<AnthropicPart> }[];
  readonly tools?: readonly { name: string; description?: string; input_schema: unknown }[];
  readonly tool_choice?: { type: "auto" | "none" | "any" | "tool"; name?: string; disable_parallel_tool_use?: boolean };
  readonly output_config?: { format?: { schema: unknown } };
  readonly max_tokens: number;
  readonly temperature?: number;
  readonly top_p?: number;
  readonly stop_sequences?: readonly string[];
}

function readAnthropic({ text }: StubRequest): NeutralRequest {
  const body = JSON.parse(text) as AnthropicBody;
  const { tool_choice: choice, output_config: output, tools = [] } = body;
  // A model without structured output is made to answer by a tool of this name.
  const jsonTool = tools.find(({ name }) => name === "json");
  const later = body.messages.filter(isInstruction).map(({ content }) => textOf(content as string));
  return {
    model: body.model,
    system: [...partsOf(body.system).map((part) => part.text), ...later],
    messages: body.messages
      .filter((message) => !isInstruction(message))
      .map(({ role, content }) => ({ role: role as "user" | "assistant", parts: partsOf(content).map(anthropicPart) })),
    tools: tools
      .filter((tool) => tool !== jsonTool)
      .map(({ name, description, input_schema: parameters }) => toolOf(name, description, parameters)),
    toolChoice: choice?.type === "tool" ? { name: choice.name ?? "" } : choice?.type === "any" ? "required" : choice?.type,
    isSerial: choice?.disable_parallel_tool_use === true,
    jsonSchema: schemaOf(output?.format?.schema ?? jsonTool?.input_schema),
    settings: { maxTokens: body.max_tokens, temperature: body.temperature, topP: body.top_p, stop: body.stop_sequences },
  };
}

function anthropicPart(part: AnthropicPart): NeutralPart {
  switch (part.type) {
    case "text":
      return { text: part.text };
    case "image":
      return { image: { mediaType: part.source.media_type, data: part.source.data } };
    case "thinking":
      return { reasoning: part.thinking, signature: part.signature };
    case "tool_use":
      return { call: { id: part.id, name: part.name, arguments: part.input } };
    case "tool_result":
      return { result: { id: part.tool_use_id, text: textOf(part.content) } };
  }
}

interface GooglePart {
  readonly text?: string;
  readonly thought?: boolean;
  readonly thoughtSignature?: string;
  readonly inlineData?: { readonly mimeType: string; readonly data: string };
  readonly functionCall?: { readonly id: string; readonly name: string; readonly args: unknown };
  readonly functionResponse?: { readonly id: string; readonly response: { readonly content: string } };
}

interface GoogleBody {
  readonly systemInstruction?: { parts: readonly { text: string }[] };
  readonly contents: readonly { role: "user" | "model"; parts: readonly GooglePart[] }[];
  readonly tools?: readonly { functionDeclarations: readonly { name: string; description?: string; parameters?: unknown }[] }[];
  readonly toolConfig?: {
    functionCallingConfig: { mode: "AUTO" | "ANY" | "NONE" | "VALIDATED"; allowedFunctionNames?: readonly string[] };
  };
  readonly generationConfig?: {
    readonly responseMimeType?: string;
    readonly responseSchema?: unknown;
    readonly responseJsonSchema?: unknown;
    readonly maxOutputTokens?: number;
    readonly temperature?: number;
    readonly topP?: number;
    readonly stopSequences?: readonly string[];
  };
}

/** `VALIDATED` is how Google says "as you like, but keep to the schema". */
const googleModes = { AUTO: "auto", VALIDATED: "auto", ANY: "required", NONE: "none" } as const;

function readGoogle({ text, path }: StubRequest): NeutralRequest {
  const body = JSON.parse(text) as GoogleBody;
  const { generationConfig: settings = {}, toolConfig, contents, tools = [] } = body;
  const calling = toolConfig?.functionCallingConfig;
  const named = calling?.allowedFunctionNames?.[0];
  const isJson = settings.responseMimeType === "application/json";
  return {
    model: /\/models\/([^:]+):/.exec(path)?.[1] ?? "",
    system: (body.systemInstruction?.parts ?? []).map((part) => part.text),
    messages: contents.map(({ role, parts }) => ({ role: role === "model" ? "assistant" : "user", parts: parts.map(googlePart) })),
    tools: tools
      .flatMap(({ functionDeclarations }) => functionDeclarations)
      .map(({ name, description, parameters }) => toolOf(name, description, parameters)),
    toolChoice: named === undefined ? calling && googleModes[calling.mode] : { name: named },
    isSerial: false,
    jsonSchema: isJson ? schemaOf(settings.responseSchema ?? settings.responseJsonSchema ?? {}) : undefined,
    settings: {
      maxTokens: settings.maxOutputTokens,
      temperature: settings.temperature,
      topP: settings.topP,
      stop: settings.stopSequences,
    },
  };
}

function googlePart({
  text = "",
  thought,
  thoughtSignature: signature,
  inlineData,
  functionCall,
  functionResponse,
}: GooglePart): NeutralPart {
  if (functionCall) return { call: { id: functionCall.id, name: functionCall.name, arguments: functionCall.args, signature } };
  if (functionResponse) return { result: { id: functionResponse.id, text: functionResponse.response.content } };
  if (inlineData) return { image: { mediaType: inlineData.mimeType, data: inlineData.data } };
  return thought === true ? { reasoning: text, signature } : { text };
}

function toolOf(name: string, description: string | undefined, parameters: unknown): NeutralTool {
  return { name, description: description ?? "", parameters: schemaOf(parameters) };
}

/** What all wires can say of a schema. */
function schemaOf(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(schemaOf);
  if (typeof schema !== "object" || schema === null) return schema;
  const entries = Object.entries(schema).filter(([key]) => key !== "additionalProperties" && key !== "$schema");
  return Object.fromEntries(entries.map(([key, value]) => [key, schemaOf(value)]));
}
