/**
 * The end of a reply to a request whose body was refused unread.
 *
 * Closing a socket with bytes unread resets the connection, and most clients then report the reset instead of the
 * reply. So the whole reply goes out at once, but the connection is closed only when the client has stopped sending.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

const longestMs = 5_000;
const mostBytes = 64 * 1024 * 1024;

/** What arrives is thrown away, up to a limit of time and size; then the connection is closed whatever comes. */
export function endAfterBody(req: IncomingMessage, res: ServerResponse, body: string): void {
  const bytes = Buffer.from(body);
  res.setHeader("connection", "close");
  res.setHeader("content-length", bytes.length);
  res.write(bytes);
  let left = mostBytes;
  const end = (): void => {
    clearTimeout(timer);
    res.end();
  };
  const timer = setTimeout(end, longestMs).unref();
  req.on("data", (piece: Buffer) => {
    left -= piece.length;
    if (left < 0) end();
  });
  req.once("end", end).once("close", end).once("error", end);
  req.resume();
}
