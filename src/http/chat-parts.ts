/**
 * OpenAI's content parts → text, and images and files as attachments. Pure. One part becomes one, so that indices stay
 * those of the request.
 *
 * Deliberately absent: what the bytes are and how many of them are taken (`service/attachments.ts`).
 */
import type { components } from "../../generated/openapi.ts";
import type { Attachment } from "../domain/attachment.ts";
import { GatewayError } from "../domain/errors.ts";
import type { TextPart } from "../domain/message.ts";

type Schemas = components["schemas"];

/** `path` is the part's, such as `messages[0].content[1]`. */
export function decodePart(part: Schemas["UserContentPart"], path: string): TextPart | Attachment {
  switch (part.type) {
    case "text":
      return decodeText(part, path);
    case "image_url":
      refuseMark(part, path);
      return decodeImage(part.image_url, path);
    case "file":
      refuseMark(part, path);
      return decodeFile(part.file, path);
    case "input_audio":
      throw unsupported(path, "Parts of type 'input_audio' are not supported. Send parts of type 'text', 'image_url' or 'file'.");
  }
}

export function decodeText(part: Schemas["TextPart"], path: string): TextPart {
  refuseMark(part, path);
  return { type: "text", text: part.text };
}

function refuseMark({ prompt_cache_breakpoint: mark }: { prompt_cache_breakpoint?: unknown }, path: string): void {
  if (mark == null) return;
  throw unsupported(`${path}.prompt_cache_breakpoint`, "The gateway composes the prompt, so the caller cannot place marks in it.");
}

function decodeImage({ url, detail }: Schemas["ImagePart"]["image_url"], path: string): Attachment {
  const param = `${path}.image_url.url`;
  const kind = { type: "attachment", kind: "image", ...(detail == null ? {} : { detail }) } as const;
  if (isDataUrl(url)) return { ...kind, source: { data: decodeDataUrl(url, param) }, param: path };
  // What is wrong with an address is wrong with this very field.
  if (/^https?:\/\//i.test(url) && URL.canParse(url)) return { ...kind, source: { url }, param };
  throw invalid(param, "An image must be a data: URL in base64 or an address that starts with http:// or https://.");
}

function decodeFile({ file_data: data, file_id: id, filename }: Schemas["FilePart"]["file"], path: string): Attachment {
  if (id != null) throw unsupported(`${path}.file.file_id`, "There are no uploaded files. Send the file itself as 'file_data'.");
  const param = `${path}.file.file_data`;
  if (data == null) throw new GatewayError("missing_required_parameter", `'${param}' is required: the file in base64.`, { param });
  const bytes = isDataUrl(data) ? decodeDataUrl(data, param) : decodeBase64(data, param);
  return { type: "attachment", kind: "file", source: { data: bytes }, ...(filename ? { filename } : {}), param: path };
}

function isDataUrl(text: string): boolean {
  return /^data:/i.test(text);
}

/** Type and parameters are not read: they are the caller's claim, and the bytes tell. */
function decodeDataUrl(url: string, param: string): Uint8Array {
  const comma = url.indexOf(",");
  if (comma < 0 || !/;\s*base64\s*$/i.test(url.slice(0, comma))) {
    throw invalid(param, "This data: URL must be in base64: data:<type>;base64,<data>.");
  }
  return decodeBase64(url.slice(comma + 1), param);
}

/**
 * Both alphabets, with or without padding; line breaks too, because encoders on the command line make them.
 * Node skips what it does not know, so whatever was skipped shows in the length.
 */
function decodeBase64(text: string, param: string): Uint8Array {
  const compact = /\s/.test(text) ? text.replace(/\s+/g, "") : text;
  const length = compact.length - (compact.endsWith("==") ? 2 : compact.endsWith("=") ? 1 : 0);
  const isPadded = length < compact.length;
  const data = Buffer.from(compact, "base64");
  const isWhole = length % 4 !== 1 && (!isPadded || compact.length % 4 === 0) && data.length === Math.floor((length * 3) / 4);
  if (!isWhole) throw invalid(param, "This is not valid base64. Encode the bytes again and send all of the result.");
  if (data.length === 0) throw invalid(param, "There is no data here. Send the bytes in base64.");
  return data;
}

function unsupported(param: string, message: string): GatewayError {
  return new GatewayError("unsupported_parameter", message, { param });
}

function invalid(param: string, message: string): GatewayError {
  return new GatewayError("invalid_value", message, { param });
}
