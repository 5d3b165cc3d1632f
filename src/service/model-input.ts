/**
 * Fits a conversation to the models that are to read it: images of earlier requests stand in a transcript that a model
 * without eyes may continue. How much of it they read is `context-window.ts`.
 */
import type { Message, UserMessage, UserPart } from "../domain/message.ts";
import type { Model } from "../domain/model.ts";

/** Who is asked, the first one first, and with what. */
export interface ModelInput {
  readonly models: readonly Model[];
  readonly messages: readonly Message[];
}

/**
 * For a first model that takes no images each one becomes a sentence that says so; fallbacks that take none are left out
 * of a conversation whose images the first model reads.
 */
export function withoutUnreadableImages(models: readonly Model[], messages: readonly Message[]): ModelInput {
  if (!messages.some(hasImage)) return { models, messages };
  if (models[0]?.takesImages === true) return { models: models.filter((model) => model.takesImages), messages };
  return { models, messages: messages.map((message) => (hasImage(message) ? describeImages(message) : message)) };
}

function hasImage(message: Message): message is UserMessage {
  return message.role === "user" && message.content.some((part) => part.type === "image");
}

function describeImages(message: UserMessage): UserMessage {
  return { ...message, content: message.content.map(describe) };
}

function describe(part: UserPart): UserPart {
  return part.type === "text" ? part : { type: "text", text: `[An ${part.mediaType} image that this model cannot see.]` };
}
