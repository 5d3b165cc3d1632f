/**
 * An agent's own instructions: its `systemPrompt`, then what its workspace folder says in `AGENTS.md` and `SOUL.md`.
 *
 * They are one message, because the templates of many local models take no second one. A file is read again when it has
 * changed, and is never watched: a run looks itself.
 * Deliberately absent: the caller's own system messages, which come after these.
 */
import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Agent } from "../domain/agent.ts";
import type { SystemMessage } from "../domain/message.ts";

const fileNames = ["AGENTS.md", "SOUL.md"] as const;

const maxCharacters = 20_000;
/** Enough for one character too many, at three bytes each in UTF-8, after a mark of byte order. */
const maxBytes = 3 * (maxCharacters + 2);

interface KnownFile {
  /** Differs whenever the file may have changed. */
  readonly version: string;
  /** Absent when there is nothing to say to the model. */
  readonly text?: string | undefined;
  /** Then it is tried again, but not logged again. */
  readonly hasFailed: boolean;
}

export class InstructionService {
  readonly #log: Logger;
  /** By path. Agents come from the configuration, so there are only so many. */
  readonly #known = new Map<string, KnownFile>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Sent to the model before anything of the caller's. Never rejects: a file that cannot be read is left out and logged. */
  async read({ systemPrompt, workspace }: Agent): Promise<readonly SystemMessage[]> {
    const files = workspace === undefined ? [] : await Promise.all(fileNames.map((name) => this.#readFile(workspace, name)));
    const texts = [systemPrompt, ...files].filter((text) => text !== undefined);
    return texts.length === 0 ? [] : [{ role: "system", content: [{ type: "text", text: texts.join("\n\n") }] }];
  }

  async #readFile(workspace: string, name: string): Promise<string | undefined> {
    const path = join(workspace, name);
    let version: string | undefined;
    try {
      const stats = await stat(path, { bigint: true });
      version = [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(":");
      const known = this.#known.get(path);
      if (known?.version === version && !known.hasFailed) return known.text;
      // Before it is opened: a pipe would wait for a writer.
      if (!stats.isFile()) throw new Error("It is not a file.");
      const text = await this.#readText(path, name);
      this.#known.set(path, { version, text, hasFailed: false });
      return text;
    } catch (thrown) {
      const code = (thrown as NodeJS.ErrnoException).code ?? "";
      version ??= code;
      const isNew = this.#known.get(path)?.version !== version;
      this.#known.set(path, { version, hasFailed: true });
      if (isNew && !isAbsence(code)) this.#log.warn({ path, err: thrown }, "instructions of an agent cannot be read and are left out");
      return undefined;
    }
  }

  async #readText(path: string, name: string): Promise<string | undefined> {
    const text = decode(await readStart(path));
    if (text.includes("\0")) {
      this.#log.warn({ path }, "instructions of an agent are not text and are left out");
      return undefined;
    }
    if (text.includes("\ufffd")) this.#log.warn({ path }, "instructions of an agent are not all UTF-8; what is not was replaced");
    if (text.trim() === "") return undefined;
    const introduction = `From the workspace file ${name}:\n\n`;
    if (text.length <= maxCharacters) return introduction + text;
    this.#log.warn({ path, maxCharacters }, "instructions of an agent are too long and were cut");
    return `${introduction}${cut(text)}\n\n(${name} is longer than this: only its first ${maxCharacters} characters are here.)`;
  }
}

async function readStart(path: string): Promise<Buffer> {
  // Should the file have become a pipe meanwhile, opening it does not wait.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const buffer = Buffer.alloc(maxBytes);
    let length = 0;
    while (length < maxBytes) {
      const { bytesRead } = await file.read(buffer, length, maxBytes - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } finally {
    await file.close();
  }
}

function decode(bytes: Buffer): string {
  const mark = bytes.toString("hex", 0, 2);
  const encoding = mark === "fffe" ? "utf-16le" : mark === "feff" ? "utf-16be" : "utf-8";
  // As a stream, so that a character that the end of the buffer cut off is no broken one.
  return new TextDecoder(encoding).decode(bytes, { stream: bytes.length === maxBytes });
}

/** At the end of a character. */
function cut(text: string): string {
  const start = text.slice(0, maxCharacters);
  return start.isWellFormed() ? start : start.slice(0, -1);
}

function isAbsence(code: string): boolean {
  return code === "ENOENT" || code === "ENOTDIR";
}
