/**
 * Cuts a reader that takes nothing of its reply for too long, streamed or not; that aborts the run behind it.
 *
 * Deliberately absent: the socket's own timer, which anything that the client sends starts anew. A reply that has
 * nothing to send for a while is no fault of its reader's.
 */
import type { ServerResponse } from "node:http";

const looksPerTimeout = 4;

export function cutStalledReader(res: ServerResponse, readerTimeoutMs: number): void {
  if (res.closed) return;
  let before: string | undefined;
  let looksWithoutProgress = 0;
  const look = (): void => {
    const now = res.writableLength === 0 ? undefined : progressOf(res);
    looksWithoutProgress = now !== undefined && now === before ? looksWithoutProgress + 1 : 0;
    before = now;
    if (looksWithoutProgress >= looksPerTimeout) res.destroy();
  };
  const watch = setInterval(look, Math.ceil(readerTimeoutMs / looksPerTimeout)).unref();
  res.once("close", () => clearInterval(watch));
}

/** Changes whenever something was written or taken. How much of one long write has been taken is known to the socket's handle only. */
function progressOf({ socket }: ServerResponse): string {
  const handle = (socket as { _handle?: { writeQueueSize?: number } } | null)?._handle;
  return `${socket?.bytesWritten}:${handle?.writeQueueSize}`;
}
