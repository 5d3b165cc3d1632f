/**
 * What a caller attached to a message, before anybody looked into it: bytes it sent or an address it named.
 *
 * `service/attachments.ts` turns every attachment into an image or a text part, or refuses the request.
 */
import type { Message, UserMessage, UserPart } from "./message.ts";

export interface Attachment {
  readonly type: "attachment";
  /** What the caller says it is. What it really is, its bytes tell. */
  readonly kind: "image" | "file";
  readonly source: { readonly data: Uint8Array } | { readonly url: string };
  readonly filename?: string;
  readonly detail?: "auto" | "low" | "high";
  /** Where it stands in the request, for the error that refuses it: `messages[0].content[1]`. */
  readonly param: string;
}

/** A message as the caller sent it. */
export type SentMessage = Message | (Omit<UserMessage, "content"> & { readonly content: readonly (UserPart | Attachment)[] });
