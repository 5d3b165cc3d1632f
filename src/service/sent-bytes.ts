/**
 * The bytes that a caller sent as text, in base64 or as a `data:` URL; whichever face they came by.
 *
 * Deliberately absent: what the bytes are (`attachments.ts`).
 */
import { GatewayError } from "../domain/errors.ts";

export function isDataUrl(text: string): boolean {
  return /^data:/i.test(text);
}

/** Type and parameters are not read: they are the caller's claim, and the bytes tell. */
export function decodeDataUrl(url: string, param: string): Uint8Array {
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
export function decodeBase64(text: string, param: string): Uint8Array {
  const compact = /\s/.test(text) ? text.replace(/\s+/g, "") : text;
  const length = compact.length - (compact.endsWith("==") ? 2 : compact.endsWith("=") ? 1 : 0);
  const isPadded = length < compact.length;
  const data = Buffer.from(compact, "base64");
  const isWhole = length % 4 !== 1 && (!isPadded || compact.length % 4 === 0) && data.length === Math.floor((length * 3) / 4);
  if (!isWhole) throw invalid(param, "This is not valid base64. Encode the bytes again and send all of the result.");
  if (data.length === 0) throw invalid(param, "There is no data here. Send the bytes in base64.");
  return data;
}

function invalid(param: string, message: string): GatewayError {
  return new GatewayError("invalid_value", message, { param });
}
