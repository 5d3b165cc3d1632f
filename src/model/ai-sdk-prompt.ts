/**
 * Our messages → the prompt of the AI SDK's provider interface. Pure.
 *
 * Instructions go first, wherever they stood: neither Anthropic nor Google knows them in the middle of a conversation.
 * Deliberately absent: `name` of a message, for which that interface has no place.
 */
import type { LanguageModelV3Prompt, SharedV3ProviderOptions } from "@ai-sdk/provider";
import { isSystemMessage, textOf, type AssistantMessage, type Message, type ToolMessage, type UserPart } from "../domain/message.ts";
import { readReplay } from "./ai-sdk-replay.ts";

type PromptMessage = LanguageModelV3Prompt[number];
type AssistantPart = Extract<PromptMessage, { role: "assistant" }>["content"][number];
type SdkUserPart = Extract<PromptMessage, { role: "user" }>["content"][number];
type ToolResultPart = Extract<Extract<PromptMessage, { role: "tool" }>["content"][number], { type: "tool-result" }>;

/** `ref` is the model's own: replays of others are left alone. */
export function encodePrompt(messages: readonly Message[], ref: string): LanguageModelV3Prompt {
  const system = messages.filter(isSystemMessage).map((message): PromptMessage => ({ role: "system", content: textOf(message) }));
  const turns: PromptMessage[] = [];
  const toolNames = new Map<string, string>();
  for (const message of messages) {
    if (message.role === "user") turns.push({ role: "user", content: encodeUserParts(message.content) });
    else if (message.role === "assistant") {
      for (const { id, name } of message.toolCalls) toolNames.set(id, name);
      const content = encodeAssistant(message, ref);
      // Neither API takes an empty message.
      if (content.length > 0) turns.push({ role: "assistant", content });
    } else if (message.role === "tool") addResult(turns, message, toolNames);
  }
  return [...system, ...turns];
}

/** Results of one turn are one message: Anthropic wants them together. */
function addResult(turns: PromptMessage[], { toolCallId, content }: ToolMessage, toolNames: ReadonlyMap<string, string>): void {
  const value = content.map((part) => part.text).join("");
  const toolName = toolNames.get(toolCallId) ?? "unknown";
  const part: ToolResultPart = { type: "tool-result", toolCallId, toolName, output: { type: "text", value } };
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

function encodeAssistant(message: AssistantMessage, ref: string): AssistantPart[] {
  const replayed = message.replay?.model === ref ? readReplay(message.replay.content) : [];
  const calls = new Map(message.toolCalls.map((call) => [call.id, call]));
  const parts: AssistantPart[] = [];
  const addCall = (id: string, providerOptions?: SharedV3ProviderOptions): void => {
    const call = calls.get(id);
    if (!call || !calls.delete(id)) return;
    const input = readArguments(call.arguments);
    parts.push({ type: "tool-call", toolCallId: id, toolName: call.name, input, ...(providerOptions && { providerOptions }) });
  };
  const text = message.content === "" ? (message.refusal ?? "") : message.content;
  const addText = (said: string, providerOptions?: SharedV3ProviderOptions): void => {
    if (said !== "") parts.push({ type: "text", text: said, ...(providerOptions && { providerOptions }) });
  };
  for (const part of replayed) {
    if (part.type === "reasoning") {
      parts.push({ type: "reasoning", text: part.text, ...(part.metadata && { providerOptions: part.metadata }) });
    } else if (part.type === "text") addText(part.text ?? text, part.metadata);
    else addCall(part.id, part.metadata);
  }
  if (!replayed.some(({ type }) => type === "text")) addText(text);
  for (const { id } of message.toolCalls) addCall(id);
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
