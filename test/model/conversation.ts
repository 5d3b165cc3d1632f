/** Requests, and what comes back for them, written short for the model tests. */
import type { ProviderConfig } from "../../src/config/config.ts";
import { GatewayError } from "../../src/domain/errors.ts";
import type { AssistantMessage, Message, SystemMessage, ToolCall, ToolMessage, UserMessage } from "../../src/domain/message.ts";
import type { FinishReason, Model, ModelEvent, ModelRequest, Usage } from "../../src/domain/model.ts";

export const user = (...texts: string[]): UserMessage => ({ role: "user", content: texts.map((text) => ({ type: "text", text })) });
export const system = (text: string): SystemMessage => ({ role: "system", content: [{ type: "text", text }] });
export const assistant = (content: string, ...toolCalls: ToolCall[]): AssistantMessage => ({ role: "assistant", content, toolCalls });
export const call = (id: string, name: string, args: object = {}): ToolCall => ({ id, name, arguments: JSON.stringify(args) });
export const result = (toolCallId: string, text: string): ToolMessage => ({
  role: "tool",
  toolCallId,
  content: [{ type: "text", text }],
});

export function request(messages: string | readonly Message[], more: Partial<ModelRequest> = {}): ModelRequest {
  return { messages: typeof messages === "string" ? [user(messages)] : messages, tools: [], settings: {}, ...more };
}

export function provider(baseUrl: string, more: Partial<ProviderConfig> = {}): ProviderConfig {
  return { id: "stub", api: "openai-completions", baseUrl, headers: {}, models: [], timeoutMs: 20_000, ...more };
}

export interface Folded {
  text: string;
  reasoning: string;
  refusal: string;
  calls: { id: string; name: string; arguments: string }[];
  reason: FinishReason | undefined;
  usage: Usage | undefined;
  /** What the provider wants back of it. */
  replay?: unknown;
}

export async function fold(events: AsyncIterable<ModelEvent>): Promise<Folded> {
  const folded: Folded = { text: "", reasoning: "", refusal: "", calls: [], reason: undefined, usage: undefined };
  for await (const event of events) {
    if (event.type === "text_delta") folded.text += event.text;
    else if (event.type === "reasoning_delta") folded.reasoning += event.text;
    else if (event.type === "refusal_delta") folded.refusal += event.text;
    else if (event.type === "tool_call_start") folded.calls[event.index] = { id: event.id, name: event.name, arguments: "" };
    else if (event.type === "tool_call_delta") folded.calls[event.index]!.arguments += event.arguments;
    else {
      if (folded.reason) throw new Error("A reply ended twice.");
      folded.reason = event.reason;
      folded.usage = event.usage;
      if (event.replay !== undefined) folded.replay = event.replay;
    }
  }
  return folded;
}

export function ask(model: Model, messages: string | readonly Message[], more: Partial<ModelRequest> = {}): Promise<Folded> {
  return fold(model.stream(request(messages, more), new AbortController().signal));
}

/** The error a reply fails with. */
export async function failureOf(reply: Promise<unknown>): Promise<GatewayError> {
  const thrown = await reply.then(
    () => new Error("The reply did not fail."),
    (error: unknown) => error,
  );
  if (thrown instanceof GatewayError) return thrown;
  throw thrown;
}
