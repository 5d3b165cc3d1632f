/** Reply header values: how the gateway's own text travels in a header. */

/**
 * Percent-encodes (UTF-8) everything outside the visible ASCII characters, and `%` itself: a Korean `user` must
 * not break a reply header. `decodeURIComponent` gives the text back.
 */
export function encodeHeaderValue(text: string): string {
  return text.replace(/[^\x21-\x24\x26-\x7e]+/g, (run) => encodeURIComponent(run));
}

/** The inverse for request headers; text that is not well-formed percent-encoding is taken as it stands. */
export function decodeHeaderValue(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
