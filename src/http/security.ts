/** The bearer secret of a request, and nothing else: who it belongs to is the auth service's business. */
import type { IncomingMessage } from "node:http";

/** The scheme's case does not matter. Undefined when no bearer secret was sent. */
export function bearerSecret(req: IncomingMessage): string | undefined {
  // Node reads header bytes as Latin-1; a secret that is not ASCII is sent, and configured, as UTF-8.
  const value = Buffer.from(req.headers.authorization ?? "", "latin1").toString("utf8");
  const secret = /^bearer +(\S.*)$/i.exec(value)?.[1]?.trim();
  return secret === "" ? undefined : secret;
}
