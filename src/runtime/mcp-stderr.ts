/** What an MCP server's process says on its standard error, a line of our log each, for who looks why it fails. */
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import type { Logger } from "pino";

/** Longer lines are cut: the process may say anything. */
const maxLineLength = 2_000;
/** Shorter ones are no secrets, and would blacken every other word. */
const minSecretLength = 6;

/** Reads `stream` to its end, at whatever level the log is: a full pipe would stop the process. */
export function logLines(stream: Readable, log: Logger, secrets: readonly string[]): void {
  const hidden = secrets.filter((secret) => secret.length >= minSecretLength);
  const decoder = new StringDecoder();
  let line = "";
  const say = (text: string): void => {
    const shown = hidden.reduce((left, secret) => left.replaceAll(secret, "[hidden]"), text).trimEnd();
    if (shown !== "") log.debug({ stderr: shown.slice(0, maxLineLength) }, "MCP server says");
  };
  stream.on("data", (piece: Buffer) => {
    const [first = "", ...rest] = decoder.write(piece).split("\n");
    line = grow(line, first);
    for (const next of rest) {
      say(line);
      line = grow("", next);
    }
  });
  stream.once("end", () => say(line));
  stream.on("error", () => undefined);
}

/** A little more than is shown, so that a secret at the cut is still recognised. */
function grow(line: string, more: string): string {
  return line.length > 2 * maxLineLength ? line : (line + more).slice(0, 4 * maxLineLength);
}
