/**
 * Says when the config file has changed, is there at last or is gone. It looks at the file again and again, by its name: so it
 * notices whatever an editor, a link that leads elsewhere or a volume of a container does to it, on every file system.
 *
 * Deliberately absent: what is in it, and files that it only names.
 */
import { createHash } from "node:crypto";
import { constants, unwatchFile, watchFile } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { maxConfigBytes } from "./source.ts";

const intervalMs = 500;
/** A file that is written in several goes is taken when it has stood still for so long. */
const settleMs = 100;
/** One that is taken away to be replaced comes back sooner. */
const goneMs = 1_000;

/** What a file is that cannot be read a second time. */
const absent = "absent";

/**
 * `onChange` is called at first, for what was written since the config was read, and then whenever the file is another one than
 * before, be it that it is gone or cannot be read; one call after another. Returns how to stop.
 */
export function watchConfig(path: string, onChange: () => Promise<void>): () => Promise<void> {
  const stop = new AbortController();
  let known: string | undefined;
  let looking = Promise.resolve();
  const look = async (): Promise<void> => {
    const state = await settledState(path, stop.signal);
    if (state === known || stop.signal.aborted) return;
    const isFirstAbsence = known === undefined && state === absent;
    known = state;
    // Where none has been there is none to miss.
    if (!isFirstAbsence) await onChange();
  };
  const lookNext = (): void => void (looking = looking.then(look));
  watchFile(path, { interval: intervalMs, persistent: false }, lookNext);
  lookNext();
  return async () => {
    stop.abort();
    unwatchFile(path, lookNext);
    await looking;
  };
}

/** Of the file as it stays for a moment; undefined: the watching was stopped. */
async function settledState(path: string, signal: AbortSignal): Promise<string | undefined> {
  for (let before: string | undefined; !signal.aborted;) {
    const state = await stateOf(path);
    if (state === before) return state;
    before = state;
    await sleep(state === absent ? goneMs : settleMs, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

/** The digest of what is in it, or why there is none. */
async function stateOf(path: string): Promise<string> {
  let file: FileHandle | undefined;
  try {
    // Otherwise whoever opens a pipe waits for its writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await file.stat();
    if (found.isFIFO()) return absent;
    // No config, and not worth reading again and again.
    if (found.size > maxConfigBytes) return `${found.size} bytes`;
    return createHash("sha256")
      .update(await file.readFile())
      .digest("hex");
  } catch (thrown) {
    const { code = "unknown" } = thrown as NodeJS.ErrnoException;
    return code === "ENOENT" || code === "ENOTDIR" ? absent : code;
  } finally {
    await file?.close().catch(() => undefined);
  }
}
