/** What the agent is told: the text of a flag, of a file, or of standard input. */
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { exitCodes } from "./exit-codes.ts";
import type { AgentFlags } from "./flags.ts";

/** Resolves with an exit code when there is no message; the reason has been printed by then. */
export async function readMessage({ message, messageFile }: AgentFlags): Promise<string | number> {
  const read = await readEither(message, messageFile);
  if (typeof read === "string") return read;
  console.error(read.problem);
  return exitCodes.usage;
}

async function readEither(message: string | undefined, file: string | undefined): Promise<string | { readonly problem: string }> {
  if ((message === undefined) === (file === undefined)) {
    return { problem: "Say something to the agent: either --message <text> or --message-file <file>." };
  }
  if (file === undefined) return message?.trim() ? message : { problem: "--message is empty." };
  const place = file === "-" ? "standard input" : file;
  try {
    const bytes = file === "-" ? await buffer(process.stdin) : await readFile(file);
    // The newline that ends the last line is the file's, not the message's.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, "");
    return text.trim() === "" ? { problem: `--message-file: ${place} is empty.` } : text;
  } catch (thrown) {
    return { problem: `--message-file: ${place} ${whyUnread(thrown as NodeJS.ErrnoException)}.` };
  }
}

function whyUnread({ code, message }: NodeJS.ErrnoException): string {
  if (code === "ENOENT" || code === "ENOTDIR") return "is not there";
  if (code === "EISDIR") return "is a folder, not a file";
  if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return "is no UTF-8 text";
  return `cannot be read (${code ?? message})`;
}
