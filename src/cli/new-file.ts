/**
 * Where long output goes: to standard output as fast as somebody reads it, or to a file that is there when it is whole.
 *
 * It never overwrites a file. Deliberately absent: what is written.
 */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { link, open, rm } from "node:fs/promises";

/** Resolves when there is room for more. */
export type Sink = (text: string) => Promise<void>;

/** Resolves with undefined when whoever read it has gone. */
export async function toOutput<T>(signal: AbortSignal, put: (sink: Sink) => Promise<T>): Promise<T | undefined> {
  const { stdout } = process;
  let isGone = false;
  const leave = (): void => void (isGone = true);
  stdout.once("error", leave);
  try {
    return await put(async (text) => {
      if (!stdout.write(text)) await once(stdout, "drain", { signal });
      if (isGone) throw new Error("Nobody reads it any more.");
    });
  } catch (thrown) {
    if (isGone) return undefined;
    throw thrown;
  } finally {
    stdout.off("error", leave);
  }
}

/** Only its owner may read it. Until it is whole it has another name, so that nobody takes a part for it. */
export async function toNewFile<T>(path: string, put: (sink: Sink) => Promise<T>): Promise<T> {
  if (existsSync(path)) throw existing(path);
  const part = `${path}.${process.pid}.part`;
  const file = await open(part, "wx", 0o600);
  try {
    const done = await put((text) => file.writeFile(text));
    await file.sync();
    // Unlike a rename it fails where somebody else has made one meanwhile.
    await link(part, path).catch((thrown: NodeJS.ErrnoException) => {
      throw thrown.code === "EEXIST" ? existing(path) : thrown;
    });
    return done;
  } finally {
    await file.close();
    await rm(part, { force: true });
  }
}

function existing(path: string): Error {
  return Object.assign(new Error(`${path} is there already, and stays as it is: name another file.`), { code: "EEXIST" });
}
