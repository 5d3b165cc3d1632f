/** A tool's result, cut to what a model is to see of it at most, and saying so. */

/** `text` within `maxBytes` of UTF-8, cut between two characters; the sentence that says so is counted too. */
export function limitOutput(text: string, maxBytes: number): string {
  const byteLength = Buffer.byteLength(text);
  if (byteLength <= maxBytes) return text;
  const sentence = `\n[Cut: the result has ${byteLength} bytes, of which the first ones up to the limit of ${maxBytes} are shown.]`;
  const end = Math.max(0, maxBytes - Buffer.byteLength(sentence));
  // A code unit is never less than a byte, so this much text is enough to cut from.
  return `${cut(Buffer.from(text.slice(0, end)), end)}${sentence}`;
}

function cut(bytes: Buffer, maxBytes: number): string {
  let end = Math.min(bytes.length, maxBytes);
  // 10xxxxxx: in the middle of a character.
  while (end > 0 && end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}
