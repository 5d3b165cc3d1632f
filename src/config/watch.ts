/**
 * Says when the config file has changed, or is there at last. It looks at the file again and again, by its name: so it notices
 * whatever an editor, a link that leads elsewhere or a volume of a container does to it, on every file system.
 *
 * Deliberately absent: what is in it, and files that it only names.
 */
import { createHash } from "node:crypto";
import { unwatchFile, watchFile } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const intervalMs = 500;
/** A file that is written in several goes is taken when it has stood still for so long. */
const settleMs = 100;

/**
 * `onChange` is called at first, for what was written since the config was read, and then for other contents than before; one
 * call after another. Returns how to stop.
 */
export function watchConfig(path: string, onChange: () => Promise<void>): () => Promise<void> {
  const stop = new AbortController();
  let known: string | undefined;
  let looking = Promise.resolve();
  const look = async (): Promise<void> => {
    const digest = await settledDigest(path, stop.signal);
    // Between two writes of an editor it is not there; nothing follows from that.
    if (digest === undefined || digest === known || stop.signal.aborted) return;
    known = digest;
    await onChange();
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

/** Of the file as it stays for a moment; undefined: it is not there, or the watching was stopped. */
async function settledDigest(path: string, signal: AbortSignal): Promise<string | undefined> {
  for (let before: string | undefined; !signal.aborted;) {
    const digest = await digestOf(path);
    if (digest === undefined || digest === before) return digest;
    before = digest;
    await sleep(settleMs, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

async function digestOf(path: string): Promise<string | undefined> {
  try {
    return createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
  } catch {
    return undefined;
  }
}
