/** What an MCP server's process says on its standard error, a line of our log each, for who looks why it fails. */
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { stripVTControlCharacters } from "node:util";
import type { Logger } from "pino";
import type { Hide } from "./mcp-secrets.ts";

/** Longer lines are cut: the process may say anything. */
const maxLineLength = 2_000;

/**
 * Reads `stream` to its end, at whatever level the log is: a full pipe would stop the process. Each line that is not
 * empty goes to `onLine` as well, without secrets and control characters.
 */
export function logLines(stream: Readable, log: Logger, hide: Hide, onLine: (line: string) => void): void {
  const decoder = new StringDecoder();
  let line = "";
  const say = (text: string): void => {
    const shown = stripVTControlCharacters(hide(text))
      .replaceAll(/\p{Cc}/gu, " ")
      .trimEnd()
      .slice(0, maxLineLength);
    if (shown === "") return;
    log.debug({ stderr: shown }, "MCP server says");
    onLine(shown);
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
