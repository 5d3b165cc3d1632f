/**
 * How much there is in JSON that nobody has parsed yet. A parser takes seconds, and hundreds of megabytes, for a few
 * megabytes of brackets; looking at the bytes is as quick as decoding them.
 *
 * Deliberately absent: whether it is JSON at all, which the parser says, and how deep it goes (`json-bounds.ts`).
 */

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const openingBracket = 0x5b;
const openingBrace = 0x7b;

/** Whether a text in UTF-8 has more than `most` values: objects, lists, and what stands in them. */
export function hasMoreValues(json: Uint8Array, most: number): boolean {
  if (json.length <= most) return false;
  let values = 1;
  let isInText = false;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === quote) isInText = !isInText;
    else if (isInText) at += byte === backslash ? 1 : 0;
    else if ((byte === comma || byte === openingBracket || byte === openingBrace) && ++values > most) return true;
  }
  return false;
}
