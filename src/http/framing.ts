/**
 * What of a request's head Node's parser lets through although somebody else on the way may read it as another request, or as
 * one for another host: such a request is refused, and its connection closed.
 *
 * Deliberately absent: what the parser itself refuses (`server.ts`).
 */
import type { IncomingMessage } from "node:http";

/** A registered name or an address, perhaps of a certain link (`%25eth0`), and a port. Empty where the target has no host. */
const hostPattern = /^(?:[\w.~!$&'()*+,;=%-]+|\[[\da-f:.]+(?:%[\w.~-]+)?\])?(?::\d*)?$/i;

/** The sentence that refuses the request; undefined when there is nothing wrong with it. */
export function framingFault({ httpVersion, rawHeaders }: IncomingMessage): string | undefined {
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return "The gateway speaks HTTP/1.1 and HTTP/1.0.";
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name, value] = [rawHeaders[at]!, rawHeaders[at + 1]!];
    if (name.length === 4 && name.toLowerCase() === "host") {
      if (++hosts > 1) return "The request has more than one Host header.";
      if (!hostPattern.test(value)) return "The request's Host header is neither a name nor an address, with or without a port.";
    } else if (name.length === 17 && name.toLowerCase() === "transfer-encoding") {
      if (httpVersion === "1.0") return "The request has a Transfer-Encoding, which HTTP/1.0 does not know.";
      if (value.toLowerCase() !== "chunked")
        return "The request's Transfer-Encoding is not 'chunked' alone; Content-Encoding may say more.";
    }
  }
  if (hosts === 0 && httpVersion === "1.1") return "The request has no Host header, which HTTP/1.1 demands.";
  return undefined;
}
