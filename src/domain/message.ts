/**
 * What a conversation is made of, in the shape every face, store and provider shares.
 *
 * Deliberately absent: OpenAI's wire spelling (that is `http/chat-codec.ts` inwards and `model/*` outwards).
 */

/** A piece of text. A file that a caller sent is one too, once its text was read. */
export interface TextPart {
  readonly type: "text";
  readonly text: string;
}

/** An image that was looked into: it is what `mediaType` says, and within the limits. */
export interface ImagePart {
  readonly type: "image";
  readonly mediaType: "image/png" | "image/jpeg" | "image/gif" | "image/webp";
  /** Base64, without line breaks. */
  readonly data: string;
  /** How closely the model is to look at it. */
  readonly detail?: "auto" | "low" | "high";
}

export type UserPart = TextPart | ImagePart;

/** Instructions. They shape one run and are never stored as turns. */
export interface SystemMessage {
  readonly role: "system" | "developer";
  readonly content: readonly TextPart[];
  readonly name?: string;
}

export interface UserMessage {
  readonly role: "user";
  readonly content: readonly UserPart[];
  readonly name?: string;
}

/** One call a model made. `arguments` is the model's own JSON text, kept byte for byte: it may be invalid JSON. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/** One model reply. `content` is `""` when the model said nothing besides its tool calls. */
export interface AssistantMessage {
  readonly role: "assistant";
  readonly content: string;
  readonly refusal?: string;
  readonly toolCalls: readonly ToolCall[];
  readonly name?: string;
  readonly replay?: Replay;
}

/**
 * The same reply in the words of the provider that gave it, where it wants more back than text and tool calls say:
 * signed reasoning. Only the adapter of `model` reads `content`; every other one ignores it.
 */
export interface Replay {
  /** `<provider>/<model>`. */
  readonly model: string;
  /** JSON. */
  readonly content: unknown;
}

/** The result of one tool call, matched to it by `toolCallId`. */
export interface ToolMessage {
  readonly role: "tool";
  readonly toolCallId: string;
  readonly content: readonly TextPart[];
}

export type Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage;

/** All text of a message, its parts joined without a separator. Images have none. */
export function textOf(message: Message): string {
  if (typeof message.content === "string") return message.content;
  return message.content.map((part) => (part.type === "text" ? part.text : "")).join("");
}

export function isSystemMessage(message: Message): message is SystemMessage {
  return message.role === "system" || message.role === "developer";
}
