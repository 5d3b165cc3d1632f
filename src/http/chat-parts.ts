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
import { decodeBase64, decodeDataUrl, isDataUrl } from "../service/sent-bytes.ts";

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

function unsupported(param: string, message: string): GatewayError {
  return new GatewayError("unsupported_parameter", message, { param });
}

function invalid(param: string, message: string): GatewayError {
  return new GatewayError("invalid_value", message, { param });
}
