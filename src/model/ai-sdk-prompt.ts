/**
 * Our messages → the prompt of the AI SDK's provider interface. Pure.
 *
 * Instructions go first, wherever they stood: neither Anthropic nor Google knows them in the middle of a conversation.
 * Deliberately absent: `name` of a message, for which that interface has no place.
 */
import type { LanguageModelV3Prompt, SharedV3ProviderOptions } from "@ai-sdk/provider";
import type { ProviderApi } from "../config/config.ts";
import { isSystemMessage, textOf, type AssistantMessage, type Message, type ToolCall, type UserPart } from "../domain/message.ts";
import { anthropicCallIds } from "./ai-sdk-call-ids.ts";
import { readReplay } from "./ai-sdk-replay.ts";
import { pairResults } from "./tool-call-pairs.ts";

type PromptMessage = LanguageModelV3Prompt[number];
type AssistantPart = Extract<PromptMessage, { role: "assistant" }>["content"][number];
type SdkUserPart = Extract<PromptMessage, { role: "user" }>["content"][number];
type ToolResultPart = Extract<Extract<PromptMessage, { role: "tool" }>["content"][number], { type: "tool-result" }>;

export interface PromptContext {
  /** The model's own `<provider>/<model>`: replays of others are left alone. */
  readonly ref: string;
  readonly api: ProviderApi;
}

export function encodePrompt(messages: readonly Message[], { ref, api }: PromptContext): LanguageModelV3Prompt {
  const instructions = messages.filter(isSystemMessage).map(textOf);
  // An empty text is refused, and says nothing.
  const system = instructions.filter((text) => text !== "").map((content): PromptMessage => ({ role: "system", content }));
  const idOf = api === "anthropic-messages" ? anthropicCallIds(messages) : ({ id }: Named): string => id;
  const callOf = pairResults(messages);
  const results = new Map<Named, ToolResultPart>();
  const turns: PromptMessage[] = [];
  for (const message of messages) {
    if (message.role === "user") turns.push({ role: "user", content: encodeUserParts(message.content) });
    else if (message.role === "assistant") {
      const content = encodeAssistant(message, ref, idOf);
      // Neither API takes an empty message.
      if (content.length > 0) turns.push({ role: "assistant", content });
    } else if (message.role === "tool") {
      const call = callOf.get(message) ?? { id: message.toolCallId, name: "unknown" };
      const said = results.get(call)?.output;
      const value = said?.type === "text" ? `${said.value}\n${textOf(message)}` : textOf(message);
      const part: ToolResultPart = { type: "tool-result", toolCallId: idOf(call), toolName: call.name, output: { type: "text", value } };
      // A call has one result: what came for it again is part of that.
      if (said) results.get(call)!.output = part.output;
      else {
        results.set(call, part);
        addResult(turns, part);
      }
    }
  }
  const wantsUser = api === "anthropic-messages" || api === "google-generative-ai";
  return wantsUser && turns.length === 0 ? askLast(system) : [...system, ...turns];
}

type Named = Pick<ToolCall, "id" | "name">;

/** Both APIs want a user to have spoken: where there are instructions alone, the last of them is the question. */
function askLast(system: readonly PromptMessage[]): PromptMessage[] {
  return system.map((message, index): PromptMessage => {
    if (message.role !== "system" || index < system.length - 1) return message;
    return { role: "user", content: [{ type: "text", text: message.content }] };
  });
}

/** Results of one turn are one message: Anthropic wants them together. */
function addResult(turns: PromptMessage[], part: ToolResultPart): void {
  const last = turns.at(-1);
  if (last?.role === "tool") last.content.push(part);
  else turns.push({ role: "tool", content: [part] });
}

/** Empty texts are refused by Anthropic, so they go where something else is said. */
function encodeUserParts(parts: readonly UserPart[]): SdkUserPart[] {
  const said = parts.filter((part) => part.type !== "text" || part.text !== "");
  return (said.length > 0 ? said : [{ type: "text", text: "" } as const]).map((part) => {
    if (part.type === "text") return { type: "text", text: part.text };
    const { mediaType, data, detail } = part;
    return { type: "file", mediaType, data, ...(detail === undefined ? {} : { providerOptions: { openai: { imageDetail: detail } } }) };
  });
}

function encodeAssistant(message: AssistantMessage, ref: string, idOf: (call: Named) => string): AssistantPart[] {
  const replayed = message.replay?.model === ref ? readReplay(message.replay.content) : [];
  const calls = new Set(message.toolCalls);
  const parts: AssistantPart[] = [];
  const addCall = (call: ToolCall, providerOptions?: SharedV3ProviderOptions): void => {
    calls.delete(call);
    const input = readArguments(call.arguments);
    parts.push({ type: "tool-call", toolCallId: idOf(call), toolName: call.name, input, ...(providerOptions && { providerOptions }) });
  };
  const text = message.content === "" ? (message.refusal ?? "") : message.content;
  const addText = (said: string, providerOptions?: SharedV3ProviderOptions): void => {
    // Blank texts are refused by Anthropic, even its own.
    if (said !== "" && (providerOptions || said.trim() !== ""))
      parts.push({ type: "text", text: said, ...(providerOptions && { providerOptions }) });
  };
  // A replay is of one reply, whose calls have different ids.
  const byId = replayed.length === 0 ? undefined : new Map(message.toolCalls.map((call) => [call.id, call]));
  for (const part of replayed) {
    if (part.type === "reasoning") {
      parts.push({ type: "reasoning", text: part.text, ...(part.metadata && { providerOptions: part.metadata }) });
    } else if (part.type === "text") addText(part.text ?? text, part.metadata);
    else {
      const call = byId?.get(part.id);
      if (call && calls.has(call)) addCall(call, part.metadata);
    }
  }
  if (!replayed.some(({ type }) => type === "text")) addText(text);
  for (const call of calls) addCall(call);
  return parts;
}

/** Every provider wants an object here. What the model wrote and is none goes back to it as it was, inside one. */
function readArguments(text: string): object {
  try {
    const value: unknown = JSON.parse(text === "" ? "{}" : text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // It is told below.
  }
  return { arguments: text };
}
