/** OpenAI's request messages → the domain's. Pure. `index` is only for the path in errors. */
import type { components } from "../../generated/openapi.ts";
import type { Attachment, SentMessage } from "../domain/attachment.ts";
import { GatewayError } from "../domain/errors.ts";
import type { AssistantMessage, TextPart, ToolCall } from "../domain/message.ts";
import { decodePart, decodeText } from "./chat-parts.ts";

type Schemas = components["schemas"];
type WireMessage = Schemas["RequestMessage"];

export function decodeMessage(message: WireMessage, index: number): SentMessage {
  const path = `messages[${index}]`;
  switch (message.role) {
    case "system":
    case "developer":
      return { role: message.role, content: decodeTexts(message.content, path), ...nameOf(message) };
    case "user":
      return { role: "user", content: decodeParts(message.content, path), ...nameOf(message) };
    case "tool":
      return { role: "tool", toolCallId: message.tool_call_id, content: decodeTexts(message.content, path) };
    case "assistant":
      return decodeAssistant(message, path);
    case "function":
      throw unsupported(`${path}.role`, "The role 'function' is not supported. Use 'tool' with 'tool_call_id'.");
  }
}

/** Where only text can stand, the contract lets no other part through. */
function decodeTexts(content: string | readonly Schemas["TextPart"][], path: string): TextPart[] {
  return typeof content === "string" ? [asText(content)] : content.map((part, index) => decodeText(part, `${path}.content[${index}]`));
}

function decodeParts(content: string | readonly Schemas["UserContentPart"][], path: string): (TextPart | Attachment)[] {
  return typeof content === "string" ? [asText(content)] : content.map((part, index) => decodePart(part, `${path}.content[${index}]`));
}

function asText(text: string): TextPart {
  return { type: "text", text };
}

function decodeAssistant(message: Schemas["AssistantMessage"], path: string): AssistantMessage {
  if (message.audio != null) throw unsupported(`${path}.audio`, "Audio is not supported.");
  if (message.function_call != null) throw unsupported(`${path}.function_call`, "'function_call' is not supported. Use 'tool_calls'.");
  const toolCalls = (message.tool_calls ?? []).map((call, index): ToolCall => {
    if (call.type !== "function")
      throw unsupported(`${path}.tool_calls[${index}]`, "Calls to custom tools are not supported. Use functions.");
    return { id: call.id, name: call.function.name, arguments: call.function.arguments };
  });
  if (message.content == null && message.refusal == null && toolCalls.length === 0) {
    throw new GatewayError("missing_required_parameter", `'${path}.content' is required unless there are tool calls or a refusal.`, {
      param: `${path}.content`,
    });
  }
  const parts = typeof message.content === "string" ? [asText(message.content)] : (message.content ?? []);
  const refusal = message.refusal ?? joined(parts.flatMap((part) => (part.type === "refusal" ? [part.refusal] : [])));
  return {
    role: "assistant",
    content: parts.flatMap((part, index) => (part.type === "text" ? [decodeText(part, `${path}.content[${index}]`).text] : [])).join(""),
    ...(refusal === undefined ? {} : { refusal }),
    toolCalls,
    ...nameOf(message),
  };
}

function joined(texts: readonly string[]): string | undefined {
  return texts.length === 0 ? undefined : texts.join("");
}

function nameOf({ name }: { name?: string | null }): { name?: string } {
  return name == null ? {} : { name };
}

function unsupported(param: string, message: string): GatewayError {
  return new GatewayError("unsupported_parameter", message, { param });
}
